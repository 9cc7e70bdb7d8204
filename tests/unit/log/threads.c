/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Readers beside the writer: appends, replaced suffixes, compaction, resets. For TSan; a plain
 * program. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/log/entries.h"
#include "tests/unit/log/twin.h"

enum { READERS = 3, ROUNDS = 60 };

#define CHECK(x)                                                                \
	do {                                                                    \
		if (!(x)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x); \
			exit(1);                                                \
		}                                                               \
	} while (0)

static struct nc_log *journal;
static _Atomic bool done;

static void check_payload(const struct nc_log_entry *entry)
{
	for (size_t j = 0; j < entry->payload.size; j++)
		CHECK(entry->payload.data[j] == entry_byte(entry->index, entry->term, j));
}

static void *read_all(void *arg)
{
	unsigned long *seen = arg;
	struct nc_buf buf = { 0 };
	struct nc_log_entry entries[32];
	uint64_t next = 1;
	while (!done) {
		struct nc_log_bounds bounds;
		size_t count = 0;
		uint64_t term;
		nc_log_bounds(journal, &bounds);
		CHECK(bounds.first <= bounds.last + 1);
		if (next < bounds.first || next > bounds.last)
			next = bounds.first;
		(void)nc_log_term_at(journal, next, &term);
		nc_buf_clear(&buf);
		struct nc_log_range range = {
			.from = next, .to = UINT64_MAX, .entry_max = 32, .size_max = 4096
		};
		int err = nc_log_read(journal, range, &buf, entries, &count);
		CHECK(err == NC_OK || err == NC_NOTFOUND);
		for (size_t i = 0; err == NC_OK && i < count; i++) {
			CHECK(entries[i].index == next + i);
			check_payload(&entries[i]);
		}
		next += count;
		*seen += count;
	}
	nc_buf_release(&buf);
	return NULL;
}

int main(void)
{
	struct nc_log_recovery recovery;
	CHECK(twin_open(&recovery, &journal) == NC_OK);
	pthread_t readers[READERS];
	unsigned long seen[READERS] = { 0 };
	for (int i = 0; i < READERS; i++)
		CHECK(pthread_create(&readers[i], NULL, read_all, &seen[i]) == 0);
	uint64_t last = 0;
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < 10; i++, last += 20) {
			CHECK(entries_append(journal, NULL, last + 1, 20, (uint64_t)round + 1,
			                     400) == NC_OK);
		}
		CHECK(entries_append(journal, NULL, last - 5, 1, (uint64_t)round + 2, 9) == NC_OK);
		last -= 5;
		CHECK(nc_log_compact(journal, last - 100) == NC_OK);
		if (round % 5 == 4) {
			last += 1000;
			CHECK(nc_log_reset(journal, last, (uint64_t)round + 2) == NC_OK);
		}
		CHECK(nc_log_mark(journal) == NC_OK);
	}
	done = true;
	for (int i = 0; i < READERS; i++)
		CHECK(pthread_join(readers[i], NULL) == 0);
	nc_log_close(journal);
	twin_remove();
	printf("ok, %lu %lu %lu entries read\n", seen[0], seen[1], seen[2]);
	return 0;
}
