/* SPDX-License-Identifier: GPL-3.0-or-later */
/* stage.h -- a thread that works on entries: what is put in comes out again, in order, when the
 * work on it is done. The log writer and the applier are stages.
 *
 * Whatever has come in while the thread was busy is its next batch: group commit without delay.
 *
 * Threads:   put, take, waiting and stop from the loop; the functions run on the stage's thread.
 * Ownership: an entry belongs to the stage from put to take.
 */
#ifndef NC_CORE_NODE_REPLICA_STAGE_H
#define NC_CORE_NODE_REPLICA_STAGE_H

#include "core/node/replica/entry.h"

struct nc_stage;

struct nc_stage_work {
	const char *name; /* of the thread, at most 15 bytes */
	/* Work on the first entries of `batch` (at least one) and move them to `done`, each with
	 * its `err`; what is left comes again. */
	void (*run)(void *ctx, struct nc_entry_queue *batch, struct nc_entry_queue *done);
	/* Nothing came for idle_ms since the last work; once after each work. NULL: no such thing.
	 */
	void (*idle)(void *ctx);
	unsigned idle_ms;
	/* There is something to take: wake the loop. */
	void (*wake)(void *wake_ctx);
	void *ctx, *wake_ctx;
};

/* Errors: NC_NOMEM; NC_IO, no thread. */
int nc_stage_start(const struct nc_stage_work *work, struct nc_stage **stage_out);

/* Move all of `entries` in. */
void nc_stage_put(struct nc_stage *stage, struct nc_entry_queue *entries);

/* Move all that is done behind `done`. */
void nc_stage_take(struct nc_stage *stage, struct nc_entry_queue *done);

/* Entries that are in and not yet worked on (beside those in work). */
size_t nc_stage_waiting(struct nc_stage *stage);

/* Finish what is in, end the thread, free. What is done and was not taken is freed, but for what
 * the tail keeps. NULL is a no-op. */
void nc_stage_stop(struct nc_stage *stage);

#endif
