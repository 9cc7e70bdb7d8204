/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A state taken from one directory to another while it is written to; and everything that can
 * happen on the way. */
#include "storage/state/snapshot.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "storage/state/memory_state.h"
#include "storage/state/wt_state.h"
#include "tests/unit/state/directory.h"
#include "tests/unit/state/model.h"
#include "tests/unit/state/rows.h"
#include "tests/unit/state/support.h"

enum { ENTRIES = 1500, CHUNK = 7000 };

static char source_path[128], stage_path[128], files_path[160];

static void paths_make(void)
{
	const char *top = directory_make();
	cr_assert_not_null(top);
	snprintf(source_path, sizeof source_path, "%s/source", top);
	snprintf(stage_path, sizeof stage_path, "%s/stage", top);
	snprintf(files_path, sizeof files_path, "%s/%s", stage_path, NC_SNAPSHOT_FILES);
}

static void paths_remove(void)
{
	cr_expect_eq(nc_snapshot_remove(source_path), NC_OK);
	cr_expect_eq(nc_snapshot_remove(stage_path), NC_OK);
	directory_remove();
}

static struct nc_state *state_open(const char *path)
{
	const struct nc_wt_state_options options = { .cache_mb = 32,
		                                     .held_events = 60,
		                                     .keys = row_keys };
	struct nc_state *state;
	cr_assert_eq(nc_wt_state_open(path, &options, &state), NC_OK);
	return state;
}

/* A source that has applied `count` entries and checkpointed them. */
static struct nc_state *source_make(uint64_t count)
{
	struct nc_state_applied covered;
	struct nc_state *state = state_open(source_path);
	for (uint64_t index = 1; index <= count; index++)
		cr_assert_eq(model_apply(state, index), NC_OK);
	cr_assert_eq(nc_state_checkpoint(state, &covered), NC_OK);
	return state;
}

static struct nc_snapshot_export *export_open(struct nc_state *state)
{
	struct nc_snapshot_export *snapshot;
	cr_assert_eq(nc_snapshot_export_open(state, &snapshot), NC_OK);
	return snapshot;
}

static struct nc_snapshot_stage *stage_open(struct nc_snapshot_export *snapshot)
{
	struct nc_snapshot_stage *stage;
	cr_assert_eq(
	        nc_snapshot_stage_open(stage_path, nc_snapshot_export_manifest(snapshot), &stage),
	        NC_OK);
	return stage;
}

/* One chunk from the export into the stage; false: all is there. */
static bool chunk_move(struct nc_snapshot_export *snapshot, struct nc_snapshot_stage *stage)
{
	uint32_t file;
	uint64_t offset;
	struct nc_buf buf = { 0 };
	uint8_t digest[NC_SHA256_SIZE];
	if (!nc_snapshot_stage_next(stage, &file, &offset))
		return false;
	cr_assert_eq(nc_snapshot_export_read(snapshot, file, offset, CHUNK, &buf), NC_OK);
	struct nc_slice bytes = nc_buf_slice(&buf);
	nc_sha256(&bytes, 1, digest);
	cr_assert_eq(nc_snapshot_stage_put(stage, file, offset, bytes, digest), NC_OK);
	nc_buf_release(&buf);
	return true;
}

static void all_move(struct nc_snapshot_export *snapshot)
{
	struct nc_snapshot_stage *stage = stage_open(snapshot);
	while (chunk_move(snapshot, stage))
		;
	cr_expect_eq(nc_snapshot_stage_size(stage),
	             nc_snapshot_manifest_size(nc_snapshot_export_manifest(snapshot)));
	nc_snapshot_stage_close(stage);
}

/* The directory's state is what entries through `applied` make, nothing less and nothing more. */
static void expect_state(const char *path, uint64_t applied)
{
	struct nc_state *model, *state = state_open(path);
	struct nc_buf want = { 0 }, have = { 0 };
	cr_assert_eq(nc_memory_state_open(&model), NC_OK);
	for (uint64_t index = 1; index <= applied; index++)
		cr_assert_eq(model_apply(model, index), NC_OK);
	cr_expect_eq(nc_state_applied(state).index, applied);
	dump_now(model, &want);
	dump_now(state, &have);
	cr_expect(want.size > 0 && nc_slice_eq(nc_buf_slice(&want), nc_buf_slice(&have)),
	          "another state came out than went in");
	nc_state_close(model);
	nc_state_close(state);
	nc_buf_release(&want);
	nc_buf_release(&have);
}

static uint64_t adopt(void)
{
	struct nc_snapshot_manifest manifest;
	char fault[NC_SNAPSHOT_FAULT_SIZE];
	cr_assert_eq(nc_snapshot_adopt(stage_path, &manifest, fault), NC_OK, "%s", fault);
	return manifest.applied.index;
}

Test(snapshot, gives_the_state_as_of_its_checkpoint)
{
	paths_make();
	struct nc_state *state = source_make(ENTRIES);
	struct nc_snapshot_export *snapshot = export_open(state);
	all_move(snapshot);
	nc_snapshot_export_close(snapshot);
	nc_state_close(state);
	cr_expect_eq(adopt(), (uint64_t)ENTRIES);
	cr_expect_eq(adopt(), (uint64_t)ENTRIES, "a second time is fine");
	expect_state(files_path, ENTRIES);
	paths_remove();
}

/* ---- Beside a writer ------------------------------------------------------------------------ */

static atomic_bool writing;

static void *write_on(void *arg)
{
	struct nc_state *state = arg;
	struct nc_state_applied covered;
	uint64_t index = nc_state_applied(state).index;
	while (atomic_load(&writing)) {
		cr_assert_eq(model_apply(state, ++index), NC_OK);
		if (index % 200 == 0)
			cr_assert_eq(nc_state_checkpoint(state, &covered), NC_OK);
	}
	return NULL;
}

Test(snapshot, is_whole_while_the_state_is_written_and_checkpointed, .timeout = 300)
{
	paths_make();
	struct nc_state *state = source_make(ENTRIES);
	pthread_t thread;
	atomic_store(&writing, true);
	cr_assert_eq(pthread_create(&thread, NULL, write_on, state), 0);
	for (int round = 0; round < 3; round++) {
		struct nc_snapshot_export *snapshot = export_open(state);
		uint64_t applied = nc_snapshot_export_manifest(snapshot)->applied.index;
		all_move(snapshot);
		/* The source went on meanwhile, or this shows nothing. */
		while (nc_state_applied(state).index < applied + 250)
			usleep(1000);
		nc_snapshot_export_close(snapshot);
		cr_expect_eq(adopt(), applied);
		expect_state(files_path, applied);
	}
	atomic_store(&writing, false);
	pthread_join(thread, NULL);
	nc_state_close(state);
	paths_remove();
}

Test(snapshot, is_one_at_a_time)
{
	paths_make();
	struct nc_state *state = source_make(10);
	struct nc_snapshot_export *snapshot = export_open(state), *second;
	cr_expect_eq(nc_snapshot_export_open(state, &second), NC_BUSY);
	nc_snapshot_export_close(snapshot);
	snapshot = export_open(state);
	nc_snapshot_export_close(snapshot);
	nc_state_close(state);
	paths_remove();
}

/* ---- Interrupted ---------------------------------------------------------------------------- */

static void garbage_append(const struct nc_snapshot_manifest *manifest, uint32_t file)
{
	char path[256];
	snprintf(path, sizeof path, "%s/%s", files_path, manifest->files[file].name);
	FILE *out = fopen(path, "ab");
	cr_assert_not_null(out);
	fputs("what a power cut left behind the synced part", out);
	cr_assert_eq(fclose(out), 0);
}

/* A process that takes `chunks` chunks and is then killed. */
static void take_and_die(struct nc_snapshot_export *snapshot, unsigned chunks)
{
	pid_t pid = fork();
	cr_assert_geq(pid, 0);
	if (pid == 0) {
		struct nc_snapshot_stage *stage = stage_open(snapshot);
		while (chunks-- > 0 && chunk_move(snapshot, stage))
			;
		_exit(0);
	}
	int status;
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert_eq(status, 0);
}

Test(snapshot, goes_on_where_it_was_interrupted, .timeout = 120)
{
	paths_make();
	struct nc_state *state = source_make(ENTRIES);
	struct nc_snapshot_export *snapshot = export_open(state);
	const struct nc_snapshot_manifest *manifest = nc_snapshot_export_manifest(snapshot);
	uint64_t taken = 0, grown = 0;
	uint32_t file;
	uint64_t offset;
	bool more = true;
	for (unsigned round = 0; more; round++) {
		take_and_die(snapshot, 1 + round * 2);
		struct nc_snapshot_stage *stage = stage_open(snapshot);
		cr_expect_geq(nc_snapshot_stage_size(stage), taken, "round %u: it went back",
		              round);
		grown += nc_snapshot_stage_size(stage) > taken && taken > 0;
		taken = nc_snapshot_stage_size(stage);
		more = nc_snapshot_stage_next(stage, &file, &offset);
		nc_snapshot_stage_close(stage);
		if (more && round % 2 == 1)
			garbage_append(manifest, file);
	}
	cr_expect_gt(grown, 3u, "no round began where another ended");
	cr_expect_eq(adopt(), (uint64_t)ENTRIES);
	nc_snapshot_export_close(snapshot);
	nc_state_close(state);
	expect_state(files_path, ENTRIES);
	paths_remove();
}

Test(snapshot, of_another_export_begins_anew)
{
	paths_make();
	struct nc_state *state = source_make(ENTRIES);
	struct nc_snapshot_export *snapshot = export_open(state);
	struct nc_snapshot_stage *stage = stage_open(snapshot);
	for (int i = 0; i < 8; i++)
		cr_assert(chunk_move(snapshot, stage));
	nc_snapshot_stage_close(stage);
	nc_snapshot_export_close(snapshot);

	cr_assert_eq(model_apply(state, ENTRIES + 1), NC_OK);
	struct nc_state_applied covered;
	cr_assert_eq(nc_state_checkpoint(state, &covered), NC_OK);
	snapshot = export_open(state);
	stage = stage_open(snapshot);
	cr_expect_eq(nc_snapshot_stage_size(stage), 0u);
	nc_snapshot_stage_close(stage);
	all_move(snapshot);
	nc_snapshot_export_close(snapshot);
	nc_state_close(state);
	cr_expect_eq(adopt(), ENTRIES + 1u);
	expect_state(files_path, ENTRIES + 1);
	paths_remove();
}

/* ---- Damaged -------------------------------------------------------------------------------- */

Test(snapshot, takes_no_chunk_that_is_not_what_was_sent)
{
	paths_make();
	struct nc_state *state = source_make(100);
	struct nc_snapshot_export *snapshot = export_open(state);
	struct nc_snapshot_stage *stage = stage_open(snapshot);
	struct nc_buf buf = { 0 };
	uint8_t digest[NC_SHA256_SIZE];
	cr_assert_eq(nc_snapshot_export_read(snapshot, 0, 0, CHUNK, &buf), NC_OK);
	struct nc_slice bytes = nc_buf_slice(&buf);
	nc_sha256(&bytes, 1, digest);
	buf.data[buf.size / 2] ^= 1;
	cr_expect_eq(nc_snapshot_stage_put(stage, 0, 0, bytes, digest), NC_CORRUPT);
	buf.data[buf.size / 2] ^= 1;
	cr_expect_eq(nc_snapshot_stage_put(stage, 0, 1, bytes, digest), NC_INVALID, "a gap");
	cr_expect_eq(nc_snapshot_stage_put(stage, 1, 0, bytes, digest), NC_INVALID,
	             "a file left out");
	cr_expect_eq(nc_snapshot_stage_put(stage, 99, 0, bytes, digest), NC_INVALID);
	cr_expect_eq(nc_snapshot_stage_put(stage, 0, UINT64_MAX, bytes, digest), NC_INVALID);
	cr_expect_eq(nc_snapshot_stage_put(stage, 0, 0, nc_slice(NULL, 0), digest), NC_INVALID);
	cr_expect_eq(nc_snapshot_stage_size(stage), 0u);
	cr_expect_eq(nc_snapshot_stage_put(stage, 0, 0, bytes, digest), NC_OK);
	cr_expect_eq(nc_snapshot_stage_put(stage, 0, 0, bytes, digest), NC_OK, "once more");
	cr_expect_eq(nc_snapshot_stage_size(stage), bytes.size);
	nc_buf_release(&buf);
	nc_snapshot_stage_close(stage);
	nc_snapshot_export_close(snapshot);
	nc_state_close(state);
	paths_remove();
}

static void bit_flip(const char *name, off_t offset)
{
	char path[256];
	uint8_t byte;
	snprintf(path, sizeof path, "%s/%s", files_path, name);
	int fd = open(path, O_RDWR);
	cr_assert_geq(fd, 0);
	cr_assert_eq(pread(fd, &byte, 1, offset), 1);
	byte ^= 0x10;
	cr_assert_eq(pwrite(fd, &byte, 1, offset), 1);
	close(fd);
}

/* In a process of its own, as the node does: WiredTiger may abort. */
static int adopt_apart(void)
{
	pid_t pid = fork();
	cr_assert_geq(pid, 0);
	if (pid == 0) {
		struct nc_snapshot_manifest manifest;
		char fault[NC_SNAPSHOT_FAULT_SIZE];
		_exit(-nc_snapshot_adopt(stage_path, &manifest, fault));
	}
	int status;
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? -WEXITSTATUS(status) : NC_CORRUPT;
}

Test(snapshot, is_not_adopted_with_a_flipped_bit, .timeout = 120)
{
	paths_make();
	struct nc_state *state = source_make(ENTRIES);
	struct nc_snapshot_export *snapshot = export_open(state);
	struct nc_snapshot_manifest manifest;
	cr_expect_eq(adopt_apart(), NC_NOTFOUND, "nothing is there yet");
	const char *const tables[] = { "events.wt", "by_stream.wt", "streams.wt" };
	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
		all_move(snapshot);
		bit_flip(tables[i], 4096 + 100);
		cr_expect_eq(adopt_apart(), NC_CORRUPT, "%s", tables[i]);
		cr_expect_eq(nc_snapshot_adopted(stage_path, &manifest), NC_NOTFOUND);
		cr_expect_eq(nc_snapshot_remove(stage_path), NC_OK);
	}
	nc_snapshot_export_close(snapshot);
	nc_state_close(state);
	paths_remove();
}

/* ---- The manifest --------------------------------------------------------------------------- */

static int reread(const struct nc_snapshot_manifest *manifest)
{
	struct nc_snapshot_manifest again;
	struct nc_buf buf = { 0 };
	nc_snapshot_manifest_put(manifest, &buf);
	int err = nc_snapshot_manifest_get(nc_buf_slice(&buf), &again);
	if (err == NC_OK) {
		cr_expect_eq(again.file_count, manifest->file_count);
		cr_expect_eq(again.applied.index, manifest->applied.index);
		cr_expect_eq(again.applied.term, manifest->applied.term);
		cr_expect_str_eq(again.files[0].name, manifest->files[0].name);
		cr_expect_eq(again.files[0].size, manifest->files[0].size);
	}
	for (size_t i = 0; i < buf.size && err == NC_OK; i++) {
		cr_expect_eq(nc_snapshot_manifest_get(nc_slice(buf.data, i), &again), NC_INVALID);
		buf.data[i] ^= 4;
		cr_expect_eq(nc_snapshot_manifest_get(nc_buf_slice(&buf), &again), NC_INVALID);
		buf.data[i] ^= 4;
	}
	nc_buf_release(&buf);
	return err;
}

Test(snapshot, manifest_names_no_file_but_a_states)
{
	struct nc_snapshot_manifest manifest = { .applied = { 7, 3 },
		                                 .file_count = 2,
		                                 .files = { { "events.wt", 4096 },
		                                            { "WiredTiger.backup", 17 } } };
	cr_expect_eq(reread(&manifest), NC_OK);
	const char *const bad[] = { "../identity", "/etc/passwd", "",         "events.wt/x",
		                    "events",      "other.wt",    "manifest", "WiredTiger.backup" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		snprintf(manifest.files[0].name, NC_SNAPSHOT_NAME_SIZE, "%s", bad[i]);
		cr_expect_eq(reread(&manifest), NC_INVALID, "%s", bad[i]);
	}
	snprintf(manifest.files[0].name, NC_SNAPSHOT_NAME_SIZE, "events.wt");
	manifest.files[0].size = UINT64_MAX;
	cr_expect_eq(reread(&manifest), NC_INVALID);
	manifest.files[0].size = 0; /* of which no chunk would ever come */
	cr_expect_eq(reread(&manifest), NC_INVALID);
	manifest.file_count = 0;
	cr_expect_eq(reread(&manifest), NC_INVALID);
}
