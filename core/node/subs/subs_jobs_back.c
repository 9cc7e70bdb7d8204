/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Jobs that come back from the readers: what they found, for the subscription as it is by then. */
#include <stdlib.h>
#include <string.h>

#include "core/node/common/say.h"
#include "core/node/subs/subs_job.h"

/* Tell the machine the sizes that were read; an event that does not exist any more is done, now or
 * when its flight ends. */
static void measured(struct nc_subscription *sub, const struct nc_sub_job *job)
{
	size_t at = 0;
	for (size_t i = 0; i < job->row_count && job->err == NC_OK; i++) {
		if (at < job->found_count && job->found[at].position == job->rows[i]) {
			nc_sub_size(sub->machine, job->rows[i], job->found[at++].size);
		} else {
			(void)nc_sub_fade(sub->machine, job->rows[i]);
		}
	}
	if (job->tidies && job->err == NC_OK)
		nc_subs_tidy_measured(sub, job);
}

static void offers(struct nc_sub_job *job)
{
	struct nc_subscription *sub = job->sub;
	uint64_t through = job->through;
	bool backfills = sub->backfill != NULL && job->kind == NC_SUB_JOB_SCAN;
	if (backfills && !nc_subs_rows_pass(job->subs, sub, job))
		return;
	for (size_t i = 0; i < job->found_count; i++) {
		const struct nc_sub_found *found = &job->found[i];
		const struct nc_sub_event event = { .position = found->position,
			                            .key = { job->keys.data + found->key.offset,
			                                     found->key.size },
			                            .version = found->version,
			                            .time_ns = found->time_ns,
			                            .size = found->size };
		if (nc_sub_offer(sub->machine, &event) == NC_OK)
			continue;
		through = found->position - 1; /* the search goes on from here later */
		break;
	}
	if (job->ahead != NULL && nc_subs_ahead_holds(job->subs, job)) {
		nc_ahead_add(&sub->out.ahead, &job->subs->stock, job->ahead, through);
		job->ahead = NULL;
	}
	/* without its filter, live events would not find it */
	bool at_head = sub->filter != NULL && job->ended && through == job->through &&
	               through >= atomic_load(&job->subs->service->position);
	if (job->kind != NC_SUB_JOB_SCAN)
		return;
	if (at_head) {
		nc_sub_scanned_to_head(sub->machine, through);
	} else if (through + 1 > job->from) {
		nc_sub_scanned(sub->machine, through);
	}
	sub->unsearched = at_head ? 0 : job->left + (job->through - through);
	if (sub->backfill != NULL && through >= sub->backfill->is.through)
		nc_subs_backfill_drop(sub);
}

/* What was not published goes before what came since. */
static void todo_return(struct nc_subscription *sub, struct nc_sub_job *job)
{
	size_t left = job->todo_count - job->told, count = left + sub->out.count;
	struct nc_delivery *todo = malloc(count * sizeof *todo);
	if (left == 0 || todo == NULL) {
		free(todo); /* as if lost on the way */
		return;
	}
	memcpy(todo, job->todo + job->told, left * sizeof *todo);
	if (sub->out.count > 0)
		memcpy(todo + left, sub->out.todo, sub->out.count * sizeof *todo);
	free(sub->out.todo);
	sub->out.todo = todo;
	sub->out.count = sub->out.room = count;
	job->todo_count = job->told;
}

/* Whether the machine still wants the event that was read. */
static bool is_wanted(const struct nc_sub_job *job)
{
	uint32_t attempts;
	return job->kind == NC_SUB_JOB_EVENT &&
	       nc_sub_find(job->sub->machine, job->from, &attempts) == NC_SUB_RECALLED;
}

/* Take what a job has found, for a subscription that has not changed since. */
static void job_take(struct nc_subs *subs, struct nc_sub_job *job)
{
	struct nc_subscription *sub = job->sub;
	(void)nc_subs_left_out(sub, job->todo, job->todo_count);
	if (job->kind == NC_SUB_JOB_REPLAY) {
		nc_subs_replay_take(subs, sub, job);
	} else if (job->kind == NC_SUB_JOB_MEASURE) {
		measured(sub, job);
	} else if (job->kind == NC_SUB_JOB_TIDY) {
		nc_subs_tidy_take(sub, job);
	} else if (job->kind == NC_SUB_JOB_EVENT && job->gone) {
		(void)nc_sub_gone(sub->machine, job->from);
	} else if (job->kind == NC_SUB_JOB_SCAN || is_wanted(job)) {
		offers(job);
	}
}

/* The filter failed to answer. */
static void job_fault(struct nc_subs *subs, struct nc_sub_job *job)
{
	bool scan = job->kind == NC_SUB_JOB_SCAN;
	if (scan)
		offers(job); /* first what was judged before the failure */
	nc_subs_fault(subs, job->sub, job->err, scan ? job->through + 1 : job->from);
	nc_subs_mark(job->sub);
}

/* The job is not under way any more. */
static void job_end(struct nc_subs *subs, struct nc_sub_job *job)
{
	struct nc_subscription *sub = job->sub;
	if (job->kind == NC_SUB_JOB_DELIVER) {
		sub->jobs.delivering = false;
	} else {
		sub->jobs.searching = sub->jobs.searching_replay = sub->tidy.under_way = false;
	}
	if (job->kind == NC_SUB_JOB_DELIVER && sub->lease.leaves) {
		sub->lease.leaves = false;
		subs->own.leaving--;
	}
	if (job->lapsed && !sub->gone)
		todo_return(sub, job);
}

static void job_finish(struct nc_subs *subs, struct nc_sub_job *job)
{
	struct nc_subscription *sub = job->sub;
	job_end(subs, job);
	nc_subs_packed_tell(subs, sub);
	nc_subs_too_large_tell(subs, sub);
	if (sub->gone) {
		if (job->kind == NC_SUB_JOB_DELIVER)
			nc_subs_pulls_finish(subs, sub, sub->end);
		if (!sub->jobs.delivering && !sub->jobs.searching)
			nc_subscription_free(sub);
		return;
	}
	/* what the job found is of the time before the change; what it published counts */
	if (sub->move != NULL) {
		nc_subs_move_finish(subs, sub);
		return;
	}
	if (job->fault) {
		job_fault(subs, job);
		return;
	}
	if (sub->plugin.renew)
		nc_subs_renew(subs, sub);
	if (job->judged) {
		nc_subs_fault_ends(subs, sub, "its filter answers again");
		nc_subs_hints_take(subs, sub);
	}
	if (job->err != NC_OK) {
		nc_say_error("subscription %s: reading failed: %s", sub->name,
		             nc_err_name(job->err));
	}
	job_take(subs, job);
	nc_subs_mark(sub);
}

void nc_subs_jobs_take(struct nc_subs *subs)
{
	pthread_mutex_lock(&subs->lock);
	struct nc_sub_job *job = subs->done;
	subs->done = NULL;
	pthread_mutex_unlock(&subs->lock);
	while (job != NULL) {
		struct nc_sub_job *next = job->next;
		atomic_fetch_sub(&subs->service->reads, 1);
		job_finish(subs, job);
		nc_sub_job_free(job);
		job = next;
	}
}
