/* SPDX-License-Identifier: Apache-2.0 */
/* siphash.h -- SipHash-1-3 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012; with
 * the rounds that CPython and Rust use for their tables): a hash for tables whose keys come from
 * the wire. Who does not know the secret cannot choose keys that meet in one place. It is no
 * signature, and its values are not to be stored.
 */
#ifndef NC_CORE_BASE_SIPHASH_H
#define NC_CORE_BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

/* Random bytes, of one process or one table. */
struct nc_siphash_secret {
	uint64_t words[2];
};

uint64_t nc_siphash(const struct nc_siphash_secret *secret, const void *data, size_t size);

#endif
