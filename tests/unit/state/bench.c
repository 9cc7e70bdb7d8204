/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bench DIRECTORY EVENTS STREAMS IDS(none|time|random) [HELD [CACHE_MB [CHECKPOINT_EVERY_S]]]
 * -- appends rows of 256 bytes with all indexes in commits of 500, then looks rows up. By hand, not
 * in ctest. */
#include <inttypes.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "storage/state/wt_state.h"
#include "tests/unit/state/rows.h"

enum { COMMIT = 500, LOOKUPS = 200000, COMMITS_MAX = 1 << 20 };

static struct nc_state *state;
static atomic_bool stop;
static uint64_t checkpoint_s = 30;

static double now_s(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static uint64_t random64(void)
{
	static uint64_t at = 88172645463325252u;
	at ^= at << 13;
	at ^= at >> 7;
	at ^= at << 17;
	return at;
}

static void must(int err, const char *what)
{
	if (err == NC_OK)
		return;
	fprintf(stderr, "%s: %s\n", what, nc_err_name(err));
	exit(1);
}

static long rss_mb(void)
{
	long pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");
	if (file == NULL || fscanf(file, "%*d %ld", &pages) != 1)
		exit(1);
	fclose(file);
	return pages * sysconf(_SC_PAGESIZE) >> 20;
}

static void *checkpoints(void *arg)
{
	(void)arg;
	double last = now_s();
	while (!atomic_load(&stop)) {
		usleep(50000);
		if (now_s() - last < (double)checkpoint_s)
			continue;
		struct nc_state_applied covered;
		double from = now_s();
		must(nc_state_checkpoint(state, &covered), "checkpoint");
		last = now_s();
		printf("  checkpoint %.2f s, covers %" PRIu64 " of %" PRIu64 "\n", last - from,
		       covered.index, nc_state_applied(state).index);
	}
	return NULL;
}

static int by_value(const void *left, const void *right)
{
	double a = *(const double *)left;
	double b = *(const double *)right;
	return (a > b) - (a < b);
}

static bool count_index(void *ctx, uint64_t ordinal, uint64_t position)
{
	(void)ordinal;
	(void)position;
	++*(uint64_t *)ctx;
	return true;
}

static bool count_id(void *ctx, const struct nc_id_row *row)
{
	(void)row;
	++*(uint64_t *)ctx;
	return true;
}

static void id_make(char *text, size_t size, uint64_t position, bool in_time)
{
	uint64_t mixed = (position + 1) * UINT64_C(0x9e3779b97f4a7c15);
	mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	snprintf(text, size, "%08" PRIx64 "-%04x-7000-8000-%012" PRIx64,
	         in_time ? position >> 10 : mixed >> 32, (unsigned)(mixed & 0xffff), mixed >> 16);
}

static void append(uint64_t events, uint64_t streams, char ids)
{
	static double commits[COMMITS_MAX];
	size_t commit_count = 0;
	uint64_t *versions = calloc(streams, sizeof *versions);
	struct nc_buf row = { 0 };
	double start = now_s();
	double mark = start;
	for (uint64_t position = 1; position <= events; position++) {
		if (position % COMMIT == 1) {
			mark = now_s();
			must(nc_state_begin(state), "begin");
		}
		uint64_t stream = random64() % streams;
		uint64_t tag = 1 + random64() % 1000;
		char id[64];
		id_make(id, sizeof id, position, ids == 't');
		struct nc_event_keys keys = { .stream_id = stream + 1,
			                      .version = ++versions[stream],
			                      .type_id = 1 + random64() % 50,
			                      .category_id = 1 + random64() % 5,
			                      .tag_ids = &tag,
			                      .tag_count = 1,
			                      .id = nc_slice_str(ids == 'n' ? "" : id) };
		nc_buf_clear(&row);
		row_write(&row, &keys, 256);
		must(nc_state_event_put(state, position, nc_buf_slice(&row), &keys), "event");
		uint8_t name[32];
		nc_set_be64(name, stream);
		memset(name + 8, 'x', 24);
		uint8_t head[24] = { 0 };
		nc_set_u64(head, versions[stream]);
		must(nc_state_put(state, NC_SPACE_STREAMS, nc_slice(name, 16), nc_slice(head, 24)),
		     "stream");
		if (position % COMMIT == 0 || position == events) {
			must(nc_state_commit(state, (struct nc_state_applied){ position, 1 }),
			     "commit");
			if (commit_count < COMMITS_MAX)
				commits[commit_count++] = now_s() - mark;
		}
		if (position % 500000 == 0) {
			printf("  %" PRIu64 " events, %.0f/s, RSS %ld MB\n", position,
			       (double)position / (now_s() - start), rss_mb());
		}
	}
	double took = now_s() - start;
	qsort(commits, commit_count, sizeof *commits, by_value);
	printf("%" PRIu64 " events, %" PRIu64 " streams: %.0f events/s; a transaction of %d: p50 "
	       "%.2f ms, p99 %.2f, max %.1f; RSS %ld MB\n",
	       events, streams, (double)events / took, COMMIT, commits[commit_count / 2] * 1e3,
	       commits[commit_count * 99 / 100] * 1e3, commits[commit_count - 1] * 1e3, rss_mb());
	free(versions);
	nc_buf_release(&row);
}

static void lookups(uint64_t events, uint64_t streams, char ids)
{
	struct nc_state_reader *reader;
	struct nc_buf row = { 0 };
	must(nc_state_reader_open(state, &reader), "reader");
	double start = now_s();
	for (int i = 0; i < LOOKUPS; i++) {
		nc_buf_clear(&row);
		must(nc_state_reader_begin(reader), "begin");
		must(nc_state_event_get(reader, 1 + random64() % events, &row), "get");
		nc_state_reader_end(reader);
	}
	printf("row by position, begin to end: %.2f us\n", (now_s() - start) * 1e6 / LOOKUPS);

	uint64_t found = 0;
	start = now_s();
	must(nc_state_reader_begin(reader), "begin");
	for (int i = 0; i < LOOKUPS / 10; i++) {
		must(nc_state_index(reader,
		                    (struct nc_index_walk){ NC_INDEX_STREAM,
		                                            1 + random64() % streams, 1, false },
		                    count_index, &found),
		     "index");
	}
	nc_state_reader_end(reader);
	printf("a stream's index whole: %.2f us, %.1f entries\n", (now_s() - start) * 1e7 / LOOKUPS,
	       (double)found * 10 / LOOKUPS);
	if (ids != 'n') {
		found = 0;
		start = now_s();
		must(nc_state_reader_begin(reader), "begin");
		for (int i = 0; i < LOOKUPS / 10; i++) {
			char id[64];
			id_make(id, sizeof id, 1 + random64() % events, ids == 't');
			must(nc_state_ids(reader, nc_slice_str(id), 0, count_id, &found), "ids");
		}
		nc_state_reader_end(reader);
		printf("an id: %.2f us; %" PRIu64 " found of %d\n",
		       (now_s() - start) * 1e7 / LOOKUPS, found, LOOKUPS / 10);
	}
	found = 0;
	start = now_s();
	must(nc_state_reader_begin(reader), "begin");
	must(nc_state_index(reader, (struct nc_index_walk){ NC_INDEX_CATEGORY, 1, 0, false },
	                    count_index, &found),
	     "index");
	nc_state_reader_end(reader);
	printf("a category's index: %.1f M entries/s\n", (double)found / (now_s() - start) / 1e6);
	nc_state_reader_close(reader);
	nc_buf_release(&row);
}

int main(int argc, char **argv)
{
	if (argc < 5)
		return 2;
	uint64_t events = strtoull(argv[2], NULL, 10);
	uint64_t streams = strtoull(argv[3], NULL, 10);
	const struct nc_wt_state_options options = {
		.keys = row_keys,
		.held_events = argc > 5 ? (unsigned)strtoul(argv[5], NULL, 10) : 0,
		.cache_mb = argc > 6 ? (unsigned)strtoul(argv[6], NULL, 10) : 0,
	};
	if (argc > 7)
		checkpoint_s = strtoull(argv[7], NULL, 10);
	setvbuf(stdout, NULL, _IOLBF, 0);
	/* As the node: WiredTiger's threads would each have an arena of malloc's. */
	if (mallopt(M_ARENA_MAX, 2) != 1)
		return 1;
	double start = now_s();
	must(nc_wt_state_open(argv[1], &options, &state), "open");
	printf("open: %.2f s, RSS %ld MB\n", now_s() - start, rss_mb());
	pthread_t thread;
	if (pthread_create(&thread, NULL, checkpoints, NULL) != 0)
		return 1;
	append(events, streams, argv[4][0]);
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	lookups(events, streams, argv[4][0]);
	struct nc_wt_state_stats stats;
	nc_wt_state_stats(state, &stats);
	printf("waits %" PRIu64 ", held %" PRIu64 " events in %" PRIu64
	       " MB, indexed through %" PRIu64 ", %" PRIu64 " MB on disk\n",
	       stats.applier_waits, stats.held_events, stats.held_bytes >> 20,
	       stats.indexed_position, nc_state_size(state) >> 20);
	start = now_s();
	nc_state_close(state);
	printf("close: %.2f s, RSS %ld MB\n", now_s() - start, rss_mb());
	return 0;
}
