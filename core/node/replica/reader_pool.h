/* SPDX-License-Identifier: GPL-3.0-or-later */
/* reader_pool.h -- threads that read, each with a view of the state of its own. Jobs take turns:
 * one that is not done after a step goes behind the others, so that who asks for everything delays
 * nobody long.
 *
 * Threads: put from any thread; a job's functions run on the pool's threads, one at a time.
 */
#ifndef NC_CORE_NODE_REPLICA_READER_POOL_H
#define NC_CORE_NODE_REPLICA_READER_POOL_H

#include "core/base/fifo.h"
#include "core/engine/state.h"

struct nc_read_job {
	struct nc_fifo_link link; /* the pool's */
	/* Do a bounded piece of work. True: the job is done. */
	bool (*step)(struct nc_read_job *job, struct nc_state_reader *reader);
	/* Called after the last step, or instead of further steps when the pool is stopped: release
	 * what the job holds. */
	void (*free)(struct nc_read_job *job);
};

struct nc_reader_pool;

/* Errors: NC_NOMEM, NC_IO; those of nc_state_reader_open(). */
int nc_reader_pool_start(struct nc_state *state, size_t thread_count,
                         struct nc_reader_pool **pool_out);

/* Errors: NC_BUSY, `waiting_max` (65,536) jobs wait already; the job is still the caller's. */
int nc_reader_pool_put(struct nc_reader_pool *pool, struct nc_read_job *job);

/* Set the reader's time to now, by which it judges how old events are (core/engine/seen.h). The
 * pool does this before each step. */
void nc_reader_look_now(struct nc_state_reader *reader);

/* Stop when the steps under way have ended; jobs that are not done are freed. NULL is a no-op. */
void nc_reader_pool_stop(struct nc_reader_pool *pool);

#endif
