/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mutants_private.h -- known bugs that tests put back on purpose, to see that they are caught. Only
 * a variant of this library, built for tests with NC_RAFT_MUTANTS, has them; in the product
 * NC_MUTANT() is 0.
 */
#ifndef NC_CORE_RAFT_MUTANTS_PRIVATE_H
#define NC_CORE_RAFT_MUTANTS_PRIVATE_H

/* X(name, what is wrong) */
#define NC_RAFT_MUTANT_LIST(X)                                                                   \
	X(COMMIT_OLDER_TERM, "an entry of an older term is committed by counting")               \
	X(ACK_LAST_STORED, "a follower acknowledges its last entry, not prev + n")               \
	X(VOTE_BEFORE_SYNC, "a granted vote leaves before it is durable")                        \
	X(VOTE_TWICE_ON_TRANSFER, "a forced vote request gets a second vote in a term")          \
	X(READ_BEFORE_OWN_COMMIT, "a read is served before the own-term commit")                 \
	X(NO_TRUNCATION, "a conflicting entry is kept")                                          \
	X(COMMIT_BEYOND_MATCH, "a follower commits beyond prev + n")                             \
	X(CONFIG_NOT_ROLLED_BACK, "a truncated configuration stays in force")                    \
	X(SNAPSHOT_ACK_EARLY, "a snapshot is acknowledged when it is offered")                   \
	X(ACK_BEFORE_SYNC, "an acknowledgement leaves before the entries are durable")           \
	X(LEADER_COUNTS_UNSYNCED, "the leader counts itself for what it has not synced")         \
	X(ABA_MARK, "a completion overtaken by a truncation counts in full")                     \
	X(CONFIG_BEFORE_OWN_COMMIT, "a membership change before the own-term commit")            \
	X(TWO_CONFIGS, "a second membership change before the first is committed")               \
	X(VOTE_IGNORES_LOG, "a vote is granted whatever the candidate's log")                    \
	X(VOTE_COMPARES_LENGTH, "logs are compared by length alone")                             \
	X(SELF_VOTE_BEFORE_SYNC, "a candidate's own vote and requests do not wait for the disk") \
	X(VOTE_TWICE, "a second vote is granted in a term")                                      \
	X(READ_WITHOUT_QUORUM, "a read is served without hearing of a majority")                 \
	X(READ_ANY_ACK, "an answer to an older round confirms a read")                           \
	X(QUORUM_HALF, "half of the voters is enough")                                           \
	X(LEARNERS_COUNT, "learners count for commits and elections")                            \
	X(TERM_NOT_SAVED, "a new term is not persisted")                                         \
	X(HEARTBEAT_COMMITS_ALL, "a heartbeat carries a commit beyond what matches")             \
	X(TRUNCATE_ON_STALE, "a late append truncates what follows it")                          \
	X(COMPACT_UNCLAMPED, "the log is compacted beyond the checkpoint")                       \
	X(APPLY_UNSYNCED, "entries are applied before they are durable here")                    \
	X(SNAPSHOT_LOSES_CONFIG, "an installed snapshot does not bring its members")             \
	X(VOTE_LOST_ON_RESTART, "the vote is forgotten at a restart")                            \
	X(RESTART_COMMITS_ALL, "a restart takes the whole log for committed")                    \
	X(REJECT_IS_ACK, "a rejected append counts as matched")                                  \
	X(HIGHER_TERM_IGNORED, "a leader stays when it hears of a higher term")                  \
	X(REMOVED_LEADER_STAYS, "a leader goes on after its removal is committed")               \
	X(PREVOTE_BUMPS_TERM, "a pre-vote raises the term of who asks")                          \
	X(NO_CHECK_QUORUM, "a leader without a majority goes on")                                \
	X(INFLIGHT_NEVER_FREED, "acknowledged messages stay in flight")                          \
	X(READ_CONTEXT_REUSED, "reads of two lives of a node share their names")                 \
	X(DISK_ERROR_IGNORED, "a node with a broken disk goes on")                               \
	X(LEASE_IGNORED, "votes are granted while the leader is heard")                          \
	X(DOUBTFUL_VOTES, "a node that may have forgotten votes at once")                        \
	X(TRANSFER_BEFORE_CAUGHT_UP, "leadership is handed to who lacks entries, and forced")    \
	X(LEARNER_CAMPAIGNS, "a learner stands for election")                                    \
	X(DOUBT_ENDS_EARLY, "a late append ends a node's doubt of itself")                       \
	X(DOUBT_KEEPS_MATCH, "a leader counts on with what one in doubt had acknowledged")       \
	X(DOUBT_COUNTS, "one in doubt confirms that no later leader there is")                   \
	X(DOUBT_IN_QUORUM, "those in doubt elect though a voter is missing")                     \
	X(GONE_WHILE_HEARD, "a leader that is heard is given up for a broken line")              \
	X(NOBODY_GOES_FIRST, "two that ask at the same moment grant each other the pre-vote")    \
	X(SOLE_AMONG_OTHERS, "a leader with peers takes what is durable here for committed")

enum nc_raft_mutant {
	NC_RAFT_MUTANT_NONE,
#define NC_RAFT_MUTANT_ENUM(name, what) NC_RAFT_MUTANT_##name,
	NC_RAFT_MUTANT_LIST(NC_RAFT_MUTANT_ENUM)
#undef NC_RAFT_MUTANT_ENUM
	        NC_RAFT_MUTANT_END
};

#ifdef NC_RAFT_MUTANTS
extern enum nc_raft_mutant nc_raft_mutant; /* set by the test that runs one */
#define NC_MUTANT(name) (nc_raft_mutant == NC_RAFT_MUTANT_##name)
#else
#define NC_MUTANT(name) 0
#endif

#endif
