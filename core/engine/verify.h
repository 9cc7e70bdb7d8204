/* SPDX-License-Identifier: GPL-3.0-or-later */
/* verify.h -- whether a state holds what it should.
 *
 * Checked are, of each event, its bytes, the digest of its data, its place in its stream and in the
 * chain of digests, and every index that should lead to it; then the snapshots of aggregates; then
 * whether all rows of subscriptions can be read. A check goes from the first position to what the
 * head is when it begins, a bounded step at a time, so that a running node can check itself.
 *
 * Threads: a check belongs to one thread at a time; each step may come with another reader.
 */
#ifndef NC_CORE_ENGINE_VERIFY_H
#define NC_CORE_ENGINE_VERIFY_H

#include "core/engine/engine.h"

#define NC_VERIFY_WHY_SIZE 200 /* bytes with the NUL */

struct nc_verify; /* opaque */

struct nc_verify_status {
	uint64_t checked; /* all events up to this position hold */
	uint64_t head;    /* the last position that is to be checked */
	uint64_t marks;   /* how many marks of the chain were compared */
	uint64_t bad;     /* the position that does not hold; 0: none so far */
	char why[NC_VERIFY_WHY_SIZE];
	uint8_t digest[NC_SHA256_SIZE]; /* as computed, through `checked` */
};

/* Begin a check. Errors: NC_NOMEM; those of the state. */
int nc_verify_new(struct nc_state_reader *reader, struct nc_verify **verify_out);

/* Check at most `count` more events, or rows of what comes after them. An error ends the check.
 * Errors: NC_CORRUPT, something does not hold, and NC_UNSUPPORTED, something is of a newer format:
 * the status says what and why; those of the state. */
int nc_verify_step(struct nc_verify *verify, struct nc_state_reader *reader, size_t count,
                   bool *done_out);

/* How far the check is; valid as long as the check, and changed by each step. */
const struct nc_verify_status *nc_verify_status(const struct nc_verify *verify);
void nc_verify_free(struct nc_verify *verify); /* NULL is a no-op */

/* Whether the payload of a log's entry can be read, each command and the records in it. Needs no
 * state. Errors: NC_CORRUPT; NC_UNSUPPORTED, a newer format. */
int nc_verify_payload(struct nc_slice payload);

#endif
