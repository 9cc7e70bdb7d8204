/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sequence.h -- the order in which a leader takes commands of owners: pure.
 *
 * Progress goes from an owner through the leader into the log, by messages that may come late: an
 * older one must not follow a newer one, or floors would go back. So an owner numbers its commands
 * in each of its lives, and in one term of the leader's only a higher number is taken, and none
 * that was sent in another term: what was proposed in an earlier term was either committed before
 * this one began, or is not in its log.
 *
 * Begins as zeros. Threads: one at a time. No allocation.
 */
#ifndef NC_CORE_DELIVERY_SEQUENCE_H
#define NC_CORE_DELIVERY_SEQUENCE_H

#include <stdbool.h>
#include <stdint.h>

#define NC_SEQUENCE_NODES_MAX 64u

/* A node, in one life of it and one term of the leader's, and its last command. */
struct nc_sequence_at {
	uint64_t from, boot, term, number;
};

struct nc_sequence {
	struct nc_sequence_at at[NC_SEQUENCE_NODES_MAX];
};

/* Whether the command comes after all that were taken of its sender, and then it is the last one.
 * Of its term the caller has made sure that it is its own. */
bool nc_sequence_take(struct nc_sequence *sequence, struct nc_sequence_at command);

#endif
