/* SPDX-License-Identifier: GPL-3.0-or-later */
/* match_private.h -- finding events that match any of some items, by the indexes of types and tags.
 *
 * An item goes through its indexes in turn. In each it leaps to the first entry that is not before
 * the place where the last one led, until all of them meet. So the rarest name sets the pace.
 *
 * The cost is counted in index entries looked at. Every replica counts alike, because the indexes
 * belong to the applied state: entries of types and tags are never removed one by one.
 */
#ifndef NC_CORE_ENGINE_MATCH_PRIVATE_H
#define NC_CORE_ENGINE_MATCH_PRIVATE_H

#include "core/engine/batch.h"
#include "core/engine/name_cache.h"
#include "core/engine/seen.h"

struct nc_match_item {
	uint64_t at; /* no position before it matches; if `found`, it is the match */
	/* The item's ids are nc_match.ids[first], and on: those of types, then those of tags. */
	uint32_t first, type_count, tag_count;
	bool found; /* `at` matches */
	bool ended; /* nothing from `at` on matches */
};

struct nc_match {
	struct nc_match_item items[NC_ITEMS_MAX];
	size_t item_count;
	uint64_t ids[NC_ITEMS_MAX * NC_ITEM_NAMES_MAX * 2];
	uint64_t to; /* the last position to look at */
	bool backward;
};

/* The first and the last position to look at. Backward, the first is the higher one. */
struct nc_match_range {
	uint64_t from, to;
	bool backward;
};

/* Resolve the names of packed items, and stand before the first position of `range`. `cache` is the
 * applier's; others give NULL. Errors: NC_CORRUPT, malformed items; those of the state. */
int nc_match_init(struct nc_match *match, struct nc_state_reader *reader, struct nc_slice items,
                  const struct nc_name_cache *cache, struct nc_buf *scratch,
                  struct nc_match_range range);

/* The next position that matches. It is given again until nc_match_pass() goes past it. `*lookups`
 * is how many entries may still be looked at, and is counted down. Errors: NC_NOTFOUND, nothing
 * more matches; NC_TOOBIG, the lookups are used up, and the call can be repeated with more; those
 * of the state. */
int nc_match_next(struct nc_match *match, struct nc_state_reader *reader, uint64_t *lookups,
                  uint64_t *position_out);

/* The next position that matches and is seen, in the snapshot of the sight's reader. `row` is room
 * for a row. A match that is hidden costs one lookup more. The same errors. */
int nc_match_next_seen(struct nc_match *match, struct nc_sight *sight, struct nc_buf *row,
                       uint64_t *lookups, uint64_t *position_out);

/* Go past `position`, so that the next one is looked for. */
void nc_match_pass(struct nc_match *match, uint64_t position);

/* Where the search goes on: nothing before it matches but what was gone past. */
uint64_t nc_match_at(const struct nc_match *match);

/* Go back, and stand before `from`. */
void nc_match_rewind(struct nc_match *match, uint64_t from);

#endif
