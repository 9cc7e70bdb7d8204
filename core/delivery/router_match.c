/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From an event to those whose hints it meets. */
#include "core/delivery/mutants_private.h"
#include "core/delivery/router_private.h"

static bool part_meets(const struct nc_route_part *part, struct nc_slice name)
{
	switch (part->kind) {
	case NC_ROUTE_EXACT:
		return nc_slice_eq(part->name, name);
	case NC_ROUTE_PREFIX:
		return nc_slice_starts(name, part->name);
	default:
		return true;
	}
}

static bool hint_meets(const struct nc_router_hint *hint, const struct nc_route_event *event)
{
	if (!part_meets(&hint->parts[FIELD_STREAM], event->stream) ||
	    !part_meets(&hint->parts[FIELD_TYPE], event->type))
		return false;
	if (hint->parts[FIELD_TAG].kind == NC_ROUTE_ANY)
		return true;
	for (size_t i = 0; i < event->tag_count; i++) {
		if (part_meets(&hint->parts[FIELD_TAG], event->tags[i]))
			return true;
	}
	return false;
}

static void take_all(struct nc_router *router, uint32_t first, const struct nc_route_event *event)
{
	for (uint32_t id = first; id != NONE; id = router->hints[id].next_same) {
		const struct nc_router_hint *hint = &router->hints[id];
		struct nc_router_owner *owner = &router->owners[hint->owner];
		if (owner->stamp == router->stamp || !hint_meets(hint, event))
			continue;
		owner->stamp = router->stamp;
		router->found[router->found_count++] = hint->owner;
	}
}

static void match_name(struct nc_router *router, enum nc_router_field field, struct nc_slice name,
                       const struct nc_route_event *event)
{
	uint64_t hash = HASH_FIRST;
	for (size_t size = 1; size <= name.size; size++) {
		hash = nc_router_hash_more(hash, name.data[size - 1]);
		bool prefix = size <= router->longest[field] && router->lengths[field][size] > 0;
		for (int kind = NC_ROUTE_EXACT; kind <= NC_ROUTE_PREFIX; kind++) {
			if (kind == NC_ROUTE_EXACT ? size != name.size : !prefix)
				continue;
			uint32_t term = nc_router_term_find(
			        router, nc_router_hash_done(hash, field, (enum nc_route_kind)kind),
			        field, (enum nc_route_kind)kind, nc_slice(name.data, size));
			if (term != NONE)
				take_all(router, router->terms[term].first, event);
		}
	}
}

void nc_router_match(struct nc_router *router, const struct nc_route_event *event,
                     const uint32_t **ids_out, size_t *count_out)
{
	router->stamp++;
	router->found_count = 0;
	take_all(router, router->any, event);
	match_name(router, FIELD_STREAM, event->stream, event);
	if (!NC_DELIVERY_MUTANT(ROUTER_FORGETS_TYPES))
		match_name(router, FIELD_TYPE, event->type, event);
	for (size_t i = 0; i < event->tag_count; i++)
		match_name(router, FIELD_TAG, event->tags[i], event);
	*ids_out = router->found;
	*count_out = router->found_count;
}
