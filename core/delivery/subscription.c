/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The life of a subscription, and how events come into it. */
#include "core/delivery/subscription_private.h"

#include <stdlib.h>

static void policy_set(struct nc_sub *sub, const struct nc_definition *definition)
{
	sub->policy = *definition;
	sub->policy.plugin = sub->policy.selector = sub->policy.subject = sub->policy.queue =
	        sub->policy.order_arg = nc_slice(NULL, 0);
	sub->policy.memory = NULL;
	sub->window_max = definition->max_in_flight +
	                  (definition->order == NC_ORDER_NONE ? NC_SUB_AHEAD : NC_SUB_AHEAD_KEYED);
}

#ifdef NC_DELIVERY_MUTANTS
enum nc_delivery_mutant nc_delivery_mutant;
#endif

int nc_sub_new(const struct nc_definition *definition, uint64_t epoch, uint64_t cursor,
               uint64_t now_ns, struct nc_sub **sub_out)
{
	nc_assert(definition->max_in_flight > 0);
	struct nc_sub *sub = calloc(1, sizeof *sub);
	if (sub == NULL)
		return NC_NOMEM;
	policy_set(sub, definition);
	sub->free_first = sub->key_free = NONE;
	sub->recall_at[0] = sub->recall_at[1] = NONE;
	sub->window = sub->replayed = sub->leaving = (struct line){ NONE, NONE };
	sub->ready = sub->timed = (struct queue){ .line = { NONE, NONE } };
	sub->epoch = epoch;
	sub->cursor = cursor;
	sub->now_ns = now_ns;
	nc_sub_interest_init(sub);
	*sub_out = sub;
	return NC_OK;
}

static void window_empty(struct nc_sub *sub)
{
	for (uint32_t id = 0; id < sub->entry_capacity; id++)
		free(sub->entries[id].reason);
	free(sub->entries);
	free(sub->ready.heap);
	free(sub->timed.heap);
	free(sub->keys);
	nc_hashmap_release(&sub->by_position);
	nc_hashmap_release(&sub->by_key);
	nc_buf_release(&sub->acked);
	sub->acked_at = 0;
	sub->acked_through = 0;
}

void nc_sub_free(struct nc_sub *sub)
{
	if (sub == NULL)
		return;
	window_empty(sub);
	free(sub->requests);
	free(sub);
}

void nc_sub_seek(struct nc_sub *sub, uint64_t epoch, uint64_t cursor, uint64_t now_ns)
{
	nc_assert(epoch > sub->epoch);
	window_empty(sub);
	sub->entries = NULL;
	sub->keys = NULL;
	sub->ready = sub->timed = (struct queue){ .line = { NONE, NONE } };
	sub->entry_count = sub->entry_capacity = sub->taken = sub->recalled = 0;
	sub->leaving_count = sub->key_capacity = sub->key_count = 0;
	sub->free_first = sub->key_free = NONE;
	sub->recall_at[0] = sub->recall_at[1] = NONE;
	sub->window = sub->replayed = sub->leaving = (struct line){ NONE, NONE };
	sub->parked = sub->parked_keys = sub->replaying = 0;
	sub->epoch = epoch;
	sub->cursor = sub->last_delivered = cursor;
	sub->floor = (struct nc_floor){ 0 };
	sub->at_head = sub->halted = sub->say_halted = false;
	sub->flow_mark = 0;
	sub->flow_count = 0;
	sub->now_ns = now_ns;
	nc_sub_changed(sub);
}

void nc_sub_epoch(struct nc_sub *sub, uint64_t epoch)
{
	nc_assert(epoch != sub->epoch && sub->recalled == sub->entry_count);
	sub->epoch = epoch;
	nc_sub_changed(sub);
}

void nc_sub_floor(struct nc_sub *sub, const struct nc_floor *floor)
{
	sub->floor = *floor;
}

int nc_sub_restore_parked(struct nc_sub *sub, uint64_t position, struct nc_slice key)
{
	uint32_t id, entry = nc_sub_entry_find(sub, position);
	int err = nc_sub_key_get(sub, key, &id);
	if (err != NC_OK)
		return err;
	nc_sub_key_park(sub, id);
	if (entry == NONE || !sub->entries[entry].replay)
		nc_sub_key_stand(sub, id, position);
	return sub->parked_keys > NC_SUB_PARKED_KEYS_MAX ? NC_FULL : NC_OK;
}

void nc_sub_redefine(struct nc_sub *sub, const struct nc_definition *definition, uint64_t now_ns)
{
	nc_assert(definition->order == sub->policy.order && definition->push == sub->policy.push);
	sub->now_ns = now_ns > sub->now_ns ? now_ns : sub->now_ns;
	policy_set(sub, definition);
	sub->flow_mark = 0; /* an answer to it would be about what was before */
	sub->flow_count = 0;
	nc_sub_interest_renew(sub);
	nc_sub_changed(sub);
}

void nc_sub_pause(struct nc_sub *sub)
{
	sub->paused = true;
	nc_sub_changed(sub);
}

void nc_sub_resume(struct nc_sub *sub)
{
	uint32_t most = sub->policy.max_deliver;
	for (uint32_t id = 0; sub->halted && most != 0 && id < sub->entry_capacity; id++) {
		const struct entry *entry = &sub->entries[id];
		bool waits = entry->state == NC_SUB_READY || entry->state == NC_SUB_RECALLED ||
		             entry->state == NC_SUB_HELD;
		if (waits && entry->attempts >= most) {
			sub->entries[id].attempts = 0;
			nc_sub_uneven(sub);
		}
	}
	sub->paused = sub->halted = sub->say_halted = false;
	nc_sub_changed(sub);
}

/* ---- Events in ------------------------------------------------------------------------------ */

/* Replays find room even if events that wait take all of it, since they come first. If too many
 * events are parked, only replays find room. */
uint32_t nc_sub_replay_room(const struct nc_sub *sub)
{
	uint32_t most = sub->window_max + NC_SUB_AHEAD;
	return sub->entry_count < most ? most - sub->entry_count : 0;
}

uint32_t nc_sub_room(const struct nc_sub *sub)
{
	if (!sub->policy.durable && sub->parked > NC_SUB_PARKED_MAX)
		return 0;
	return sub->entry_count < sub->window_max ? sub->window_max - sub->entry_count : 0;
}

/* A search costs much the same for one event as for many. While there is something to deliver, it
 * has to be worth it. */
static bool worth_a_search(const struct nc_sub *sub)
{
	uint32_t room = nc_sub_room(sub);
	return room >= NC_SUB_SEARCH_MIN ||
	       (room > 0 && nc_sub_queue_first(sub, &sub->ready) == NONE);
}

/* The oldest recalled event of both lines. Keys may be others now, and within a key events stand by
 * position. */
static uint64_t recalled_first(const struct nc_sub *sub)
{
	uint64_t position = UINT64_MAX;
	for (int replay = 0; replay < 2; replay++) {
		uint32_t id = sub->recall_at[replay];
		while (id != NONE && sub->entries[id].state != NC_SUB_RECALLED)
			id = sub->entries[id].line_next;
		if (id != NONE && sub->entries[id].position < position)
			position = sub->entries[id].position;
	}
	nc_assert(position != UINT64_MAX);
	return position;
}

void nc_sub_want(const struct nc_sub *sub, struct nc_sub_want *want_out)
{
	*want_out = (struct nc_sub_want){ NC_SUB_WANT_NOTHING, 0, 0 };
	if (sub->recalled > 0) {
		*want_out = (struct nc_sub_want){ NC_SUB_WANT_EVENT, recalled_first(sub), 1 };
		return;
	}
	if (!sub->at_head && !sub->halted && !sub->paused && worth_a_search(sub)) {
		*want_out =
		        (struct nc_sub_want){ NC_SUB_WANT_SCAN, sub->cursor + 1, nc_sub_room(sub) };
	}
}

/* Whether the key has a row that is not being replayed. */
static bool rows_stand(const struct nc_sub *sub, uint32_t key)
{
	return key != NONE && sub->keys[key].parked > sub->keys[key].replaying;
}

static bool may_replay(const struct nc_sub *sub, uint32_t key)
{
	return sub->parked > sub->replaying && (key == NONE || rows_stand(sub, key));
}

/* Whether an older row of its key is not being replayed. */
static bool is_behind_parked(const struct nc_sub *sub, uint32_t key, uint64_t position)
{
	return key != NONE && sub->keys[key].stands != 0 && position > sub->keys[key].stands &&
	       !NC_DELIVERY_MUTANT(REPLAY_PASSES_PARKED);
}

/* Take an event that was recalled, for its entry. */
static int recall(struct nc_sub *sub, uint32_t id, const struct nc_sub_event *event)
{
	uint32_t key;
	int err = nc_sub_key_get(sub, event->key, &key);
	if (err != NC_OK)
		return err;
	struct entry *entry = &sub->entries[id];
	entry->size = event->size;
	entry->state = NC_SUB_HELD;
	if (sub->recall_at[entry->replay] == id)
		sub->recall_at[entry->replay] = entry->line_next;
	sub->recalled--;
	bool acked = entry->acked, doomed = entry->doomed;
	bool behind = is_behind_parked(sub, key, entry->position);
	/* There is nothing left to replay, since its row was removed or its key has changed; or its
	 * row stays parked behind an older one. */
	if (entry->replay && (!may_replay(sub, key) || (!acked && behind))) {
		nc_sub_untake(sub, entry);
		nc_sub_entry_free(sub, id);
		nc_sub_key_drop(sub, key);
		return NC_OK;
	}
	nc_sub_admit(sub, id, key, behind && rows_stand(sub, key));
	if (acked) {
		nc_sub_make_done(sub, id);
	} else if (doomed && sub->entries[id].state != NC_SUB_LEAVING) {
		nc_sub_make_parked(sub, id);
	}
	return NC_OK;
}

static int offer_new(struct nc_sub *sub, const struct nc_sub_event *event, bool replay)
{
	uint32_t key, id;
	if ((replay ? nc_sub_replay_room(sub) : nc_sub_room(sub)) == 0)
		return NC_FULL;
	int err = nc_sub_key_get(sub, event->key, &key);
	if (err != NC_OK)
		return err;
	err = replay && !may_replay(sub, key) ? NC_NOTFOUND : NC_OK;
	if (err == NC_OK)
		err = nc_sub_entry_new(sub, event->position, replay, &id);
	if (err != NC_OK) {
		nc_sub_key_drop(sub, key);
		return err;
	}
	sub->entries[id].size = event->size;
	nc_sub_admit(sub, id, key, rows_stand(sub, key));
	nc_sub_changed(sub);
	return NC_OK;
}

static bool is_below_floor(const struct nc_sub *sub, const struct nc_sub_event *event)
{
	return !nc_floor_admits(&sub->floor, event->version, event->time_ns) &&
	       (event->live || !NC_DELIVERY_MUTANT(FLOOR_OF_LIVE_ONLY));
}

int nc_sub_offer(struct nc_sub *sub, const struct nc_sub_event *event)
{
	uint32_t id = sub->recalled == 0 ? NONE : nc_sub_entry_find(sub, event->position);
	if (id != NONE && sub->entries[id].state == NC_SUB_RECALLED)
		return recall(sub, id, event);
	if (event->position <= sub->cursor || is_below_floor(sub, event))
		return NC_OK;
	if (event->live && !sub->at_head && !NC_DELIVERY_MUTANT(LIVE_LEAVES_GAP))
		return NC_BUSY;
	if (sub->recalled > 0)
		return NC_CONFLICT;
	if (nc_sub_acked_before(sub, event->position)) {
		sub->cursor = event->position;
		nc_sub_changed(sub);
		return NC_OK;
	}
	int err = offer_new(sub, event, false);
	if (err == NC_OK || (NC_DELIVERY_MUTANT(FULL_IS_TAKEN) && event->live)) {
		sub->cursor = event->position;
	} else {
		sub->at_head = false;
	}
	return err;
}

int nc_sub_replay(struct nc_sub *sub, const struct nc_sub_event *event)
{
	if (nc_sub_entry_find(sub, event->position) != NONE)
		return NC_EXISTS;
	if (sub->recalled > 0) /* it is not known yet which events come before it */
		return NC_BUSY;
	return offer_new(sub, event, true);
}

static void judged(struct nc_sub *sub, uint64_t position)
{
	position += NC_DELIVERY_MUTANT(SCAN_TOO_FAR);
	if (position > sub->cursor) {
		sub->cursor = position;
		nc_sub_changed(sub);
	}
}

void nc_sub_scanned(struct nc_sub *sub, uint64_t position)
{
	judged(sub, position);
	sub->at_head = false;
}

void nc_sub_scanned_to_head(struct nc_sub *sub, uint64_t position)
{
	judged(sub, position);
	sub->at_head = true;
}

void nc_sub_leave_head(struct nc_sub *sub)
{
	sub->at_head = false;
}

int nc_sub_gone(struct nc_sub *sub, uint64_t position)
{
	uint32_t id = nc_sub_entry_find(sub, position);
	if (id == NONE || sub->entries[id].state == NC_SUB_LEAVING)
		return NC_NOTFOUND;
	nc_sub_make_done(sub, id);
	return NC_OK;
}

int nc_sub_fade(struct nc_sub *sub, uint64_t position)
{
	uint32_t id = nc_sub_entry_find(sub, position);
	struct entry *entry = id == NONE ? NULL : &sub->entries[id];
	if (entry == NULL || entry->state == NC_SUB_RECALLED || entry->state == NC_SUB_LEAVING)
		return NC_NOTFOUND;
	if (entry->state == NC_SUB_FLYING) {
		entry->fades = true;
	} else {
		nc_sub_make_done(sub, id);
	}
	return NC_OK;
}
