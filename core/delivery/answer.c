/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What consumers answer. */
#include "core/delivery/subscription_private.h"

#include <stdlib.h>

/* The entry that an answer is about; NONE with NC_OK if it is done already. */
static int addressed(struct nc_sub *sub, uint64_t epoch, uint64_t position, uint64_t now_ns,
                     uint32_t *id_out)
{
	sub->now_ns = now_ns > sub->now_ns ? now_ns : sub->now_ns;
	*id_out = NONE;
	if ((epoch != sub->epoch && !NC_DELIVERY_MUTANT(EPOCH_IGNORED)) || position == 0)
		return NC_CONFLICT;
	uint32_t id = nc_sub_entry_find(sub, position);
	if (id == NONE && position > sub->cursor)
		return NC_CONFLICT;
	nc_sub_heard(sub, now_ns);
	if (id != NONE && sub->entries[id].state != NC_SUB_LEAVING)
		*id_out = id;
	return NC_OK;
}

void nc_sub_ack_through(struct nc_sub *sub, uint64_t position, bool elsewhere)
{
	uint32_t id = sub->window.first;
	while (id != NONE && sub->entries[id].position <= position) {
		const struct entry *entry = &sub->entries[id];
		uint32_t next = entry->line_next;
		if ((elsewhere || entry->attempts > 0) && entry->state != NC_SUB_LEAVING)
			nc_sub_make_done(sub, id);
		id = next;
	}
}

int nc_sub_ack(struct nc_sub *sub, uint64_t epoch, uint64_t position, uint64_t now_ns)
{
	uint32_t id;
	int err = addressed(sub, epoch, position, now_ns, &id);
	if (err != NC_OK)
		return err;
	bool replay = id != NONE && sub->entries[id].replay;
	if (replay && sub->entries[id].state == NC_SUB_RECALLED) {
		sub->entries[id].acked = true;
		nc_sub_changed_by_ack(sub);
	} else if (id != NONE) {
		nc_sub_make_done(sub, id);
	}
	/* What is done took along what there was then, or was a replay. */
	if (sub->policy.ack == NC_ACK_ALL && id != NONE && !replay)
		nc_sub_ack_through(sub, position, false);
	return NC_OK;
}

/* The same, if it is flying by this attempt. */
static int flying(struct nc_sub *sub, uint64_t epoch, uint64_t position, uint32_t attempt,
                  uint64_t now_ns, uint32_t *id_out)
{
	int err = addressed(sub, epoch, position, now_ns, id_out);
	if (err == NC_OK && *id_out != NONE &&
	    (sub->entries[*id_out].state != NC_SUB_FLYING ||
	     sub->entries[*id_out].attempts != attempt))
		*id_out = NONE;
	return err;
}

/* ---- Of a whole message --------------------------------------------------------------------- */

void nc_sub_packed(struct nc_sub *sub, uint64_t position, uint64_t flight, uint64_t message)
{
	uint32_t id = nc_sub_entry_find(sub, position);
	struct entry *entry = id == NONE ? NULL : &sub->entries[id];
	if (entry != NULL && entry->state == NC_SUB_FLYING && entry->flight == flight &&
	    !entry->replay)
		entry->message = message;
}

/* Whether `entry` left in the message whose last event is `last`, as it flies now. */
static bool is_in_message(const struct entry *entry, const struct entry *last)
{
	return entry->message != 0 && entry->message == last->flight &&
	       !NC_DELIVERY_MUTANT(PACKED_LAST_ALONE);
}

typedef void message_fn(struct nc_sub *sub, uint32_t id, const void *ctx);

/* Call `fn` for a flying event that was answered, and for those before it that left in the same
 * message. */
static void message_each(struct nc_sub *sub, uint32_t id, message_fn *fn, const void *ctx)
{
	const struct entry last = sub->entries[id];
	uint32_t at = is_in_message(&last, &last) ? last.line_prev : NONE;
	fn(sub, id, ctx);
	while (at != NONE) {
		const struct entry *entry = &sub->entries[at];
		uint32_t before = entry->line_prev;
		if (entry->state == NC_SUB_FLYING && is_in_message(entry, &last))
			fn(sub, at, ctx);
		at = before;
	}
}

static void nak(struct nc_sub *sub, uint32_t id, const void *delay_ns)
{
	nc_sub_retry(sub, id, *(const uint64_t *)delay_ns);
}

int nc_sub_nak_delay(struct nc_sub *sub, uint64_t epoch, uint64_t position, uint32_t attempt,
                     uint64_t delay_ns, uint64_t now_ns)
{
	uint32_t id;
	int err = flying(sub, epoch, position, attempt, now_ns, &id);
	if (id == NONE)
		return err;
	if (NC_DELIVERY_MUTANT(NAK_IS_DONE)) {
		nc_sub_make_done(sub, id);
		return NC_OK;
	}
	uint64_t longest = NC_DEFINITION_MS_MAX * NS_PER_MS;
	delay_ns = delay_ns < longest ? delay_ns : longest;
	nc_sub_changed(sub);
	message_each(sub, id, nak, &delay_ns);
	return NC_OK;
}

int nc_sub_nak(struct nc_sub *sub, uint64_t epoch, uint64_t position, uint32_t attempt,
               uint64_t now_ns)
{
	return nc_sub_nak_delay(sub, epoch, position, attempt, nc_sub_backoff(sub, attempt),
	                        now_ns);
}

static void wait_anew(struct nc_sub *sub, uint32_t id, const void *until_ns)
{
	nc_sub_queue_leave(sub, id);
	nc_sub_queue_put(sub, &sub->timed, id, *(const uint64_t *)until_ns);
}

int nc_sub_wpi(struct nc_sub *sub, uint64_t epoch, uint64_t position, uint32_t attempt,
               uint64_t now_ns)
{
	uint32_t id;
	int err = flying(sub, epoch, position, attempt, now_ns, &id);
	if (id == NONE || sub->policy.ack == NC_ACK_NONE)
		return err;
	uint64_t until_ns = now_ns + sub->policy.ack_wait_ms * NS_PER_MS;
	message_each(sub, id, wait_anew, &until_ns);
	return NC_OK;
}

enum nc_sub_reach nc_sub_batch_begins(struct nc_sub *sub, uint64_t position, uint64_t now_ns)
{
	sub->now_ns = now_ns > sub->now_ns ? now_ns : sub->now_ns;
	uint32_t id = nc_sub_entry_find(sub, position);
	if (id == NONE || sub->policy.ack == NC_ACK_NONE)
		return NC_SUB_REACH_ALONE;
	const struct entry *last = &sub->entries[id];
	uint64_t until_ns = sub->now_ns + sub->policy.ack_wait_ms * NS_PER_MS;
	bool through = sub->policy.ack == NC_ACK_ALL && !last->replay, parks = false;
	if (last->state == NC_SUB_FLYING)
		wait_anew(sub, id, &until_ns);
	for (id = through ? sub->window.first : NONE; id != NONE; id = sub->entries[id].line_next) {
		const struct entry *entry = &sub->entries[id];
		if (entry->position >= position)
			break;
		if (entry->state == NC_SUB_FLYING)
			wait_anew(sub, id, &until_ns);
		parks |= entry->state == NC_SUB_LEAVING;
	}
	if (!through)
		return last->replay ? NC_SUB_REACH_REPLAY : NC_SUB_REACH_ALONE;
	if (last->attempts == 0)
		return NC_SUB_REACH_UNKNOWN;
	if (parks || sub->uneven > sub->progress_number) {
		nc_sub_changed(sub); /* so that there is a progress to be taken */
		return NC_SUB_REACH_UNSAID;
	}
	return sub->uneven != 0 ? NC_SUB_REACH_BEHIND : NC_SUB_REACH_THROUGH;
}

/* A copy, cut between characters so that it stays UTF-8. NULL if there is no reason, or no memory:
 * for want of a reason the event must not stay. */
static char *reason_copy(struct nc_slice reason)
{
	size_t size = reason.size;
	if (size > NC_SUB_REASON_SIZE_MAX) {
		size = NC_SUB_REASON_SIZE_MAX;
		while (size > 0 && (reason.data[size] & 0xc0) == 0x80)
			size--;
	}
	char *copy = size == 0 ? NULL : malloc(size + 1);
	if (copy == NULL)
		return NULL;
	for (size_t i = 0; i < size; i++) { /* it travels in headers and C strings */
		uint8_t byte = reason.data[i];
		copy[i] = (char)(byte < 0x20 || byte == 0x7f ? ' ' : byte);
	}
	copy[size] = '\0';
	return copy;
}

static void doom(struct entry *entry, struct nc_slice reason)
{
	free(entry->reason);
	entry->reason = reason_copy(reason);
	entry->doomed = true;
}

static void term(struct nc_sub *sub, uint32_t id, const void *reason)
{
	struct entry *entry = &sub->entries[id];
	if (nc_sub_flight_over(sub, id))
		return;
	doom(entry, *(const struct nc_slice *)reason);
	if (entry->state != NC_SUB_RECALLED)
		nc_sub_make_parked(sub, id);
}

int nc_sub_term(struct nc_sub *sub, uint64_t epoch, uint64_t position, struct nc_slice reason,
                uint64_t now_ns)
{
	uint32_t id;
	int err = addressed(sub, epoch, position, now_ns, &id);
	if (id == NONE)
		return err;
	nc_sub_changed_by_ack(sub);
	message_each(sub, id, term, &reason);
	return NC_OK;
}

/* Take back an attempt that reached nobody. */
static void attempt_undo(struct nc_sub *sub, struct entry *entry)
{
	if (--entry->attempts > 0)
		return;
	nc_sub_untake(sub, entry);
	nc_sub_uneven(sub);
}

static void unheard(struct nc_sub *sub, uint32_t id, const void *ctx)
{
	struct entry *entry = &sub->entries[id];
	(void)ctx;
	if (nc_sub_flight_over(sub, id))
		return;
	attempt_undo(sub, entry);
	nc_sub_make_ready(sub, id);
}

int nc_sub_no_responders(struct nc_sub *sub, uint64_t epoch, uint64_t position, uint32_t attempt,
                         uint64_t now_ns)
{
	sub->now_ns = now_ns > sub->now_ns ? now_ns : sub->now_ns;
	if (epoch != sub->epoch)
		return NC_CONFLICT;
	uint32_t id = nc_sub_entry_find(sub, position);
	if (id != NONE && sub->entries[id].state == NC_SUB_FLYING &&
	    sub->entries[id].attempts == attempt) {
		if (!sub->policy.push)
			nc_sub_request_drop(sub, sub->entries[id].request);
		message_each(sub, id, unheard, NULL);
		if (!nc_sub_probing(sub))
			nc_sub_changed(sub);
	}
	if (sub->policy.push)
		nc_sub_nobody(sub, now_ns);
	return NC_OK;
}

void nc_sub_unsendable(struct nc_sub *sub, uint64_t position, uint64_t flight,
                       struct nc_slice reason, uint64_t now_ns)
{
	sub->now_ns = now_ns > sub->now_ns ? now_ns : sub->now_ns;
	uint32_t id = nc_sub_entry_find(sub, position);
	struct entry *entry = id == NONE ? NULL : &sub->entries[id];
	if (entry == NULL || entry->state != NC_SUB_FLYING || entry->flight != flight)
		return;
	nc_sub_changed(sub);
	nc_sub_probe_unsent(sub);
	if (nc_sub_flight_over(sub, id))
		return;
	attempt_undo(sub, entry);
	doom(entry, reason);
	nc_sub_make_parked(sub, id);
}

void nc_sub_flowed(struct nc_sub *sub, uint64_t position, uint64_t now_ns)
{
	nc_sub_heard(sub, now_ns);
	if (position == 0 || position != sub->flow_mark)
		return;
	sub->flow_mark = 0;
	uint32_t id = sub->window.first;
	while (id != NONE && sub->entries[id].position <= position) {
		uint32_t next = sub->entries[id].line_next;
		if (sub->entries[id].state == NC_SUB_FLYING)
			nc_sub_make_done(sub, id);
		id = next;
	}
}
