/* SPDX-License-Identifier: Apache-2.0 */
/* sha256.h -- SHA-256 (FIPS 180-4), of a few slices or of what comes bit by bit, by libcrypto. Any
 * thread. */
#ifndef NC_CORE_BASE_SHA256_H
#define NC_CORE_BASE_SHA256_H

#include "core/base/slice.h"

#define NC_SHA256_SIZE 32 /* bytes */

/* The digest of the parts, one after the other. */
void nc_sha256(const struct nc_slice *parts, size_t part_count, uint8_t digest_out[NC_SHA256_SIZE]);

/* The next link of a chain, which begins with zeros: the digest of the last one and `sha256`. */
void nc_sha256_chain(uint8_t chain[NC_SHA256_SIZE], const uint8_t sha256[NC_SHA256_SIZE]);

/* One that is being made; libcrypto's own state lies in it. */
struct nc_sha256_sum {
	uint64_t room[16];
};
void nc_sha256_begin(struct nc_sha256_sum *sum);
void nc_sha256_add(struct nc_sha256_sum *sum, struct nc_slice bytes);
void nc_sha256_end(struct nc_sha256_sum *sum, uint8_t digest_out[NC_SHA256_SIZE]);

#endif
