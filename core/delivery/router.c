/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The router: hints under the part that tells most. */
#include "core/delivery/router_private.h"

#include "core/base/assert.h"

#include <stdlib.h>

int nc_router_new(struct nc_router **router_out)
{
	struct nc_router *router = calloc(1, sizeof *router);
	if (router == NULL)
		return NC_NOMEM;
	router->hint_free = router->term_free = router->any = NONE;
	*router_out = router;
	return NC_OK;
}

void nc_router_free(struct nc_router *router)
{
	if (router == NULL)
		return;
	for (uint32_t i = 0; i < router->hint_capacity; i++)
		free(router->hints[i].names);
	free(router->hints);
	free(router->terms);
	free(router->owners);
	free(router->found);
	nc_hashmap_release(&router->by_hash);
	free(router);
}

size_t nc_router_count(const struct nc_router *router)
{
	return router->count;
}

/* ---- Room ----------------------------------------------------------------------------------- */

static int hints_reserve(struct nc_router *router)
{
	if (router->hint_free != NONE)
		return NC_OK;
	uint32_t capacity = router->hint_capacity == 0 ? IDS_MIN : router->hint_capacity * 2;
	struct nc_router_hint *hints = realloc(router->hints, capacity * sizeof *hints);
	if (hints == NULL)
		return NC_NOMEM;
	for (uint32_t i = capacity; i-- > router->hint_capacity;) {
		hints[i] = (struct nc_router_hint){ .next = router->hint_free };
		router->hint_free = i;
	}
	router->hints = hints;
	router->hint_capacity = capacity;
	return NC_OK;
}

static int terms_reserve(struct nc_router *router)
{
	if (router->term_free != NONE)
		return NC_OK;
	uint32_t capacity = router->term_capacity == 0 ? IDS_MIN : router->term_capacity * 2;
	struct nc_router_term *terms = realloc(router->terms, capacity * sizeof *terms);
	if (terms == NULL)
		return NC_NOMEM;
	for (uint32_t i = capacity; i-- > router->term_capacity;) {
		terms[i] = (struct nc_router_term){ .first = router->term_free };
		router->term_free = i;
	}
	router->terms = terms;
	router->term_capacity = capacity;
	return NC_OK;
}

static int owners_reserve(struct nc_router *router, uint32_t id)
{
	if (id < router->owner_capacity)
		return NC_OK;
	uint64_t capacity = router->owner_capacity == 0 ? IDS_MIN : router->owner_capacity;
	while (capacity <= id)
		capacity *= 2;
	if (capacity > NONE)
		capacity = NONE;
	struct nc_router_owner *owners = realloc(router->owners, capacity * sizeof *owners);
	if (owners == NULL)
		return NC_NOMEM;
	router->owners = owners;
	uint32_t *found = realloc(router->found, capacity * sizeof *found);
	if (found == NULL)
		return NC_NOMEM;
	router->found = found;
	for (uint64_t i = router->owner_capacity; i < capacity; i++)
		owners[i] = (struct nc_router_owner){ .first = NONE };
	router->owner_capacity = (uint32_t)capacity;
	return NC_OK;
}

/* ---- Terms ---------------------------------------------------------------------------------- */

static uint64_t hash_of(enum nc_router_field field, const struct nc_route_part *part)
{
	uint64_t hash = HASH_FIRST;
	for (size_t i = 0; i < part->name.size; i++)
		hash = nc_router_hash_more(hash, part->name.data[i]);
	return nc_router_hash_done(hash, field, part->kind);
}

uint32_t nc_router_term_find(const struct nc_router *router, uint64_t hash,
                             enum nc_router_field field, enum nc_route_kind kind,
                             struct nc_slice name)
{
	struct nc_hashmap_probe probe;
	uint32_t id = nc_hashmap_first(&router->by_hash, hash, &probe);
	for (; id != NONE; id = nc_hashmap_next(&router->by_hash, &probe)) {
		const struct nc_router_term *term = &router->terms[id];
		if (term->hash == hash && term->field == field && term->kind == kind &&
		    nc_slice_eq(router->hints[term->first].parts[field].name, name))
			break;
	}
	return id;
}

/* The most selective part; FIELD_COUNT if no part has a condition. */
static enum nc_router_field telling(const struct nc_route_part parts[FIELD_COUNT])
{
	enum nc_router_field best = FIELD_COUNT;
	size_t best_worth = 0;
	for (enum nc_router_field field = FIELD_STREAM; field < FIELD_COUNT; field++) {
		size_t worth = 0;
		if (parts[field].kind == NC_ROUTE_EXACT) {
			worth = 2 * NAME_SIZE_MAX + (field == FIELD_STREAM ? 1 : 0);
		} else if (parts[field].kind == NC_ROUTE_PREFIX) {
			worth = parts[field].name.size;
		}
		if (worth > best_worth) {
			best = field;
			best_worth = worth;
		}
	}
	return best;
}

static int term_new(struct nc_router *router, uint64_t hash, enum nc_router_field field,
                    const struct nc_route_part *part, uint32_t *term_out)
{
	int err = terms_reserve(router);
	if (err == NC_OK)
		err = nc_hashmap_put(&router->by_hash, hash, router->term_free);
	if (err != NC_OK)
		return err;
	uint32_t id = router->term_free;
	router->term_free = router->terms[id].first;
	router->terms[id] = (struct nc_router_term){
		.hash = hash, .first = NONE, .field = (uint8_t)field, .kind = (uint8_t)part->kind
	};
	if (part->kind == NC_ROUTE_PREFIX) {
		uint32_t size = (uint32_t)part->name.size;
		router->lengths[field][size]++;
		if (size > router->longest[field])
			router->longest[field] = size;
	}
	*term_out = id;
	return NC_OK;
}

static int term_get(struct nc_router *router, enum nc_router_field field,
                    const struct nc_route_part *part, uint32_t *term_out)
{
	uint64_t hash = hash_of(field, part);
	uint32_t id = nc_router_term_find(router, hash, field, part->kind, part->name);
	if (id == NONE)
		return term_new(router, hash, field, part, term_out);
	*term_out = id;
	return NC_OK;
}

static void term_drop(struct nc_router *router, uint32_t id, size_t name_size)
{
	struct nc_router_term *term = &router->terms[id];
	enum nc_router_field field = (enum nc_router_field)term->field;
	bool found = nc_hashmap_remove(&router->by_hash, term->hash, id);
	nc_assert(found);
	if (term->kind == NC_ROUTE_PREFIX) {
		router->lengths[field][name_size]--;
		while (router->longest[field] > 0 &&
		       router->lengths[field][router->longest[field]] == 0)
			router->longest[field]--;
	}
	*term = (struct nc_router_term){ .first = router->term_free };
	router->term_free = id;
}

/* ---- Adding and removing -------------------------------------------------------------------- */

static int names_copy(struct nc_router_hint *hint)
{
	size_t size = 0;
	for (int i = 0; i < FIELD_COUNT; i++)
		size += hint->parts[i].name.size;
	hint->names = malloc(size == 0 ? 1 : size);
	if (hint->names == NULL)
		return NC_NOMEM;
	uint8_t *at = hint->names;
	for (int i = 0; i < FIELD_COUNT; i++) {
		struct nc_slice *name = &hint->parts[i].name;
		if (name->size > 0)
			memcpy(at, name->data, name->size);
		name->data = at;
		at += name->size;
	}
	return NC_OK;
}

static int hint_add(struct nc_router *router, uint32_t owner, const struct nc_route_hint *from)
{
	struct nc_router_hint hint = { .owner = owner,
		                       .next = router->owners[owner].first,
		                       .prev_same = NONE,
		                       .term = NONE,
		                       .parts = { from->stream, from->type, from->tag } };
	for (int i = 0; i < FIELD_COUNT; i++) {
		if (hint.parts[i].kind == NC_ROUTE_ANY || hint.parts[i].name.size == 0)
			hint.parts[i].name = nc_slice(NULL, 0);
	}
	int err = hints_reserve(router);
	if (err == NC_OK)
		err = names_copy(&hint);
	if (err != NC_OK)
		return err;
	enum nc_router_field field = telling(hint.parts);
	if (field != FIELD_COUNT)
		err = term_get(router, field, &hint.parts[field], &hint.term);
	if (err != NC_OK) {
		free(hint.names);
		return err;
	}
	uint32_t id = router->hint_free;
	router->hint_free = router->hints[id].next;
	uint32_t *first = hint.term == NONE ? &router->any : &router->terms[hint.term].first;
	hint.next_same = *first;
	if (*first != NONE)
		router->hints[*first].prev_same = id;
	*first = id;
	router->hints[id] = hint;
	router->owners[owner].first = id;
	return NC_OK;
}

static void hint_remove(struct nc_router *router, uint32_t id)
{
	struct nc_router_hint *hint = &router->hints[id];
	uint32_t *first = hint->term == NONE ? &router->any : &router->terms[hint->term].first;
	if (hint->next_same != NONE)
		router->hints[hint->next_same].prev_same = hint->prev_same;
	if (hint->prev_same != NONE) {
		router->hints[hint->prev_same].next_same = hint->next_same;
	} else {
		*first = hint->next_same;
	}
	if (hint->term != NONE && *first == NONE) {
		term_drop(router, hint->term,
		          hint->parts[router->terms[hint->term].field].name.size);
	}
	router->owners[hint->owner].first = hint->next;
	free(hint->names);
	*hint = (struct nc_router_hint){ .next = router->hint_free };
	router->hint_free = id;
}

int nc_router_add(struct nc_router *router, uint32_t id, const struct nc_route_hint *hints,
                  size_t hint_count)
{
	if (id == NONE)
		return NC_INVALID;
	for (size_t i = 0; i < hint_count; i++) {
		if (hints[i].stream.name.size > NAME_SIZE_MAX ||
		    hints[i].type.name.size > NAME_SIZE_MAX ||
		    hints[i].tag.name.size > NAME_SIZE_MAX)
			return NC_INVALID;
	}
	int err = owners_reserve(router, id);
	if (err != NC_OK)
		return err;
	if (router->owners[id].is)
		return NC_EXISTS;
	static const struct nc_route_hint anything = { 0 };
	if (hint_count == 0)
		err = hint_add(router, id, &anything);
	for (size_t i = 0; i < hint_count && err == NC_OK; i++)
		err = hint_add(router, id, &hints[i]);
	if (err != NC_OK) {
		while (router->owners[id].first != NONE)
			hint_remove(router, router->owners[id].first);
		return err;
	}
	router->owners[id].is = true;
	router->count++;
	return NC_OK;
}

int nc_router_remove(struct nc_router *router, uint32_t id)
{
	if (id >= router->owner_capacity || !router->owners[id].is)
		return NC_NOTFOUND;
	while (router->owners[id].first != NONE)
		hint_remove(router, router->owners[id].first);
	router->owners[id] = (struct nc_router_owner){ .first = NONE };
	router->count--;
	return NC_OK;
}
