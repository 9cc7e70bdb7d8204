/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whose turn it is: subscriptions that something has happened to, at the end of the loop's turn;
 * and those whose time has come, at a tick. Of ten thousand neither looks at more than these. */
#include "core/node/subs/subs_private.h"

/* How often a cursor is moved past events that do not match, and it is checked whether the
 * subscription lags: so often, or twice in the time after which it counts as lagging. If there are
 * many subscriptions, less often, so that together they make no more than 200 entries of the log a
 * second. */
#define PASS_BY_NS      UINT64_C(5000000000)
#define PASS_BY_EACH_NS UINT64_C(5000000)
#define PASSES_MAX      64u /* in a tick, since each may read an event */

/* ---- What has happened ---------------------------------------------------------------------- */

void nc_subs_unmark(struct nc_subs *subs, struct nc_subscription *sub)
{
	if (!sub->turn.listed)
		return;
	if (sub->turn.prev == NULL) {
		subs->first_dirty = sub->turn.next;
	} else {
		sub->turn.prev->turn.next = sub->turn.next;
	}
	if (sub->turn.next == NULL) {
		subs->last_dirty = sub->turn.prev;
	} else {
		sub->turn.next->turn.prev = sub->turn.prev;
	}
	sub->turn.listed = false;
}

void nc_subs_mark(struct nc_subscription *sub)
{
	struct nc_subs *subs = sub->subs;
	if (sub->turn.listed)
		return;
	sub->turn.listed = true;
	sub->turn.next = NULL;
	sub->turn.prev = subs->last_dirty;
	if (subs->last_dirty == NULL) {
		subs->first_dirty = sub;
	} else {
		subs->last_dirty->turn.next = sub;
	}
	subs->last_dirty = sub;
}

void nc_subs_turn(struct nc_subs *subs)
{
	subs->answers_ns = 0;
	nc_subs_behind_step(subs);
	nc_subs_live_merge(subs);
	/* Those that are marked meanwhile act in the next turn. */
	const struct nc_subscription *last = subs->last_dirty;
	for (bool more = last != NULL; more;) {
		struct nc_subscription *sub = subs->first_dirty;
		more = sub != last;
		nc_subs_unmark(subs, sub);
		nc_subs_act(subs, sub);
	}
}

/* Move the cursor of a subscription at the head past events that do not match. */
static void pass_by(struct nc_subs *subs, struct nc_subscription *sub, uint64_t now_ns)
{
	struct nc_sub_info info;
	nc_sub_info(sub->machine, &info);
	if (info.at_head && sub->move == NULL)
		nc_sub_scanned_to_head(sub->machine, atomic_load(&subs->service->position));
	nc_subs_watch_lag(subs, sub);
	sub->scanned_ns = now_ns;
	nc_subs_mark(sub);
}

/* Do that for those that are due, the longest waiting first. */
static void pass_some_by(struct nc_subs *subs, uint64_t now_ns)
{
	uint64_t each_ns = subs->service->options.config->sub_lag_s * UINT64_C(500000000);
	if (each_ns > PASS_BY_NS)
		each_ns = PASS_BY_NS;
	if (each_ns < subs->count * PASS_BY_EACH_NS)
		each_ns = subs->count * PASS_BY_EACH_NS;
	unsigned passes = 0;
	for (uint32_t looked = 0; looked < subs->room && passes < PASSES_MAX; looked++) {
		if (subs->pass_next >= subs->room)
			subs->pass_next = 0;
		struct nc_subscription *sub = subs->slots[subs->pass_next];
		if (sub != NULL && now_ns - sub->scanned_ns < each_ns)
			return;
		subs->pass_next++;
		if (sub == NULL)
			continue;
		pass_by(subs, sub, now_ns);
		passes++;
	}
}

static void mark_due(struct nc_subs *subs, uint64_t now_ns)
{
	for (uint32_t id = 0; id < subs->room; id++) {
		if (subs->due_ns[id] <= now_ns)
			nc_subs_mark(subs->slots[id]);
	}
}

static void renew_all(struct nc_subs *subs)
{
	if (!subs->renewing)
		return;
	subs->renewing = false;
	for (uint32_t id = 0; id < subs->room; id++) {
		struct nc_subscription *sub = subs->slots[id];
		if (sub == NULL || !sub->plugin.renew)
			continue;
		nc_subs_renew(subs, sub);
		subs->renewing |= sub->plugin.renew;
	}
}

void nc_subs_tick(struct nc_subs *subs)
{
	uint64_t now_ns = nc_clock_ns();
	if (subs->count > 0) {
		pass_some_by(subs, now_ns);
		nc_subs_tidy_tick(subs, now_ns);
		mark_due(subs, now_ns);
		renew_all(subs);
		nc_subs_waiters_expire(subs);
		nc_subs_own_tick(subs, now_ns);
	}
	nc_subs_behind_tick(subs);
	nc_subs_turn(subs);
}
