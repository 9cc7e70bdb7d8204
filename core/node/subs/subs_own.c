/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Subscriptions that this node runs for the cluster, by a lease (spread.h): taken up when the log
 * gives them to it, let go when the log takes them away, asleep while there is no lease. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/delivery/placement.h"
#include "core/node/common/say.h"
#include "core/node/spread/spread.h"
#include "core/node/subs/subs_move.h"
#include "transport/nats/reply.h"

#define REOWN_NS UINT64_C(500000000) /* between asking for a new epoch and asking again */

char nc_subs_own_tag;

struct nc_subscription *nc_subs_own_next(const struct nc_subs *subs, uint32_t *at)
{
	while (subs->own.count > 0 && *at < subs->room) {
		struct nc_subscription *sub = subs->slots[(*at)++];
		if (sub != NULL && sub->lease.owned)
			return sub;
	}
	return NULL;
}

bool nc_subs_has(struct nc_subs *subs, struct nc_slice name)
{
	return nc_subs_find(subs, name) != NULL;
}

uint64_t nc_subs_epoch(struct nc_subs *subs, struct nc_slice name)
{
	const struct nc_subscription *sub = nc_subs_find(subs, name);
	return sub == NULL ? 0 : sub->epoch;
}

bool nc_subs_own_has(struct nc_subs *subs, struct nc_slice name)
{
	const struct nc_subscription *sub = nc_subs_find(subs, name);
	return sub != NULL && sub->lease.owned;
}

bool nc_subs_own_is_leaving(const struct nc_subs *subs)
{
	return subs->own.leaving > 0;
}

bool nc_subs_own_is_delivering(const struct nc_subs *subs)
{
	uint32_t at = 0;
	const struct nc_subscription *sub;
	while ((sub = nc_subs_own_next(subs, &at)) != NULL) {
		if (sub->jobs.delivering)
			return true;
	}
	return subs->own.leaving > 0;
}

uint64_t nc_subs_own_since(const struct nc_subs *subs)
{
	return subs->own.count > 0 ? subs->own.since : 0;
}

/* ---- Back to the leader --------------------------------------------------------------------- */

/* A subscription that went back to the leader. Its last owner may go on until it has applied that,
 * under a lease which it asked for before that was committed. Such a lease is over
 * NC_PLACEMENT_GONE_NS after this node has applied it. */
struct nc_sub_back {
	struct nc_sub_back *next;
	uint64_t at_ns;
	char name[NC_WORD_SIZE_MAX + 1];
};

static void back_note(struct nc_subs *subs, struct nc_slice name)
{
	uint64_t now_ns = nc_clock_ns();
	struct nc_sub_back **at = &subs->own.back, *back;
	while ((back = *at) != NULL) {
		if (now_ns - back->at_ns <= NC_PLACEMENT_GONE_NS) {
			at = &back->next;
			continue;
		}
		*at = back->next;
		free(back);
	}
	back = malloc(sizeof *back);
	if (back == NULL) { /* from here on, treat every subscription as if it came back now */
		subs->own.back_ns = now_ns;
		return;
	}
	*back = (struct nc_sub_back){ .next = subs->own.back, .at_ns = now_ns };
	(void)snprintf(back->name, sizeof back->name, "%.*s", (int)name.size,
	               (const char *)name.data);
	subs->own.back = back;
}

uint64_t nc_subs_own_back_ns(const struct nc_subs *subs, struct nc_slice name)
{
	uint64_t at_ns = subs->own.back_ns;
	if (subs->service->options.cluster == NULL)
		return 0;
	for (const struct nc_sub_back *back = subs->own.back; back != NULL; back = back->next) {
		if (back->at_ns > at_ns && nc_slice_is(name, back->name))
			at_ns = back->at_ns;
	}
	return at_ns + NC_PLACEMENT_GONE_NS;
}

void nc_subs_own_stop(struct nc_subs *subs)
{
	while (subs->own.back != NULL) {
		struct nc_sub_back *back = subs->own.back;
		subs->own.back = back->next;
		free(back);
	}
}

/* ---- Asleep --------------------------------------------------------------------------------- */

static bool runs(const struct nc_subscription *sub)
{
	return !sub->lease.reown && nc_spread_holds(sub->subs->service->spread, sub->lease.since);
}

bool nc_subs_own_runs(const struct nc_subscription *sub)
{
	return sub->lease.owned && runs(sub);
}

bool nc_subs_own_sleeps(struct nc_subscription *sub)
{
	if (!sub->lease.owned && sub->lease.wait_ns > nc_clock_ns()) {
		sub->subs->due_ns[sub->id] = sub->lease.wait_ns;
		return true;
	}
	if (!sub->lease.owned || runs(sub))
		return false;
	sub->subs->own.asleep += !sub->lease.asleep;
	sub->lease.asleep = true;
	return true;
}

void nc_subs_own_wake(struct nc_subs *subs)
{
	if (subs->own.asleep == 0 || !nc_spread_holds(subs->service->spread, 0))
		return;
	uint32_t at = 0;
	struct nc_subscription *sub;
	while ((sub = nc_subs_own_next(subs, &at)) != NULL) {
		if (!sub->lease.asleep || !runs(sub))
			continue;
		sub->lease.asleep = false;
		subs->own.asleep--;
		nc_subs_mark(sub);
	}
}

/* ---- Yielding ------------------------------------------------------------------------------- */

static void yield(struct nc_subscription *sub, uint64_t until_ns)
{
	sub->lease.yield_ns = until_ns;
	nc_subs_mark(sub);
}

static struct nc_subscription *own_find(struct nc_subs *subs, struct nc_slice name, uint64_t epoch)
{
	struct nc_subscription *sub = nc_subs_find(subs, name);
	return sub != NULL && sub->lease.owned && sub->epoch == epoch ? sub : NULL;
}

bool nc_subs_own_yield(struct nc_subs *subs, struct nc_slice name, uint64_t epoch,
                       uint64_t until_ns)
{
	struct nc_subscription *sub = own_find(subs, name, epoch);
	if (sub != NULL)
		yield(sub, until_ns);
	return sub != NULL;
}

void nc_subs_own_yield_all(struct nc_subs *subs, uint64_t until_ns)
{
	uint32_t at = 0;
	struct nc_subscription *sub;
	while ((sub = nc_subs_own_next(subs, &at)) != NULL)
		yield(sub, until_ns);
}

void nc_subs_own_left(struct nc_subs *subs)
{
	uint32_t at = 0;
	struct nc_subscription *sub;
	while ((sub = nc_subs_own_next(subs, &at)) != NULL)
		nc_subs_waiters_refuse(subs, sub, UINT64_MAX, NC_FAULT_UNAVAILABLE,
		                       nc_fault_text(NC_FAULT_UNAVAILABLE));
}

bool nc_subs_own_yields(struct nc_subscription *sub, uint64_t now_ns)
{
	if (sub->lease.yield_ns <= now_ns)
		return false;
	sub->save.hurry = true;
	return true;
}

static bool has_yielded(const struct nc_subscription *sub)
{
	bool saved =
	        !sub->save.under_way && !sub->save.missed && !nc_sub_progress_dirty(sub->machine);
	return !runs(sub) || (saved && sub->move == NULL);
}

bool nc_subs_own_has_yielded(struct nc_subs *subs, struct nc_slice name, uint64_t epoch)
{
	const struct nc_subscription *sub = own_find(subs, name, epoch);
	return sub == NULL || has_yielded(sub);
}

bool nc_subs_own_have_yielded(struct nc_subs *subs)
{
	uint32_t at = 0;
	const struct nc_subscription *sub;
	while ((sub = nc_subs_own_next(subs, &at)) != NULL) {
		if (!has_yielded(sub))
			return false;
	}
	return true;
}

/* ---- Where acknowledgements come ------------------------------------------------------------ */

/* Listen to its acknowledgements; the leader has R.ack.> already. */
static int ack_subscribe(struct nc_subs *subs, struct nc_subscription *sub)
{
	char subject[NC_ROOT_SIZE + 80];
	if (subs->service->serving)
		return NC_OK;
	(void)snprintf(subject, sizeof subject, "%s.ack.%s.>", subs->service->root, sub->name);
	int err = nc_bus_subscribe_one(subs->service->bus, subject, &nc_subs_own_tag,
	                               &sub->lease.listens);
	/* other errors do not matter: it is made once there is a connection */
	return err == NC_NOMEM ? err : NC_OK;
}

static void ack_unsubscribe(struct nc_subs *subs, struct nc_subscription *sub)
{
	nc_bus_unsubscribe_one(subs->service->bus, sub->lease.listens);
	sub->lease.listens = NULL;
}

int nc_subs_own_listen(struct nc_subs *subs)
{
	int err = NC_OK;
	uint32_t at = 0;
	struct nc_subscription *sub;
	while (err == NC_OK && (sub = nc_subs_own_next(subs, &at)) != NULL) {
		ack_unsubscribe(subs, sub);
		err = ack_subscribe(subs, sub);
	}
	return err;
}

/* ---- Let go --------------------------------------------------------------------------------- */

void nc_subs_own_end(struct nc_subs *subs, struct nc_subscription *sub)
{
	ack_unsubscribe(subs, sub);
	subs->own.count--;
	subs->own.asleep -= sub->lease.asleep;
	sub->lease.asleep = false;
}

/* Whether the leader has given this node up, and so answers the acknowledgements that it heard. */
static bool is_answered_for(const struct nc_subs *subs)
{
	const struct nc_service *service = subs->service;
	return !service->serving && !service->drain.begun && nc_spread_is_given_up(service->spread);
}

/* Another node has the subscription, or this one has it in a new epoch: whoever waits here is told.
 * While a job still delivers for it, it does not count as let go. */
static void let_go(struct nc_subs *subs, struct nc_subscription *sub)
{
	if (is_answered_for(subs))
		nc_subs_waiters_forget(subs, sub);
	nc_subs_waiters_refuse(subs, sub, UINT64_MAX, NC_FAULT_STALE_ACK,
	                       "stale acknowledgement: another node has it now");
	nc_subs_replay_end(subs, sub, NC_FAULT_UNAVAILABLE, "another node has it now; ask again");
	/* if it is not, its outcome is still to come */
	if (sub->move != NULL && sub->move->decided)
		nc_subs_move_refused(subs, sub, NULL, NC_TIMEOUT);
	if (sub->jobs.delivering) {
		sub->lease.leaves = true;
		subs->own.leaving++;
	}
	nc_subs_remove(subs, sub, NULL);
}

/* ---- Take up -------------------------------------------------------------------------------- */

/* `ran`: this node ran it under a lease until now, so that nobody else does. */
static void take_up(struct nc_subs *subs, const struct nc_outcome *outcome, bool ran)
{
	const struct nc_sub_taking taking = { .name = outcome->sub,
		                              .epoch = outcome->epoch,
		                              .owner = outcome->owner };
	struct nc_subscription *sub;
	int err = nc_subs_take_up(subs, &taking, &sub);
	if (err == NC_NOTFOUND)
		return; /* it has changed again since: the next outcome tells how */
	if (err == NC_OK && outcome->owner.number == 0 && !ran)
		sub->lease.wait_ns = nc_subs_own_back_ns(subs, outcome->sub);
	if (err == NC_OK && outcome->owner.number != 0) {
		sub->lease.owned = true;
		sub->lease.since = nc_spread_told_to(subs->service->spread);
		subs->own.count++;
		if (sub->lease.since > subs->own.since)
			subs->own.since = sub->lease.since;
		err = ack_subscribe(subs, sub);
	}
	if (err != NC_OK) {
		subs->service->options.on_fatal(subs->service->options.ctx, err,
		                                "a subscription cannot be taken up");
	}
}

void nc_subs_own_told(struct nc_subs *subs, const struct nc_outcome *outcome)
{
	struct nc_service *service = subs->service;
	struct nc_subscription *sub = nc_subs_find(subs, outcome->sub);
	if (outcome->told == NC_SUB_TOLD_GONE && sub != NULL && sub->lease.owned &&
	    sub->epoch <= outcome->epoch) {
		nc_subs_remove(subs, sub, "deleted");
		return;
	}
	if (outcome->told != NC_SUB_TOLD_OWNED)
		return;
	bool ran = sub != NULL && nc_subs_own_runs(sub);
	if (outcome->owner.number == 0)
		back_note(subs, outcome->sub);
	if (sub != NULL && sub->epoch < outcome->epoch) {
		let_go(subs, sub);
		sub = NULL;
	}
	bool ours = outcome->owner.number == 0 ? service->serving
	                                       : nc_spread_is_self(service->spread, outcome->owner);
	if (sub == NULL && ours && !service->drain.begun)
		take_up(subs, outcome, ran);
}

/* ---- A new epoch of our own ----------------------------------------------------------------- */

/* It is not known what became of a change that was proposed: a new epoch, which begins with what
 * the log has, ends the doubt. A subscription that the leader runs without a lease needs none. The
 * fate of what a leader proposed is unknown only when it leads no more, and then its subscriptions
 * are unloaded; they are loaded again after an entry of the new term is applied, and nothing of an
 * older term can follow that. */
void nc_subs_own_doubt(struct nc_subscription *sub)
{
	if (!sub->lease.owned)
		return;
	sub->lease.reown = true;
	sub->lease.reown_ns = 0;
}

void nc_subs_own_tick(struct nc_subs *subs, uint64_t now_ns)
{
	uint32_t at = 0;
	struct nc_subscription *sub;
	while ((sub = nc_subs_own_next(subs, &at)) != NULL) {
		if (!sub->lease.reown || now_ns < sub->lease.reown_ns)
			continue;
		sub->lease.reown_ns = now_ns + REOWN_NS;
		int err = nc_spread_reown(subs->service->spread, nc_slice_str(sub->name));
		if (err != NC_OK && err != NC_CONFLICT && err != NC_NOTFOUND) {
			nc_say_warning("subscription %s: its new epoch cannot be asked for: %s",
			               sub->name, nc_err_name(err));
		}
	}
}
