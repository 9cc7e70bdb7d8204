/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sequence.h -- the order in which a leader takes the commands of owners: pure.
 *
 * An owner sends its progress to the leader, which puts it into the log. Messages may come late; an
 * older progress must not follow a newer one, or ack floors would go back. So an owner numbers its
 * commands within each of its lives, and a leader takes only a higher number than the last, and
 * only from messages sent in its own term: what was proposed in an earlier term either was
 * committed before this one began, or is not in this leader's log.
 *
 * Begins as zeros. Threads: one at a time. No allocation.
 */
#ifndef NC_CORE_DELIVERY_SEQUENCE_H
#define NC_CORE_DELIVERY_SEQUENCE_H

#include <stdbool.h>
#include <stdint.h>

#define NC_SEQUENCE_NODES_MAX 64u

/* The last command taken from a node, in one of its lives and one term of the leader. */
struct nc_sequence_at {
	uint64_t from, boot, term, number;
};

struct nc_sequence {
	struct nc_sequence_at at[NC_SEQUENCE_NODES_MAX];
};

/* Whether the command comes after all that were taken from its sender; if so, it is taken. The
 * caller has checked that command.term is its own. */
bool nc_sequence_take(struct nc_sequence *sequence, struct nc_sequence_at command);

#endif
