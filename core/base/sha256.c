/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 by libcrypto. The plain calls are used, not EVP: they neither fetch nor allocate, which
 * for the hundreds of bytes of an event is most of the cost. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "core/base/sha256.h"

#include <openssl/sha.h>

#include "core/base/assert.h"

void nc_sha256(const struct nc_slice *parts, size_t part_count, uint8_t digest_out[NC_SHA256_SIZE])
{
	SHA256_CTX ctx;
	int ok = SHA256_Init(&ctx);
	for (size_t i = 0; i < part_count; i++)
		ok &= SHA256_Update(&ctx, parts[i].data, parts[i].size);
	ok &= SHA256_Final(digest_out, &ctx);
	nc_assert(ok == 1); /* fails only where the library was built without SHA-256 */
}
