/* SPDX-License-Identifier: GPL-3.0-or-later */
/* packed.h -- many events in one body: an array of event objects, in JSON or MessagePack
 * (PROTOCOL.md section 6). */
#ifndef NC_TRANSPORT_NATS_PACKED_H
#define NC_TRANSPORT_NATS_PACKED_H

#include "core/engine/event.h"
#include "transport/nats/packed_meta.h"
#include "transport/nats/request.h"

struct nc_packed {
	enum nc_format format; /* JSON or MSGPACK */
	struct nc_buf body;
	uint32_t count;             /* of events in the body */
	size_t size_max;            /* of a body */
	struct nc_packed_meta meta; /* of the event that is being added */
};

/* Add an event. Errors: NC_FULL, the body has no room for it beside the others: take the body and
 * add it again; NC_TOOBIG, it fits into no body: it must go as a message of its own; NC_NOMEM. */
int nc_packed_add(struct nc_packed *packed, const struct nc_event *event);

/* The same of an event that is delivered: with the member `delivery`, the attempt, and, if `bare`,
 * with the data's `size` in its place. */
struct nc_packed_delivery {
	uint32_t attempt;
	bool bare;
};
int nc_packed_add_delivery(struct nc_packed *packed, const struct nc_event *event,
                           const struct nc_packed_delivery *delivery);

/* The finished body; it is begun anew with the next add. Empty if there are no events. */
struct nc_slice nc_packed_take(struct nc_packed *packed);

void nc_packed_release(struct nc_packed *packed);

#endif
