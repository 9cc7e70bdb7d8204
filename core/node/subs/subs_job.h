/* SPDX-License-Identifier: GPL-3.0-or-later */
/* subs_job.h -- a piece of work that a reader does for a subscription: deliver events that are due,
 * search history, or look events up.
 *
 * Threads: the loop makes a job and takes it back; in between it is a reader's. A reader may look
 *          only at those members of the subscription that do not change while there is a job: name,
 *          definition, filter, epoch.
 */
#ifndef NC_CORE_NODE_SUBS_SUBS_JOB_H
#define NC_CORE_NODE_SUBS_SUBS_JOB_H

#include "core/node/replica/reader_pool.h"
#include "core/node/subs/subs_private.h"

#define NC_SUB_SCAN_EVENTS   2048u /* events that a SCAN looks at, at most */
#define NC_SUB_REPLAY_EVENTS 256u  /* parked events that a REPLAY looks at, at most */

#define NC_SUB_SCAN_STEP 256u /* events that a filter is asked about in one call, at most */

enum nc_sub_job_kind {
	NC_SUB_JOB_DELIVER, /* read events and publish them */
	NC_SUB_JOB_SCAN,    /* search history for events that match */
	NC_SUB_JOB_EVENT,   /* read one event that the machine wants by position */
	NC_SUB_JOB_REPLAY,  /* read parked events that are to be replayed */
	NC_SUB_JOB_MEASURE, /* read the sizes of events, or whether they still exist */
	NC_SUB_JOB_TIDY     /* look which parked events do not exist any more */
};

/* An event that a job has found, to be offered to the machine. */
struct nc_sub_found {
	uint64_t position, version, time_ns;
	uint32_t size;
	bool parked; /* of a backfill: it is parked already */
	bool gone;   /* of a replay: it was deleted or has expired */
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
	size_t todo_count, told; /* told: how many have been published or left out so far */
	struct nc_sub_teller teller;
	struct nc_outbox outbox;
	bool lapsed; /* the lease ended: what has not been told goes back to the subscription */
	/* SCAN: where it begins, and the last position that it has judged so far. Of the others:
	 * the positions to look at, both inclusive. */
	uint64_t from, through;
	uint64_t sweeps, aged;          /* of nc_subs, when the job was made */
	uint32_t room;                  /* how many events the machine takes */
	struct nc_buf narrowed;         /* SCAN: bytes that the query points into */
	uint64_t version;               /* of the event at `through`, if it was looked at */
	uint64_t seen, seen_version;    /* of the last event that the filter was asked about */
	uint64_t left;                  /* SCAN: how many events lie beyond; exact, or a bound */
	bool ended;                     /* all events that there were have been looked at */
	bool gone;                      /* EVENT: it does not exist any more */
	bool fault;                     /* the filter failed to answer */
	bool judged;                    /* the filter answered */
	bool cautious;                  /* it failed before: ask about one event at a time */
	bool full;                      /* `found` took no more */
	bool index_decides;             /* every event that the index gives matches */
	struct nc_ahead_portion *ahead; /* SCAN: where events that were read are kept; or NULL */
	size_t looked;                  /* how many events were looked at */
	struct nc_backfill_at undone_at;
	struct nc_sub_keys key_finder;
	struct nc_filter_batch *batch;
	/* REPLAY */
	uint64_t missing; /* a position asked for that is not parked; 0: none */
	uint64_t
	        behind; /* one that stands behind an older one of its key, not asked for; 0: none */
	uint64_t *rows; /* [row_count], ascending: the parked rows of a transient subscription */
	size_t row_count;
	bool checks; /* only look whether the positions may be replayed */
	/* MEASURE: look which events of the window do not exist any more (subs_tidy.c). */
	bool tidies;
	struct nc_sub_found *found; /* [room] */
	size_t found_count;
	struct nc_buf keys;
};

/* subs_jobs.c: on the loop. */
void nc_sub_job_free(struct nc_sub_job *job);

/* subs_rows.c: drop from what a search has found the events that are parked already, which a
 * backfill comes across once more. False: the rows could not be read, which is fatal, and said. */
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
/* `rows` are the positions that are asked about. */
void nc_sub_job_measure(struct nc_sub_job *job, struct nc_state_reader *reader);
bool nc_subs_measure_start(struct nc_subs *subs, struct nc_subscription *sub,
                           const uint64_t *positions, size_t count);
/* Likewise, to let those go that are missing. */
bool nc_subs_tidy_measure_start(struct nc_subs *subs, struct nc_subscription *sub,
                                const uint64_t *positions, size_t count);
/* A MEASURE that tidies has looked at a part of the window, and its missing events were let go. */
void nc_subs_tidy_measured(struct nc_subscription *sub, const struct nc_sub_job *job);
/* Find the parked rows from `from` through `through` whose events do not exist any more. */
void nc_sub_job_tidy(struct nc_sub_job *job, struct nc_state_reader *reader);
void nc_subs_tidy_take(struct nc_subscription *sub, const struct nc_sub_job *job);
/* Whether what the job has read ahead may still be delivered from memory. */
bool nc_subs_ahead_holds(const struct nc_subs *subs, struct nc_sub_job *job);
/* Start a job that tidies, if there is something to look at. True: one is under way. */
bool nc_subs_tidy_start(struct nc_subs *subs, struct nc_subscription *sub);
/* Remove the rows of events that a job found gone, and free their keys. `unparked` are rows that
 * were removed meanwhile. */
void nc_subs_gone_release(struct nc_subscription *sub, const struct nc_sub_job *job,
                          const struct nc_buf *unparked);
void nc_sub_job_replay(struct nc_sub_job *job, struct nc_state_reader *reader);

#endif
