/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading parked events for a replay, on a reader's thread; and whether those that were named may
 * be replayed. */
#include <stdlib.h>

#include "core/node/subs/subs_job.h"

struct rows {
	uint64_t positions[NC_SUB_REPLAY_EVENTS];
	size_t count, room;
	uint64_t to; /* inclusive */
	bool more;
};

static bool on_row(void *ctx, const struct nc_parked *parked)
{
	struct rows *rows = ctx;
	if (parked->position > rows->to)
		return false;
	rows->more = rows->count == rows->room;
	if (rows->more)
		return false;
	rows->positions[rows->count++] = parked->position;
	return true;
}

/* The positions of parked events from `from` to rows->to, as many as there is room for. */
static int rows_read(struct nc_sub_job *job, struct nc_state_reader *reader, uint64_t from,
                     struct rows *rows)
{
	rows->count = 0;
	rows->more = false;
	for (size_t i = 0; i < job->row_count; i++) {
		const struct nc_parked row = { .position = job->rows[i] };
		if (row.position >= from && !on_row(rows, &row))
			break;
	}
	if (!job->sub->definition.durable)
		return NC_OK;
	int err = nc_state_reader_begin(reader);
	if (err != NC_OK)
		return err;
	err = nc_parked_each(reader, nc_slice_str(job->sub->name), from, on_row, rows);
	nc_state_reader_end(reader);
	return err;
}

struct key_of {
	uint64_t hash, position;
};

struct reading {
	struct nc_sub_job *job;
	const uint64_t *positions; /* what was asked for, in order */
	size_t next;
	uint64_t lost[NC_SUB_REPLAY_EVENTS]; /* those of them that were deleted or have expired */
	size_t lost_count;
	/* of a check */
	struct key_of *asked; /* by hash, then position */
	size_t asked_count;
};

/* Without memory for it job->keys has failed, and the job with it. */
static struct nc_slice key_find(struct nc_sub_job *job, const struct nc_event *event)
{
	struct nc_slice key;
	if (nc_subs_key(&job->key_finder, &job->sub->definition, event, &key) != NC_OK)
		job->keys.failed = true;
	return key;
}

static struct nc_sub_found *found_add(struct nc_sub_job *job, const struct nc_event *event,
                                      struct nc_slice key)
{
	struct nc_sub_found *found = &job->found[job->found_count++];
	found->position = event->position;
	found->gone = false;
	found->size = (uint32_t)event->data.size;
	found->key.offset = job->keys.size;
	found->key.size = key.size;
	nc_buf_put_slice(&job->keys, key);
	return found;
}

/* An event that was found; those asked for before it do not exist any more. */
static void on_seen_event(void *ctx, const struct nc_event *event)
{
	struct reading *reading = ctx;
	for (; reading->positions[reading->next] != event->position; reading->next++)
		reading->lost[reading->lost_count++] = reading->positions[reading->next];
	reading->next++;
}

static void on_parked_event(void *ctx, const struct nc_event *event)
{
	struct reading *reading = ctx;
	struct nc_sub_job *job = reading->job;
	on_seen_event(reading, event);
	const struct nc_replay_ask *ask = &job->sub->replay.ask;
	struct nc_slice key = key_find(job, event);
	if (ask->kind != NC_REPLAY_KEY || nc_slice_eq(key, ask->key))
		(void)found_add(job, event, key);
}

/* An event that was deleted or has expired: its key is needed, to free it. */
static void on_lost_event(void *ctx, const struct nc_event *event)
{
	struct reading *reading = ctx;
	found_add(reading->job, event, key_find(reading->job, event))->gone = true;
}

static int events_read(struct nc_sub_job *job, struct nc_state_reader *reader,
                       const struct rows *rows, nc_event_fn *fn)
{
	struct reading reading = { .job = job, .positions = rows->positions };
	int err = nc_query_events(reader, rows->positions, rows->count, fn, &reading);
	for (; err == NC_OK && reading.next < rows->count; reading.next++)
		reading.lost[reading.lost_count++] = rows->positions[reading.next];
	if (err == NC_OK && reading.lost_count > 0) {
		err = nc_query_events_all(reader, reading.lost, reading.lost_count, on_lost_event,
		                          &reading);
	}
	return err == NC_OK ? nc_buf_status(&job->keys) : err;
}

/* The next rows of all, or of a key. */
static int feed_rows(struct nc_sub_job *job, struct nc_state_reader *reader, struct rows *rows)
{
	rows->room = NC_SUB_REPLAY_EVENTS;
	rows->to = job->sub->replay.through;
	int err = rows_read(job, reader, job->sub->replay.after + 1, rows);
	job->ended = !rows->more;
	job->through = rows->more ? rows->positions[rows->count - 1] : rows->to;
	return err;
}

/* The next of the positions that were named, those that are still parked. */
static int feed_positions(struct nc_sub_job *job, struct nc_state_reader *reader, struct rows *rows)
{
	const struct nc_replay_ask *ask = &job->sub->replay.ask;
	size_t next = job->sub->replay.next, count = 0;
	int err = NC_OK;
	for (; next < ask->count && count < NC_SUB_REPLAY_EVENTS && err == NC_OK; next++) {
		struct rows one = { .room = 1, .to = ask->positions[next] };
		err = rows_read(job, reader, one.to, &one);
		if (one.count == 1)
			rows->positions[count++] = one.to;
	}
	rows->count = count;
	job->ended = next == ask->count;
	job->through = next == 0 ? 0 : ask->positions[next - 1];
	return err;
}

/* ---- Whether positions may be replayed ------------------------------------------------------ */

static int key_compare(const void *a, const void *b)
{
	const struct key_of *x = a, *y = b;
	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return (x->position > y->position) - (x->position < y->position);
}

static uint64_t key_hash(struct nc_sub_job *job, const struct nc_event *event)
{
	struct nc_slice key = job->sub->definition.order == NC_ORDER_GLOBAL ? NC_SLICE("*")
	                                                                    : key_find(job, event);
	return key.size == 0 ? 0 : nc_hash_bytes(key) | 1; /* 0: none, flows freely */
}

static void on_asked(void *ctx, const struct nc_event *event)
{
	struct reading *reading = ctx;
	struct key_of *asked = &reading->asked[reading->asked_count++];
	*asked = (struct key_of){ key_hash(reading->job, event), event->position };
}

/* A parked event that was not asked for: none that was may stand behind it in its key. */
static void on_other(void *ctx, const struct nc_event *event)
{
	struct reading *reading = ctx;
	uint64_t hash = key_hash(reading->job, event);
	size_t low = 0, high = reading->asked_count;
	while (low < high) { /* past all of this hash */
		size_t middle = low + (high - low) / 2;
		if (reading->asked[middle].hash <= hash) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	if (hash != 0 && low > 0 && reading->asked[low - 1].hash == hash &&
	    reading->asked[low - 1].position > event->position)
		reading->job->behind = reading->asked[low - 1].position;
}

static bool is_asked(const struct nc_replay_ask *ask, uint64_t position)
{
	size_t low = 0, high = ask->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (ask->positions[middle] < position) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low < ask->count && ask->positions[low] == position;
}

static int others_check(struct nc_sub_job *job, struct nc_state_reader *reader,
                        struct reading *reading)
{
	const struct nc_replay_ask *ask = &job->sub->replay.ask;
	struct rows rows = { .room = NC_SUB_REPLAY_EVENTS, .to = ask->positions[ask->count - 1] };
	uint64_t from = 1;
	int err;
	do {
		size_t kept = 0;
		err = rows_read(job, reader, from, &rows);
		if (rows.count > 0)
			from = rows.positions[rows.count - 1] + 1;
		for (size_t i = 0; i < rows.count; i++) {
			if (!is_asked(ask, rows.positions[i]))
				rows.positions[kept++] = rows.positions[i];
		}
		if (err == NC_OK && kept > 0)
			err = nc_query_events(reader, rows.positions, kept, on_other, reading);
	} while (err == NC_OK && rows.more && job->behind == 0);
	return err;
}

static int positions_check(struct nc_sub_job *job, struct nc_state_reader *reader)
{
	const struct nc_replay_ask *ask = &job->sub->replay.ask;
	int err = NC_OK;
	for (size_t i = 0; i < ask->count && err == NC_OK && job->missing == 0; i++) {
		struct rows one = { .room = 1, .to = ask->positions[i] };
		err = rows_read(job, reader, one.to, &one);
		if (one.count == 0)
			job->missing = one.to;
	}
	if (err != NC_OK || job->missing != 0 || job->sub->definition.order == NC_ORDER_NONE)
		return err;
	struct reading reading = { .job = job };
	reading.asked = calloc(ask->count + 1, sizeof *reading.asked); /* never of no size */
	if (reading.asked == NULL)
		return NC_NOMEM;
	err = nc_query_events(reader, ask->positions, ask->count, on_asked, &reading);
	if (err == NC_OK) {
		qsort(reading.asked, reading.asked_count, sizeof *reading.asked, key_compare);
		err = others_check(job, reader, &reading);
	}
	free(reading.asked);
	return err == NC_OK ? nc_buf_status(&job->keys) : err;
}

void nc_sub_job_replay(struct nc_sub_job *job, struct nc_state_reader *reader)
{
	const struct nc_sub_replaying *replay = &job->sub->replay;
	struct rows rows = { .count = 0 };
	bool named = replay->ask.kind == NC_REPLAY_POSITIONS;
	job->checks = named && !replay->checked;
	if (job->checks) {
		job->err = positions_check(job, reader);
		return;
	}
	job->err = named ? feed_positions(job, reader, &rows) : feed_rows(job, reader, &rows);
	if (job->err == NC_OK && rows.count > 0)
		job->err = events_read(job, reader, &rows, on_parked_event);
}

void nc_sub_job_tidy(struct nc_sub_job *job, struct nc_state_reader *reader)
{
	struct rows rows = { .room = NC_SUB_REPLAY_EVENTS, .to = job->through };
	job->err = rows_read(job, reader, job->from, &rows);
	job->ended = !rows.more;
	if (rows.more)
		job->through = rows.positions[rows.count - 1];
	if (job->err == NC_OK && rows.count > 0)
		job->err = events_read(job, reader, &rows, on_seen_event);
}
