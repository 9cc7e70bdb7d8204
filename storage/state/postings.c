/* SPDX-License-Identifier: GPL-3.0-or-later */
/* postings.c -- rows of an index as bytes. */
#include "storage/state/postings_private.h"

#include "core/base/assert.h"

void nc_postings_put(struct nc_buf *value, enum nc_index index, const struct nc_held_entry *entries,
                     size_t count)
{
	bool positions = index == NC_INDEX_STREAM;
	nc_assert(count > 0 && count <= NC_POSTINGS_MAX);
	if (positions)
		nc_buf_put_varint(value, entries[0].position);
	for (size_t i = 1; i < count; i++) {
		nc_buf_put_varint(value, entries[i].ordinal - entries[i - 1].ordinal);
		if (positions)
			nc_buf_put_varint(value, entries[i].position - entries[i - 1].position);
	}
}

/* Read a step from `from` on, which must not be 0 or overflow. */
static bool beyond(struct nc_reader *reader, uint64_t from, uint64_t *to_out)
{
	uint64_t by = nc_reader_varint(reader);
	*to_out = from + by;
	return !reader->failed && *to_out > from;
}

int nc_postings_get(struct nc_slice value, enum nc_index index, uint64_t first,
                    struct nc_held_entry entries[NC_POSTINGS_MAX], size_t *count_out)
{
	bool positions = index == NC_INDEX_STREAM;
	struct nc_reader reader = nc_reader(value);
	struct nc_held_entry entry = { first, first };
	if (positions)
		entry.position = nc_reader_varint(&reader);
	if (reader.failed)
		return NC_CORRUPT;
	size_t count = 0;
	entries[count++] = entry;
	while (nc_reader_left(&reader) > 0) {
		if (count == NC_POSTINGS_MAX || !beyond(&reader, entry.ordinal, &entry.ordinal))
			return NC_CORRUPT;
		if (!positions) {
			entry.position = entry.ordinal;
		} else if (!beyond(&reader, entry.position, &entry.position)) {
			return NC_CORRUPT;
		}
		entries[count++] = entry;
	}
	*count_out = count;
	return NC_OK;
}
