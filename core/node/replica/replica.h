/* SPDX-License-Identifier: GPL-3.0-or-later */
/* replica.h -- the driver of consensus: commands gathered into entries, entries through core/raft,
 * to the log, to the followers, to the state, and their outcomes back.
 *
 *   nc_replica_append() ─► gathered ─► raft ─► tail ─┬─► log writer ──► (durable) ─┐
 *                                                    └─► peers ──────► (their acks) ┴─► applier
 *                                                                            on_outcome ◄──┘
 *
 * A single node is a cluster of one on the same path.
 *
 * Threads: everything here is for the loop's thread. The stages have threads of their own and wake
 * the loop when they have something. Ownership: the log, the state and the engine are borrowed, and
 * must outlive the replica.
 */
#ifndef NC_CORE_NODE_REPLICA_REPLICA_H
#define NC_CORE_NODE_REPLICA_REPLICA_H

#include <uv.h>

#include "core/engine/engine.h"
#include "core/raft/status.h"

struct nc_replica;

struct nc_replica_options {
	uv_loop_t *loop;
	struct nc_log *log;
	struct nc_state *state;
	struct nc_engine *engine;
	struct nc_log_hard hard;         /* as recovered with the log */
	bool doubtful;                   /* nc_log_recovery.doubtful */
	uint64_t self;                   /* this node's id in consensus */
	uint64_t seed;                   /* of election timeouts */
	struct nc_raft_members founders; /* of a new cluster; empty: to be invited */
	uint32_t tick_ms;                /* of consensus; 0: 50 */
	uint64_t checkpoint_log_bytes;   /* of log since the last checkpoint, then another */
	uint64_t checkpoint_ms;          /* at the latest so long after something was applied */
	uint64_t pending_bytes_max;      /* of commands that are not yet applied; beyond: NC_BUSY */
	uint64_t tail_bytes_max;         /* of entries kept in memory for followers */
	uint64_t log_keep_bytes;         /* of log kept for followers that are behind */
	uint64_t log_keep_ms;            /* and so long at the most; 0: as long as it fits */
	/* A command was applied; the outcome's slices are valid during the call. `ticket` NULL: it
	 * was another node's. */
	void (*on_outcome)(void *ctx, void *ticket, const struct nc_outcome *outcome);
	/* A command was certainly not written (NC_FULL), or it is not known what became of it
	 * (NC_CLOSED: another leader has replaced the entry). */
	void (*on_refused)(void *ctx, void *ticket, int err);
	/* Applied entries of one turn have all been told; `applied` is where the state is. */
	void (*on_applied)(void *ctx, uint64_t applied);
	/* This node does not lead any more: called before anything else is done. */
	void (*on_step_down)(void *ctx);
	/* Send a frame of core/raft/message_codec.h to a peer; 0: to all peers at once. May be
	 * lost. NULL on a node that has no peers. */
	void (*send)(void *ctx, uint64_t to, struct nc_slice frame);
	/* The leader `id` misses heartbeats: whoever can find out if it is there at all says
	 * nc_replica_unreachable(). At each tick; NULL on a node that has no peers. */
	void (*on_silent)(void *ctx, uint64_t id);
	/* A peer offers its state, since the log no longer has what this node needs. */
	void (*on_install)(void *ctx, const struct nc_raft_install *install);
	/* The room that was measured is used up: measure again, now. May be NULL. */
	void (*on_room_used)(void *ctx);
	/* This replica cannot go on: NC_IO, NC_CORRUPT, NC_UNSUPPORTED, NC_NOMEM. Said once. */
	void (*on_fatal)(void *ctx, int err, const char *what);
	void *ctx;
};

/* Load the log into consensus, start the stages; alone, stand for election at once.
 * Errors: NC_CORRUPT, log and state do not fit together (said on stderr); those of log, state and
 * engine. */
int nc_replica_start(const struct nc_replica_options *options, struct nc_replica **replica_out);

/* Gather a command that appends one event; `ticket` comes back with its outcome.
 * Errors: NC_CONFLICT, this node does not lead; NC_BUSY, too much is pending; NC_FULL, no room on
 * the disk; NC_CLOSED, draining; NC_NOMEM. Nothing was done. */
int nc_replica_append(struct nc_replica *replica, struct nc_expect expect, struct nc_slice record,
                      void *ticket);

/* Gather any other command, in the bytes of command.h. Same errors. */
int nc_replica_command(struct nc_replica *replica, struct nc_slice command, void *ticket);

/* Propose what was gathered, as soon as the log writer can take it. Call at the end of each turn.
 */
void nc_replica_flush(struct nc_replica *replica);

/* A frame from a peer, authenticated. Errors: NC_INVALID, not understood. */
int nc_replica_step(struct nc_replica *replica, struct nc_slice frame);

/* Messages to this peer are being lost: send more carefully; or, if it is a leader that was silent
 * before, do without it. */
void nc_replica_unreachable(struct nc_replica *replica, uint64_t id);

/* Waiting to read. */
struct nc_replica_wait {
	struct nc_replica_wait *next;
	uint64_t index; /* the replica's */
	bool confirms;  /* likewise */
	/* The state has what the read must see; or err: NC_CLOSED, leadership was lost meanwhile.
	 */
	void (*fn)(struct nc_replica_wait *wait, int err);
};

/* Call wait->fn when a linearizable read may begin: everything acknowledged, and everything taken
 * up here, before this call is applied. May call at once. */
void nc_replica_read(struct nc_replica *replica, struct nc_replica_wait *wait);

/* Call wait->fn when it is sure that this node led after this call; wait->index is then what had
 * been committed by then, applied or not: nobody who came before us has committed anything beyond.
 * NC_CLOSED: it does not lead, or not any more. */
void nc_replica_confirm(struct nc_replica *replica, struct nc_replica_wait *wait);

/* Bytes that are free on the disk, as measured just now, and those to be left so. Appends get what
 * is neither to be left nor needed to write down the state (replica_room.c); the rest are refused,
 * until it is measured anew. Before the first time all get what they want. */
void nc_replica_set_room(struct nc_replica *replica, uint64_t disk_free, uint64_t reserve);

struct nc_replica_status {
	uint64_t term, last, commit, applied;
	uint64_t due; /* what the state is to have: what is committed, or, of who leads alone, on
	                 its way into the log */
	uint64_t pending_commands, pending_bytes;
	bool leading; /* the leader, and the own-term entry is applied */
	bool full;
	bool lacks_room; /* what is committed waits to be applied until there is some */
	uint64_t log_bytes;
	uint64_t checkpoints;
	struct nc_raft_status raft;
};
struct nc_replica_status nc_replica_status(const struct nc_replica *replica);
/* Bytes of the state's files: asks the system for each. */
uint64_t nc_replica_state_bytes(const struct nc_replica *replica);
bool nc_replica_leading(const struct nc_replica *replica);

/* Hand leadership over, change the membership: as core/raft has them. */
int nc_replica_transfer(struct nc_replica *replica, uint64_t id);
int nc_replica_add_learner(struct nc_replica *replica, uint64_t id);
int nc_replica_promote(struct nc_replica *replica, uint64_t id);
int nc_replica_remove(struct nc_replica *replica, uint64_t id);

/* The state that on_install named could not be had: the leader will offer another. */
void nc_replica_install_failed(struct nc_replica *replica);

/* A peer reads a state as of entry `index`: what follows stays in the log; 0: nobody does any more,
 * and it stays until the peer has caught up (hold.h). */
void nc_replica_hold_log(struct nc_replica *replica, uint64_t index);

/* Ask for a checkpoint if one is due; call from a timer. */
void nc_replica_tick(struct nc_replica *replica);

/* Take no more appends; nc_replica_idle() when all that was pending is applied. */
void nc_replica_drain(struct nc_replica *replica);
bool nc_replica_idle(const struct nc_replica *replica);

/* End the stages and free. Of what was pending it is not known what becomes, since the log may have
 * it: each ticket comes back through on_refused with NC_CLOSED, during the call. NULL is a no-op.
 * The loop must run once more for its handles to be closed. */
void nc_replica_stop(struct nc_replica *replica);

#endif
