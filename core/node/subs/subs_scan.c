/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Searching history for what a subscription's filter matches, on a reader's thread. */
#include "core/node/subs/filtered.h"
#include "core/node/subs/subs_job.h"

#define STEP_SIZE  (NC_SUB_SCAN_STEP << 12) /* bytes read in one step, about */
#define UNSEEN_MAX (4 * NC_SUB_SCAN_EVENTS) /* events that one job passes by */

/* False: no memory for its key, under another of which it must not be offered. */
static bool keep(struct nc_sub_job *job, const struct nc_event *event)
{
	struct nc_slice key;
	if (nc_subs_key(&job->key_finder, &job->sub->definition, event, &key) != NC_OK)
		return false;
	struct nc_sub_found *found = &job->found[job->found_count++];
	found->position = event->position;
	found->version = event->version;
	found->time_ns = event->time_ns;
	found->size = (uint32_t)event->data.size;
	found->key.offset = job->keys.size;
	found->key.size = key.size;
	nc_buf_put_slice(&job->keys, key);
	if (nc_buf_status(&job->keys) != NC_OK) {
		job->found_count--;
		return false;
	}
	if (job->ahead != NULL) {
		nc_ahead_put(job->ahead, job->subs->service->root, event,
		             job->sub->definition.headers_only);
	}
	return true;
}

/* Take an event that was found. */
static void on_found(void *ctx, const struct nc_event *event)
{
	struct nc_sub_job *job = ctx;
	if (job->full)
		return;
	if (job->found_count == job->room || (job->ahead != NULL && nc_ahead_full(job->ahead))) {
		job->full = true; /* the next job begins with this event */
		return;
	}
	if (!keep(job, event)) {
		job->full = true;
		job->err = NC_NOMEM;
		return;
	}
	job->through = event->position;
	job->version = event->version;
}

/* ---- What matches --------------------------------------------------------------------------- */

static int match(struct nc_filter *filter, struct nc_filter_batch *batch,
                 const struct nc_event *events, size_t count, uint64_t *matched_out)
{
	nc_filter_batch_clear(batch);
	int err = NC_OK;
	for (size_t i = 0; i < count && err == NC_OK; i++)
		err = nc_filter_batch_add(batch, &events[i]);
	return err == NC_OK ? nc_filter_match(filter, batch, matched_out) : err;
}

/* In a backfill, keep only what was not done, and what the old filter did not match. */
static int backfill_sift(struct nc_sub_job *job, const struct nc_event *events, size_t count,
                         uint64_t *wanted)
{
	const struct nc_sub_backfill *backfill = job->sub->backfill;
	uint64_t before[(NC_SUB_SCAN_STEP + 63) / 64] = { 0 };
	int err = match(backfill->filter, job->batch, events, count, before);
	for (size_t i = 0; err == NC_OK && i < count; i++) {
		uint64_t bit = UINT64_C(1) << i % 64;
		if (events[i].position > backfill->is.through)
			break;
		if (nc_backfill_is_undone(&backfill->is, &job->undone_at, events[i].position)) {
			wanted[i / 64] |= bit;
		} else {
			wanted[i / 64] &= ~(before[i / 64] & bit);
		}
	}
	return err;
}

static int judge(struct nc_sub_job *job, const struct nc_event *events, size_t count,
                 uint64_t *wanted)
{
	int err = match(job->sub->filter, job->batch, events, count, wanted);
	if (err == NC_OK && job->sub->backfill != NULL)
		err = backfill_sift(job, events, count, wanted);
	return err;
}

static void seen_set(struct nc_sub_job *job, const struct nc_event *event)
{
	job->seen = event->position;
	job->seen_version = event->version;
}

/* Ask the filter about all events at once. If that fails, about each by itself, up to the one that
 * it fails for: there the subscription halts, for it never skips an event. */
static int is_wanted(void *ctx, const struct nc_event *events, size_t count, uint64_t *wanted_out)
{
	struct nc_sub_job *job = ctx;
	if (job->fault)
		return NC_OK;
	job->looked += count;
	const struct nc_backfill_at undone_at = job->undone_at;
	if (judge(job, events, count, wanted_out) == NC_OK) {
		job->judged = true;
		seen_set(job, &events[count - 1]);
		return NC_OK;
	}
	job->undone_at = undone_at;
	memset(wanted_out, 0, (count + 63) / 64 * sizeof *wanted_out);
	for (size_t i = 0; i < count && !job->fault; i++) {
		uint64_t one = 0;
		job->err = judge(job, &events[i], 1, &one);
		job->fault = job->err != NC_OK;
		if (job->fault)
			break;
		wanted_out[i / 64] |= (one & 1) << i % 64;
		seen_set(job, &events[i]);
	}
	return NC_OK;
}

/* ---- The search ----------------------------------------------------------------------------- */

/* Search by an index if the hints allow it. If they say all there is to the filter, whatever the
 * index gives matches; and if neither keys nor sizes are needed, the events are not read. */
static struct nc_query_spec scan_spec(struct nc_sub_job *job)
{
	const struct nc_definition *definition = &job->sub->definition;
	const struct nc_sub_backfill *backfill = job->sub->backfill;
	struct nc_query_spec spec = { .kind = NC_QUERY_ALL,
		                      .from_kind = NC_FROM_POSITION,
		                      .from = job->from,
		                      .limit = NC_QUERY_LIMIT_MAX,
		                      .size_max = NC_QUERY_BYTES_MAX };
	if (backfill != NULL && backfill->is.undone_count > 0) {
		spec.to = backfill->is.through; /* events that were not done may lie anywhere */
	} else {
		job->index_decides = nc_filter_narrow(&job->sub->hints, &spec, &job->narrowed);
	}
	bool keyless = definition->order == NC_ORDER_NONE || definition->order == NC_ORDER_GLOBAL;
	bool sizeless = definition->push || !job->sub->pull.sized;
	bool judges = !job->index_decides || backfill != NULL;
	spec.bare = !judges && keyless && sizeless && job->ahead == NULL;
	if (judges) {
		spec.wanted = is_wanted;
		spec.wanted_ctx = job;
	}
	return spec;
}

/* If every event that is read is taken, read one more than there is room for, to know whether there
 * are more. */
static struct nc_query_portion portion_of(const struct nc_sub_job *job, bool judges)
{
	size_t room = job->room - job->found_count + 1;
	size_t most = job->cautious ? 1 : NC_SUB_SCAN_STEP;
	return (struct nc_query_portion){ judges || most < room ? most : room,
		                          job->ahead == NULL ? STEP_SIZE : NC_AHEAD_PORTION_SIZE };
}

/* Whether all that the filter has judged was given. Where the query has come to the limit of its
 * bytes, it has not: events that match lie between the last that was given and the last judged. */
static bool is_all_given(const struct nc_query *query, bool done)
{
	return !done || nc_query_end(query).next == 0;
}

static int scan_steps(struct nc_sub_job *job, struct nc_query *query,
                      struct nc_state_reader *reader, bool judges)
{
	bool done = false;
	int err = NC_OK;
	while (err == NC_OK && !done && !job->full && !job->fault &&
	       nc_query_unseen(query) < UNSEEN_MAX &&
	       (judges ? job->looked : job->found_count) < NC_SUB_SCAN_EVENTS) {
		err = nc_query_step(query, reader, portion_of(job, judges), on_found, job, &done);
		if (err == NC_OK && !job->full && job->seen > job->through &&
		    is_all_given(query, done)) {
			/* the filter matched nothing after the last event found */
			job->through = job->seen;
			job->version = job->seen_version;
		}
	}
	return err;
}

/* How far the search has come, and how many events may be left: exact in a stream, else a bound. */
static void scan_end(struct nc_sub_job *job, struct nc_query *query,
                     const struct nc_query_spec *spec, uint64_t head)
{
	nc_query_cut(query);
	struct nc_query_end end = nc_query_end(query);
	uint64_t to = spec->to == 0 ? head : spec->to;
	/* After the last event found, those that do not exist any more have been passed by. In a
	 * stream such events lie before the first. */
	if (spec->kind != NC_QUERY_STREAM && end.next > job->through + 1 && !job->full &&
	    !job->fault)
		job->through = end.next - 1;
	if (end.next == 0 && !job->full && !job->fault) {
		job->ended = to == head;
		if (to > job->through)
			job->through = to;
	}
	job->left = head > job->through ? head - job->through : 0;
	if (spec->kind == NC_QUERY_STREAM && job->left > 0 && job->version > 0)
		job->left = end.head > job->version ? end.head - job->version : 0;
}

void nc_sub_job_scan(struct nc_sub_job *job, struct nc_state_reader *reader)
{
	struct nc_engine_head head;
	struct nc_query *query = NULL;
	job->through = job->from - 1;
	/* Read the head before the search, so that events which come meanwhile are not missed. */
	int err = nc_engine_head_now(reader, &head);
	struct nc_query_spec spec = scan_spec(job);
	if (err == NC_OK)
		err = nc_query_start(reader, &spec, &query);
	if (err == NC_OK)
		err = scan_steps(job, query, reader, spec.wanted != NULL);
	if (err == NC_OK)
		scan_end(job, query, &spec, head.position);
	nc_query_free(query);
	if (err != NC_OK)
		job->err = err;
}

/* Read one event that was in flight before. The filter matched it then, and is not asked again. */
void nc_sub_job_event(struct nc_sub_job *job, struct nc_state_reader *reader)
{
	const struct nc_get_spec spec = { .kind = NC_GET_POSITION, .number = job->from };
	int err = nc_query_get(reader, &spec, on_found, job);
	job->gone = err == NC_NOTFOUND;
	if (err != NC_OK && err != NC_NOTFOUND)
		job->err = err;
}

void nc_sub_job_measure(struct nc_sub_job *job, struct nc_state_reader *reader)
{
	int err = nc_query_events(reader, job->rows, job->row_count, on_found, job);
	if (err != NC_OK)
		job->err = err;
}
