/* SPDX-License-Identifier: GPL-3.0-or-later */
/* replica.h -- the driver: commands gathered into entries, entries through consensus, to the log,
 * to the state, and their outcomes back (DESIGN.md section 2).
 *
 *   nc_replica_append() ─► gathered entry ─► solo ─► log writer ─► committed ─► applier ─►
 * on_outcome
 *
 * Threads: everything here is for the loop's thread. The stages have threads of their own and wake
 * the loop when they have something. Ownership: the log, the state and the engine are borrowed, and
 * must outlive the replica.
 */
#ifndef NC_CORE_NODE_REPLICA_H
#define NC_CORE_NODE_REPLICA_H

#include <uv.h>

#include "core/engine/engine.h"
#include "core/raft/log.h"

struct nc_replica;

struct nc_replica_options {
	uv_loop_t *loop;
	struct nc_log *log;
	struct nc_state *state;
	struct nc_engine *engine;
	struct nc_log_hard hard;       /* as recovered with the log */
	uint64_t self;                 /* this node's number among the voters, from 1 */
	uint64_t checkpoint_log_bytes; /* of log since the last checkpoint, then another */
	uint64_t checkpoint_ms;        /* at the latest so long after something was applied */
	uint64_t pending_bytes_max;    /* of commands that are not yet applied; beyond: NC_BUSY */
	/* A command was applied; the outcome's slices are valid during the call. */
	void (*on_outcome)(void *ctx, void *ticket, const struct nc_outcome *outcome);
	/* A command was certainly not written: NC_FULL. */
	void (*on_refused)(void *ctx, void *ticket, int err);
	/* Applied entries of one turn have all been told; `applied` is where the state is. */
	void (*on_applied)(void *ctx, uint64_t applied);
	/* This replica cannot go on: NC_IO, NC_CORRUPT, NC_UNSUPPORTED, NC_NOMEM. Said once. */
	void (*on_fatal)(void *ctx, int err, const char *what);
	void *ctx;
};

/* Recover: apply what the log holds beyond the state, then start the stages and become the leader.
 * Errors: NC_CORRUPT, log and state do not fit together (said on stderr); those of log, state and
 * engine. */
int nc_replica_start(const struct nc_replica_options *options, struct nc_replica **replica_out);

/* Gather a command that appends one event; `ticket` comes back with its outcome.
 * Errors: NC_BUSY, too much is pending; NC_FULL, no room on the disk; NC_CLOSED, draining;
 * NC_NOMEM. Nothing was done. */
int nc_replica_append(struct nc_replica *replica, struct nc_expect expect, struct nc_slice record,
                      void *ticket);

/* Gather any other command, in the bytes of command.h. Same errors. */
int nc_replica_command(struct nc_replica *replica, struct nc_slice command, void *ticket);

/* Propose what was gathered, as soon as the log writer can take it. Call at the end of each turn.
 */
void nc_replica_flush(struct nc_replica *replica);

/* Waiting for the state to get somewhere. */
struct nc_replica_wait {
	struct nc_replica_wait *next;
	uint64_t index;
	void (*fn)(struct nc_replica_wait *wait);
};

/* The index that a linearizable read has to see applied: all that was taken up before it. */
uint64_t nc_replica_read_index(const struct nc_replica *replica);

/* Call wait->fn when entries through wait->index are applied: at once if they are. Indexes of waits
 * that are pending never decrease in the order of the calls. */
void nc_replica_wait(struct nc_replica *replica, struct nc_replica_wait *wait);

/* No room on the disk, as measured: refuse appends until told otherwise. */
void nc_replica_set_full(struct nc_replica *replica, bool full);

struct nc_replica_status {
	uint64_t term, last, commit, applied;
	uint64_t pending_commands, pending_bytes;
	bool leading; /* the own-term entry is applied */
	bool full;
	uint64_t log_bytes, state_bytes;
	uint64_t checkpoints;
};
struct nc_replica_status nc_replica_status(const struct nc_replica *replica);

/* Ask for a checkpoint if one is due; call from a timer. */
void nc_replica_tick(struct nc_replica *replica);

/* Take no more appends; nc_replica_idle() when all that was pending is applied. */
void nc_replica_drain(struct nc_replica *replica);
bool nc_replica_idle(const struct nc_replica *replica);

/* End the stages and free; what was pending is lost to its askers, not to the log. NULL is a no-op.
 * The loop must run once more for its handle to be closed. */
void nc_replica_stop(struct nc_replica *replica);

#endif
