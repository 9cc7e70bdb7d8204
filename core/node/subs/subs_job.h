/* SPDX-License-Identifier: GPL-3.0-or-later */
/* subs_job.h -- a piece of a reader's work for a subscription: deliver what is due, or search.
 *
 * Threads: made and taken back by the loop; in between a reader's. Of the subscription a reader
 *          looks only at what does not change while it has a job: name, definition, filter, epoch.
 */
#ifndef NC_CORE_NODE_SUBS_SUBS_JOB_H
#define NC_CORE_NODE_SUBS_SUBS_JOB_H

#include "core/node/replica/reader_pool.h"
#include "core/node/subs/subs_private.h"

#define NC_SUB_SCAN_EVENTS   2048u /* looked at in one job, at most */
#define NC_SUB_REPLAY_EVENTS 256u  /* likewise parked ones */

#define NC_SUB_SCAN_STEP 256u /* judged together, at most */

enum nc_sub_job_kind {
	NC_SUB_JOB_DELIVER,
	NC_SUB_JOB_SCAN,
	NC_SUB_JOB_EVENT,
	NC_SUB_JOB_REPLAY,
	NC_SUB_JOB_MEASURE,
	NC_SUB_JOB_TIDY
};

struct nc_sub_found {
	uint64_t position, version, time_ns;
	uint32_t size;
	bool parked; /* of a backfill: it has a row already */
	bool gone;   /* of a replay: it is not seen any more */
	struct {
		size_t offset, size;
	} key; /* in job->keys */
};

struct nc_sub_job {
	struct nc_read_job job; /* first */
	struct nc_sub_job *next;
	struct nc_subs *subs;
	struct nc_subscription *sub;
	enum nc_sub_job_kind kind;
	int err;
	/* DELIVER */
	struct nc_delivery *todo;
	size_t todo_count, told; /* told: published, or left out, so far */
	struct nc_sub_teller teller;
	struct nc_outbox outbox;
	struct nc_buf narrowed; /* SCAN: bytes that the query points into */
	bool lapsed;            /* the lease ended: what is not told goes back */
	/* SCAN, EVENT, REPLAY */
	uint64_t from, through;
	uint64_t sweeps, aged; /* of the subscriptions, when it was made */
	uint32_t room;
	uint64_t version;            /* of the event at `through`, if it was looked at */
	uint64_t seen, seen_version; /* of the last event that the filter was asked about */
	uint64_t left;               /* SCAN: events beyond: counted, or a bound */
	bool ended;                  /* all there was has been looked at */
	bool gone;                   /* EVENT: there is none any more */
	bool fault;                  /* the filter gave no answer */
	bool judged;                 /* it gave one */
	bool cautious; /* it gave none before: one event at a time, up to the one that it is about
	                */
	bool full;
	bool index_decides;             /* what the index gives matches */
	struct nc_ahead_portion *ahead; /* SCAN: keeps what it reads; NULL: it does not */
	size_t looked;
	struct nc_backfill_at undone_at;
	struct nc_sub_keys key_finder;
	struct nc_filter_batch *batch;
	/* REPLAY */
	uint64_t missing; /* a position that is not parked, 0: none */
	uint64_t behind;  /* one that an older one of its key, not asked for, stands before */
	uint64_t *rows;   /* [row_count], ascending: of a transient one, whose rows are in memory */
	size_t row_count;
	bool tidies; /* MEASURE: looks in the window for what is not seen any more, in its turn */
	bool checks; /* looks whether positions may be replayed; gives nothing */
	struct nc_sub_found *found; /* [room] */
	size_t found_count;
	struct nc_buf keys;
};

/* subs_jobs.c: on the loop. */
void nc_sub_job_free(struct nc_sub_job *job);

/* subs_rows.c: what a search has found and is parked already is left out: a backfill finds it once
 * more. False: that could not be read, which is fatal, and said. */
bool nc_subs_rows_pass(struct nc_subs *subs, const struct nc_subscription *sub,
                       struct nc_sub_job *job);

/* NULL: no memory. */
struct nc_sub_job *nc_sub_job_new(struct nc_subs *subs, struct nc_subscription *sub,
                                  enum nc_sub_job_kind kind, uint64_t from, uint32_t room);
/* False: the readers have too much to do; the job is still the caller's. */
bool nc_sub_job_put(struct nc_subs *subs, struct nc_sub_job *job);

void nc_sub_job_deliver(struct nc_sub_job *job, struct nc_state_reader *reader);
void nc_sub_job_scan(struct nc_sub_job *job, struct nc_state_reader *reader);
void nc_sub_job_event(struct nc_sub_job *job, struct nc_state_reader *reader);
/* Of a measuring job the rows are the positions that are asked about. */
void nc_sub_job_measure(struct nc_sub_job *job, struct nc_state_reader *reader);
bool nc_subs_measure_start(struct nc_subs *subs, struct nc_subscription *sub,
                           const uint64_t *positions, size_t count, bool tidies);
/* A page of the window has been looked at, and what is gone of it let go. */
void nc_subs_tidy_measured(struct nc_subscription *sub, const struct nc_sub_job *job);
/* Parked rows from `from` through `through`: those whose events are not seen any more. */
void nc_sub_job_tidy(struct nc_sub_job *job, struct nc_state_reader *reader);
void nc_subs_tidy_take(struct nc_subscription *sub, const struct nc_sub_job *job);
/* What it has read ahead may be delivered from memory. */
bool nc_subs_ahead_holds(const struct nc_subs *subs, struct nc_sub_job *job);
/* True: a job is under way. */
bool nc_subs_tidy_start(struct nc_subs *subs, struct nc_subscription *sub);
/* What a job has found gone, but for `unparked`, which is so already: neither it nor its key is
 * parked from here on. */
void nc_subs_gone_release(struct nc_subscription *sub, const struct nc_sub_job *job,
                          const struct nc_buf *unparked);
void nc_sub_job_replay(struct nc_sub_job *job, struct nc_state_reader *reader);

#endif
