/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Directories, and snapshots, of the format before this one. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <wiredtiger.h>

#include "storage/state/snapshot.h"
#include "storage/state/wt_state.h"
#include "tests/unit/state/directory.h"
#include "tests/unit/state/model.h"
#include "tests/unit/state/rows.h"
#include "tests/unit/state/support.h"

static int state_open(struct nc_state **state_out)
{
	const struct nc_wt_state_options options = {
		.cache_mb = 32, .held_events = 100, .keys = row_keys, .message = message
	};
	return nc_wt_state_open(directory, &options, state_out);
}

TestSuite(format, .init = directory_begin, .fini = directory_remove);

static void format_put(WT_SESSION *session, uint32_t format)
{
	WT_CURSOR *marks;
	uint8_t bytes[4];
	nc_set_u32(bytes, format);
	WT_ITEM value = { .data = bytes, .size = sizeof bytes };
	cr_assert_eq(session->open_cursor(session, "table:marks", NULL, NULL, &marks), 0);
	marks->set_key(marks, "format");
	marks->set_value(marks, &value);
	cr_assert_eq(marks->insert(marks), 0);
	cr_assert_eq(marks->close(marks), 0);
}

/* As a build of format 1 would have left it: nothing is held back there. */
static void lower_format(void)
{
	WT_CONNECTION *connection;
	WT_SESSION *session = tables_open(&connection);
	cr_assert_eq(session->drop(session, "table:held", NULL), 0);
	format_put(session, 1);
	cr_assert_eq(connection->close(connection, NULL), 0);
	cr_assert(!directory_unlink("held.wt"), "it is still there");
}

static void model_make(uint64_t from, uint64_t to)
{
	struct nc_state *state;
	cr_assert_eq(state_open(&state), NC_OK);
	for (uint64_t index = from; index <= to; index++)
		cr_assert_eq(model_apply(state, index), NC_OK);
	nc_state_close(state);
}

static void dump(struct nc_buf *text)
{
	struct nc_state *state;
	cr_assert_eq(state_open(&state), NC_OK);
	dump_now(state, text);
	nc_state_close(state);
}

Test(format, a_directory_from_before_is_raised_and_goes_on)
{
	struct nc_buf before = { 0 }, after = { 0 };
	char said[512];
	model_make(1, 80);
	dump(&before);
	lower_format();
	cr_expect_eq(nc_wt_state_probe(directory, said, sizeof said), NC_OK, "%s", said);
	dump(&after);
	cr_expect_str_eq((char *)before.data, (char *)after.data);
	cr_expect_eq(nc_wt_state_probe(directory, said, sizeof said), NC_OK, "%s", said);
	model_make(81, 120);
	cr_expect_str_eq(messages, "");

	struct nc_state *state;
	cr_assert(directory_unlink("held.wt"));
	cr_expect_eq(state_open(&state), NC_CORRUPT);
	cr_expect_not_null(strstr(messages, "held.wt is missing"), "%s", messages);
	nc_buf_release(&before);
	nc_buf_release(&after);
}

/* ---- A snapshot of a node that is not upgraded yet ------------------------------------------ */

/* The files of the closed directory, taken into `stage` as its checkpoint. */
static void stage_fill(const char *stage_path, const struct nc_snapshot_manifest *manifest)
{
	struct nc_snapshot_stage *stage;
	uint32_t file;
	uint64_t offset;
	uint8_t digest[NC_SHA256_SIZE];
	static uint8_t bytes[NC_SNAPSHOT_CHUNK_MAX];
	cr_assert_eq(nc_snapshot_stage_open(stage_path, manifest, &stage), NC_OK);
	while (nc_snapshot_stage_next(stage, &file, &offset)) {
		char path[256];
		snprintf(path, sizeof path, "%s/%s", directory, manifest->files[file].name);
		FILE *in = fopen(path, "rb");
		cr_assert_not_null(in);
		cr_assert_eq(fseek(in, (long)offset, SEEK_SET), 0);
		struct nc_slice chunk = nc_slice(bytes, fread(bytes, 1, sizeof bytes, in));
		fclose(in);
		nc_sha256(&chunk, 1, digest);
		cr_assert_eq(nc_snapshot_stage_put(stage, file, offset, chunk, digest), NC_OK);
	}
	nc_snapshot_stage_close(stage);
}

/* What a backup of the closed directory names, and takes it into a stage. */
static void snapshot_take(const char *stage_path, struct nc_snapshot_manifest *manifest)
{
	WT_CONNECTION *connection;
	WT_CURSOR *backup;
	const char *name;
	WT_SESSION *session = tables_open(&connection);
	cr_assert_eq(session->open_cursor(session, "backup:", NULL, NULL, &backup), 0);
	while (backup->next(backup) == 0) {
		struct nc_snapshot_file *file = &manifest->files[manifest->file_count++];
		char path[256];
		cr_assert_eq(backup->get_key(backup, &name), 0);
		snprintf(file->name, sizeof file->name, "%s", name);
		snprintf(path, sizeof path, "%s/%s", directory, name);
		FILE *in = fopen(path, "rb");
		cr_assert_not_null(in);
		cr_assert_eq(fseek(in, 0, SEEK_END), 0);
		file->size = (uint64_t)ftell(in);
		fclose(in);
	}
	stage_fill(stage_path, manifest);
	cr_assert_eq(connection->close(connection, NULL), 0);
}

Test(format, a_snapshot_from_before_is_adopted)
{
	struct nc_snapshot_manifest manifest = { .applied = { 80, 1 } }, adopted;
	char fault[NC_SNAPSHOT_FAULT_SIZE], stage[256], files[300];
	struct nc_buf before = { 0 }, after = { 0 };
	snprintf(stage, sizeof stage, "%s.stage", directory);
	snprintf(files, sizeof files, "%s/%s", stage, NC_SNAPSHOT_FILES);
	model_make(1, 80);
	dump(&before);
	lower_format();
	snapshot_take(stage, &manifest);
	cr_expect_eq(nc_snapshot_adopt(stage, &adopted, fault), NC_OK, "%s", fault);
	const char *source = directory;
	directory = files;
	dump(&after);
	directory = source;
	cr_expect_str_eq((char *)before.data, (char *)after.data);
	cr_expect_eq(nc_snapshot_remove(stage), NC_OK);
	nc_buf_release(&before);
	nc_buf_release(&after);
}
