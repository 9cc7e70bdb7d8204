/* SPDX-License-Identifier: GPL-3.0-or-later */
/* raft.h -- consensus as a pure state machine: messages, ticks and proposals in; a Ready out, which
 * says what to persist, send and apply. No I/O, no threads, no clock, no randomness but from the
 * seed: the same calls give the same state, byte for byte.
 *
 * It holds no payloads. It knows terms, indexes and sizes: which term each index has, which members
 * each index left in force, how large the recent entries are. The driver keeps payloads by
 * (index, term).
 *
 *      propose, read_index, transfer,
 *      add_learner, promote, remove                  nc_raft_ready():
 *                   |                                hard state, entries --> log writer
 *                   v                                messages -------------> peers
 *   peers -- step --> [ nc_raft ] -----------------> entries to apply -----> applier
 *   timer -- tick -->   ^     ^                      reads ----------------> who asked
 *                       |     |
 *        appended(mark) |     | applied(index)
 *            log writer-+     +-applier
 *
 * The driver's turn: give it what came in, then while nc_raft_has_ready(): nc_raft_ready(), hand
 * hard state and entries to the log writer (in order; several orders may be under way), send the
 * messages, hand apply_first..apply_last to the applier, answer the reads. When the log writer is
 * done with what one Ready named, nc_raft_appended() with that Ready's mark.
 *
 * What promises something durable (votes, acknowledgements) is held inside until the mark that
 * covers it has come back; AppendEntries leave at once, in parallel with the leader's own disk. So
 * every message that a Ready has may be sent at once, and any may be lost.
 *
 * Threads:   none; one caller at a time.
 * Ownership: nc_raft_new() gives it, nc_raft_free() ends it. What a Ready points to is valid until
 *            the next call that takes a non-const nc_raft. What is given to a call is borrowed
 *            until it returns.
 * Errors:    NC_OK or a negative enum nc_err; a call that fails changed nothing, unless it says
 *            so. NC_NOMEM may come from any call that returns an int.
 * Units:     time in ticks, of whatever length the driver gives them; sizes in bytes.
 * Source:    Ongaro, "Consensus: Bridging Theory and Practice" (2014), cited by section as [3.4];
 *            the shape is that of etcd's raft. docs/architecture.md explains.
 */
#ifndef NC_CORE_RAFT_RAFT_H
#define NC_CORE_RAFT_RAFT_H

#include "core/raft/message.h"

#define NC_RAFT_INFLIGHT_MAX      128u /* append messages in flight to one peer, at most */
#define NC_RAFT_SILENT_HEARTBEATS 2u   /* a leader that misses so many may be gone */

struct nc_raft;

/* ---- Life ------------------------------------------------------------------------------------ */

/* All limits are at least 1, unless a range is given. */
struct nc_raft_options {
	uint64_t self; /* this node's id, not 0 */
	uint64_t seed; /* of the election timeouts: another one for each node and each start */
	/* 2..65535. An election timeout is drawn from [election_ticks, 2 * election_ticks) [3.4].
	 */
	uint32_t election_ticks;
	uint32_t heartbeat_ticks; /* 1..election_ticks - 1 */
	/* Payload of one append message. One entry goes even if it is larger. */
	uint32_t append_bytes_max;
	uint32_t append_entries_max; /* 1..NC_RAFT_ENTRIES_MAX */
	uint32_t inflight_max; /* append messages to one peer, 1..NC_RAFT_INFLIGHT_MAX [10.2.1] */
	uint64_t inflight_bytes_max; /* payload in flight to one peer */
	/* The same, as long as what is sent is committed already: to a peer that is behind. */
	uint64_t inflight_bytes_behind_max;
	uint32_t uncommitted_entries_max; /* if more are uncommitted, proposals give NC_BUSY */
	uint64_t uncommitted_bytes_max;   /* the same in bytes */
	uint32_t window_entries;          /* entries at the log's end whose sizes are remembered */
	uint32_t promote_lag_max; /* entries that a learner may lack when it is promoted; from 0 */
	uint32_t reads_max;       /* reads that wait for their index; beyond, they give NC_BUSY */
	/* Election timeouts for which the log is kept for a peer that was offered a snapshot and
	 * has not been heard of since. */
	uint32_t offer_elections;
};

/* Good values for a tick of 50 to 100 ms. */
struct nc_raft_options nc_raft_options_default(uint64_t self, uint64_t seed);

/* What a node knows when it starts. A founder of a cluster gives zeros and `members`, the same on
 * each founder; a node that is to join gives zeros alone. */
struct nc_raft_start {
	struct nc_log_hard hard; /* as recovered */
	uint64_t base_index; /* of the last entry that is no longer in the log: bounds.first - 1 */
	uint64_t base_term;  /* its term */
	struct nc_raft_members members; /* in force at base_index */
	uint64_t applied; /* the state's, at least base_index; what is applied was committed */
	/* From nc_log_recovery.doubtful: what the node acknowledged last may be lost, and its vote
	 * with it. Until the doubt ends, it counts in elections and reads only if no voter is
	 * missing. The doubt ends when the node has all that may be committed, as a leader tells it
	 * that it has asked since it started (doubt.c). A node alone goes on at once. */
	bool doubtful;
};

/* Make a node, which is a follower. Next, and before anything else, call nc_raft_load() for each
 * entry of the log, in order. Errors: NC_INVALID, an option is out of its range, or `start`
 * contradicts itself. */
int nc_raft_new(const struct nc_raft_options *options, const struct nc_raft_start *start,
                struct nc_raft **raft_out);

/* Tell of the next entry as it was found in the log, durable. An NC_LOG_CONFIG needs
 * entry->members. Errors: NC_INVALID, terms decrease, or a configuration is malformed. */
int nc_raft_load(struct nc_raft *raft, const struct nc_raft_entry *entry);

/* NULL is a no-op. */
void nc_raft_free(struct nc_raft *raft);

/* Copy the whole state, for explorers and tests. */
int nc_raft_copy(const struct nc_raft *raft, struct nc_raft **copy_out);

/* ---- In -------------------------------------------------------------------------------------- */

/* Tell that a tick of time has passed. It may begin an election [3.4], send heartbeats, make a
 * leader without a majority step down [6.2], or give up a transfer. */
int nc_raft_tick(struct nc_raft *raft);

/* Take a message from a peer. The transport has authenticated it, and gives no message of an
 * earlier life of a peer after one of a later. Stale, doubled and unexpected messages are ignored:
 * NC_OK. Errors: NC_INVALID, no peer of this version sends such a thing; NC_CORRUPT, another node
 * leads the term that this node leads: this node stops taking part, as after nc_raft_disk_failed();
 *         NC_IO, this node has stopped taking part before. */
int nc_raft_step(struct nc_raft *raft, const struct nc_raft_message *message);

/* Stand for election now, without waiting for the timeout, beginning with a pre-vote. The only
 * member of a cluster leads when this returns. Does nothing on a leader, nor on a node that may not
 * lead: a learner, or one that is fetching a snapshot. */
int nc_raft_campaign(struct nc_raft *raft);

/* Append a new entry with a payload of `size` bytes, on the leader. The driver keeps the payload
 * under the index and term that it gets here.
 * Errors: NC_CONFLICT, not the leader; NC_BUSY, leadership is being transferred, or too much is
 *         uncommitted; NC_TOOBIG, over NC_LOG_PAYLOAD_SIZE_MAX. */
int nc_raft_propose(struct nc_raft *raft, size_t size, uint64_t *index_out, uint64_t *term_out);

/* Ask for an index that is safe to read at [6.4], on the leader or a follower. It comes in the
 * reads of a Ready, with `ctx`. A state that has applied it has all that was acknowledged before
 * this call. A read that can no longer be answered comes back too, with an error. Errors:
 * NC_CONFLICT, no leader is known; NC_BUSY, too many wait. */
int nc_raft_read_index(struct nc_raft *raft, uint64_t ctx);

/* Hand leadership to `id` [3.10]. Proposals are refused until it leads, or an election timeout has
 * passed.
 * Errors: NC_CONFLICT, not the leader; NC_NOTFOUND, no such other voter; NC_BUSY, leadership is
 *         being handed to another already. */
int nc_raft_transfer(struct nc_raft *raft, uint64_t id);

/* Change the membership by one member [4.1 to 4.3]. That is an entry of kind NC_LOG_CONFIG at
 * index_out, and it takes effect as soon as it is appended.
 * Errors of all three: NC_CONFLICT, not the leader; NC_BUSY, the last change is not committed, or
 *              nothing of this term is, or too much is uncommitted, or leadership is being
 *              transferred.
 * add_learner: NC_EXISTS; NC_FULL, there are NC_RAFT_MEMBERS_MAX; NC_INVALID, id 0.
 * promote:     NC_NOTFOUND; NC_EXISTS, it is a voter already; NC_BUSY, it is too far behind.
 * remove:      NC_NOTFOUND; NC_INVALID, it is the last voter. A leader may remove itself: it leads
 *              until that is committed, without counting itself, and then steps down. */
int nc_raft_add_learner(struct nc_raft *raft, uint64_t id, uint64_t *index_out);
int nc_raft_promote(struct nc_raft *raft, uint64_t id, uint64_t *index_out);
int nc_raft_remove(struct nc_raft *raft, uint64_t id, uint64_t *index_out);

/* Tell that messages to `id` are being lost, by a disconnect or a full queue: a leader then sends
 * to it one message at a time. If `id` is the leader, and has missed NC_RAFT_SILENT_HEARTBEATS, it
 * is gone: this node stands for election soon. */
void nc_raft_unreachable(struct nc_raft *raft, uint64_t id);

/* Tell that a `partial` append was sent to `id`: the one whose message.index was `prev`, with the
 * entries up to `last`, of `bytes` in all. If `last` is `prev`, nothing was sent, and the next
 * heartbeat's answer makes the core try again. */
int nc_raft_sent(struct nc_raft *raft, uint64_t id, uint64_t prev, uint64_t last, uint64_t bytes);

/* ---- Out ------------------------------------------------------------------------------------- */

/* Names one order to the log writer, which completes them in the order given. */
struct nc_raft_mark {
	uint64_t order; /* from 1; 0: there was nothing to persist */
	uint64_t term;  /* of entry `index` */
	uint64_t index; /* the last entry when the order was given */
};

struct nc_raft_read {
	uint64_t ctx; /* as given to nc_raft_read_index() */
	/* NC_OK; or NC_CLOSED, leadership changed or time passed: ask again. */
	int err;
	uint64_t index;
};

struct nc_raft_install {
	uint64_t index; /* 0: none */
	uint64_t term;
	uint64_t from; /* the peer that offers it */
	struct nc_raft_members members;
};

struct nc_raft_ready {
	/* To be persisted, durably and together: the hard state if it has changed, and the entries
	 * first..last, which are none if first > last. They replace the log's own entries from
	 * `first` on, if it has any there. When that is done, call nc_raft_appended() with `mark`.
	 * If mark.order is 0, there is nothing to persist. */
	bool hard_changed;
	struct nc_log_hard hard;
	uint64_t first, last;
	uint64_t noop; /* the one of first..last that the leader made itself, NC_LOG_NOOP; or 0 */
	struct nc_raft_mark mark;
	/* This node leads and is the only member, so what `mark` names is committed as soon as it
	 * is durable. If everything before it is applied, the driver may apply it then, even before
	 * it calls nc_raft_appended(): nobody else can have another entry in its place. */
	bool sole;

	/* To be sent, even before anything is persisted. */
	const struct nc_raft_message *messages; /* [message_count] */
	size_t message_count;

	/* To be applied: committed, and durable here. None if apply_first > apply_last. */
	uint64_t apply_first, apply_last;

	const struct nc_raft_read *reads; /* [read_count] */
	size_t read_count;

	/* A state to be fetched from a peer. It is named once; then call
	 * nc_raft_snapshot_restored() or nc_raft_snapshot_failed(). */
	struct nc_raft_install install;
};

/* Whether nc_raft_ready() would have something. */
bool nc_raft_has_ready(const struct nc_raft *raft);

/* Take what there is to do. It is handed out once. */
void nc_raft_ready(struct nc_raft *raft, struct nc_raft_ready *ready_out);

/* The members that the configuration entry at `index` puts in force; NULL if the entry there is of
 * another kind. They make the payload of an entry that is to be persisted or sent. (The first
 * leader of a new cluster begins with the founders' configuration in place of a no-op.) */
const struct nc_raft_members *nc_raft_config_at(const struct nc_raft *raft, uint64_t index);

/* Tell that what `mark` named is durable, and all before it. If a truncation has overtaken the
 * order, it counts only for the entries that were not truncated: the same index and term may have
 * been replaced and put back meanwhile. */
int nc_raft_appended(struct nc_raft *raft, struct nc_raft_mark mark);

/* Tell that the log could not be written, or contradicts itself. A leader steps down. From now on
 * this node neither votes nor leads nor acknowledges, until it is made anew. */
void nc_raft_disk_failed(struct nc_raft *raft);

/* Forget the entries from `index` on, on the only member of a cluster, whose disk has no room. They
 * were not written, and nobody else has seen them. The marks of orders that named them are void:
 * give the log writer nothing new until it has returned them all. If there are no entries from
 * `index` on, nothing happens. Errors: NC_CONFLICT, there are other members, or one of the entries
 * is durable, or one is the leader's no-op, without which nothing commits. */
int nc_raft_retract(struct nc_raft *raft, uint64_t index);

/* Tell that the entries up to `index` are applied. */
void nc_raft_applied(struct nc_raft *raft, uint64_t index);

/* ---- Snapshots and compaction [5] ------------------------------------------------------------ */

/* Tell that a checkpoint of the state at `index` is durable here: it may be sent to peers, and the
 * log may be trimmed below it. To be called after a start too, once all entries are loaded. Errors:
 * NC_INVALID, `index` is beyond what is applied, or below the last one. */
int nc_raft_snapshot_taken(struct nc_raft *raft, uint64_t index);

/* Forget the entries up to `through`, but none beyond the last checkpoint, and none that a peer
 * still needs which fetches a snapshot. `*through_out` says how far that is, for nc_log_compact().
 */
int nc_raft_compact(struct nc_raft *raft, uint64_t through, uint64_t *through_out);

/* Tell that the install which a Ready named is finished: everything ordered before it is done, the
 * log was reset to it (nc_log_reset), and the state is durably at install.index. Only now is it
 * acknowledged. Errors: NC_CONFLICT, no such install is under way. */
int nc_raft_snapshot_restored(struct nc_raft *raft, uint64_t index);

/* Tell that the install failed or was given up. Nothing has changed; the leader offers another. */
void nc_raft_snapshot_failed(struct nc_raft *raft);

/* Tell the leader that sending `id` its snapshot failed. It asks again where the logs match. */
void nc_raft_snapshot_status(struct nc_raft *raft, uint64_t id);

#endif
