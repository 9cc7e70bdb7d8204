/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ages.h -- how old entries of the log are, as far as checkpoints tell: what one covered is as old
 * as it is, or older. A few are remembered, in memory: after a start the log's age begins anew,
 * which keeps it longer and never shorter.
 */
#ifndef NC_CORE_NODE_REPLICA_AGES_H
#define NC_CORE_NODE_REPLICA_AGES_H

#include <stdint.h>

#define NC_AGES_MAX 32u

struct nc_ages {
	struct {
		uint64_t index, at_ms;
	} marks[NC_AGES_MAX]; /* oldest first */
	uint32_t count;
};

/* A checkpoint covers entries through `index`. `keep_ms` is how long the log is kept; marks are
 * spaced accordingly. */
void nc_ages_put(struct nc_ages *ages, uint64_t index, uint64_t keep_ms, uint64_t now_ms);

/* The last entry that is known to be older than `keep_ms`; 0: none is, or keep_ms is 0. */
uint64_t nc_ages_through(const struct nc_ages *ages, uint64_t keep_ms, uint64_t now_ms);

#endif
