/* SPDX-License-Identifier: GPL-3.0-or-later */
/* postings_private.h -- entries of an index, many to a row.
 *
 * A row for each entry made the indexer the second most expensive part of an append, and its tables
 * as large as the events (decision 0071). So a generation's entries of one (index, id) are cut into
 * postings of up to NC_POSTINGS_MAX entries. Each is a row, whose key is the id and the ordinal of
 * the first entry.
 *
 * The bytes (docs/formats-state.md) are varints. In NC_INDEX_STREAM they are the position of the
 * first entry, and then for each further one how far its ordinal and its position lie beyond those
 * of the one before. In the other indexes the position is the ordinal, and there is only one such
 * distance for each further entry.
 *
 * Threads: pure functions. Ownership: nothing is kept.
 */
#ifndef NC_STORAGE_STATE_POSTINGS_PRIVATE_H
#define NC_STORAGE_STATE_POSTINGS_PRIVATE_H

#include "storage/state/held_private.h"

#define NC_POSTINGS_MAX 128u

/* Append `count` entries, 1..NC_POSTINGS_MAX, to `value`. Both their ordinals and their positions
 * rise. The first ordinal stands in the key. */
void nc_postings_put(struct nc_buf *value, enum nc_index index, const struct nc_held_entry *entries,
                     size_t count);

/* Read the entries; `first` is the ordinal in the key. Errors: NC_CORRUPT, nc_postings_put() does
 * not write such bytes. */
int nc_postings_get(struct nc_slice value, enum nc_index index, uint64_t first,
                    struct nc_held_entry entries[NC_POSTINGS_MAX], size_t *count_out);

#endif
