/* SPDX-License-Identifier: GPL-3.0-or-later */
/* raft_private.h -- what the files of this room share. */
#ifndef NC_CORE_RAFT_RAFT_PRIVATE_H
#define NC_CORE_RAFT_RAFT_PRIVATE_H

#include "core/base/assert.h"
#include "core/raft/mutants_private.h"
#include "core/raft/raft.h"
#include "core/raft/trail_private.h"

/* A peer as the leader sees it [3.5, 10.2.1]; one for each member, itself included (its match is
 * what it has durable). */
struct nc_raft_flight {
	uint64_t last;  /* entry of the message */
	uint64_t bytes; /* payload */
};

struct nc_raft_peer {
	uint64_t id;
	uint64_t match, next;
	uint64_t commit_sent;    /* the highest commit it was told in an append */
	uint64_t snapshot_index; /* NC_RAFT_SENDING: what was offered */
	uint64_t reading_prev;   /* with `reading` */
	uint64_t reading_last;
	uint64_t read_ack;       /* the last round of reads it has answered */
	uint64_t read_ack_doubt; /* the same, while it was in doubt */
	uint64_t doubt;          /* nonce of the last one that it told of; 0: none */
	uint64_t flight_bytes;
	uint32_t flight_first, flight_count; /* a ring */
	uint32_t silent;                     /* election timeouts without a word of it */
	uint8_t state;                       /* enum nc_raft_peer_state */
	bool voter;
	bool active;
	bool paused;  /* a probe is out */
	bool reading; /* a partial append is at the driver */
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

/* A message that waits for durability: of the order `order`; 0: of the next one. */
struct nc_raft_held {
	uint64_t order;
	struct nc_raft_message message;
};

struct nc_raft_held_list {
	struct nc_raft_held *at;
	size_t count, room;
};

#define NC_RAFT_ROUND_NONE UINT64_MAX

/* Of a node whose disk has lost the end of its log (doubt.c). */
struct nc_raft_doubt {
	uint64_t nonce; /* of this life; 0: in none */
	uint64_t index; /* it ends when that is committed and durable here; 0: not known yet */
	uint64_t shown; /* through which an append of this term has shown the log to match */
};

/* A read that waits for its index [6.4]. */
struct nc_raft_waiting_read {
	uint64_t ctx;   /* of who asked */
	uint64_t from;  /* a follower that forwarded it; 0: here */
	uint64_t round; /* NC_RAFT_ROUND_NONE: not yet in one */
	uint64_t index; /* of its round, on the leader */
	uint32_t age;   /* ticks */
};

struct nc_raft {
	struct nc_raft_options options;
	uint64_t rng;

	/* Persistent state, and how far it is. */
	struct nc_log_hard hard;
	bool hard_dirty;     /* changed since it was handed out */
	uint64_t hard_order; /* with which the present hard state was handed out; 0: as found */
	struct nc_trail trail;
	uint64_t handed;  /* the last entry handed out to be persisted */
	uint64_t stable;  /* the last entry that is durable */
	uint64_t orders;  /* handed out */
	uint64_t durable; /* of these, completed */
	/* Orders through void_order vouch for nothing beyond void_index: truncated since. */
	uint64_t void_order, void_index;

	uint64_t commit;
	uint64_t applying; /* the last entry handed out to be applied */
	uint64_t applied;
	uint64_t uncommitted_bytes;

	struct nc_raft_config
	        *configs; /* [config_count >= 1], by index; the first one at or below the base */
	size_t config_count, config_room;

	uint8_t role;
	bool halted;
	struct nc_raft_doubt doubt;
	uint64_t leader;
	uint64_t transferee;
	uint64_t noop; /* the leader's first entry of its term */
	bool noop_told;
	uint32_t election_elapsed, heartbeat_elapsed, election_timeout; /* ticks */
	uint64_t granted[NC_RAFT_MEMBERS_MAX];                          /* [granted_count], ids */
	uint64_t doubting[NC_RAFT_MEMBERS_MAX];                         /* granted, in doubt */
	uint64_t refused[NC_RAFT_MEMBERS_MAX];
	uint32_t granted_count, doubting_count, refused_count;

	struct nc_raft_peer peers[NC_RAFT_MEMBERS_MAX]; /* [peer_count], as the members in force */
	uint32_t peer_count;

	struct nc_raft_waiting_read *reads; /* [read_count], by round */
	size_t read_count;
	uint64_t read_round; /* the last one begun */
	uint64_t read_nonce; /* makes a round's context unlike those of earlier lives */

	struct { /* the last checkpoint */
		uint64_t index, term;
		struct nc_raft_members members;
	} snapshot;
	struct nc_raft_install install; /* index 0: none */
	bool install_told;

	struct nc_raft_message_list out;       /* for the next Ready */
	struct nc_raft_message_list out_given; /* the last Ready's */
	struct nc_raft_held_list held;
	struct nc_raft_read *answers, *answers_given; /* [reads_max + 1 each] */
	size_t answer_count;
	uint64_t dropped;
};

/* raft.c */
uint64_t nc_raft_random(struct nc_raft *raft);
/* Before anything is changed: room for what a call may append to the trail and to the
 * configurations. */
int nc_raft_reserve(struct nc_raft *raft, size_t entries, size_t configs);

/* membership.c */
const struct nc_raft_members *nc_raft_members(const struct nc_raft *raft); /* in force */
const struct nc_raft_members *nc_raft_members_as_of(const struct nc_raft *raft, uint64_t index);
bool nc_raft_is_voter(const struct nc_raft *raft, uint64_t id);
bool nc_raft_alone(const struct nc_raft *raft); /* the only member */
void nc_raft_config_push(struct nc_raft *raft, uint64_t index,
                         const struct nc_raft_members *members);
void nc_raft_config_truncate(struct nc_raft *raft, uint64_t from);
void nc_raft_config_compact(struct nc_raft *raft, uint64_t through);
bool nc_raft_config_pending(const struct nc_raft *raft);
uint32_t nc_raft_quorum(const struct nc_raft *raft);

/* messages.c */
void nc_raft_send(struct nc_raft *raft, struct nc_raft_message message);
/* When all that is to be persisted now is durable. */
void nc_raft_send_after(struct nc_raft *raft, struct nc_raft_message message);
void nc_raft_release_held(struct nc_raft *raft);
bool nc_raft_order_due(const struct nc_raft *raft); /* is there something to persist */

/* election.c */
void nc_raft_become_follower(struct nc_raft *raft, uint64_t term, uint64_t leader);
void nc_raft_vote_asked(struct nc_raft *raft, const struct nc_raft_message *message);
void nc_raft_vote_heard(struct nc_raft *raft, const struct nc_raft_message *message);
void nc_raft_stand(struct nc_raft *raft, bool pre, bool force);
void nc_raft_own_vote_durable(struct nc_raft *raft);
bool nc_raft_leader_silent(const struct nc_raft *raft);
void nc_raft_leader_gone(struct nc_raft *raft);
bool nc_raft_may_lead(const struct nc_raft *raft);

/* leader.c */
void nc_raft_become_leader(struct nc_raft *raft);
void nc_raft_append_own(struct nc_raft *raft, uint32_t size);
void nc_raft_peers_rebuild(struct nc_raft *raft);
struct nc_raft_peer *nc_raft_peer(struct nc_raft *raft, uint64_t id);
void nc_raft_own_match(struct nc_raft *raft); /* what is durable has grown */
void nc_raft_maybe_commit(struct nc_raft *raft);
void nc_raft_heartbeats(struct nc_raft *raft);
/* The highest value that a quorum of voters has, from what `value_of` says of each. */
uint64_t nc_raft_quorum_value(const struct nc_raft *raft,
                              uint64_t (*value_of)(const struct nc_raft_peer *peer));

/* replication.c */
/* With nothing in flight. */
void nc_raft_peer_turn(struct nc_raft_peer *peer, enum nc_raft_peer_state state);
void nc_raft_append_to(struct nc_raft *raft, struct nc_raft_peer *peer);    /* even if empty */
void nc_raft_replicate_to(struct nc_raft *raft, struct nc_raft_peer *peer); /* all that may leave */
void nc_raft_replicate(struct nc_raft *raft);
void nc_raft_append_answered(struct nc_raft *raft, const struct nc_raft_message *message);
void nc_raft_heartbeat_answered(struct nc_raft *raft, const struct nc_raft_message *message);

/* follower.c */
void nc_raft_append_heard(struct nc_raft *raft, const struct nc_raft_message *message);
void nc_raft_heartbeat_heard(struct nc_raft *raft, const struct nc_raft_message *message);
void nc_raft_commit_to(struct nc_raft *raft, uint64_t commit);
void nc_raft_halt(struct nc_raft *raft);
/* Forget the entries from `from` on, none of them committed. */
void nc_raft_truncate(struct nc_raft *raft, uint64_t from);

/* snapshot.c */
void nc_raft_snapshot_heard(struct nc_raft *raft, const struct nc_raft_message *message);
void nc_raft_snapshot_offer(struct nc_raft *raft, struct nc_raft_peer *peer);

/* readindex.c */
bool nc_raft_settled(const struct nc_raft *raft);
void nc_raft_reads_begin(struct nc_raft *raft, bool force);
void nc_raft_reads_confirm(struct nc_raft *raft);
void nc_raft_reads_fail(struct nc_raft *raft);
void nc_raft_reads_age(struct nc_raft *raft);
void nc_raft_read_asked(struct nc_raft *raft, const struct nc_raft_message *message);
void nc_raft_read_answered(struct nc_raft *raft, const struct nc_raft_message *message);

/* doubt.c */
void nc_raft_doubt_settle(struct nc_raft *raft); /* does it end */
void nc_raft_doubt_ask(struct nc_raft *raft);    /* the leader, where it ends */
/* The leader's answer; false: to another question. */
bool nc_raft_doubt_answered(struct nc_raft *raft, const struct nc_raft_message *message);
/* On the leader: a peer asks. */
void nc_raft_doubt_heard(struct nc_raft *raft, const struct nc_raft_message *message);

/* transfer.c */
void nc_raft_transfer_go_on(struct nc_raft *raft, const struct nc_raft_peer *peer);

#endif
