/* SPDX-License-Identifier: GPL-3.0-or-later */
/* raft_private.h -- the state of a node of consensus, and what each file of this room does with it,
 * file by file.
 *
 * `struct nc_raft` has, from top to bottom: what is to be durable, and how far it is; the commit,
 * and what was applied; the configurations; the role, with the votes of an election; the peers,
 * as a leader sees them; reads; snapshots; and what waits to leave with the next Ready. The rest
 * of the room may read all of it; what several files change is changed by the calls below.
 *
 * Two kinds of messages leave: nc_raft_send() has them go with the next Ready,
 * nc_raft_send_after() once what they promise is durable. Memory is taken before anything is
 * changed (nc_raft_reserve()), so that a call fails as a whole, or not at all.
 *
 * Threads, ownership, errors, units: as in raft.h.
 */
#ifndef NC_CORE_RAFT_RAFT_PRIVATE_H
#define NC_CORE_RAFT_RAFT_PRIVATE_H

#include "core/base/assert.h"
#include "core/raft/mutants_private.h"
#include "core/raft/status.h"
#include "core/raft/trail_private.h"

/* An append message in flight. */
struct nc_raft_flight {
	uint64_t last;  /* its last entry */
	uint64_t bytes; /* of payload */
};

/* A peer as the leader sees it [3.5, 10.2.1]. There is one for each member, the leader itself
 * included: its own match is what it has durable. */
struct nc_raft_peer {
	uint64_t id;
	uint64_t match, next;    /* as in nc_raft_peer_status */
	uint64_t commit_sent;    /* the highest commit that it was told in an append */
	uint64_t snapshot_index; /* NC_RAFT_SENDING: the snapshot that it was offered */
	uint64_t reading_prev;   /* while `reading`: the entry before those of the message */
	uint64_t reading_last;   /* and the last that it may have */
	uint64_t read_ack;       /* the last round of reads that it has answered */
	uint64_t read_ack_doubt; /* the last that it has answered while it was in doubt */
	uint64_t doubt;          /* nonce of the last doubt that it told of; 0: none */
	uint64_t flight_bytes;
	uint32_t flight_first, flight_count; /* `flight` is a ring */
	uint32_t silent;                     /* election timeouts in which it was not heard of */
	uint8_t state;                       /* enum nc_raft_peer_state */
	bool voter;
	bool active;  /* it was heard of in this election timeout */
	bool paused;  /* a probe is out, and nothing is sent until it is answered */
	bool reading; /* the driver has a partial append for it */
	struct nc_raft_flight flight[NC_RAFT_INFLIGHT_MAX];
};

/* The configuration in force from `index` on. */
struct nc_raft_config {
	uint64_t index;
	struct nc_raft_members members;
};

struct nc_raft_message_list {
	struct nc_raft_message *at;
	size_t count, room;
};

/* A message that waits until the order `order` is durable. */
struct nc_raft_held {
	uint64_t order;
	struct nc_raft_message message;
};

struct nc_raft_held_list {
	struct nc_raft_held *at;
	size_t count, room;
};

#define NC_RAFT_ROUND_NONE UINT64_MAX

/* The doubt of a node whose disk has lost the end of its log (doubt.c). */
struct nc_raft_doubt {
	uint64_t nonce; /* names the doubt, in this life of the node; 0: there is none */
	uint64_t index; /* the doubt ends when this is committed and durable here; 0: not known yet
	                 */
	uint64_t shown; /* up to here an append of this term has shown the log to match */
};

/* A read that waits for its index [6.4]. */
struct nc_raft_waiting_read {
	uint64_t ctx;   /* given by who asked */
	uint64_t from;  /* the follower that forwarded it; 0: it was asked here */
	uint64_t round; /* NC_RAFT_ROUND_NONE: in none yet */
	uint64_t index; /* on the leader: what was committed when its round began */
	uint32_t age;   /* ticks */
};

struct nc_raft {
	struct nc_raft_options options;
	uint64_t rng;

	/* What is to be durable, and how far it is. */
	struct nc_log_hard hard;
	bool hard_dirty;     /* it has changed since it was handed out */
	uint64_t hard_order; /* the order with which it was handed out; 0: as it was found */
	struct nc_trail trail;
	uint64_t handed;  /* the last entry that was handed out to be persisted */
	uint64_t stable;  /* the last entry that is durable */
	uint64_t orders;  /* the last order handed out */
	uint64_t durable; /* the last order completed */
	/* Orders up to void_order vouch for nothing beyond void_index, which was truncated since.
	 */
	uint64_t void_order, void_index;

	uint64_t commit;
	uint64_t applying; /* the last entry that was handed out to be applied */
	uint64_t applied;
	uint64_t uncommitted_bytes;

	/* [config_count], at least one, by index; the first is at the base or below it. */
	struct nc_raft_config *configs;
	size_t config_count, config_room;

	uint8_t role; /* enum nc_raft_role */
	bool halted;
	struct nc_raft_doubt doubt;
	uint64_t leader;     /* 0: not known */
	uint64_t transferee; /* to whom leadership is being handed; 0: nobody */
	uint64_t noop;       /* the leader's first entry of its term */
	bool noop_told;      /* a Ready has named it */
	uint32_t election_elapsed, heartbeat_elapsed, election_timeout; /* ticks */
	uint64_t granted[NC_RAFT_MEMBERS_MAX];                          /* [granted_count], ids */
	uint64_t doubting[NC_RAFT_MEMBERS_MAX]; /* [doubting_count], who granted it in doubt */
	uint64_t refused[NC_RAFT_MEMBERS_MAX];  /* [refused_count] */
	uint32_t granted_count, doubting_count, refused_count;

	struct nc_raft_peer peers[NC_RAFT_MEMBERS_MAX]; /* [peer_count], the members in force */
	uint32_t peer_count;

	struct nc_raft_waiting_read *reads; /* [read_count], by round */
	size_t read_count;
	uint64_t read_round; /* the last round begun */
	uint64_t read_nonce; /* makes a round's context unlike those of earlier lives */

	struct { /* the last checkpoint */
		uint64_t index, term;
		struct nc_raft_members members;
	} snapshot;
	struct nc_raft_install install; /* index 0: none */
	bool install_told;              /* a Ready has named it */

	struct nc_raft_message_list out;       /* for the next Ready */
	struct nc_raft_message_list out_given; /* those of the last Ready, which points there */
	struct nc_raft_held_list held;
	struct nc_raft_read *answers, *answers_given; /* likewise, each [reads_max + 1] */
	size_t answer_count;
	uint64_t dropped; /* messages, for lack of memory */
};

/* ---- raft.c */

uint64_t nc_raft_random(struct nc_raft *raft);
/* Make room for what a call may append to the trail and to the configurations, before it changes
 * anything. Errors: NC_NOMEM. */
int nc_raft_reserve(struct nc_raft *raft, size_t entries, size_t configs);

/* ---- membership.c */

/* The members in force now, and those in force at `index`. */
const struct nc_raft_members *nc_raft_members(const struct nc_raft *raft);
const struct nc_raft_members *nc_raft_members_as_of(const struct nc_raft *raft, uint64_t index);
bool nc_raft_is_voter(const struct nc_raft *raft, uint64_t id);
bool nc_raft_alone(const struct nc_raft *raft); /* whether this node is the only member */
/* The history of configurations follows the log: an entry appended, truncated, compacted. */
void nc_raft_config_push(struct nc_raft *raft, uint64_t index,
                         const struct nc_raft_members *members);
void nc_raft_config_truncate(struct nc_raft *raft, uint64_t from);
void nc_raft_config_compact(struct nc_raft *raft, uint64_t through);
bool nc_raft_config_pending(const struct nc_raft *raft); /* the last one is not committed */
uint32_t nc_raft_quorum(const struct nc_raft *raft);     /* how many voters are a majority */

/* ---- messages.c */

/* Send a message with the next Ready. */
void nc_raft_send(struct nc_raft *raft, struct nc_raft_message message);
/* Hold a message until all that is to be persisted by now is durable, then send it. */
void nc_raft_send_after(struct nc_raft *raft, struct nc_raft_message message);
/* Send the messages whose orders have become durable. */
void nc_raft_release_held(struct nc_raft *raft);
bool nc_raft_order_due(const struct nc_raft *raft); /* whether there is something to persist */

/* ---- election.c */

/* How a node stands for election. */
enum nc_raft_candidacy {
	NC_RAFT_ASK_FIRST, /* it asks whether it would be elected, and keeps its term [9.6] */
	NC_RAFT_STAND,     /* in a new term */
	NC_RAFT_STAND_TOLD /* in a new term, told to by the leader: no lease forbids it [3.10] */
};

/* Follow `leader` in `term`, which is not below the node's own. 0: it is not known who leads. */
void nc_raft_become_follower(struct nc_raft *raft, uint64_t term, uint64_t leader);
void nc_raft_vote_asked(struct nc_raft *raft, const struct nc_raft_message *message);
void nc_raft_vote_heard(struct nc_raft *raft, const struct nc_raft_message *message);
void nc_raft_stand(struct nc_raft *raft, enum nc_raft_candidacy how);
/* Count a candidate's own vote, if it has become durable. */
void nc_raft_own_vote_durable(struct nc_raft *raft);
bool nc_raft_leader_silent(const struct nc_raft *raft); /* nc_raft_status.silent */
/* The connection to the leader is gone: if the leader is silent too, stand soon. */
void nc_raft_leader_gone(struct nc_raft *raft);
bool nc_raft_may_lead(const struct nc_raft *raft);

/* ---- leader.c */

void nc_raft_become_leader(struct nc_raft *raft);
/* Append an entry of the leader's term; the caller has reserved room for it. */
void nc_raft_append_own(struct nc_raft *raft, uint32_t size);
/* Make the list of peers follow the members in force. */
void nc_raft_peers_rebuild(struct nc_raft *raft);
struct nc_raft_peer *nc_raft_peer(struct nc_raft *raft, uint64_t id); /* NULL: no such peer */
/* More of the leader's own log has become durable. */
void nc_raft_own_match(struct nc_raft *raft);
/* Commit what a majority has by now. */
void nc_raft_maybe_commit(struct nc_raft *raft);
void nc_raft_heartbeats(struct nc_raft *raft);
/* The highest value that a quorum of voters has, where `value_of` says what each has. */
uint64_t nc_raft_quorum_value(const struct nc_raft *raft,
                              uint64_t (*value_of)(const struct nc_raft_peer *peer));

/* ---- replication.c */

/* The peer is in `state` from now on, and nothing is in flight to it. */
void nc_raft_peer_turn(struct nc_raft_peer *peer, enum nc_raft_peer_state state);
/* Send an append, even if it has no entries; then all that may leave. */
void nc_raft_append_to(struct nc_raft *raft, struct nc_raft_peer *peer);
/* Send all that may leave: to one peer, to all. */
void nc_raft_replicate_to(struct nc_raft *raft, struct nc_raft_peer *peer);
void nc_raft_replicate(struct nc_raft *raft);
void nc_raft_append_answered(struct nc_raft *raft, const struct nc_raft_message *message);
void nc_raft_heartbeat_answered(struct nc_raft *raft, const struct nc_raft_message *message);

/* ---- follower.c */

void nc_raft_append_heard(struct nc_raft *raft, const struct nc_raft_message *message);
void nc_raft_heartbeat_heard(struct nc_raft *raft, const struct nc_raft_message *message);
/* What is up to `commit` is committed, as far as it is in the log. */
void nc_raft_commit_to(struct nc_raft *raft, uint64_t commit);
/* Stop taking part, for good. */
void nc_raft_halt(struct nc_raft *raft);
/* Forget the entries from `from` on, none of which is committed. */
void nc_raft_truncate(struct nc_raft *raft, uint64_t from);

/* ---- snapshot.c */

void nc_raft_snapshot_heard(struct nc_raft *raft, const struct nc_raft_message *message);
/* Offer the last checkpoint to a peer that needs entries which are compacted away. */
void nc_raft_snapshot_offer(struct nc_raft *raft, struct nc_raft_peer *peer);

/* ---- readindex.c */

bool nc_raft_settled(const struct nc_raft *raft); /* nc_raft_status.settled */
/* Begin a round for the reads that are in none yet, unless one is under way: they go with the next.
 */
void nc_raft_reads_begin(struct nc_raft *raft);
/* Begin such a round even if one is under way, whose messages may have been lost. */
void nc_raft_reads_begin_another(struct nc_raft *raft);
/* A peer has answered a round: answer the reads for which that is enough. */
void nc_raft_reads_confirm(struct nc_raft *raft);
/* Leadership has changed: no read that waits can be answered. */
void nc_raft_reads_fail(struct nc_raft *raft);
/* A tick has passed for the reads that wait; those that have waited too long fail. */
void nc_raft_reads_age(struct nc_raft *raft);
void nc_raft_read_asked(struct nc_raft *raft, const struct nc_raft_message *message);
void nc_raft_read_answered(struct nc_raft *raft, const struct nc_raft_message *message);

/* ---- doubt.c */

/* End the doubt, if this node has all that it was to have. */
void nc_raft_doubt_settle(struct nc_raft *raft);
/* Ask the leader where the doubt ends. */
void nc_raft_doubt_ask(struct nc_raft *raft);
/* Take the leader's answer; false if it is one to another question. */
bool nc_raft_doubt_answered(struct nc_raft *raft, const struct nc_raft_message *message);
/* On the leader: a peer in doubt asks. */
void nc_raft_doubt_heard(struct nc_raft *raft, const struct nc_raft_message *message);

/* ---- transfer.c */

/* If `peer` is to take over and has all entries by now, tell it to stand. */
void nc_raft_transfer_go_on(struct nc_raft *raft, const struct nc_raft_peer *peer);

#endif
