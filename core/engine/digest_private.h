/* SPDX-License-Identifier: GPL-3.0-or-later */
/* digest_private.h -- the chain of digests over all events, which tells whether two stores hold the
 * same history. A link covers the one before it, the event's place and time, and its record but the
 * data, whose own digest is in the record: so the chain outlives the data. See docs/formats.md.
 */
#ifndef NC_CORE_ENGINE_DIGEST_PRIVATE_H
#define NC_CORE_ENGINE_DIGEST_PRIVATE_H

#include "core/base/sha256.h"

/* Turn the digest through the event before `position` (all zeros for the first) into the one
 * through it. `record_head` is the event's record up to its data. */
void nc_digest_add(uint8_t digest[NC_SHA256_SIZE], uint64_t position, uint64_t version,
                   uint64_t time_ns, struct nc_slice record_head);

#endif
