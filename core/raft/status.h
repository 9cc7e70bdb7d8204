/* SPDX-License-Identifier: GPL-3.0-or-later */
/* status.h -- looking at a node's consensus: where it stands, whether it is sound, and a line or a
 * number that stands for all of it. Nothing here changes anything.
 *
 * Threads: those of raft.h.
 */
#ifndef NC_CORE_RAFT_STATUS_H
#define NC_CORE_RAFT_STATUS_H

#include "core/raft/raft.h"

enum nc_raft_role { NC_RAFT_FOLLOWER, NC_RAFT_PRE_CANDIDATE, NC_RAFT_CANDIDATE, NC_RAFT_LEADER };

enum nc_raft_peer_state {
	NC_RAFT_PROBE,     /* it is not known where its log matches: one message at a time */
	NC_RAFT_REPLICATE, /* several messages are in flight, up to the limits */
	NC_RAFT_SENDING    /* it fetches a snapshot */
};

/* A member as the leader sees it. */
struct nc_raft_peer_status {
	uint64_t id;
	bool voter;
	bool active;       /* it was heard of in this election timeout */
	uint8_t state;     /* enum nc_raft_peer_state */
	uint64_t match;    /* its log matches, and is durable, up to this index */
	uint64_t next;     /* the next index to be sent */
	uint32_t inflight; /* append messages that it has not answered */
};

struct nc_raft_status {
	uint64_t self, term;
	uint64_t vote;         /* 0: for nobody in this term */
	uint64_t leader;       /* 0: not known */
	uint8_t role;          /* enum nc_raft_role */
	bool silent;           /* a follower has heard nothing for NC_RAFT_SILENT_HEARTBEATS */
	bool halted;           /* it has stopped taking part: a disk error, or a contradiction */
	bool doubtful;         /* nc_raft_start.doubtful, as long as it lasts */
	bool settled;          /* it leads, and has committed an entry of its own term */
	uint64_t base;         /* the log is compacted up to this index */
	uint64_t last;         /* index of the last entry */
	uint64_t last_term;    /* its term */
	uint64_t stable;       /* the log is durable up to this index */
	uint64_t commit;       /* committed up to this index, as far as this node knows */
	uint64_t applied;      /* applied up to this index */
	uint64_t snapshot;     /* index of the last checkpoint */
	uint64_t installing;   /* index of the snapshot that is being fetched; 0: none */
	uint64_t transferee;   /* to whom leadership is being handed; 0: nobody */
	uint64_t config_index; /* index of the configuration in force */
	struct nc_raft_members members; /* in force */
	uint32_t peer_count;            /* 0 unless it leads */
	struct nc_raft_peer_status peers[NC_RAFT_MEMBERS_MAX];
	uint64_t dropped; /* messages lost for lack of memory, ever */
};

void nc_raft_status(const struct nc_raft *raft, struct nc_raft_status *status_out);

/* The term of the entry at `index`, or at the base. Errors: NC_NOTFOUND. */
int nc_raft_term_at(const struct nc_raft *raft, uint64_t index, uint64_t *term_out);

/* NULL if all that the core can check of itself holds; else the claim that does not, as text. It is
 * asserted at each Ready. */
const char *nc_raft_check(const struct nc_raft *raft);

/* A hash of everything that influences what the node will do. */
uint64_t nc_raft_hash(const struct nc_raft *raft);

/* Append a line for people: "2 follower term 3 vote 1 leader 1 log 1..7 stable 6 commit 5 ...". */
void nc_raft_describe(const struct nc_raft *raft, struct nc_buf *buf);

#endif
