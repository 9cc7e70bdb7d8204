/* SPDX-License-Identifier: GPL-3.0-or-later */
/* message.h -- who takes part in consensus, and what they say to one another. The bytes of a
 * message on the wire are message_codec.h's.
 *
 * Ownership: a message only points to its entries and members; whoever gives it out says how long
 *            they stay.
 * Source:    Ongaro, "Consensus: Bridging Theory and Practice" (2014), cited by section as [3.4].
 */
#ifndef NC_CORE_RAFT_MESSAGE_H
#define NC_CORE_RAFT_MESSAGE_H

#include "core/raft/log.h"

#define NC_RAFT_MEMBERS_MAX 16u
#define NC_RAFT_ENTRIES_MAX 4096u /* entries of one append message, at most */

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

/* Whether `members` is sorted, within limits, and without id 0. No members at all is valid. */
bool nc_raft_members_valid(const struct nc_raft_members *members);

/* The member `id`; NULL if there is none. */
const struct nc_raft_member *nc_raft_members_find(const struct nc_raft_members *members,
                                                  uint64_t id);

/* ---- Messages -------------------------------------------------------------------------------- */

/* Each type uses the fields of nc_raft_message that are named here; the others are 0. */
enum nc_raft_type {
	/* Asks whether a vote would be granted [9.6]. index and log_term are those of the last
	 * entry, term is the one that the candidate would take. */
	NC_RAFT_PREVOTE = 1,
	/* reject; if force is set too: granted by a node in doubt (raft.h), which counts only if no
	 * voter is missing. */
	NC_RAFT_PREVOTE_RESP,
	/* Asks for a vote [3.4]. index and log_term are those of the last entry; force: the leader
	 * itself told the candidate to stand [3.10]. */
	NC_RAFT_VOTE,
	NC_RAFT_VOTE_RESP, /* as NC_RAFT_PREVOTE_RESP */
	/* Entries [3.5]. index and log_term are those of the entry before them; commit. */
	NC_RAFT_APPEND,
	/* index: the log matches, and is durable, up to this entry. With reject: index is the entry
	 * before that was not found; hint and log_term are the last entry that may match. */
	NC_RAFT_APPEND_RESP,
	/* commit; context: the last round of reads. */
	NC_RAFT_HEARTBEAT,
	/* context: the same; index: of the snapshot that the sender is fetching, or 0; force: the
	 * sender is in doubt. */
	NC_RAFT_HEARTBEAT_RESP,
	/* Offers a state that is to be fetched from the sender [5]: index, log_term, members. */
	NC_RAFT_SNAPSHOT,
	/* Asks the leader for a read index [6.4]; context names the question. With force: the
	 * sender is in doubt, since what it acknowledged before may be lost, and context names this
	 * doubt. */
	NC_RAFT_READ,
	NC_RAFT_READ_RESP,   /* context: the question's; index */
	NC_RAFT_TIMEOUT_NOW, /* tells a voter to stand at once [3.10] */
	NC_RAFT_TYPE_END
};

/* What the core has to know of an entry in an append message. */
struct nc_raft_entry {
	uint64_t term;
	uint32_t size;                         /* bytes of payload */
	uint8_t kind;                          /* enum nc_log_kind */
	const struct nc_raft_members *members; /* of NC_LOG_CONFIG; NULL otherwise */
};

struct nc_raft_message {
	uint8_t type; /* enum nc_raft_type */
	bool reject;
	bool force;
	/* Outgoing append only: the core does not know the sizes of these entries, because they are
	 * older than its window. The driver reads them from the log, cuts the message after
	 * `size_max` bytes of payload, though not before the first entry, sets entry_count, sends
	 * it, and calls nc_raft_sent(). */
	bool partial;
	uint64_t from, to;
	uint64_t term; /* the sender's; in a pre-vote the one that it would take */
	uint64_t index;
	uint64_t log_term;
	uint64_t commit;
	uint64_t hint;
	uint64_t context;
	uint32_t size_max; /* bytes, with `partial` */
	/* An outgoing append has only this count of its entries, which are index + 1 and on. The
	 * driver adds them from its log, or drops the message if their terms are no longer what
	 * they were. */
	uint32_t entry_count;
	const struct nc_raft_entry *entries;   /* [entry_count], of an incoming append */
	const struct nc_raft_members *members; /* of NC_RAFT_SNAPSHOT */
};

/* Append a line for people, as "1->2 append term 3 at 7@3 entries 8..9 commit 7". */
void nc_raft_message_describe(const struct nc_raft_message *message, struct nc_buf *buf);

#endif
