/* SPDX-License-Identifier: GPL-3.0-or-later */
/* verify.h -- whether a state holds what it should: each event's bytes, the digest of its data, its
 * place in its stream and in the chain of digests, and every index that is to lead to it; then
 * snapshots of aggregates, and whether all rows of subscriptions can be read. From the
 * first position to the head as it is at the start, a bounded step at a time, so that a running
 * node can check itself.
 *
 * Threads: a check belongs to one thread at a time; each step may come with another reader.
 */
#ifndef NC_CORE_ENGINE_VERIFY_H
#define NC_CORE_ENGINE_VERIFY_H

#include "core/engine/engine.h"

#define NC_VERIFY_WHY_SIZE 200 /* bytes with the NUL */

struct nc_verify; /* opaque */

struct nc_verify_status {
	uint64_t checked; /* through this position; all that is before holds */
	uint64_t head;    /* the last that is to be checked */
	uint64_t marks;   /* of the chain that were met */
	uint64_t bad;     /* the first position that does not hold; 0: none so far */
	char why[NC_VERIFY_WHY_SIZE];
	uint8_t digest[NC_SHA256_SIZE]; /* computed, through `checked` */
};

/* Errors: NC_NOMEM; those of the state. */
int nc_verify_new(struct nc_state_reader *reader, struct nc_verify **verify_out);

/* Check at most `count` more events. Errors: NC_CORRUPT, one does not hold, and the status says
 * which and why; NC_UNSUPPORTED, a newer form, likewise; those of the state. Then it is over. */
int nc_verify_step(struct nc_verify *verify, struct nc_state_reader *reader, size_t count,
                   bool *done_out);

const struct nc_verify_status *nc_verify_status(const struct nc_verify *verify);
void nc_verify_free(struct nc_verify *verify); /* NULL is a no-op */

/* Whether the payload of a log entry can be read: each command, and the records of events in it.
 * Errors: NC_CORRUPT; NC_UNSUPPORTED. */
int nc_verify_payload(struct nc_slice payload);

#endif
