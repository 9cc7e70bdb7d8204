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

#include "core/raft/log.h"

#define NC_RAFT_MEMBERS_MAX       16u
#define NC_RAFT_INFLIGHT_MAX      128u  /* append messages in flight to one peer, at most */
#define NC_RAFT_ENTRIES_MAX       4096u /* entries of one append message, at most */
/* A leader that was not heard for so many heartbeats is worth asking for. */
#define NC_RAFT_SILENT_HEARTBEATS 2u

struct nc_raft;

/* ---- Members [4.1, 4.2] ---------------------------------------------------------------------- */

struct nc_raft_member {
	uint64_t id; /* not 0. A disk that lost its promises comes back with another id */
	bool voter;  /* false: a learner, which replicates and does not count */
};

/* Sorted by id, no id twice. */
struct nc_raft_members {
	uint32_t count;
	struct nc_raft_member at[NC_RAFT_MEMBERS_MAX];
};

/* Whether `members` is sorted, within limits, without 0. Empty is valid. */
bool nc_raft_members_valid(const struct nc_raft_members *members);

/* The member `id`; NULL if there is none. */
const struct nc_raft_member *nc_raft_members_find(const struct nc_raft_members *members,
                                                  uint64_t id);

/* ---- Messages -------------------------------------------------------------------------------- */

enum nc_raft_type {
	NC_RAFT_PREVOTE =
	        1, /* index, log_term: of the last entry; term: the one it would take [9.6] */
	NC_RAFT_PREVOTE_RESP, /* reject; with force: granted in doubt, counts if no voter is missing
	                       */
	NC_RAFT_VOTE,         /* index, log_term; force: told to by the leader [3.4, 3.10] */
	NC_RAFT_VOTE_RESP,    /* as before */
	NC_RAFT_APPEND,       /* index, log_term: of the entry before; commit; entries [3.5] */
	NC_RAFT_APPEND_RESP,  /* index: durable and matching through; or reject: index is the prev
	                       * refused, hint, log_term: the last entry that may match */
	NC_RAFT_HEARTBEAT,    /* commit; context: the round of reads */
	NC_RAFT_HEARTBEAT_RESP, /* context; index: of the snapshot being installed, 0: none;
	                         * force: the sender is doubtful */
	NC_RAFT_SNAPSHOT,  /* index, log_term, members: a state to be fetched from the sender [5] */
	NC_RAFT_READ,      /* context: asks the leader for a read index [6.4]; force: the sender is
	                    * doubtful, what it acknowledged before may be lost, and the context is
	                    * that of this doubt */
	NC_RAFT_READ_RESP, /* context, index */
	NC_RAFT_TIMEOUT_NOW, /* campaign at once [3.10] */
	NC_RAFT_TYPE_END
};

/* What the core has to know of an entry in an append message. */
struct nc_raft_entry {
	uint64_t term;
	uint32_t size;                         /* bytes of payload */
	uint8_t kind;                          /* enum nc_log_kind */
	const struct nc_raft_members *members; /* of NC_LOG_CONFIG; NULL otherwise */
};

/* Fields that a type does not name are 0. */
struct nc_raft_message {
	uint8_t type; /* enum nc_raft_type */
	bool reject;
	bool force;
	/* Outgoing append only: the core does not know the sizes of these entries (they are older
	 * than its window). Read them from the log, cut the message after `size_max` bytes, but not
	 * before the first entry, set entry_count, send, and call nc_raft_sent(). */
	bool partial;
	uint64_t from, to;
	uint64_t term; /* the sender's; in pre-votes the one it would take */
	uint64_t index;
	uint64_t log_term;
	uint64_t commit;
	uint64_t hint;
	uint64_t context;
	uint32_t size_max; /* with `partial` */
	/* Of an outgoing append only the count is set: entries index + 1 .. index + entry_count;
	 * the driver adds them from its log (and drops the message if their terms are no longer
	 * those it had). */
	uint32_t entry_count;
	const struct nc_raft_entry *entries;
	const struct nc_raft_members *members; /* NC_RAFT_SNAPSHOT */
};

/* ---- Life ------------------------------------------------------------------------------------ */

struct nc_raft_options {
	uint64_t self; /* this node's id, not 0 */
	uint64_t seed; /* of the election timeouts; another one for each node and each start */
	uint32_t
	        election_ticks; /* 2..65535; timeouts are drawn from [election, 2 election) [3.4] */
	uint32_t heartbeat_ticks; /* 1..election - 1 */
	uint32_t
	        append_bytes_max; /* of an append message's payload, but always one entry; from 1 */
	uint32_t append_entries_max; /* 1..NC_RAFT_ENTRIES_MAX */
	uint32_t inflight_max; /* append messages to one peer, 1..NC_RAFT_INFLIGHT_MAX [10.2.1] */
	uint64_t inflight_bytes_max;        /* the same in bytes, from 1 */
	uint64_t inflight_bytes_behind_max; /* of entries that are committed: of a peer that is
	                                       behind; from 1 */
	uint32_t uncommitted_entries_max;   /* proposals beyond give NC_BUSY; from 1 */
	uint64_t uncommitted_bytes_max;     /* the same in bytes, from 1 */
	uint32_t window_entries;  /* entries at the log's end whose sizes are remembered; from 1 */
	uint32_t promote_lag_max; /* entries that a learner may be behind when it is promoted */
	uint32_t reads_max;       /* reads waiting for their index; beyond: NC_BUSY; from 1 */
	uint32_t offer_elections; /* election timeouts for which the log is kept for a peer that was
	                             offered a snapshot and is not heard of; from 1 */
};

/* Good values for a tick of 50 to 100 ms; set self and seed. */
struct nc_raft_options nc_raft_options_default(uint64_t self, uint64_t seed);

/* What a node knows when it starts. For a founder of a cluster: all zeros but `members`, equal on
 * each founder. For a node that is to join: all zeros. */
struct nc_raft_start {
	struct nc_log_hard hard; /* as recovered */
	uint64_t base_index; /* of the last entry that is no longer in the log: bounds.first - 1 */
	uint64_t base_term;  /* its term */
	struct nc_raft_members members; /* in force at base_index */
	uint64_t applied; /* the state's; what is applied was committed. At least base_index */
	bool doubtful; /* nc_log_recovery.doubtful: what it acknowledged last may be lost. It votes
	                * and leads only if no voter is missing, until it has what a leader says,
	                * asked by it in this life, that may be committed. Alone, a node goes on.
	                */
};

/* A node in follower state. Then nc_raft_load() for each entry that the log holds, in order, before
 * anything else. Errors: NC_INVALID. */
int nc_raft_new(const struct nc_raft_options *options, const struct nc_raft_start *start,
                struct nc_raft **raft_out);

/* The next entry, as found in the log, durable. `entry->members` for NC_LOG_CONFIG.
 * Errors: NC_INVALID, terms decrease, or a configuration is malformed. */
int nc_raft_load(struct nc_raft *raft, const struct nc_raft_entry *entry);

/* NULL is a no-op. */
void nc_raft_free(struct nc_raft *raft);

/* The same state a second time, for explorers and tests. */
int nc_raft_copy(const struct nc_raft *raft, struct nc_raft **copy_out);

/* ---- In -------------------------------------------------------------------------------------- */

/* A tick of time has passed: elections [3.4], heartbeats, check-quorum [6.2], giving up a transfer.
 */
int nc_raft_tick(struct nc_raft *raft);

/* A message from a peer, authenticated by the transport, which gives none of an earlier life of a
 * peer behind one of a later. Stale, doubled and unexpected ones are ignored and are NC_OK.
 * Errors: NC_INVALID, no peer of this version sends such a thing;
 *         NC_CORRUPT, another leader of the term that this node leads: it has stopped taking part,
 *           as after nc_raft_disk_failed();
 *         NC_IO, this node has stopped taking part before. */
int nc_raft_step(struct nc_raft *raft, const struct nc_raft_message *message);

/* Stand for election now, without waiting for the timeout; with a pre-vote. The only member of a
 * cluster leads when this returns. Does nothing on a leader, and on who may not lead (a learner,
 * installing). */
int nc_raft_campaign(struct nc_raft *raft);

/* A new entry of `size` bytes, of this leader's term. Its place is index_out, term_out.
 * Errors: NC_CONFLICT, not the leader; NC_BUSY, leadership is being transferred, or too much is
 *         uncommitted; NC_TOOBIG, over NC_LOG_PAYLOAD_SIZE_MAX. */
int nc_raft_propose(struct nc_raft *raft, size_t size, uint64_t *index_out, uint64_t *term_out);

/* Ask for an index that is safe to read at [6.4]: it comes in a Ready's reads, with `ctx`; who has
 * applied it sees all that was acknowledged before this call. Works on followers too. A read that
 * can no longer be answered comes back with err.
 * Errors: NC_CONFLICT, no leader is known; NC_BUSY, too many wait. */
int nc_raft_read_index(struct nc_raft *raft, uint64_t ctx);

/* Hand leadership to `id` [3.10]: proposals are refused until it leads or an election timeout has
 * passed.
 * Errors: NC_CONFLICT, not the leader; NC_NOTFOUND, no such other voter; NC_BUSY, already being
 *         handed to another. */
int nc_raft_transfer(struct nc_raft *raft, uint64_t id);

/* Change the membership by one [4.1 to 4.3]: an entry of kind NC_LOG_CONFIG at index_out, which
 * takes effect as soon as it is appended.
 * Errors of all three: NC_CONFLICT, not the leader; NC_BUSY, the last change is not committed, or
 *              nothing of this term is, or too much is not, or a transfer is under way.
 * add_learner: NC_EXISTS; NC_FULL, NC_RAFT_MEMBERS_MAX; NC_INVALID, id 0.
 * promote:     NC_NOTFOUND; NC_EXISTS, a voter already; NC_BUSY, it is too far behind.
 * remove:      NC_NOTFOUND; NC_INVALID, it is the last voter. A leader may remove itself: it leads
 *              until that is committed, without counting itself, then steps down. */
int nc_raft_add_learner(struct nc_raft *raft, uint64_t id, uint64_t *index_out);
int nc_raft_promote(struct nc_raft *raft, uint64_t id, uint64_t *index_out);
int nc_raft_remove(struct nc_raft *raft, uint64_t id, uint64_t *index_out);

/* Messages to `id` are being lost (a disconnect, a full queue): send more carefully. Of a leader
 * that has missed NC_RAFT_SILENT_HEARTBEATS: it is gone, stand soon. */
void nc_raft_unreachable(struct nc_raft *raft, uint64_t id);

/* A `partial` append was sent to `id`: the one whose message.index was `prev`, with entries through
 * `last`, of `bytes` in all. last = prev: nothing was sent (it is tried again at the next
 * heartbeat). */
int nc_raft_sent(struct nc_raft *raft, uint64_t id, uint64_t prev, uint64_t last, uint64_t bytes);

/* ---- Out ------------------------------------------------------------------------------------- */

/* Names one order to the log writer. Completed in the order given. */
struct nc_raft_mark {
	uint64_t order; /* from 1; 0: there was nothing to persist */
	uint64_t term;  /* of entry `index` */
	uint64_t index; /* the last entry when the order was given */
};

struct nc_raft_read {
	uint64_t ctx;
	int err; /* NC_OK, or NC_CLOSED: no answer was to be had (leadership changed, or time
	            passed): ask again */
	uint64_t index;
};

struct nc_raft_install {
	uint64_t index; /* 0: none */
	uint64_t term;
	uint64_t from;
	struct nc_raft_members members;
};

struct nc_raft_ready {
	/* To persist, together and durably, hard state and entries. If `first` is not beyond the
	 * log's last entry, those from there on are replaced. first > last: no entries. Then
	 * nc_raft_appended(mark). mark.order == 0: nothing. */
	bool hard_changed;
	struct nc_log_hard hard;
	uint64_t first, last;
	uint64_t noop; /* the one of first..last that this leader made by itself, NC_LOG_NOOP; 0:
	                  none */
	struct nc_raft_mark mark;
	/* What `mark` names is committed as soon as it is durable: this node leads, and is the only
	 * member. So the driver may apply it then, before it says nc_raft_appended(), if all before
	 * it is applied: nobody else can have another entry in its place. */
	bool sole;

	const struct nc_raft_message
	        *messages; /* to send; may be sent before anything is persisted */
	size_t message_count;

	uint64_t apply_first, apply_last; /* committed and durable here; first > last: none */

	const struct nc_raft_read *reads;
	size_t read_count;

	/* A state to fetch from a peer (named once); then nc_raft_snapshot_restored() or _failed().
	 */
	struct nc_raft_install install;
};

/* Whether nc_raft_ready() would have something. */
bool nc_raft_has_ready(const struct nc_raft *raft);

/* Take what there is to do. It is handed out once. */
void nc_raft_ready(struct nc_raft *raft, struct nc_raft_ready *ready_out);

/* The first leader of a new cluster begins with the founders' configuration in place of a no-op.
 * The members that the configuration entry at `index` puts in force; NULL if that entry is none.
 * For the payload of entries to persist or send. */
const struct nc_raft_members *nc_raft_config_at(const struct nc_raft *raft, uint64_t index);

/* What `mark` named is durable, and all before it. A completion that a truncation has overtaken
 * counts for what it still stands for (no ABA). */
int nc_raft_appended(struct nc_raft *raft, struct nc_raft_mark mark);

/* The log could not be written, or said something wrong: a leader steps down; this node neither
 * votes, leads nor acknowledges from now on. Only a new nc_raft comes back from it. */
void nc_raft_disk_failed(struct nc_raft *raft);

/* The only member of a cluster, whose disk has no room, forgets the entries from `index` on: they
 * were not written, and nobody else has seen them. Marks of orders that named them are void; give
 * the log writer nothing new until it has returned all. Errors: NC_CONFLICT, there are other
 * members, or an entry is durable, or it is the own-term no-op (without it nothing commits). Beyond
 * the last entry: NC_OK. */
int nc_raft_retract(struct nc_raft *raft, uint64_t index);

/* Entries through `index` are applied. */
void nc_raft_applied(struct nc_raft *raft, uint64_t index);

/* ---- Snapshots and compaction [5] ------------------------------------------------------------ */

/* A checkpoint of the state at `index` is durable here: peers may be sent it, the log may be
 * trimmed below it. To be called after a start, too, when all is loaded. Errors: NC_INVALID,
 * `index` is beyond what is applied, or below the last one. */
int nc_raft_snapshot_taken(struct nc_raft *raft, uint64_t index);

/* Forget entries through the smallest of `through`, the last checkpoint, and what a transfer in
 * progress still needs: through_out, for nc_log_compact(). */
int nc_raft_compact(struct nc_raft *raft, uint64_t through, uint64_t *through_out);

/* The install that a Ready named is finished: the state is at install.index, durably, and the log
 * was reset to it (nc_log_reset), after all that had been ordered before. Only now is it
 * acknowledged. Errors: NC_CONFLICT, no such install is under way. */
int nc_raft_snapshot_restored(struct nc_raft *raft, uint64_t index);

/* The install failed or was given up; nothing was touched, the leader offers another. */
void nc_raft_snapshot_failed(struct nc_raft *raft);

/* On the leader: sending `id` its snapshot failed; probe it again. */
void nc_raft_snapshot_status(struct nc_raft *raft, uint64_t id);

/* ---- Looking --------------------------------------------------------------------------------- */

enum nc_raft_role { NC_RAFT_FOLLOWER, NC_RAFT_PRE_CANDIDATE, NC_RAFT_CANDIDATE, NC_RAFT_LEADER };

enum nc_raft_peer_state {
	NC_RAFT_PROBE,     /* where its log matches is not known: one message at a time */
	NC_RAFT_REPLICATE, /* messages in flight, up to the limits */
	NC_RAFT_SENDING    /* it fetches a snapshot */
};

struct nc_raft_peer_status {
	uint64_t id;
	bool voter;
	bool active; /* heard of in this election timeout */
	uint8_t state;
	uint64_t match, next;
	uint32_t inflight;
};

struct nc_raft_status {
	uint64_t self, term, vote, leader; /* leader 0: not known */
	bool silent; /* a follower's leader has missed NC_RAFT_SILENT_HEARTBEATS, or more */
	uint8_t role;
	bool halted; /* after a disk error or a contradiction */
	bool doubtful;
	bool settled;                /* a leader that has committed an entry of its own term */
	uint64_t base, last, stable; /* the log: compacted through, last, durable through */
	uint64_t last_term;
	uint64_t commit, applied;
	uint64_t snapshot;   /* the last checkpoint */
	uint64_t installing; /* index of the snapshot being fetched, 0 */
	uint64_t transferee; /* 0: none */
	uint64_t config_index;
	struct nc_raft_members members; /* in force */
	uint32_t peer_count;            /* a leader's; 0 otherwise */
	struct nc_raft_peer_status peers[NC_RAFT_MEMBERS_MAX];
	uint64_t dropped; /* messages lost for lack of memory */
};

void nc_raft_status(const struct nc_raft *raft, struct nc_raft_status *status_out);

/* The term of entry `index`; of the base, too. Errors: NC_NOTFOUND. */
int nc_raft_term_at(const struct nc_raft *raft, uint64_t index, uint64_t *term_out);

/* What the core can know of its own soundness: NULL, or which claim does not hold. Asserted at each
 * Ready. */
const char *nc_raft_check(const struct nc_raft *raft);

/* Of all that influences what it will do. */
uint64_t nc_raft_hash(const struct nc_raft *raft);

/* A line for people: "2 follower term 3 vote 1 leader 1 log 1..7 stable 6 commit 5 ...". */
void nc_raft_describe(const struct nc_raft *raft, struct nc_buf *buf);
void nc_raft_message_describe(const struct nc_raft_message *message, struct nc_buf *buf);

#endif
