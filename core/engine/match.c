/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events that match any of some items, in the order of their positions. */
#include "core/engine/match_private.h"

#include "core/base/assert.h"
#include "core/engine/mutants_private.h"

/* ---- Names to ids --------------------------------------------------------------------------- */

struct resolve {
	struct nc_match *match;
	struct nc_state_reader *reader;
	const struct nc_name_cache *cache;
	struct nc_buf *scratch;
	uint32_t id_count;
};

/* Add the id of a name. Errors: NC_NOTFOUND, no event has that name. */
static int name_add(struct resolve *resolve, enum nc_name_kind kind, struct nc_slice name)
{
	uint64_t id = 0;
	if (name.size > NC_NAME_SIZE_MAX)
		return NC_CORRUPT;
	if (resolve->cache != NULL)
		id = nc_name_cache_get(resolve->cache, kind, name);
	if (id == 0) {
		int err = nc_name_id_get(resolve->reader, kind, name, resolve->scratch, &id);
		if (err != NC_OK)
			return err;
	}
	nc_assert(resolve->id_count < sizeof resolve->match->ids / sizeof resolve->match->ids[0]);
	resolve->match->ids[resolve->id_count++] = id;
	return NC_OK;
}

/* Add an item. It is left out if it can match nothing: no event has one of its tags, or any of its
 * types. */
static int item_add(struct resolve *resolve, const struct nc_item *item)
{
	struct nc_match_item made = { .first = resolve->id_count };
	struct nc_slice names = item->types, name;
	while (nc_item_name_next(&names, &name)) {
		int err = name_add(resolve, NC_NAME_TYPE, name);
		if (err == NC_OK) {
			made.type_count++;
		} else if (err != NC_NOTFOUND) {
			return err;
		}
	}
	bool none = item->type_count > 0 && made.type_count == 0;
	names = item->tags;
	while (!none && nc_item_name_next(&names, &name)) {
		int err = name_add(resolve, NC_NAME_TAG, name);
		if (err != NC_OK && err != NC_NOTFOUND)
			return err;
		none = err == NC_NOTFOUND;
		made.tag_count++;
	}
	if (none) {
		resolve->id_count = made.first;
	} else {
		resolve->match->items[resolve->match->item_count++] = made;
	}
	return NC_OK;
}

int nc_match_init(struct nc_match *match, struct nc_state_reader *reader, struct nc_slice items,
                  const struct nc_name_cache *cache, struct nc_buf *scratch,
                  struct nc_match_range range)
{
	struct resolve resolve = {
		.match = match, .reader = reader, .cache = cache, .scratch = scratch
	};
	match->item_count = 0;
	match->to = range.to;
	match->backward = range.backward;
	struct nc_item item;
	for (size_t count = 0; nc_item_next(&items, &item); count++) {
		if (count == NC_ITEMS_MAX)
			return NC_CORRUPT;
		int err = item_add(&resolve, &item);
		if (err != NC_OK)
			return err;
	}
	if (items.size > 0)
		return NC_CORRUPT;
	nc_match_rewind(match, range.from);
	return NC_OK;
}

/* ---- Leaping -------------------------------------------------------------------------------- */

struct entry {
	uint64_t position;
	bool found;
};

static bool on_entry(void *ctx, uint64_t ordinal, uint64_t position)
{
	struct entry *entry = ctx;
	(void)ordinal;
	entry->position = position;
	entry->found = true;
	return false;
}

static bool before(const struct nc_match *match, uint64_t a, uint64_t b)
{
	return match->backward ? a > b : a < b;
}

static int entry_next(const struct nc_match *match, struct nc_state_reader *reader,
                      enum nc_index index, uint64_t id, uint64_t from, struct entry *entry_out)
{
	*entry_out = (struct entry){ 0 };
	int err = nc_state_index(reader, (struct nc_index_walk){ index, id, from, match->backward },
	                         on_entry, entry_out);
	if (err == NC_OK && entry_out->found && before(match, match->to, entry_out->position))
		entry_out->found = false;
	return err;
}

/* How many entries one leap of `term` looks at: the types are one term, each tag is one. */
static uint32_t term_width(const struct nc_match_item *item, uint32_t term)
{
	return term == 0 && item->type_count > 0 ? item->type_count : 1;
}

/* The first entry of a term that is not before `from`. */
static int term_next(const struct nc_match *match, const struct nc_match_item *item,
                     struct nc_state_reader *reader, uint32_t term, uint64_t from,
                     struct entry *entry_out)
{
	const uint64_t *ids = &match->ids[item->first];
	if (item->type_count == 0 || term > 0) {
		uint32_t tag = item->type_count > 0 ? term - 1 : term;
		return entry_next(match, reader, NC_INDEX_TAG, ids[item->type_count + tag], from,
		                  entry_out);
	}
	struct entry best = { 0 };
	for (uint32_t i = 0; i < item->type_count; i++) {
		struct entry entry;
		int err = entry_next(match, reader, NC_INDEX_TYPE, ids[i], from, &entry);
		if (err != NC_OK)
			return err;
		if (entry.found && (!best.found || before(match, entry.position, best.position)))
			best = entry;
	}
	*entry_out = best;
	return NC_OK;
}

/* Lead the item to its next match. Tags go first: they are the rarer ones. Errors: NC_TOOBIG. */
static int item_leap(const struct nc_match *match, struct nc_match_item *item,
                     struct nc_state_reader *reader, uint64_t *lookups)
{
	uint32_t terms = (item->type_count > 0) + item->tag_count;
	uint32_t term = terms - 1, met = 0;
	while (met < terms) {
		uint32_t width = term_width(item, term);
		if (*lookups < width)
			return NC_TOOBIG;
		*lookups -= width;
		struct entry entry;
		int err = term_next(match, item, reader, term, item->at, &entry);
		if (err != NC_OK)
			return err;
		if (!entry.found) {
			item->ended = true;
			return NC_OK;
		}
		met = entry.position == item->at ? met + 1 : 1;
		item->at = entry.position;
		term = term == 0 ? terms - 1 : term - 1;
	}
	item->found = true;
	return NC_OK;
}

int nc_match_next(struct nc_match *match, struct nc_state_reader *reader, uint64_t *lookups,
                  uint64_t *position_out)
{
	const struct nc_match_item *best = NULL;
	for (size_t i = 0; i < match->item_count; i++) {
		struct nc_match_item *item = &match->items[i];
		if (item->ended)
			continue;
		/* An item that is beyond the best so far need not move yet. */
		if (!item->found && (best == NULL || before(match, item->at, best->at))) {
			int err = item_leap(match, item, reader, lookups);
			if (err != NC_OK)
				return err;
		}
		if (item->found && (best == NULL || before(match, item->at, best->at)))
			best = item;
	}
	if (best == NULL)
		return NC_NOTFOUND;
	*position_out = best->at;
	return NC_OK;
}

void nc_match_pass(struct nc_match *match, uint64_t position)
{
	for (size_t i = 0; i < match->item_count; i++) {
		struct nc_match_item *item = &match->items[i];
		if (item->ended || before(match, position, item->at))
			continue;
		item->found = false;
		if (position == match->to) {
			item->ended = true; /* so that no number overflows */
		} else {
			item->at = match->backward ? position - 1 : position + 1;
		}
	}
}

/* Whether the event at `position` is seen; one that is gone is not. */
static int is_seen(struct nc_sight *sight, struct nc_buf *row, uint64_t position, bool *seen_out)
{
	nc_buf_clear(row);
	int err = nc_state_event_get(sight->reader, position, row);
	if (err == NC_OK)
		return nc_sight_row(sight, position, nc_buf_slice(row), seen_out);
	*seen_out = false;
	return err == NC_NOTFOUND ? NC_OK : err;
}

int nc_match_next_seen(struct nc_match *match, struct nc_sight *sight, struct nc_buf *row,
                       uint64_t *lookups, uint64_t *position_out)
{
	bool seen = nc_seen_all(sight->reader) || NC_ENGINE_MUTANT(CONDITION_SEES_ALL);
	uint64_t position = 0;
	int err = nc_match_next(match, sight->reader, lookups, &position);
	while (err == NC_OK && !seen) {
		err = is_seen(sight, row, position, &seen);
		if (err != NC_OK || seen)
			break;
		nc_match_pass(match, position);
		if (*lookups == 0)
			return NC_TOOBIG;
		--*lookups;
		err = nc_match_next(match, sight->reader, lookups, &position);
	}
	if (err == NC_OK)
		*position_out = position;
	return err;
}

uint64_t nc_match_at(const struct nc_match *match)
{
	uint64_t at = match->to;
	for (size_t i = 0; i < match->item_count; i++) {
		const struct nc_match_item *item = &match->items[i];
		if (!item->ended && before(match, item->at, at))
			at = item->at;
	}
	return at;
}

void nc_match_rewind(struct nc_match *match, uint64_t from)
{
	for (size_t i = 0; i < match->item_count; i++) {
		match->items[i].at = from;
		match->items[i].found = false;
		match->items[i].ended = before(match, match->to, from);
	}
}
