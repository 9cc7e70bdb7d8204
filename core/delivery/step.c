/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is to be done next. */
#include "core/delivery/subscription_private.h"

#include <stdio.h>

static void leaving_step(struct nc_sub *sub, struct nc_sub_action *action_out)
{
	uint32_t id = sub->leaving.first;
	struct entry *entry = &sub->entries[id];
	sub->leaving.first = entry->leave_next;
	if (sub->leaving.first == NONE)
		sub->leaving.last = NONE;
	sub->leaving_count--;
	action_out->position = entry->position;
	action_out->attempt = entry->attempts;
	switch ((enum leave)entry->leave) {
	case LEAVE_PARK:
		action_out->kind = NC_SUB_PARK;
		action_out->replay = entry->replay;
		(void)snprintf(sub->reason, sizeof sub->reason, "%s",
		               entry->key_parks        ? "its key is parked"
		               : entry->reason != NULL ? entry->reason
		               : entry->doomed         ? "terminated"
		                                       : "max_deliver reached");
		action_out->reason = sub->reason;
		break;
	case LEAVE_SKIP:
		action_out->kind = NC_SUB_SKIP;
		action_out->replay = entry->replay;
		break;
	case LEAVE_UNPARK:
		action_out->kind = NC_SUB_UNPARK;
		break;
	}
	nc_sub_entry_free(sub, id);
	nc_sub_changed(sub);
}

/* Handle the waits that have ended. */
static void timers_step(struct nc_sub *sub)
{
	uint32_t id;
	while ((id = nc_sub_queue_first(sub, &sub->timed)) != NONE) {
		struct entry *entry = &sub->entries[id];
		if (entry->rank > sub->now_ns)
			return;
		if (entry->state == NC_SUB_DELAYED) {
			nc_sub_make_ready(sub, id);
		} else if (sub->policy.ack == NC_ACK_NONE || NC_DELIVERY_MUTANT(EXPIRY_IS_DONE)) {
			nc_sub_make_done(sub, id); /* no 503 came */
		} else {
			nc_sub_retry(sub, id, nc_sub_backoff(sub, entry->attempts));
		}
	}
}

static uint64_t pending_of(const struct nc_sub *sub)
{
	uint32_t not_pending = sub->taken + sub->leaving_count;
	nc_assert(sub->entry_count >= not_pending);
	return sub->entry_count - not_pending;
}

/* An entry leaves for whoever is to answer it. */
static void fly(struct nc_sub *sub, uint32_t id)
{
	struct entry *entry = &sub->entries[id];
	nc_sub_queue_leave(sub, id);
	if (entry->attempts++ == 0 && !entry->replay && entry->position < sub->last_delivered)
		nc_sub_uneven(sub);
	entry->flight = ++sub->flights;
	entry->message = 0;
	sub->taken += !entry->taken;
	entry->taken = true;
	entry->state = NC_SUB_FLYING;
	bool none = sub->policy.ack == NC_ACK_NONE;
	uint64_t wait = none ? NC_SUB_ANSWER_NS : sub->policy.ack_wait_ms * NS_PER_MS;
	nc_sub_queue_put(sub, &sub->timed, id, sub->now_ns + wait);
	if (entry->position > sub->last_delivered)
		sub->last_delivered = entry->position;
	sub->delivered++;
	sub->redelivered += entry->attempts > 1;
	sub->flow_count += none && sub->policy.push;
	if (!nc_sub_probing(sub))
		nc_sub_changed(sub);
}

/* Deliver the first entry that is ready, if it may go now and somebody wants it. */
static bool deliver_step(struct nc_sub *sub, struct nc_sub_action *action_out)
{
	uint32_t id = nc_sub_queue_first(sub, &sub->ready);
	if (sub->paused || sub->halted || id == NONE)
		return false;
	struct entry *entry = &sub->entries[id];
	if (!entry->taken && sub->taken >= sub->policy.max_in_flight &&
	    !NC_DELIVERY_MUTANT(IN_FLIGHT_UNBOUNDED))
		return false;
	struct request *request = NULL;
	if (!sub->policy.push) {
		request = nc_sub_request_for(sub, entry->size);
		if (request == NULL)
			return false;
		request->given++;
		request->bytes += entry->size;
		entry->request = request->is.id;
	} else if (!sub->interest && !nc_sub_probe(sub)) {
		return false;
	}
	fly(sub, id);
	action_out->kind = NC_SUB_DELIVER;
	action_out->position = entry->position;
	action_out->attempt = entry->attempts;
	action_out->flight = entry->flight;
	action_out->request = request == NULL ? 0 : request->is.id;
	action_out->alone = entry->replay; /* a replay is acknowledged by itself */
	action_out->pending = pending_of(sub);
	action_out->pending_known = sub->at_head && sub->recalled == 0;
	return true;
}

/* Ask when half of max_in_flight has been sent since the last request. */
static bool flow_step(struct nc_sub *sub, struct nc_sub_action *action_out)
{
	if (sub->flow_mark != 0 && sub->now_ns >= sub->flow_until)
		sub->flow_mark = 0;
	if (sub->flow_mark != 0 || sub->flow_count == 0 || !sub->interest ||
	    sub->flow_count < sub->policy.max_in_flight / 2)
		return false;
	sub->flow_count = 0;
	sub->flow_mark = sub->last_delivered;
	sub->flow_until = sub->now_ns + NC_SUB_ANSWER_NS;
	action_out->kind = NC_SUB_FLOW;
	action_out->position = sub->flow_mark;
	return true;
}

bool nc_sub_step_leaving(struct nc_sub *sub, struct nc_sub_action *action_out)
{
	if (sub->leaving.first == NONE)
		return false;
	*action_out = (struct nc_sub_action){ 0 };
	leaving_step(sub, action_out);
	return true;
}

bool nc_sub_step(struct nc_sub *sub, uint64_t now_ns, struct nc_sub_action *action_out)
{
	sub->now_ns = now_ns > sub->now_ns ? now_ns : sub->now_ns;
	struct nc_sub_action action = { 0 };
	bool some = true;
	timers_step(sub);
	if (sub->leaving.first != NONE) {
		leaving_step(sub, &action);
	} else if (sub->say_halted) {
		sub->say_halted = false;
		action.kind = NC_SUB_HALTED;
		action.position = sub->halted_at;
		action.reason = sub->halted_why;
	} else {
		some = nc_sub_interest_step(sub, &action) || flow_step(sub, &action) ||
		       deliver_step(sub, &action) || nc_sub_beat_step(sub, &action) ||
		       nc_sub_requests_step(sub, &action);
	}
	if (some)
		*action_out = action;
	return some;
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t nc_sub_deadline(const struct nc_sub *sub)
{
	uint64_t deadline = min_u64(nc_sub_interest_deadline(sub), nc_sub_requests_deadline(sub));
	uint32_t first = nc_sub_queue_first(sub, &sub->timed);
	if (first != NONE)
		deadline = min_u64(deadline, sub->entries[first].rank);
	if (sub->flow_mark != 0)
		deadline = min_u64(deadline, sub->flow_until);
	if (sub->dirty)
		deadline = min_u64(deadline, sub->dirty_ns + NC_SUB_PROGRESS_NS);
	return deadline;
}

/* ---- Information ---------------------------------------------------------------------------- */

void nc_sub_info(const struct nc_sub *sub, struct nc_sub_info *info_out)
{
	uint32_t first = sub->window.first;
	*info_out = (struct nc_sub_info){
		.epoch = sub->epoch,
		.ack_floor = first == NONE ? sub->cursor : sub->entries[first].position - 1,
		.cursor = sub->cursor,
		.last_delivered = sub->last_delivered,
		.delivered = sub->delivered,
		.redelivered = sub->redelivered,
		.in_flight = sub->taken,
		.pending = pending_of(sub),
		.pending_known = sub->at_head && sub->recalled == 0,
		.parked = sub->parked,
		.parked_keys = sub->parked_keys,
		.replaying = sub->replaying,
		.requests = sub->request_count,
		.room = nc_sub_room(sub),
		.replay_room = nc_sub_replay_room(sub),
		.paused = sub->paused,
		.halted = sub->halted,
		.halted_why = sub->halted ? sub->halted_why : NULL,
		.at_head = sub->at_head,
		.interest = sub->policy.push ? sub->interest : sub->request_count > 0,
	};
}

enum nc_sub_entry_state nc_sub_find(const struct nc_sub *sub, uint64_t position,
                                    uint32_t *attempts_out)
{
	uint32_t id = nc_sub_entry_find(sub, position);
	if (id == NONE)
		return NC_SUB_NOT_HERE;
	*attempts_out = sub->entries[id].attempts;
	return (enum nc_sub_entry_state)sub->entries[id].state;
}

bool nc_sub_key_parked(const struct nc_sub *sub, struct nc_slice key)
{
	uint32_t id = nc_sub_key_find(sub, key);
	return id != NONE && sub->keys[id].parked > 0;
}

size_t nc_sub_memory(const struct nc_sub *sub)
{
	return sizeof *sub +
	       sub->entry_capacity * (sizeof *sub->entries + 2 * sizeof *sub->ready.heap) +
	       sub->key_capacity * sizeof *sub->keys +
	       (sub->by_position.capacity + sub->by_key.capacity) * sizeof(struct nc_hashmap_slot) +
	       (size_t)sub->request_count * 2 * sizeof *sub->requests;
}
