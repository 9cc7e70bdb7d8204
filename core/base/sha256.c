/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 by libcrypto. The plain calls are used, not EVP: they neither fetch nor allocate, which
 * for the hundreds of bytes of an event is most of the cost. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "core/base/sha256.h"

#include <openssl/sha.h>

#include "core/base/assert.h"

_Static_assert(sizeof(SHA256_CTX) <= sizeof(struct nc_sha256_sum), "libcrypto's state has room");

static SHA256_CTX *ctx_of(struct nc_sha256_sum *sum)
{
	return (SHA256_CTX *)(void *)sum->room;
}

/* They fail only where the library was built without SHA-256. */
void nc_sha256_begin(struct nc_sha256_sum *sum)
{
	int ok = SHA256_Init(ctx_of(sum));
	nc_assert(ok == 1);
}

void nc_sha256_add(struct nc_sha256_sum *sum, struct nc_slice bytes)
{
	int ok = SHA256_Update(ctx_of(sum), bytes.data, bytes.size);
	nc_assert(ok == 1);
}

void nc_sha256_end(struct nc_sha256_sum *sum, uint8_t digest_out[NC_SHA256_SIZE])
{
	int ok = SHA256_Final(digest_out, ctx_of(sum));
	nc_assert(ok == 1);
}

void nc_sha256(const struct nc_slice *parts, size_t part_count, uint8_t digest_out[NC_SHA256_SIZE])
{
	struct nc_sha256_sum sum;
	nc_sha256_begin(&sum);
	for (size_t i = 0; i < part_count; i++)
		nc_sha256_add(&sum, parts[i]);
	nc_sha256_end(&sum, digest_out);
}

void nc_sha256_chain(uint8_t chain[NC_SHA256_SIZE], const uint8_t sha256[NC_SHA256_SIZE])
{
	const struct nc_slice parts[] = { nc_slice(chain, NC_SHA256_SIZE),
		                          nc_slice(sha256, NC_SHA256_SIZE) };
	nc_sha256(parts, 2, chain); /* both are read before it is written */
}
