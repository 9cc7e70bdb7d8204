/* SPDX-License-Identifier: Apache-2.0 */
/* ascending.h -- the order of numbers, for qsort() and bsearch(). */
#ifndef NC_CORE_BASE_ASCENDING_H
#define NC_CORE_BASE_ASCENDING_H

#include <stdint.h>

/* Of two uint64_t. */
static inline int nc_ascending(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
	return (left > right) - (left < right);
}

#endif
