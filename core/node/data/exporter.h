/* SPDX-License-Identifier: GPL-3.0-or-later */
/* exporter.h -- holds a checkpoint of this node's state and reads of it: for peers that are made
 * whole (exports.h), and for a backup (service_backup.c). One is held at a time, as long as
 * somebody reads of it; several may read of the same one. Disk work is done by a thread of its own,
 * so that the loop, which may be a leader's, waits for nothing.
 *
 * Peers go first: where one needs a state that what is held does not serve, another is held, and
 * whoever read of the old one is told NC_NOTFOUND.
 *
 * Threads: all calls from the loop. Ownership: state and log are borrowed and must outlive it; a
 * job is the exporter's from put until done.
 */
#ifndef NC_CORE_NODE_DATA_EXPORTER_H
#define NC_CORE_NODE_DATA_EXPORTER_H

#include <uv.h>

#include "core/base/fifo.h"
#include "core/engine/engine.h"
#include "core/node/data/state_call.h"
#include "core/raft/log.h"

struct nc_exporter;

/* Readers that are not peers have numbers from here on. Nothing is kept in the log for them. */
#define NC_EXPORTER_OTHERS (UINT64_C(1) << 63)

struct nc_exporter_job {
	struct nc_fifo_link link;  /* the exporter's */
	uint64_t reader;           /* a peer's number, or one of the others */
	bool exact;                /* open: no older than what.index, though the log goes on */
	struct nc_state_call what; /* open: what.id becomes that of the checkpoint */
	/* On the loop; `answer` is as state_call.h has it. Beside what that says: NC_CLOSED, the
	 * node stops; NC_FULL, no room for a checkpoint; NC_IO, NC_NOMEM, NC_CORRUPT. */
	void (*done)(struct nc_exporter_job *job);
	int err;
	struct nc_buf answer;       /* the owner's to release */
	struct nc_engine_head head; /* open: as the checkpoint has it */
};

struct nc_exporter_options {
	uv_loop_t *loop;
	struct nc_state *state;
	struct nc_log *log;
	/* A peer reads a state as of entry `index`, so everything after it must stay in the log; 0:
	 * none does. */
	void (*on_hold)(void *ctx, uint64_t index);
	void *ctx;
	unsigned idle_s; /* a reader that has not read for so long is gone; 0: 60 */
};

/* Errors: NC_NOMEM, NC_IO. */
int nc_exporter_start(const struct nc_exporter_options *options, struct nc_exporter **exporter_out);

/* Errors: NC_BUSY, too many wait; the job is still the caller's. */
int nc_exporter_put(struct nc_exporter *exporter, struct nc_exporter_job *job);

/* Let the checkpoint go, give all jobs back and take no more. Freed when the loop has run once
 * more. NULL is a no-op. */
void nc_exporter_stop(struct nc_exporter *exporter);

#endif
