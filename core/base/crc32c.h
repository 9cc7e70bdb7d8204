/* SPDX-License-Identifier: Apache-2.0 */
/* crc32c.h -- CRC-32C (Castagnoli; RFC 3720 appendix B.4), by the processor's instruction where it
 * has one, by table elsewhere; both give the same.
 *
 * Chaining: nc_crc32c(nc_crc32c(0, a), b) is the CRC of a followed by b.
 */
#ifndef NC_CORE_BASE_CRC32C_H
#define NC_CORE_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

uint32_t nc_crc32c(uint32_t crc, const void *data, size_t size);

/* The portable form, for tests to hold the fast one against. */
uint32_t nc_crc32c_table(uint32_t crc, const void *data, size_t size);

#endif
