/* SPDX-License-Identifier: GPL-3.0-or-later */
/* digest.h -- the chain of digests over all events, which tells whether two stores hold the same
 * history. A link covers the one before it, the event's place and time, and its record but the
 * data, whose own digest is in the record: so the chain outlives the data. See docs/formats.md.
 *
 * From engine version 3 on each NC_DIGEST_EVERY-th link stays in a row of its own, a mark: by them
 * replicas compare themselves with the leader, and a check of the store says where it goes wrong.
 */
#ifndef NC_CORE_ENGINE_DIGEST_H
#define NC_CORE_ENGINE_DIGEST_H

#include "core/base/sha256.h"
#include "core/engine/state.h"

#define NC_DIGEST_EVERY 1024u /* positions; part of what version 3 means */

/* Turn the digest through the event before `position` (all zeros for the first) into the one
 * through it. `record_head` is the event's record up to its data. */
void nc_digest_add(uint8_t digest[NC_SHA256_SIZE], uint64_t position, uint64_t version,
                   uint64_t time_ns, struct nc_slice record_head);

/* The mark at `position`. Errors: NC_NOTFOUND, there is none; NC_CORRUPT; NC_UNSUPPORTED; those of
 * the state. */
int nc_digest_mark_put(struct nc_state *state, uint64_t position,
                       const uint8_t digest[NC_SHA256_SIZE]);
int nc_digest_mark_get(struct nc_state_reader *reader, uint64_t position,
                       uint8_t digest_out[NC_SHA256_SIZE]);

#endif
