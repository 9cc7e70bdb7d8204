/* SPDX-License-Identifier: GPL-3.0-or-later */
/* router.h -- finds the subscriptions that an event may concern, at the cost of those alone, not of
 * all. The hints of a filter say where its matches can lie. The router indexes them by hash: exact
 * names take one look-up, prefixes one for each length that is in use.
 *
 * A subscription's matches lie in the union of its hints. Each hint is a conjunction of what it
 * says about the stream, the type and a tag. It is indexed by the part that is most selective (an
 * exact stream first, then an exact type or tag, then prefixes, the longest first); the other parts
 * are checked afterwards. So an event meets every part of some hint of each candidate. Whether it
 * matches is then for the filter to say, unless the hints say all there is to the filter.
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
	NC_ROUTE_ANY, /* no condition; the name is ignored */
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

/* Add subscription `id`, a number that the caller chooses; memory grows with the largest, so they
 * should be small. Without hints, or with one that has no condition, any event may match.
 * Errors: NC_EXISTS; NC_INVALID, a name is too long or `id` is NC_HASHMAP_NONE. */
int nc_router_add(struct nc_router *router, uint32_t id, const struct nc_route_hint *hints,
                  size_t hint_count);

/* Errors: NC_NOTFOUND. */
int nc_router_remove(struct nc_router *router, uint32_t id);

size_t nc_router_count(const struct nc_router *router);

/* The subscriptions of which the event meets a hint, each once, in no order; valid until the next
 * call. The cost grows with their number, and that of hints whose indexed part matches and whose
 * other parts do not. Allocates nothing. */
void nc_router_match(struct nc_router *router, const struct nc_route_event *event,
                     const uint32_t **ids_out, size_t *count_out);

#endif
