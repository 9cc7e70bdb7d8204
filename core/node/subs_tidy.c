/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events that are not seen any more, though a subscription has them still. Of parked ones nothing
 * is left to replay, and their keys must not stay parked; those that wait to be delivered must not
 * count, nor be given to who pulls; those in flight must not be parked when their flight ends, with
 * what is behind them of their keys. They are looked for when something has gone out of sight, a
 * parked one also when it is parked in a store where some are, and where a subscription is taken
 * up; a page at a time. What is missed is found when it is due. */
#include "core/engine/seen.h"
#include "core/node/subs_job.h"

/* What a stream's count or age takes out of sight nobody is told of: it is looked for now and then,
 * the more seldom the more there is to look at, so that it takes a hundredth of a reader's time. */
#define TIDY_NS      UINT64_C(1000000000)
#define TIDY_EACH_NS UINT64_C(1000000)
/* And for so long what is in memory may be delivered from there; the least age is a second. */
#define FORGET_NS    UINT64_C(1000000000)

void nc_subs_tidy_mark(struct nc_subscription *sub, uint64_t from, uint64_t to)
{
	struct nc_sub_tidy *tidy = &sub->tidy;
	tidy->marks++;
	if (tidy->to == 0 || from < tidy->from)
		tidy->from = from;
	if (to > tidy->to)
		tidy->to = to;
}

void nc_subs_tidy_all(struct nc_subs *subs, struct nc_subscription *sub)
{
	struct nc_sub_info info;
	if (nc_seen_all(subs->reader))
		return;
	sub->tidy.all_ns = nc_subs_now_ns();
	nc_sub_info(sub->machine, &info);
	bool undone = info.pending > 0 || info.in_flight > 0;
	if (undone) {
		sub->tidy.window = true;
		sub->tidy.after = 0;
	}
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

/* As if their sizes were asked for: what has none is done. */
static bool window_start(struct nc_subs *subs, struct nc_subscription *sub)
{
	uint64_t positions[NC_SUB_REPLAY_EVENTS];
	struct nc_sub_tidy *tidy = &sub->tidy;
	size_t count = nc_sub_undone(sub->machine, tidy->after, positions, NC_SUB_REPLAY_EVENTS);
	if (count > 0 && !nc_subs_measure_start(subs, sub, positions, count))
		return false;
	tidy->window = count == NC_SUB_REPLAY_EVENTS;
	tidy->after = count == 0 ? 0 : positions[count - 1];
	return count > 0;
}

bool nc_subs_tidy_start(struct nc_subs *subs, struct nc_subscription *sub)
{
	struct nc_sub_tidy *tidy = &sub->tidy;
	if (tidy->window && window_start(subs, sub))
		return true;
	/* What is on its way to the log is looked at when it is there. */
	if (tidy->to == 0 || (sub->definition.durable && sub->parked.size > 0))
		return false;
	struct nc_sub_job *job =
	        nc_sub_job_new(subs, sub, NC_SUB_JOB_TIDY, tidy->from, NC_SUB_REPLAY_EVENTS);
	if (job == NULL)
		return false;
	job->through = tidy->to;
	if (!nc_subs_replay_rows(sub, job) || !nc_sub_job_put(subs, job)) {
		nc_sub_job_free(job);
		return false;
	}
	nc_buf_clear(&tidy->unparked);
	nc_buf_put_slice(&tidy->unparked, nc_buf_slice(&sub->unparked));
	tidy->looked_at = tidy->marks;
	tidy->under_way = true;
	sub->searching = true;
	return true;
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
	if (tidy->marks != tidy->looked_at)
		return; /* more has gone meanwhile: from the beginning */
	if (job->ended) {
		tidy->from = tidy->to = 0;
	} else {
		tidy->from = job->through + 1;
	}
}
