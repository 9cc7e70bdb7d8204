/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The life of jobs: at most one that delivers and one that searches for each subscription, so that
 * its events stay in order and history is searched while earlier events are delivered. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/node/common/say.h"
#include "core/node/subs/subs_job.h"

static void deliveries_let_go(struct nc_delivery *deliveries, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		nc_subs_pull_let_go(deliveries[i].pull);
		if (deliveries[i].position != 0)
			continue; /* the other members are of statuses */
		free(deliveries[i].subject);
		free(deliveries[i].status);
		free(deliveries[i].reply);
	}
}

void nc_subs_deliveries_release(struct nc_delivery *deliveries, size_t count)
{
	deliveries_let_go(deliveries, count);
	free(deliveries);
}

static bool job_step(struct nc_read_job *read_job, struct nc_state_reader *reader)
{
	struct nc_sub_job *job = (struct nc_sub_job *)read_job;
	if (job->kind == NC_SUB_JOB_DELIVER) {
		nc_sub_job_deliver(job, reader);
	} else if (job->kind == NC_SUB_JOB_SCAN) {
		nc_sub_job_scan(job, reader);
	} else if (job->kind == NC_SUB_JOB_EVENT) {
		nc_sub_job_event(job, reader);
	} else if (job->kind == NC_SUB_JOB_MEASURE) {
		nc_sub_job_measure(job, reader);
	} else if (job->kind == NC_SUB_JOB_TIDY) {
		nc_sub_job_tidy(job, reader);
	} else {
		nc_sub_job_replay(job, reader);
	}
	return true;
}

/* Give a job back to the loop: when it is done, or when the pool is stopped. */
static void job_return(struct nc_read_job *read_job)
{
	struct nc_sub_job *job = (struct nc_sub_job *)read_job;
	struct nc_subs *subs = job->subs;
	pthread_mutex_lock(&subs->lock);
	job->next = subs->done;
	subs->done = job;
	pthread_mutex_unlock(&subs->lock);
	(void)uv_async_send(&subs->wake);
}

/* ---- On the loop ---------------------------------------------------------------------------- */

void nc_sub_job_free(struct nc_sub_job *job)
{
	nc_subs_deliveries_release(job->todo, job->todo_count);
	free(job->found);
	free(job->rows);
	if (job->batch != NULL)
		nc_subs_views_add(&job->subs->views, nc_filter_batch_views(job->batch));
	nc_filter_batch_free(job->batch);
	nc_buf_release(&job->keys);
	nc_sub_teller_release(&job->teller);
	nc_buf_release(&job->narrowed);
	nc_outbox_release(&job->outbox);
	nc_subs_keys_release(&job->key_finder);
	nc_ahead_give_back(&job->subs->stock, job->ahead);
	free(job);
}

struct nc_sub_job *nc_sub_job_new(struct nc_subs *subs, struct nc_subscription *sub,
                                  enum nc_sub_job_kind kind, uint64_t from, uint32_t room)
{
	struct nc_sub_job *job = calloc(1, sizeof *job);
	if (job == NULL)
		return NULL;
	job->job = (struct nc_read_job){ .step = job_step, .free = job_return };
	job->subs = subs;
	job->sub = sub;
	job->kind = kind;
	job->from = from;
	job->sweeps = subs->sweeps;
	job->aged = subs->aged;
	job->room = room < NC_SUB_SCAN_EVENTS ? room : NC_SUB_SCAN_EVENTS;
	if (kind == NC_SUB_JOB_DELIVER)
		return job;
	job->found = calloc(job->room == 0 ? 1 : job->room, sizeof *job->found);
	if (job->found == NULL || nc_filter_batch_new(&job->batch) != NC_OK) {
		nc_sub_job_free(job);
		return NULL;
	}
	return job;
}

bool nc_sub_job_put(struct nc_subs *subs, struct nc_sub_job *job)
{
	struct nc_reader_pool *pool = job->kind == NC_SUB_JOB_DELIVER
	                                      ? subs->service->readers
	                                      : nc_subs_pool(subs, job->sub->definition.plugin);
	if (nc_reader_pool_put(pool, &job->job) != NC_OK) {
		nc_subs_mark(job->sub); /* the next tick tries again */
		return false;
	}
	atomic_fetch_add(&subs->service->reads, 1);
	return true;
}

/* Let go of the messages in memory that have been delivered. Events of a busy key, which deliveries
 * pass by, are read once more. */
static void ahead_pass(struct nc_subs *subs, struct nc_subscription *sub)
{
	uint64_t last = 0;
	for (size_t i = 0; i < sub->out.count; i++) {
		if (sub->out.todo[i].position > last)
			last = sub->out.todo[i].position;
	}
	nc_ahead_pass(&sub->out.ahead, &subs->stock, last);
}

/* The loop has published all that is due, or left it out. */
static void delivered_now(struct nc_subs *subs, struct nc_subscription *sub)
{
	struct nc_delivery *list = sub->out.todo;
	size_t count = sub->out.count, room = sub->out.room;
	sub->out.todo = NULL;
	sub->out.count = sub->out.room = 0;
	nc_subs_too_large_tell(subs, sub);
	if (nc_subs_left_out(sub, list, count))
		nc_subs_mark(sub);
	deliveries_let_go(list, count);
	free(subs->spare_todo);
	subs->spare_todo = list;
	subs->spare_room = room;
}

static void deliver_start(struct nc_subs *subs, struct nc_subscription *sub)
{
	if (sub->jobs.delivering || sub->out.count == 0)
		return;
	if (nc_subs_deliver_now(subs, sub)) {
		ahead_pass(subs, sub);
		delivered_now(subs, sub);
		return;
	}
	nc_subs_posted_send(subs, sub);
	struct nc_sub_job *job = nc_sub_job_new(subs, sub, NC_SUB_JOB_DELIVER, 0, 0);
	if (job == NULL)
		return;
	job->todo = sub->out.todo;
	job->todo_count = sub->out.count;
	if (nc_sub_job_put(subs, job)) {
		ahead_pass(subs, sub);
		sub->jobs.delivering = true;
		sub->out.todo = NULL;
		sub->out.count = sub->out.room = 0;
	} else {
		job->todo = NULL;
		job->todo_count = 0;
		nc_sub_job_free(job);
	}
}

static bool measure_start(struct nc_subs *subs, struct nc_subscription *sub,
                          const uint64_t *positions, size_t count, bool tidies)
{
	struct nc_sub_job *job = nc_sub_job_new(subs, sub, NC_SUB_JOB_MEASURE, 0, (uint32_t)count);
	if (job == NULL)
		return false;
	job->tidies = tidies;
	job->rows = calloc(count, sizeof *job->rows);
	if (job->rows != NULL) {
		memcpy(job->rows, positions, count * sizeof *job->rows);
		job->row_count = count;
	}
	if (job->rows == NULL || !nc_sub_job_put(subs, job)) {
		nc_sub_job_free(job);
		return false;
	}
	sub->jobs.searching = true;
	return true;
}

bool nc_subs_measure_start(struct nc_subs *subs, struct nc_subscription *sub,
                           const uint64_t *positions, size_t count)
{
	return measure_start(subs, sub, positions, count, false);
}

bool nc_subs_tidy_measure_start(struct nc_subs *subs, struct nc_subscription *sub,
                                const uint64_t *positions, size_t count)
{
	return measure_start(subs, sub, positions, count, true);
}

/* Whether a search keeps messages for deliveries. They have one event each, so packed deliveries
 * need others. A pull request is expected to ask for the same form as the last; if not, events are
 * read once more. */
static bool goes_ahead(const struct nc_subscription *sub)
{
	enum nc_form form = sub->definition.push ? sub->definition.form : sub->pull.form;
	return form == NC_FORM_HEADERS;
}

static void search_start(struct nc_subs *subs, struct nc_subscription *sub)
{
	struct nc_sub_job *job = NULL;
	struct nc_sub_want want;
	if (sub->jobs.searching || sub->plugin.renewed || nc_subs_measure(subs, sub) ||
	    sub->filter == NULL || (sub->fault[0] != '\0' && sub->plugin.retry_ns > nc_clock_ns()))
		return;
	nc_sub_want(sub->machine, &want);
	bool idle = want.kind == NC_SUB_WANT_NOTHING && !nc_subs_replay_wants(sub);
	if ((idle || !sub->tidy.yields) && nc_subs_tidy_start(subs, sub)) {
		sub->tidy.yields = true;
		return;
	}
	sub->tidy.yields = false;
	bool replays = want.kind != NC_SUB_WANT_EVENT && nc_subs_replay_wants(sub) &&
	               (want.kind == NC_SUB_WANT_NOTHING || !sub->replay.scan_next);
	sub->replay.scan_next = false;
	if (replays) {
		job = nc_sub_job_new(subs, sub, NC_SUB_JOB_REPLAY, 0, NC_SUB_REPLAY_EVENTS);
		if (job != NULL && !nc_subs_replay_rows(sub, job)) {
			nc_sub_job_free(job);
			return;
		}
		nc_buf_clear(&sub->replay.unparked);
		nc_buf_put_slice(&sub->replay.unparked, nc_buf_slice(&sub->save.unparked));
	} else if (want.kind == NC_SUB_WANT_SCAN) {
		job = nc_sub_job_new(subs, sub, NC_SUB_JOB_SCAN, want.position, want.room);
		if (job != NULL && goes_ahead(sub))
			job->ahead = nc_ahead_take(&subs->stock, job->room);
	} else if (want.kind == NC_SUB_WANT_EVENT) {
		job = nc_sub_job_new(subs, sub, NC_SUB_JOB_EVENT, want.position, 1);
	}
	if (job == NULL)
		return;
	job->cautious = sub->fault[0] != '\0';
	if (nc_sub_job_put(subs, job)) {
		sub->jobs.searching = true;
		sub->jobs.searching_replay = replays;
	} else {
		nc_sub_job_free(job);
	}
}

void nc_subs_jobs_start(struct nc_subs *subs, struct nc_subscription *sub)
{
	if (sub->move != NULL)
		return;
	deliver_start(subs, sub);
	search_start(subs, sub);
}
