/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Searching history for what a subscription's filter matches, on a reader's thread. */
#include <stdlib.h>

#include "core/node/filtered.h"
#include "core/node/subs_job.h"

#define STEP_SIZE (1u << 20) /* bytes read at once */

static void keep(struct nc_sub_job *job, const struct nc_event *event)
{
	struct nc_slice key = nc_subs_key(job->sub, event);
	struct nc_sub_found *found = &job->found[job->found_count++];
	found->position = event->position;
	found->size = (uint32_t)event->data.size;
	found->key.offset = job->keys.size;
	found->key.size = key.size;
	nc_buf_put_slice(&job->keys, key);
}

static void take(struct nc_sub_job *job, const struct nc_event *event, bool matched)
{
	if (job->full)
		return;
	if (job->found_count == job->room) {
		job->full = true; /* from this event on later */
		return;
	}
	if (matched)
		keep(job, event);
	job->through = event->position;
	job->looked++;
}

static int ask(struct nc_sub_job *job, const struct nc_event *events, size_t count)
{
	nc_filter_batch_clear(job->batch);
	int err = NC_OK;
	for (size_t i = 0; i < count && err == NC_OK; i++)
		err = nc_filter_batch_add(job->batch, &events[i]);
	return err == NC_OK ? nc_filter_match(job->sub->filter, job->batch, job->matched) : err;
}

/* What was seen, by the filter, all at once. If that has no answer each by itself, up to the one
 * that has none: there the subscription halts. */
static void judge(struct nc_sub_job *job)
{
	size_t count = job->seen_count;
	job->seen_count = 0;
	if (count == 0)
		return;
	int err = ask(job, job->seen, count);
	for (size_t i = 0; err == NC_OK && i < count; i++)
		take(job, &job->seen[i], job->matched[i / 64] >> i % 64 & 1);
	job->judged = job->judged || err == NC_OK;
	for (size_t i = 0; err != NC_OK && !job->fault && i < count; i++) {
		job->err = ask(job, &job->seen[i], 1);
		job->fault = job->err != NC_OK;
		if (!job->fault)
			take(job, &job->seen[i], job->matched[0] & 1);
	}
}

static void on_scanned(void *ctx, const struct nc_event *event)
{
	struct nc_sub_job *job = ctx;
	if (job->index_decides) {
		take(job, event, true);
		return;
	}
	struct nc_event *seen = &job->seen[job->seen_count++];
	*seen = *event;
	if (event->id.data == (const uint8_t *)event->made_id)
		seen->id.data = (const uint8_t *)seen->made_id;
}

/* Its bytes are there during the call only. */
static void on_one(void *ctx, const struct nc_event *event)
{
	on_scanned(ctx, event);
	judge(ctx);
}

static int room_make(struct nc_sub_job *job)
{
	job->seen = calloc(NC_SUB_SCAN_STEP, sizeof *job->seen);
	job->matched = calloc(NC_SUB_SCAN_STEP / 64, sizeof *job->matched);
	return job->seen == NULL || job->matched == NULL ? NC_NOMEM : NC_OK;
}

/* By an index, where the hints allow: one exact stream, or one exact type. If that is all that the
 * filter says, whatever the index gives matches; and when neither key nor size is asked for, the
 * rows need not be read. */
static struct nc_query_spec scan_spec(struct nc_sub_job *job)
{
	const struct nc_definition *definition = &job->sub->definition;
	struct nc_query_spec spec = { .kind = NC_QUERY_ALL,
		                      .from_kind = NC_FROM_POSITION,
		                      .from = job->from,
		                      .limit = NC_QUERY_LIMIT_MAX,
		                      .size_max = NC_QUERY_BYTES_MAX };
	bool keyless = definition->order == NC_ORDER_NONE || definition->order == NC_ORDER_GLOBAL;
	job->index_decides = nc_filter_narrow(&job->sub->hints, &spec);
	spec.bare = job->index_decides && keyless && definition->push;
	return spec;
}

static int scan_steps(struct nc_sub_job *job, struct nc_query *query,
                      struct nc_state_reader *reader, uint64_t head)
{
	bool done = false;
	int err = NC_OK;
	while (err == NC_OK && !done && !job->full && !job->fault &&
	       job->looked < NC_SUB_SCAN_EVENTS) {
		err = nc_query_step(query, reader, job->cautious ? 1 : NC_SUB_SCAN_STEP, STEP_SIZE,
		                    on_scanned, job, &done);
		if (err == NC_OK)
			judge(job);
	}
	if (err == NC_OK && done && !job->full && !job->fault && nc_query_end(query).next == 0) {
		job->ended = true;
		if (head > job->through)
			job->through = head;
	}
	return err;
}

void nc_sub_job_scan(struct nc_sub_job *job, struct nc_state_reader *reader)
{
	struct nc_engine_head head;
	struct nc_query *query = NULL;
	job->through = job->from - 1;
	int err = nc_query_head(reader,
	                        &head); /* before the search: what comes meanwhile is not missed */
	struct nc_query_spec spec = scan_spec(job);
	if (err == NC_OK)
		err = room_make(job);
	if (err == NC_OK)
		err = nc_query_start(reader, &spec, &query);
	if (err == NC_OK)
		err = scan_steps(job, query, reader, head.position);
	nc_query_free(query);
	if (err != NC_OK)
		job->err = err;
}

void nc_sub_job_event(struct nc_sub_job *job, struct nc_state_reader *reader)
{
	const struct nc_get_spec spec = { .kind = NC_GET_POSITION, .number = job->from };
	int err = room_make(job);
	if (err == NC_OK)
		err = nc_query_get(reader, &spec, on_one, job);
	job->gone = err == NC_NOTFOUND || (err == NC_OK && job->found_count == 0 && !job->fault);
	if (err != NC_OK && err != NC_NOTFOUND)
		job->err = err;
}
