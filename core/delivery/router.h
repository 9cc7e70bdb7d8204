/* SPDX-License-Identifier: GPL-3.0-or-later */
/* router.h -- from an event to the subscriptions that it may concern, at the cost of those, not of
 * all. The hints of a filter say where its matches can lie; the router indexes them by hash: exact
 * names in one look-up, prefixes in one for each length that is in use.
 *
 * A subscription's matches lie in the union of its hints; each hint is a conjunction: what it says
 * of the stream, and of the type, and of a tag. A hint is indexed by what tells most (an exact
 * stream before an exact type or tag, these before prefixes, the longest first) and the rest is
 * checked too. So a candidate meets a hint whole; whether it matches is still the filter's to say,
 * unless its hints were full.
 *
 * Threads:   one at a time, nc_router_match() too.
 * Ownership: names given are copied.
 * Errors:    NC_OK, NC_NOMEM (nothing changed), and as said.
 */
#ifndef NC_CORE_DELIVERY_ROUTER_H
#define NC_CORE_DELIVERY_ROUTER_H

#include "core/base/err.h"
#include "core/base/slice.h"

enum nc_route_kind {
	NC_ROUTE_ANY, /* says nothing; the name is not looked at */
	NC_ROUTE_EXACT,
	NC_ROUTE_PREFIX
};

struct nc_route_part {
	enum nc_route_kind kind;
	struct nc_slice name; /* at most 255 bytes */
};

struct nc_route_hint {
	struct nc_route_part stream, type, tag;
};

/* What the router knows of an event. */
struct nc_route_event {
	struct nc_slice stream, type;
	const struct nc_slice *tags;
	size_t tag_count;
};

struct nc_router;

int nc_router_new(struct nc_router **router_out);
void nc_router_free(struct nc_router *router); /* NULL is a no-op */

/* Add subscription `id`, a number of the caller's (small ones: memory grows with the greatest). No
 * hints at all, or one that says nothing: any event may match.
 * Errors: NC_EXISTS; NC_INVALID, a name is too long or `id` is NC_HASHMAP_NONE. */
int nc_router_add(struct nc_router *router, uint32_t id, const struct nc_route_hint *hints,
                  size_t hint_count);

/* Errors: NC_NOTFOUND. */
int nc_router_remove(struct nc_router *router, uint32_t id);

size_t nc_router_count(const struct nc_router *router);

/* The subscriptions one of whose hints the event meets, each once, in no order. They stay valid
 * until the next call. Costs what they are, plus those whose indexed part matches and whose other
 * parts do not. Allocates nothing. */
void nc_router_match(struct nc_router *router, const struct nc_route_event *event,
                     const uint32_t **ids_out, size_t *count_out);

#endif
