/* SPDX-License-Identifier: GPL-3.0-or-later */
/* match_private.h -- finding events that match any of some items, by the indexes of types and tags.
 *
 * Each item leaps through its indexes in turn, each time to the first entry that is not before
 * where the last one led, until all of them meet: so the rarest name sets the pace. What it costs
 * is counted in entries looked at, which every replica counts alike, since the indexes are part of
 * the applied state: entries of a type and of a tag are never removed one by one.
 */
#ifndef NC_CORE_ENGINE_MATCH_PRIVATE_H
#define NC_CORE_ENGINE_MATCH_PRIVATE_H

#include "core/engine/batch.h"
#include "core/engine/name_cache.h"
#include "core/engine/seen.h"

struct nc_match_item {
	uint64_t at; /* nothing that is before it matches; the match itself when `found` */
	uint32_t first, type_count, tag_count; /* ids from `first` on: types, then tags */
	bool found, ended;
};

struct nc_match {
	struct nc_match_item items[NC_ITEMS_MAX];
	size_t item_count;
	uint64_t ids[NC_ITEMS_MAX * NC_ITEM_NAMES_MAX * 2];
	uint64_t to; /* inclusive */
	bool backward;
};

/* Positions, both inclusive, in the order in which they are looked at. */
struct nc_match_range {
	uint64_t from, to;
	bool backward;
};

/* Resolve the names of packed items, and stand before the first of `range`. `cache` may be NULL: it
 * is the applier's. Errors: as the state; NC_CORRUPT. */
int nc_match_init(struct nc_match *match, struct nc_state_reader *reader, struct nc_slice items,
                  const struct nc_name_cache *cache, struct nc_buf *scratch,
                  struct nc_match_range range);

/* The next position that matches: the same again until nc_match_pass(). `lookups` is how many
 * entries may still be looked at, and is counted down.
 * Errors: NC_NOTFOUND, there is none; NC_TOOBIG, the lookups are used up: call again with more;
 * those of the state. */
int nc_match_next(struct nc_match *match, struct nc_state_reader *reader, uint64_t *lookups,
                  uint64_t *position_out);

/* The next that matches and is seen (the sight's reader, whose snapshot it is); `row` is room. One
 * that is not seen costs an entry more. Same errors. */
int nc_match_next_seen(struct nc_match *match, struct nc_sight *sight, struct nc_buf *row,
                       uint64_t *lookups, uint64_t *position_out);

/* Go past `position`. */
void nc_match_pass(struct nc_match *match, uint64_t position);

/* Where it goes on: nothing before it matches, beside what was gone past. */
uint64_t nc_match_at(const struct nc_match *match);

/* Back to before `from`. */
void nc_match_rewind(struct nc_match *match, uint64_t from);

#endif
