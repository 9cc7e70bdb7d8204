/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Acknowledgements that come with a batch: what is known of the delivery goes into the log with it,
 * and what the log says of it comes back. */
#include <string.h>

#include "core/node/common/say.h"
#include "core/node/spread/spread.h"
#include "core/node/subs/subs_move.h"

/* Whether it was delivered and is not done: an answer to any of its attempts counts. */
static bool is_in_flight(const struct nc_sub *machine, uint64_t position)
{
	uint32_t attempts = 0;
	switch (nc_sub_find(machine, position, &attempts)) {
	case NC_SUB_RECALLED: /* by another node, or before the restart */
		return true;
	case NC_SUB_HELD:
	case NC_SUB_READY:
	case NC_SUB_FLYING:
	case NC_SUB_DELAYED:
		return attempts > 0;
	default:
		return false;
	}
}

/* Bytes of rows of parked events that are on their way: a progress', and behind them those of an
 * update or a seek. */
static size_t rows_sent(const struct nc_subscription *sub)
{
	return sub->save.sent_parked + (sub->move == NULL ? 0 : sub->move->parked);
}

/* The log says that all before it is acknowledged too where that is so of all of it: not of what is
 * parked and on no way to the log yet, which would be lost with this node. */
int nc_subs_batch_ack(struct nc_subs *subs, struct nc_slice rest, struct nc_batch_ack *ack_out)
{
	struct nc_ack_address at;
	if (nc_ack_address_get(rest, &at) != NC_OK)
		return NC_INVALID;
	*ack_out = (struct nc_batch_ack){ .name = at.name,
		                          .epoch = at.epoch,
		                          .position = at.position };
	const struct nc_subscription *sub = nc_subs_find(subs, at.name);
	if (sub == NULL) { /* it does not run here: the log will tell whether it is stale */
		ack_out->through = nc_spread_acks_all(subs->service->spread, at.name);
		return NC_OK;
	}
	if (!sub->definition.durable)
		return NC_UNSUPPORTED;
	ack_out->stale = at.epoch != sub->epoch || !is_in_flight(sub->machine, at.position);
	if (ack_out->stale)
		return NC_OK;
	enum nc_sub_reach reach = nc_sub_batch_begins(sub->machine, at.position, nc_clock_ns());
	ack_out->through = reach == NC_SUB_REACH_THROUGH && sub->save.parked.size == rows_sent(sub);
	ack_out->replay = reach == NC_SUB_REACH_REPLAY &&
	                  subs->service->engine_version >= NC_ENGINE_VERSION_STAYS;
	return NC_OK;
}

/* Take `position` out of the rows that are to be written. One that is on its way to the log stays
 * there, since the log drops it. False: it is not among them. */
static bool unsaid(struct nc_subscription *sub, uint64_t position)
{
	struct nc_slice list = nc_buf_slice(&sub->save.parked);
	struct nc_parked parked;
	size_t sent = rows_sent(sub);
	for (;;) {
		size_t before = sub->save.parked.size - list.size;
		if (!nc_parked_next(&list, &parked))
			return false;
		if (parked.position != position)
			continue;
		size_t after = sub->save.parked.size - list.size;
		if (before >= sent) {
			memmove(sub->save.parked.data + before, sub->save.parked.data + after,
			        list.size);
			sub->save.parked.size = before + list.size;
		}
		return true;
	}
}

/* The delivery's wait ended while the batch was on its way, so the event was parked: undo that. */
static void unpark(struct nc_subs *subs, struct nc_subscription *sub, uint64_t position)
{
	if (unsaid(sub, position))
		(void)nc_subs_parked_gone(subs, sub, position);
}

void nc_subs_batch_acked(struct nc_subs *subs, const struct nc_batch_ack *ack)
{
	struct nc_subscription *sub = nc_subs_find(subs, ack->name);
	if (sub == NULL)
		/* another node runs it; or it is loaded later, and finds this among its rows */
		return;
	const struct nc_sub_batch_ack of = { ack->epoch, ack->position, ack->through };
	int err = nc_sub_batch_acked(sub->machine, &of, nc_clock_ns());
	if (err == NC_OK) {
		nc_subs_act(subs, sub); /* so that a PARK that is due has been taken */
		unpark(subs, sub, ack->position);
	} else if (err == NC_NOMEM) {
		nc_say_error("subscription %s: out of memory for an acknowledgement of %llu, which "
		             "the log has; it may be delivered again",
		             sub->name, (unsigned long long)ack->position);
	}
	nc_subs_mark(sub);
}
