/* SPDX-License-Identifier: GPL-3.0-or-later */
/* entries.h -- entries whose payload follows from index, term and size, so that a wrong one shows.
 */
#ifndef NC_TESTS_UNIT_LOG_ENTRIES_H
#define NC_TESTS_UNIT_LOG_ENTRIES_H

#include "core/raft/log.h"

#define ENTRY_COUNT_MAX 128
#define ENTRY_SIZE_MAX  70000

static inline uint8_t entry_byte(uint64_t index, uint64_t term, size_t at)
{
	return (uint8_t)(index * 31 + term * 7 + at * 13 + 1);
}

/* Append entries from..from+count-1 of `term` with payloads of `size` bytes. */
static inline int entries_append(struct nc_log *log, const struct nc_log_hard *hard, uint64_t from,
                                 size_t count, uint64_t term, size_t size)
{
	struct nc_log_entry entries[ENTRY_COUNT_MAX];
	struct nc_buf buf = { 0 };
	uint8_t *at = nc_buf_extend(&buf, count * size + 1);
	if (at == NULL || count > ENTRY_COUNT_MAX)
		return NC_NOMEM;
	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; j < size; j++)
			at[i * size + j] = entry_byte(from + i, term, j);
		entries[i] = (struct nc_log_entry){ .index = from + i,
			                            .term = term,
			                            .kind = NC_LOG_COMMAND,
			                            .payload = { at + i * size, size } };
	}
	int err = nc_log_append(log, hard, entries, count);
	nc_buf_release(&buf);
	return err;
}

/* Whether entry `index` is there and is that of `term`. */
static inline bool entry_is(struct nc_log *log, uint64_t index, uint64_t term)
{
	struct nc_buf buf = { 0 };
	struct nc_log_entry entry;
	size_t count = 0;
	uint64_t known = 0;
	struct nc_log_range one = {
		.from = index, .to = index, .entry_max = 1, .size_max = SIZE_MAX
	};
	bool fine = nc_log_read(log, one, &buf, &entry, &count) == NC_OK && count == 1 &&
	            entry.index == index && entry.term == term && entry.kind == NC_LOG_COMMAND &&
	            nc_log_term_at(log, index, &known) == NC_OK && known == term;
	for (size_t j = 0; fine && j < entry.payload.size; j++)
		fine = entry.payload.data[j] == entry_byte(index, term, j);
	nc_buf_release(&buf);
	return fine;
}

#endif
