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
	/* Called once after each work, when nothing has come for idle_ms. NULL: it is not
	 * called. */
	void (*idle)(void *ctx);
	unsigned idle_ms;
	/* Wake the loop, because there is something to take. */
	void (*wake)(void *wake_ctx);
	void *ctx, *wake_ctx;
};

/* Errors: NC_NOMEM; NC_IO, no thread. */
int nc_stage_start(const struct nc_stage_work *work, struct nc_stage **stage_out);

/* Move all of `entries` in. */
void nc_stage_put(struct nc_stage *stage, struct nc_entry_queue *entries);

/* Move all that is done behind `done`. */
void nc_stage_take(struct nc_stage *stage, struct nc_entry_queue *done);

/* How many entries wait, without those that are being worked on. */
size_t nc_stage_waiting(struct nc_stage *stage);

/* Finish all entries, end the thread and free. Entries that were not taken are freed, unless the
 * tail has them. NULL is a no-op. */
void nc_stage_stop(struct nc_stage *stage);

#endif
