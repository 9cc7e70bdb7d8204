/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events that are not seen any more, though a subscription has them still. Of parked ones nothing
 * is left to replay, and their keys must not stay parked; those that wait to be delivered must not
 * count, nor be given to who pulls; those in flight must not be parked when their flight ends, with
 * what is behind them of their keys. They are looked for when something has gone out of sight, a
 * parked one also when it is parked in a store where some are, and where a subscription is taken
 * up; a page at a time. What is missed is found when it is due. */
#include "core/engine/seen.h"
#include "core/node/subs_job.h"

/* Nobody is told of what a stream's count or age takes out of sight: it is looked for now and then,
 * the more seldom the more there is to look at, so that it takes a hundredth of a reader's time. */
#define TIDY_NS      UINT64_C(1000000000)
#define TIDY_EACH_NS UINT64_C(1000000)
/* And for so long what is in memory may be delivered from there; the least age is a second. */
#define FORGET_NS    UINT64_C(1000000000)

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
	sub->tidy.all_ns = nc_subs_now_ns();
	nc_sub_info(sub->machine, &info);
	bool undone = info.pending > 0 || info.in_flight > 0;
	if (undone)
		window_mark(&sub->tidy);
	if (info.parked > 0)
		nc_subs_tidy_mark(sub, 1, UINT64_MAX);
	if (undone || info.parked > 0)
		nc_subs_mark(sub);
}

void nc_subs_tidy_again(struct nc_subs *subs, struct nc_subscription *sub, uint64_t now_ns)
{
	struct nc_sub_info info;
	if (nc_seen_all(subs->reader))
		return;
	nc_sub_info(sub->machine, &info);
	uint64_t rows = info.pending + info.in_flight + info.parked;
	uint64_t pause_ns = rows < TIDY_NS / TIDY_EACH_NS ? TIDY_NS : rows * TIDY_EACH_NS;
	if (now_ns - sub->tidy.all_ns >= pause_ns)
		nc_subs_tidy_all(subs, sub);
}

/* ---- Memory --------------------------------------------------------------------------------- */

/* What is in memory to be delivered is as it was when it was put there. */
static void forget(struct nc_subs *subs)
{
	subs->sweeps++;
	nc_recent_clear(&subs->recent);
	for (uint32_t id = 0; id < subs->room; id++) {
		if (subs->slots[id] != NULL)
			nc_ahead_clear(&subs->slots[id]->ahead, &subs->stock);
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

void nc_subs_tidy_tick(struct nc_subs *subs, uint64_t now_ns)
{
	if (nc_seen_all(subs->reader) || now_ns - subs->forgot_ns < FORGET_NS)
		return;
	subs->forgot_ns = now_ns;
	forget(subs);
}

/* ---- Jobs ----------------------------------------------------------------------------------- */

static void window_end(struct nc_sub_tidy *tidy)
{
	tidy->after = 0;
	tidy->window = tidy->window_again;
	tidy->window_again = false;
}

/* As if their sizes were asked for: what has none is done. */
static bool window_start(struct nc_subs *subs, struct nc_subscription *sub)
{
	uint64_t positions[NC_SUB_REPLAY_EVENTS];
	struct nc_sub_tidy *tidy = &sub->tidy;
	size_t count = nc_sub_undone(sub->machine, tidy->after, positions, NC_SUB_REPLAY_EVENTS);
	if (count > 0)
		return nc_subs_measure_start(subs, sub, positions, count, true);
	window_end(tidy);
	return false;
}

/* Only now: a page that could not be read, or that a change of the subscription came before, is
 * looked at again. What is gone of it is listed no more, so that it goes on behind what is left. */
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
	nc_buf_put_slice(&tidy->unparked, nc_buf_slice(&sub->unparked));
	tidy->under_way = true;
	sub->searching = true;
	return true;
}

bool nc_subs_tidy_start(struct nc_subs *subs, struct nc_subscription *sub)
{
	struct nc_sub_tidy *tidy = &sub->tidy;
	/* What is on its way to the log is looked at when it is there. */
	bool rows = tidy->rows.to != 0 && (!sub->definition.durable || sub->parked.size == 0);
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
		return; /* said; once more */
	nc_subs_gone_release(sub, job, &tidy->unparked);
	tidy->rows.from = job->through + 1;
	if (job->ended) {
		tidy->rows = tidy->again;
		tidy->again = (struct nc_sub_span){ 0 };
	}
}
