/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Many readers beside a writer and checkpoints: each view must be whole, without gap or double. A
 * plain program, for TSan too (Criterion aborts under it); tests/tsan.supp leaves WiredTiger
 * out.
 *
 * Entry n puts events 2n-1 and 2n, of stream 1 + n % 3, and writes n into a row, and into the row
 * of one of some streams, so that a reader can work out all that it must see. */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "storage/state/memory_state.h"
#include "storage/state/wt_state.h"
#include "tests/unit/state/directory.h"
#include "tests/unit/state/rows.h"

enum { READERS = 4, STREAMS = 3, HELD = 23, NAMES = 29 };

static struct nc_state *state;
static atomic_bool done;
static atomic_uint_fast64_t views;

#define CHECK(claim)                                                                \
	do {                                                                        \
		if (!(claim)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #claim); \
			abort();                                                    \
		}                                                                   \
	} while (0)

static void events_put(uint64_t index)
{
	for (uint64_t i = 0; i < 2; i++) {
		uint64_t position = 2 * index - 1 + i;
		uint64_t tag = 1;
		char id[32];
		snprintf(id, sizeof id, "id%" PRIu64, position);
		struct nc_event_keys keys = { .stream_id = 1 + index % STREAMS,
			                      .version = index / STREAMS * 2 + 1 + i,
			                      .type_id = 1,
			                      .category_id = 1,
			                      .tag_ids = &tag,
			                      .tag_count = 1,
			                      .id = nc_slice_str(id) };
		struct nc_buf row = { 0 };
		row_write(&row, &keys, 100);
		CHECK(nc_state_event_put(state, position, nc_buf_slice(&row), &keys) == NC_OK);
		nc_buf_release(&row);
	}
}

/* Each NAMES entries write the row of each name once; a multiple of five deletes it. */
static void row_put(uint64_t index)
{
	uint8_t name[1] = { (uint8_t)('A' + index % NAMES) }, bytes[8];
	nc_set_u64(bytes, index);
	CHECK((index % 5 == 0 ? nc_state_del(state, NC_SPACE_STREAMS, nc_slice(name, 1))
	                      : nc_state_put(state, NC_SPACE_STREAMS, nc_slice(name, 1),
	                                     nc_slice(bytes, 8))) == NC_OK);
}

static void entry_apply(uint64_t index)
{
	if (index % 50 == 49) {
		CHECK(nc_state_begin(state) == NC_OK);
		events_put(index);
		row_put(index);
		nc_state_rollback(state);
	}
	CHECK(nc_state_begin(state) == NC_OK);
	events_put(index);
	row_put(index);
	uint8_t bytes[8];
	nc_set_u64(bytes, index);
	CHECK(nc_state_put(state, NC_SPACE_META, NC_SLICE("n"), nc_slice(bytes, 8)) == NC_OK);
	CHECK(nc_state_commit(state, (struct nc_state_applied){ index, 1 }) == NC_OK);
}

/* What a walk must give next, and how far it may go. */
struct walk {
	uint64_t next;
	uint64_t last;
	bool by_stream;
	bool backward;
	uint64_t stream;
	size_t left;
};

static bool walk_step(void *ctx, uint64_t ordinal, uint64_t position)
{
	struct walk *walk = ctx;
	uint64_t want = walk->next;
	if (walk->by_stream) {
		uint64_t index = (position + 1) / 2;
		CHECK(1 + index % STREAMS == walk->stream);
		CHECK(ordinal == index / STREAMS * 2 + 2 - position % 2);
	} else {
		CHECK(ordinal == position);
	}
	CHECK(ordinal == want);
	CHECK(position <= walk->last);
	walk->next = walk->backward ? want - 1 : want + 1;
	return --walk->left > 0;
}

static bool id_step(void *ctx, const struct nc_id_row *row)
{
	struct walk *walk = ctx;
	CHECK(row->position == walk->next);
	walk->left++;
	return true;
}

static void ids_check(struct nc_state_reader *reader, uint64_t last, uint64_t position)
{
	char id[32];
	struct walk walk = { .next = position };
	snprintf(id, sizeof id, "id%" PRIu64, position);
	CHECK(nc_state_ids(reader, nc_slice_str(id), 0, id_step, &walk) == NC_OK);
	CHECK(walk.left == (position <= last ? 1 : 0));
}

/* The indexes around the place where memory ends and tables begin, both ways. */
static void indexes_check(struct nc_state_reader *reader, uint64_t last)
{
	static const enum nc_index by_position[] = { NC_INDEX_TYPE, NC_INDEX_CATEGORY,
		                                     NC_INDEX_TAG };
	uint64_t back = 12 * HELD;
	for (int i = 0; i < 3; i++) {
		struct walk up = { .next = last > back ? last - back : 1,
			           .last = last,
			           .left = SIZE_MAX };
		CHECK(nc_state_index(reader,
		                     (struct nc_index_walk){ by_position[i], 1, up.next, false },
		                     walk_step, &up) == NC_OK);
		CHECK(up.next == last + 1);
		struct walk down = { .next = last, .last = last, .backward = true, .left = back };
		CHECK(nc_state_index(reader,
		                     (struct nc_index_walk){ by_position[i], 1, UINT64_MAX, true },
		                     walk_step, &down) == NC_OK);
		CHECK(down.next == (last > back ? last - back : 0));
	}
}

static void stream_check(struct nc_state_reader *reader, uint64_t n)
{
	uint64_t stream = 1 + n % STREAMS;
	uint64_t head = n / STREAMS * 2 + 2;
	uint64_t back = 4 * HELD;
	struct walk up = { .next = head > back + 3 ? head - back : 3, /* stream 1 begins there */
		           .last = 2 * n,
		           .by_stream = true,
		           .stream = stream,
		           .left = SIZE_MAX };
	CHECK(nc_state_index(reader,
	                     (struct nc_index_walk){ NC_INDEX_STREAM, stream, up.next, false },
	                     walk_step, &up) == NC_OK);
	CHECK(up.next == head + 1);
	struct walk down = { .next = head,
		             .last = 2 * n,
		             .by_stream = true,
		             .backward = true,
		             .stream = stream,
		             .left = back };
	if (head > back + 2) {
		CHECK(nc_state_index(
		              reader,
		              (struct nc_index_walk){ NC_INDEX_STREAM, stream, UINT64_MAX, true },
		              walk_step, &down) == NC_OK);
		CHECK(down.next == head - back);
	}
}

/* The last entry through `n` that wrote the row of name `at`; 0: none, or it deleted it. */
static uint64_t row_of(uint64_t n, uint64_t at)
{
	uint64_t back = (n % NAMES + NAMES - at) % NAMES;
	return n <= back || (n - back) % 5 == 0 ? 0 : n - back;
}

struct rows_walk {
	uint64_t n, next; /* name */
};

static bool rows_step(void *ctx, struct nc_slice key, struct nc_slice value)
{
	struct rows_walk *walk = ctx;
	while (walk->next < NAMES && row_of(walk->n, walk->next) == 0)
		walk->next++;
	CHECK(walk->next < NAMES && key.size == 1 && key.data[0] == 'A' + walk->next);
	CHECK(nc_get_u64(value.data) == row_of(walk->n, walk->next));
	walk->next++;
	return true;
}

static void rows_check(struct nc_state_reader *reader, uint64_t n)
{
	struct rows_walk walk = { .n = n };
	CHECK(nc_state_scan(reader, NC_SPACE_STREAMS, nc_slice(NULL, 0), NC_FORWARD, rows_step,
	                    &walk) == NC_OK);
	for (uint64_t at = 0; at < NAMES; at++) {
		uint8_t name[1] = { (uint8_t)('A' + at) };
		struct nc_buf value = { 0 };
		int err = nc_state_get(reader, NC_SPACE_STREAMS, nc_slice(name, 1), &value);
		CHECK(err == (row_of(n, at) == 0 ? NC_NOTFOUND : NC_OK));
		CHECK(err != NC_OK || nc_get_u64(value.data) == row_of(n, at));
		nc_buf_release(&value);
		CHECK(at < walk.next || row_of(n, at) == 0);
	}
}

static bool last_step(void *ctx, uint64_t position, struct nc_slice row)
{
	(void)row;
	*(uint64_t *)ctx = position;
	return false;
}

/* Every event is of type 1 and of category 1. */
static void counts_check(struct nc_state_reader *reader, uint64_t last)
{
	uint64_t types, categories;
	CHECK(nc_state_count(reader, NC_INDEX_TYPE, 1, &types) == NC_OK);
	CHECK(nc_state_count(reader, NC_INDEX_CATEGORY, 1, &categories) == NC_OK);
	CHECK(types == last && categories == last);
}

static void view_check(struct nc_state_reader *reader)
{
	struct nc_buf value = { 0 };
	CHECK(nc_state_reader_begin(reader) == NC_OK);
	int err = nc_state_get(reader, NC_SPACE_META, NC_SLICE("n"), &value);
	CHECK(err == NC_OK || err == NC_NOTFOUND);
	uint64_t n = err == NC_OK ? nc_get_u64(value.data) : 0;
	nc_buf_release(&value);
	uint64_t last = 0;
	CHECK(nc_state_events(reader, UINT64_MAX, NC_BACKWARD, last_step, &last) == NC_OK);
	CHECK(last == 2 * n);
	rows_check(reader, n);
	counts_check(reader, last);
	if (n > 2 * STREAMS) {
		indexes_check(reader, last);
		stream_check(reader, n);
		for (uint64_t i = 0; i < 4 * HELD && i < last; i++)
			ids_check(reader, last, last - i);
		ids_check(reader, last, last + 1);
	}
	nc_state_reader_end(reader);
	atomic_fetch_add(&views, 1);
}

static void *reader_main(void *arg)
{
	struct nc_state_reader *reader;
	(void)arg;
	CHECK(nc_state_reader_open(state, &reader) == NC_OK);
	while (!atomic_load(&done))
		view_check(reader);
	nc_state_reader_close(reader);
	return NULL;
}

static void *checkpoint_main(void *arg)
{
	(void)arg;
	while (!atomic_load(&done)) {
		struct nc_state_applied before = nc_state_applied(state);
		struct nc_state_applied covered;
		CHECK(nc_state_checkpoint(state, &covered) == NC_OK);
		CHECK(covered.index <= nc_state_applied(state).index);
		CHECK(before.index <= nc_state_applied(state).index);
	}
	return NULL;
}

static void run(uint64_t entries)
{
	pthread_t readers[READERS];
	pthread_t checkpoints;
	atomic_store(&done, false);
	atomic_store(&views, 0);
	for (int i = 0; i < READERS; i++)
		CHECK(pthread_create(&readers[i], NULL, reader_main, NULL) == 0);
	CHECK(pthread_create(&checkpoints, NULL, checkpoint_main, NULL) == 0);
	for (uint64_t index = 1; index <= entries; index++)
		entry_apply(index);
	atomic_store(&done, true);
	for (int i = 0; i < READERS; i++)
		pthread_join(readers[i], NULL);
	pthread_join(checkpoints, NULL);
	struct nc_state_reader *reader;
	CHECK(nc_state_reader_open(state, &reader) == NC_OK);
	view_check(reader);
	nc_state_reader_close(reader);
	nc_state_close(state);
	printf("%" PRIu64 " entries, %" PRIuFAST64 " views\n", entries, atomic_load(&views));
	CHECK(atomic_load(&views) > 1);
}

int main(int argc, char **argv)
{
	uint64_t entries = argc > 1 ? strtoull(argv[1], NULL, 10) : 4000;
	CHECK(nc_memory_state_open(&state) == NC_OK);
	run(entries);
	const struct nc_wt_state_options options = { .cache_mb = 64,
		                                     .held_events = HELD,
		                                     .keys = row_keys };
	CHECK(nc_wt_state_open(directory_make(), &options, &state) == NC_OK);
	run(entries);
	directory_remove();
	return 0;
}
