/* SPDX-License-Identifier: GPL-3.0-or-later */
/* digest.h -- the chain of digests over all events, which tells whether two stores hold the same
 * history.
 *
 * Each event adds a link. It covers the link before it, the event's place and time, and the event's
 * record without the data. The record has the data's digest in it, so the chain covers the data
 * too, and can still be checked when the data are gone. docs/formats.md says how a link is
 * computed.
 *
 * From engine version 3 on every NC_DIGEST_EVERY-th link is kept in a row of its own, as a mark. By
 * the marks replicas compare themselves with the leader, and a check of the store tells where it
 * went wrong.
 */
#ifndef NC_CORE_ENGINE_DIGEST_H
#define NC_CORE_ENGINE_DIGEST_H

#include "core/base/sha256.h"
#include "core/engine/state.h"

#define NC_DIGEST_EVERY 1024u /* positions; belongs to the meaning of version 3 */

/* Add the event at `position` to `digest`, which covers all events before it; all zeros before the
 * first. `record_head` is the event's record up to its data. */
void nc_digest_add(uint8_t digest[NC_SHA256_SIZE], uint64_t position, uint64_t version,
                   uint64_t time_ns, struct nc_slice record_head);

/* Write and read the mark at `position`. Errors: NC_NOTFOUND, there is none; NC_CORRUPT;
 * NC_UNSUPPORTED, a newer format; those of the state. */
int nc_digest_mark_put(struct nc_state *state, uint64_t position,
                       const uint8_t digest[NC_SHA256_SIZE]);
int nc_digest_mark_get(struct nc_state_reader *reader, uint64_t position,
                       uint8_t digest_out[NC_SHA256_SIZE]);

#endif
