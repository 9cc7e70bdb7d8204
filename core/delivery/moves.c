/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The moves of an event from one state to the next. */
#include "core/delivery/subscription_private.h"

void nc_sub_changed(struct nc_sub *sub)
{
	if (!sub->dirty) {
		sub->dirty = true;
		sub->dirty_ns = sub->now_ns;
	}
}

void nc_sub_changed_by_ack(struct nc_sub *sub)
{
	nc_sub_changed(sub);
	sub->acks++;
}

void nc_sub_uneven(struct nc_sub *sub)
{
	sub->uneven = sub->progress_number + 1;
}

void nc_sub_untake(struct nc_sub *sub, struct entry *entry)
{
	sub->taken -= entry->taken;
	entry->taken = false;
}

void nc_sub_halt(struct nc_sub *sub, uint64_t position, const char *why)
{
	if (sub->halted)
		return;
	sub->halted = sub->say_halted = true;
	sub->halted_at = position;
	sub->halted_why = why;
	nc_sub_changed(sub);
}

void nc_sub_make_ready(struct nc_sub *sub, uint32_t id)
{
	struct entry *entry = &sub->entries[id];
	nc_sub_queue_leave(sub, id);
	entry->state = NC_SUB_READY;
	/* An event that was delivered before counts against max_in_flight already, and goes first:
	 * otherwise new events could wait for it, and it for them. */
	uint64_t late = entry->taken ? 0 : UINT64_C(1) << 63;
	nc_sub_queue_put(sub, &sub->ready, id, entry->position | late);
}

static void leave(struct nc_sub *sub, uint32_t id, enum leave how)
{
	struct entry *entry = &sub->entries[id];
	nc_sub_queue_leave(sub, id);
	nc_sub_untake(sub, entry);
	entry->state = NC_SUB_LEAVING;
	entry->leave = (uint8_t)how;
	entry->key_parks = false;
	entry->leave_next = NONE;
	if (sub->leaving.last == NONE) {
		sub->leaving.first = id;
	} else {
		sub->entries[sub->leaving.last].leave_next = id;
	}
	sub->leaving.last = id;
	sub->leaving_count++;
	nc_sub_changed(sub);
}

/* Park an event because its key is parked. */
static void park_with_key(struct nc_sub *sub, uint32_t id)
{
	leave(sub, id, LEAVE_PARK);
	sub->entries[id].key_parks = true;
}

/* A replay is over: its row, which the caller will remove, no longer counts. */
static void replay_over(struct nc_sub *sub, const struct entry *entry)
{
	nc_sub_key_unpark(sub, entry->key);
	sub->replaying--;
	/* A backfill that comes to the event later finds no row by which to leave it out. Without
	 * memory the event is delivered again. */
	if (entry->position > sub->cursor)
		(void)nc_sub_acked_insert(sub, entry->position);
}

void nc_sub_make_done(struct nc_sub *sub, uint32_t id)
{
	struct entry *entry = &sub->entries[id];
	nc_assert(entry->state != NC_SUB_LEAVING);
	if (entry->state == NC_SUB_RECALLED)
		sub->recalled--;
	nc_sub_changed_by_ack(sub);
	if (entry->replay && entry->state == NC_SUB_RECALLED) {
		/* The event's key is not known yet, so its row stays, and it will be replayed
		 * again. */
		nc_sub_untake(sub, entry);
		nc_sub_entry_free(sub, id);
		return;
	}
	if (entry->replay)
		replay_over(sub, entry);
	nc_sub_key_leave(sub, id);
	if (entry->replay) {
		if (NC_DELIVERY_MUTANT(UNPARK_UNSAID)) {
			nc_sub_untake(sub, entry);
			nc_sub_entry_free(sub, id);
			return;
		}
		leave(sub, id, LEAVE_UNPARK);
		return;
	}
	nc_sub_untake(sub, entry);
	nc_sub_entry_free(sub, id);
}

/* Park the events that stand behind a parked one of their key. Replays among them have rows
 * already. */
static void park_behind(struct nc_sub *sub, uint32_t key, uint32_t id)
{
	while (id != NONE) {
		struct entry *entry = &sub->entries[id];
		uint32_t next = entry->key_next;
		bool replay = entry->replay;
		nc_sub_queue_leave(sub, id);
		entry->state = NC_SUB_LEAVING; /* so that leaving the key makes nothing ready */
		if (!replay)
			nc_sub_key_park(sub, key);
		nc_sub_key_leave(sub, id);
		if (replay) {
			sub->replaying--;
			nc_sub_untake(sub, entry);
			nc_sub_entry_free(sub, id);
		} else {
			park_with_key(sub, id);
		}
		id = next;
	}
}

void nc_sub_make_parked(struct nc_sub *sub, uint32_t id)
{
	struct entry *entry = &sub->entries[id];
	uint32_t key = entry->key;
	uint32_t behind = entry->key_next;
	nc_assert(entry->state != NC_SUB_LEAVING && entry->state != NC_SUB_RECALLED);
	if (entry->replay) {
		sub->replaying--;
	} else {
		nc_sub_key_park(sub, key);
	}
	nc_sub_key_stand(sub, key, entry->position);
	leave(sub, id, LEAVE_PARK);
	if (key != NONE) {
		if (!NC_DELIVERY_MUTANT(PARKED_LEAVES_KEY))
			park_behind(sub, key, behind);
		nc_sub_key_leave(sub, id);
	}
}

/* Take an entry out of the line of those that leave. */
static void leaving_remove(struct nc_sub *sub, uint32_t id)
{
	uint32_t before = NONE;
	for (uint32_t at = sub->leaving.first; at != id; at = sub->entries[at].leave_next)
		before = at;
	uint32_t next = sub->entries[id].leave_next;
	if (before == NONE) {
		sub->leaving.first = next;
	} else {
		sub->entries[before].leave_next = next;
	}
	if (next == NONE)
		sub->leaving.last = before;
	sub->leaving_count--;
}

bool nc_sub_park_cancel(struct nc_sub *sub, uint64_t position)
{
	uint32_t id = nc_sub_entry_find(sub, position);
	if (id == NONE || sub->entries[id].state != NC_SUB_LEAVING ||
	    sub->entries[id].leave != LEAVE_PARK)
		return false;
	leaving_remove(sub, id);
	nc_sub_entry_free(sub, id);
	nc_sub_changed(sub);
	return true;
}

uint64_t nc_sub_backoff(const struct nc_sub *sub, uint32_t attempts)
{
	size_t count = sub->policy.backoff_count;
	if (count == 0)
		return 0;
	size_t at = attempts == 0 ? 0 : attempts - 1;
	return sub->policy.backoff_ms[at < count ? at : count - 1] * NS_PER_MS;
}

static void exhausted(struct nc_sub *sub, uint32_t id)
{
	switch (sub->policy.on_exhausted) {
	case NC_EXHAUSTED_PARK:
		nc_sub_make_parked(sub, id);
		return;
	case NC_EXHAUSTED_SKIP:
		if (sub->entries[id].replay)
			replay_over(sub, &sub->entries[id]);
		nc_sub_key_leave(sub, id);
		leave(sub, id, LEAVE_SKIP);
		return;
	case NC_EXHAUSTED_STOP:
		nc_sub_make_ready(sub, id);
		nc_sub_halt(sub, sub->entries[id].position, "max_deliver reached");
		return;
	}
}

bool nc_sub_flight_over(struct nc_sub *sub, uint32_t id)
{
	if (!sub->entries[id].fades)
		return false;
	nc_sub_make_done(sub, id);
	return true;
}

void nc_sub_retry(struct nc_sub *sub, uint32_t id, uint64_t delay_ns)
{
	struct entry *entry = &sub->entries[id];
	if (nc_sub_flight_over(sub, id))
		return;
	nc_sub_queue_leave(sub, id);
	if (sub->policy.max_deliver != 0 && entry->attempts >= sub->policy.max_deliver &&
	    !NC_DELIVERY_MUTANT(DELIVERED_TOO_OFTEN)) {
		exhausted(sub, id);
	} else if (delay_ns > 0) {
		entry->state = NC_SUB_DELAYED;
		nc_sub_queue_put(sub, &sub->timed, id, sub->now_ns + delay_ns);
	} else {
		nc_sub_make_ready(sub, id);
	}
}

void nc_sub_admit(struct nc_sub *sub, uint32_t id, uint32_t key, bool parks)
{
	struct entry *entry = &sub->entries[id];
	sub->replaying += entry->replay;
	if (NC_DELIVERY_MUTANT(ORDER_IGNORED) && !entry->replay)
		key = NONE;
	if (key == NONE) {
		nc_sub_make_ready(sub, id);
		return;
	}
	struct key *of = &sub->keys[key];
	if (parks && !entry->replay && !NC_DELIVERY_MUTANT(PARKED_KEY_FORGOTTEN)) {
		nc_sub_key_park(sub, key);
		park_with_key(sub, id);
		return;
	}
	nc_sub_key_join(sub, key, id);
	if (of->first == id) {
		nc_sub_make_ready(sub, id);
	} else {
		entry->state = NC_SUB_HELD;
		/* It may have been delivered under another order. Behind others of its key it must
		 * not count against max_in_flight, or those could not be delivered. */
		nc_sub_untake(sub, entry);
	}
}
