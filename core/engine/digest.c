/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The chain of digests. */
#include "core/engine/digest_private.h"

#include "core/base/buf.h"
#include "core/base/sha256.h"

void nc_digest_add(uint8_t digest[NC_SHA256_SIZE], uint64_t position, uint64_t version,
                   uint64_t time_ns, struct nc_slice record_head)
{
	uint8_t link[NC_SHA256_SIZE + 24];
	memcpy(link, digest, NC_SHA256_SIZE);
	nc_set_u64(link + NC_SHA256_SIZE, position);
	nc_set_u64(link + NC_SHA256_SIZE + 8, version);
	nc_set_u64(link + NC_SHA256_SIZE + 16, time_ns);
	const struct nc_slice parts[] = { nc_slice(link, sizeof link), record_head };
	nc_sha256(parts, 2, digest);
}
