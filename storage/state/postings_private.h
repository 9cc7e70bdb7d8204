/* SPDX-License-Identifier: GPL-3.0-or-later */
/* postings_private.h -- entries of an index, many to a row.
 *
 * A row of its own for each entry made the indexer the second most expensive thing of an append,
 * and its tables as large as the events (decision 0071). So a generation's entries of one (index,
 * id) are cut into postings of up to NC_POSTINGS_MAX, each a row under (id, ordinal of its first
 * entry).
 *
 * Bytes (docs/formats-state.md), all varints: with positions (NC_INDEX_STREAM) that of the first
 * entry, then for each further one how much its ordinal and its position are beyond the one before;
 * else, where the position is the ordinal, only how much that is beyond.
 *
 * Threads: pure functions. Ownership: nothing is kept.
 */
#ifndef NC_STORAGE_STATE_POSTINGS_PRIVATE_H
#define NC_STORAGE_STATE_POSTINGS_PRIVATE_H

#include "storage/state/held_private.h"

#define NC_POSTINGS_MAX 128u

/* Append `count` (1..NC_POSTINGS_MAX) entries, which ascend in both, to `value`; the first ordinal
 * is the key's. */
void nc_postings_put(struct nc_buf *value, enum nc_index index, const struct nc_held_entry *entries,
                     size_t count);

/* Read them back, given the key's ordinal. Errors: NC_CORRUPT, not what nc_postings_put() writes.
 */
int nc_postings_get(struct nc_slice value, enum nc_index index, uint64_t first,
                    struct nc_held_entry entries[NC_POSTINGS_MAX], size_t *count_out);

#endif
