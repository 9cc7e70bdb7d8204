/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Directories, and snapshots, of the formats before this one. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <wiredtiger.h>

#include "storage/state/event_block_private.h"
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

/* Events had rows of their own. */
static void blocks_undo(WT_SESSION *session)
{
	WT_CURSOR *from, *to;
	int wt;
	cr_assert_eq(session->open_cursor(session, "table:events", NULL, NULL, &from), 0);
	cr_assert_eq(session->open_cursor(session, "table:marks", NULL, NULL, &to), 0);
	to->set_key(to, "blocks");
	cr_assert_eq(to->remove(to), 0);
	cr_assert_eq(to->close(to), 0);
	cr_assert_eq(session->open_cursor(session, "table:events", NULL, NULL, &to), 0);
	while ((wt = from->next(from)) == 0) {
		uint64_t last;
		WT_ITEM value;
		struct nc_block block;
		struct nc_buf bytes = { 0 };
		cr_assert_eq(from->get_key(from, &last), 0);
		cr_assert_eq(from->get_value(from, &value), 0);
		nc_buf_put(&bytes, value.data, value.size);
		cr_assert_eq(nc_block_get(nc_buf_slice(&bytes), last, &block), NC_OK);
		for (uint64_t at = block.first; at <= last; at++) {
			struct nc_slice row = nc_block_row(&block, at);
			WT_ITEM item = { .data = row.data, .size = row.size };
			to->set_key(to, at);
			to->set_value(to, &item);
			cr_assert_eq(row.size > 0 ? to->insert(to) : 0, 0);
			if (row.size == 0 && at == last)
				cr_assert_eq(to->remove(to), 0);
		}
		nc_buf_release(&bytes);
	}
	cr_assert_eq(wt, WT_NOTFOUND);
}

/* As a build of format 2 would have left it, or of 1, where nothing was held back either. */
static void lower_format(uint32_t format)
{
	WT_CONNECTION *connection;
	WT_SESSION *session = tables_open(&connection);
	blocks_undo(session);
	format_put(session, format);
	cr_assert_eq(connection->close(connection, NULL), 0);
	if (format > 1)
		return;
	session = tables_open(&connection);
	cr_assert_eq(session->drop(session, "table:held", NULL), 0);
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

static void raised_and_goes_on(uint32_t format)
{
	struct nc_buf before = { 0 }, after = { 0 };
	char said[512];
	model_make(1, 80);
	dump(&before);
	lower_format(format);
	cr_expect_eq(nc_wt_state_probe(directory, said, sizeof said), NC_OK, "%s", said);
	dump(&after);
	cr_expect_str_eq((char *)before.data, (char *)after.data);
	cr_expect_eq(nc_wt_state_probe(directory, said, sizeof said), NC_OK, "%s", said);
	model_make(81, 120);
	dump(&after);
	cr_expect_str_eq(messages, "");

	/* The same as if it had never been of a format before. */
	directory_remove();
	directory_begin();
	model_make(1, 120);
	dump(&before);
	cr_expect_str_eq((char *)before.data, (char *)after.data);

	struct nc_state *state;
	cr_assert(directory_unlink("held.wt"));
	cr_expect_eq(state_open(&state), NC_CORRUPT);
	cr_expect_not_null(strstr(messages, "held.wt is missing"), "%s", messages);
	nc_buf_release(&before);
	nc_buf_release(&after);
}

Test(format, a_directory_that_holds_nothing_back_is_raised_and_goes_on)
{
	raised_and_goes_on(1);
}

Test(format, a_directory_with_a_row_an_event_is_raised_and_goes_on)
{
	raised_and_goes_on(2);
}

/* The mark says which rows are blocks: without it none can be read. */
Test(format, a_directory_without_the_mark_of_blocks_is_damaged)
{
	WT_CONNECTION *connection;
	WT_CURSOR *marks;
	struct nc_state *state;
	model_make(1, 80);
	WT_SESSION *session = tables_open(&connection);
	cr_assert_eq(session->open_cursor(session, "table:marks", NULL, NULL, &marks), 0);
	marks->set_key(marks, "blocks");
	cr_assert_eq(marks->remove(marks), 0);
	cr_assert_eq(connection->close(connection, NULL), 0);
	cr_expect_eq(state_open(&state), NC_CORRUPT);
	cr_expect_not_null(strstr(messages, "blocks"), "%s", messages);
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

static void adopted(uint32_t format)
{
	struct nc_snapshot_manifest manifest = { .applied = { 80, 1 } }, taken;
	char fault[NC_SNAPSHOT_FAULT_SIZE], stage[256], files[300];
	struct nc_buf before = { 0 }, after = { 0 };
	snprintf(stage, sizeof stage, "%s.stage", directory);
	snprintf(files, sizeof files, "%s/%s", stage, NC_SNAPSHOT_FILES);
	model_make(1, 80);
	dump(&before);
	lower_format(format);
	snapshot_take(stage, &manifest);
	cr_expect_eq(nc_snapshot_adopt(stage, &taken, fault), NC_OK, "%s", fault);
	const char *source = directory;
	directory = files;
	dump(&after);
	directory = source;
	cr_expect_str_eq((char *)before.data, (char *)after.data);
	cr_expect_eq(nc_snapshot_remove(stage), NC_OK);
	nc_buf_release(&before);
	nc_buf_release(&after);
}

Test(format, a_snapshot_of_one_that_holds_nothing_back_is_adopted)
{
	adopted(1);
}

Test(format, a_snapshot_of_one_with_a_row_an_event_is_adopted)
{
	adopted(2);
}
