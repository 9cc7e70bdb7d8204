/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events that are not seen any more, though a subscription has them still. Of parked ones nothing
 * is left to replay, and their keys must not stay parked; those that wait to be delivered must not
 * count, nor be given to who pulls; those in flight must not be parked when their flight ends, with
 * what is behind them of their keys. All that a subscription has is looked through when a stream is
 * deleted or limited, where the subscription is taken up, and from time to time; what is parked in
 * a store where something may be unseen, once its row is there. A page goes to a reader at a time,
 * in turn with all else that is to be read. What is missed is found when it is due. */
#include "core/engine/seen.h"
#include "core/node/subs/subs_job.h"

/* Nothing tells when a stream's limits of count or age make events disappear. So everything that a
 * subscription has is looked through from time to time, if something may have gone (looks.h). The
 * more there is to look at, in all subscriptions together, the less often that is, so that it takes
 * about a hundredth of a reader's time. */
#define TIDY_NS   UINT64_C(5000000000)
#define TURNS_MAX 256u /* subscriptions that are considered in a tick */
/* What is in memory is let go of once in so long, if it was there the last time: with the ticks
 * between nothing is delivered from there that was put there more than a second ago, which is the
 * least age. */
#define FORGET_NS UINT64_C(480000000)

void nc_subs_tidy_mark(struct nc_subscription *sub, uint64_t from, uint64_t to)
{
	struct nc_sub_tidy *tidy = &sub->tidy;
	struct nc_sub_span *span = tidy->rows.to == 0 ? &tidy->rows : &tidy->again;
	if (span->to == 0 || from < span->from)
		span->from = from;
	if (to > span->to)
		span->to = to;
}

static void window_mark(struct nc_sub_tidy *tidy)
{
	tidy->window_again = tidy->window;
	if (!tidy->window)
		tidy->after = 0;
	tidy->window = true;
}

void nc_subs_tidy_all(struct nc_subs *subs, struct nc_subscription *sub)
{
	struct nc_sub_info info;
	if (nc_seen_all(subs->reader))
		return;
	sub->tidy.all_ns = nc_clock_ns();
	nc_sub_info(sub->machine, &info);
	bool undone = info.pending > 0 || info.in_flight > 0;
	if (undone)
		window_mark(&sub->tidy);
	if (info.parked > 0)
		nc_subs_tidy_mark(sub, 1, UINT64_MAX);
	if (undone || info.parked > 0)
		nc_subs_mark(sub);
}

/* How many things there are to be looked at; 0: none, or not now. */
static uint64_t again(struct nc_subs *subs, struct nc_subscription *sub, uint64_t now_ns)
{
	struct nc_sub_info info;
	nc_sub_info(sub->machine, &info);
	uint64_t count = info.pending + info.in_flight + info.parked;
	if (count == 0 || now_ns - sub->tidy.all_ns < TIDY_NS ||
	    !nc_looks_due(&sub->tidy.looks, nc_seen_hidings(subs->reader),
	                  nc_seen_ages(subs->reader)))
		return 0;
	nc_subs_tidy_all(subs, sub);
	return count;
}

/* Consider subscriptions in turn, as long as there is time. */
static void again_some(struct nc_subs *subs, uint64_t now_ns)
{
	uint32_t most = subs->room < TURNS_MAX ? subs->room : TURNS_MAX;
	for (uint32_t i = 0; i < most && nc_looks_allowed(&subs->tidy_budget, now_ns); i++) {
		if (subs->tidy_next >= subs->room)
			subs->tidy_next = 0;
		struct nc_subscription *sub = subs->slots[subs->tidy_next++];
		if (sub != NULL)
			nc_looks_spend(&subs->tidy_budget, again(subs, sub, now_ns));
	}
}

/* ---- Memory --------------------------------------------------------------------------------- */

/* Let go of events that were kept in memory for a while: they are as they were when they were put
 * there. */
static void forget(struct nc_subs *subs)
{
	subs->sweeps++;
	nc_recent_clear(&subs->recent);
	for (uint32_t id = 0; id < subs->room; id++) {
		if (subs->slots[id] != NULL)
			nc_ahead_clear(&subs->slots[id]->out.ahead, &subs->stock);
	}
}

void nc_subs_sweep(struct nc_subs *subs)
{
	forget(subs);
	for (uint32_t id = 0; id < subs->room; id++) {
		if (subs->slots[id] != NULL)
			nc_subs_tidy_all(subs, subs->slots[id]);
	}
}

static void forget_old(struct nc_subs *subs, uint64_t now_ns)
{
	if (now_ns - subs->forgot_ns < FORGET_NS)
		return;
	subs->forgot_ns = now_ns;
	if (!nc_looks_due(&subs->forgets, nc_seen_hidings(subs->reader),
	                  nc_seen_ages(subs->reader)))
		return;
	subs->aged++;
	nc_recent_age(&subs->recent);
	for (uint32_t id = 0; id < subs->room; id++) {
		if (subs->slots[id] != NULL)
			nc_ahead_age(&subs->slots[id]->out.ahead, &subs->stock);
	}
}

/* Whether what a job has read ahead is recent enough to be delivered from. */
bool nc_subs_ahead_holds(const struct nc_subs *subs, struct nc_sub_job *job)
{
	job->ahead->old = job->aged != subs->aged;
	return job->sweeps == subs->sweeps && subs->aged - job->aged < 2;
}

void nc_subs_tidy_tick(struct nc_subs *subs, uint64_t now_ns)
{
	if (nc_seen_all(subs->reader))
		return;
	forget_old(subs, now_ns);
	again_some(subs, now_ns);
}

/* ---- Jobs ----------------------------------------------------------------------------------- */

static void window_end(struct nc_sub_tidy *tidy)
{
	tidy->after = 0;
	tidy->window = tidy->window_again;
	tidy->window_again = false;
}

/* Look at a part of the window with a job that asks for sizes: an event that has none does not
 * exist. */
static bool window_start(struct nc_subs *subs, struct nc_subscription *sub)
{
	uint64_t positions[NC_SUB_REPLAY_EVENTS];
	struct nc_sub_tidy *tidy = &sub->tidy;
	size_t count = nc_sub_undone(sub->machine, tidy->after, positions, NC_SUB_REPLAY_EVENTS);
	if (count > 0)
		return nc_subs_tidy_measure_start(subs, sub, positions, count);
	window_end(tidy);
	return false;
}

/* The place moves on only now: a part that could not be read, or that a change of the subscription
 * overtook, is looked at again. Events that were let go are not in the window any more, so it goes
 * on after what is left. */
void nc_subs_tidy_measured(struct nc_subscription *sub, const struct nc_sub_job *job)
{
	if (job->row_count < NC_SUB_REPLAY_EVENTS) {
		window_end(&sub->tidy);
	} else if (job->found_count > 0) {
		sub->tidy.after = job->found[job->found_count - 1].position;
	}
}

static bool rows_start(struct nc_subs *subs, struct nc_subscription *sub)
{
	struct nc_sub_tidy *tidy = &sub->tidy;
	struct nc_sub_job *job =
	        nc_sub_job_new(subs, sub, NC_SUB_JOB_TIDY, tidy->rows.from, NC_SUB_REPLAY_EVENTS);
	if (job == NULL)
		return false;
	job->through = tidy->rows.to;
	if (!nc_subs_replay_rows(sub, job) || !nc_sub_job_put(subs, job)) {
		nc_sub_job_free(job);
		return false;
	}
	nc_buf_clear(&tidy->unparked);
	nc_buf_put_slice(&tidy->unparked, nc_buf_slice(&sub->save.unparked));
	tidy->under_way = true;
	sub->jobs.searching = true;
	return true;
}

bool nc_subs_tidy_start(struct nc_subs *subs, struct nc_subscription *sub)
{
	struct nc_sub_tidy *tidy = &sub->tidy;
	/* Rows that are on their way to the log are looked at once they are there. */
	bool rows = tidy->rows.to != 0 && (!sub->definition.durable || sub->save.parked.size == 0);
	if (tidy->window && !(rows && tidy->rows_next) && window_start(subs, sub)) {
		tidy->rows_next = true;
		return true;
	}
	tidy->rows_next = false;
	return rows && rows_start(subs, sub);
}

static bool is_listed(struct nc_slice list, uint64_t position)
{
	uint64_t gone;
	while (nc_unparked_next(&list, &gone)) {
		if (gone == position)
			return true;
	}
	return false;
}

void nc_subs_gone_release(struct nc_subscription *sub, const struct nc_sub_job *job,
                          const struct nc_buf *unparked)
{
	for (size_t i = 0; i < job->found_count; i++) {
		const struct nc_sub_found *found = &job->found[i];
		struct nc_slice key = { job->keys.data + found->key.offset, found->key.size };
		uint32_t attempts;
		if (!found->gone || is_listed(nc_buf_slice(unparked), found->position))
			continue;
		if (nc_sub_find(sub->machine, found->position, &attempts) != NC_SUB_NOT_HERE) {
			(void)nc_sub_fade(sub->machine, found->position); /* being replayed */
			continue;
		}
		nc_sub_parked_gone(sub->machine, key);
		nc_subs_unpark(sub, found->position);
	}
}

void nc_subs_tidy_take(struct nc_subscription *sub, const struct nc_sub_job *job)
{
	struct nc_sub_tidy *tidy = &sub->tidy;
	if (job->err != NC_OK)
		return; /* the error was said; look again */
	nc_subs_gone_release(sub, job, &tidy->unparked);
	tidy->rows.from = job->through + 1;
	if (job->ended) {
		tidy->rows = tidy->again;
		tidy->again = (struct nc_sub_span){ 0 };
	}
}
