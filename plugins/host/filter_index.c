/* SPDX-License-Identifier: GPL-3.0-or-later */
/* There is a group for each plugin, and in it a slot for each filter. Sets know slots, and not the
 * caller's ids. So a filter that is gone stays in the large set without being heard, until the next
 * merge leaves it out; only then is its slot given out again. */
#include "plugins/host/filter_index.h"

#include <stdlib.h>

#include "core/base/assert.h"
#include "plugins/host/filter_private.h"

#define NOWHERE UINT32_MAX

struct slot {
	struct nc_filter *filter; /* NULL: gone */
	uint32_t id;
};

struct group {
	const struct nc_plugin *plugin;
	struct slot *slots;
	uint32_t *free_slots;  /* as many as slots have room */
	uint32_t *small_slots; /* in the order of coming; as above */
	size_t slot_count, slot_room, free_count, small_count;
	struct nc_filter_set *large; /* NULL: empty */
	struct nc_filter_set *small; /* of small_slots, when it is not stale */
	bool small_stale;
	size_t gone; /* filters removed since the last merge */
};

/* Where the filter of an id is. */
struct place {
	uint32_t group, slot;
};

struct nc_filter_index {
	struct group *groups;
	struct place *places; /* by id */
	size_t group_count, place_count, count;
	bool merging;
};

struct nc_filter_merge {
	size_t group;
	struct nc_filter **filters; /* the merge holds a reference to each */
	uint32_t *slots;
	size_t count;
	size_t small_count;        /* the filters of the small set that are in this group */
	size_t slot_count;         /* slots there were */
	struct nc_filter_set *set; /* the new one; once put, the old one */
	int err;
};

int nc_filter_index_new(struct nc_filter_index **index_out)
{
	struct nc_filter_index *index = calloc(1, sizeof *index);
	if (index == NULL)
		return NC_NOMEM;
	*index_out = index;
	return NC_OK;
}

void nc_filter_index_free(struct nc_filter_index *index)
{
	if (index == NULL)
		return;
	nc_assert(!index->merging);
	for (size_t i = 0; i < index->group_count; i++) {
		struct group *group = &index->groups[i];
		nc_filter_set_free(group->large);
		nc_filter_set_free(group->small);
		for (size_t k = 0; k < group->slot_count; k++)
			nc_filter_unref(group->slots[k].filter);
		free(group->slots);
		free(group->free_slots);
		free(group->small_slots);
	}
	free(index->groups);
	free(index->places);
	free(index);
}

size_t nc_filter_index_count(const struct nc_filter_index *index)
{
	return index->count;
}

/* ---- Coming and going ----------------------------------------------------------------------- */

static bool array_grow(void *array, size_t room, size_t size)
{
	void **at = array;
	void *moved = realloc(*at, room * size);
	if (moved != NULL)
		*at = moved;
	return moved != NULL;
}

static int places_make(struct nc_filter_index *index, uint32_t id)
{
	if (id < index->place_count)
		return NC_OK;
	size_t room = index->place_count < 64 ? 64 : index->place_count * 2;
	if (room <= id)
		room = (size_t)id + 1;
	struct place *places = realloc(index->places, room * sizeof *places);
	if (places == NULL)
		return NC_NOMEM;
	memset(places + index->place_count, 0xff, (room - index->place_count) * sizeof *places);
	index->places = places;
	index->place_count = room;
	return NC_OK;
}

static struct group *group_of(struct nc_filter_index *index, const struct nc_plugin *plugin)
{
	for (size_t i = 0; i < index->group_count; i++) {
		if (index->groups[i].plugin == plugin)
			return &index->groups[i];
	}
	struct group *groups =
	        realloc(index->groups, (index->group_count + 1) * sizeof *index->groups);
	if (groups == NULL)
		return NULL;
	index->groups = groups;
	struct group *group = &groups[index->group_count++];
	*group = (struct group){ .plugin = plugin };
	return group;
}

static int slot_take(struct group *group, uint32_t *slot_out)
{
	if (group->free_count > 0) {
		*slot_out = group->free_slots[--group->free_count];
		return NC_OK;
	}
	if (group->slot_count == group->slot_room) {
		size_t room = group->slot_room == 0 ? 16 : group->slot_room * 2;
		void *slots = group->slots;
		void *free_slots = group->free_slots;
		void *small_slots = group->small_slots;
		bool good = array_grow(&slots, room, sizeof *group->slots) &&
		            array_grow(&free_slots, room, sizeof *group->free_slots) &&
		            array_grow(&small_slots, room, sizeof *group->small_slots);
		group->slots = slots;
		group->free_slots = free_slots;
		group->small_slots = small_slots;
		if (!good)
			return NC_NOMEM;
		group->slot_room = room;
	}
	*slot_out = (uint32_t)group->slot_count++;
	return NC_OK;
}

int nc_filter_index_add(struct nc_filter_index *index, struct nc_filter *filter, uint32_t id)
{
	nc_assert(id != NOWHERE);
	if (id < index->place_count && index->places[id].group != NOWHERE)
		return NC_EXISTS;
	struct group *group = group_of(index, filter->plugin);
	uint32_t slot;
	if (group == NULL || places_make(index, id) != NC_OK || slot_take(group, &slot) != NC_OK)
		return NC_NOMEM;
	group->slots[slot] = (struct slot){ nc_filter_ref(filter), id };
	group->small_slots[group->small_count++] = slot;
	group->small_stale = true;
	index->places[id] = (struct place){ (uint32_t)(group - index->groups), slot };
	index->count++;
	return NC_OK;
}

int nc_filter_index_remove(struct nc_filter_index *index, uint32_t id)
{
	if (id >= index->place_count || index->places[id].group == NOWHERE)
		return NC_NOTFOUND;
	struct group *group = &index->groups[index->places[id].group];
	struct slot *slot = &group->slots[index->places[id].slot];
	nc_filter_unref(slot->filter); /* sets hold their own reference */
	slot->filter = NULL;
	group->gone++;
	index->places[id] = (struct place){ NOWHERE, NOWHERE };
	index->count--;
	return NC_OK;
}

/* ---- Sets ----------------------------------------------------------------------------------- */

/* Make a set of the slots that are not gone; NULL if there are none. */
static int set_make(const struct group *group, const uint32_t *slots, size_t slot_count,
                    struct nc_filter_set **set_out)
{
	*set_out = NULL;
	struct nc_filter **filters = calloc(slot_count + 1, sizeof(struct nc_filter *));
	uint32_t *ids = calloc(slot_count + 1, sizeof *ids);
	int err = filters == NULL || ids == NULL ? NC_NOMEM : NC_OK;
	size_t count = 0;
	for (size_t i = 0; err == NC_OK && i < slot_count; i++) {
		if (group->slots[slots[i]].filter == NULL)
			continue;
		filters[count] = group->slots[slots[i]].filter;
		ids[count++] = slots[i];
	}
	if (err == NC_OK && count > 0)
		err = nc_filter_set_new(filters, ids, count, set_out);
	free(filters);
	free(ids);
	return err;
}

static int small_make(struct group *group)
{
	if (!group->small_stale)
		return NC_OK;
	struct nc_filter_set *set;
	int err = set_make(group, group->small_slots, group->small_count, &set);
	if (err != NC_OK)
		return err;
	nc_filter_set_free(group->small);
	group->small = set;
	group->small_stale = false;
	return NC_OK;
}

/* Turns slots into the caller's ids. */
struct tell {
	const struct group *group;
	nc_filter_id_fn *fn;
	void *ctx;
};

static void slot_tell(void *ctx, uint32_t slot)
{
	const struct tell *tell = ctx;
	if (tell->group->slots[slot].filter != NULL)
		tell->fn(tell->ctx, tell->group->slots[slot].id);
}

int nc_filter_index_match(struct nc_filter_index *index, struct nc_filter_batch *batch, size_t at,
                          nc_filter_id_fn *fn, void *ctx, const char **failed_out)
{
	for (size_t i = 0; i < index->group_count; i++) {
		struct group *group = &index->groups[i];
		struct tell tell = { group, fn, ctx };
		int err = small_make(group);
		if (err == NC_OK && group->large != NULL)
			err = nc_filter_set_match(group->large, batch, at, slot_tell, &tell);
		if (err == NC_OK && group->small != NULL)
			err = nc_filter_set_match(group->small, batch, at, slot_tell, &tell);
		if (err != NC_OK) {
			if (failed_out != NULL)
				*failed_out = group->plugin->name;
			return err;
		}
	}
	return NC_OK;
}

/* ---- Merging -------------------------------------------------------------------------------- */

void nc_filter_merge_free(struct nc_filter_merge *merge)
{
	nc_filter_set_free(merge->set);
	for (size_t i = 0; i < merge->count; i++)
		nc_filter_unref(merge->filters[i]);
	free(merge->filters);
	free(merge->slots);
	free(merge);
}

static bool worth_merging(const struct group *group)
{
	return group->small_count >= NC_FILTER_INDEX_SMALL ||
	       (group->gone > NC_FILTER_INDEX_SMALL && group->gone > group->slot_count / 4);
}

static struct nc_filter_merge *merge_new(const struct group *group, size_t number)
{
	struct nc_filter_merge *merge = calloc(1, sizeof *merge);
	if (merge == NULL)
		return NULL;
	merge->group = number;
	merge->small_count = group->small_count;
	merge->slot_count = group->slot_count;
	merge->filters = calloc(group->slot_count + 1, sizeof(struct nc_filter *));
	merge->slots = calloc(group->slot_count + 1, sizeof *merge->slots);
	if (merge->filters == NULL || merge->slots == NULL) {
		nc_filter_merge_free(merge);
		return NULL;
	}
	for (size_t i = 0; i < group->slot_count; i++) {
		if (group->slots[i].filter == NULL)
			continue;
		merge->filters[merge->count] = nc_filter_ref(group->slots[i].filter);
		merge->slots[merge->count++] = (uint32_t)i;
	}
	return merge;
}

struct nc_filter_merge *nc_filter_index_merge_take(struct nc_filter_index *index)
{
	struct nc_filter_merge *merge = NULL;
	for (size_t i = 0; !index->merging && merge == NULL && i < index->group_count; i++) {
		if (worth_merging(&index->groups[i]))
			merge = merge_new(&index->groups[i], i);
	}
	index->merging = index->merging || merge != NULL;
	return merge;
}

void nc_filter_merge_run(struct nc_filter_merge *merge)
{
	if (merge->count > 0) {
		merge->err =
		        nc_filter_set_new(merge->filters, merge->slots, merge->count, &merge->set);
	}
}

/* Forget the small set's filters that were merged, and those that are gone. */
static void small_cut(struct group *group, size_t merged)
{
	size_t kept = 0;
	for (size_t i = merged; i < group->small_count; i++) {
		if (group->slots[group->small_slots[i]].filter != NULL)
			group->small_slots[kept++] = group->small_slots[i];
	}
	group->small_count = kept;
	group->small_stale = true;
}

/* Free the slots that were gone when the merge was taken: they are in no set any more. */
static void slots_free(struct group *group, const struct nc_filter_merge *merge)
{
	size_t kept = 0; /* index into merge->slots, which ascend */
	group->free_count = 0;
	for (size_t i = 0; i < merge->slot_count; i++) {
		bool in_set = kept < merge->count && merge->slots[kept] == i;
		kept += in_set;
		if (!in_set && group->slots[i].filter == NULL)
			group->free_slots[group->free_count++] = (uint32_t)i;
	}
}

int nc_filter_index_merge_put(struct nc_filter_index *index, struct nc_filter_merge *merge)
{
	struct group *group = &index->groups[merge->group];
	int err = merge->err;
	index->merging = false;
	if (err == NC_OK) {
		struct nc_filter_set *old = group->large;
		group->large = merge->set;
		merge->set = old;
		small_cut(group, merge->small_count);
		group->gone = 0;
		slots_free(group, merge);
	}
	return err;
}
