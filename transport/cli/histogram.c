/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Buckets: the first 64 are a nanosecond wide, the next 64 from 64 to 127 too, then each power of
 * two has 64. */
#include "transport/cli/histogram.h"

enum { BUCKETS = NC_HISTOGRAM_POWERS * NC_HISTOGRAM_SUB, SUB_BITS = 6 };

static unsigned bucket_of(uint64_t ns)
{
	if (ns < NC_HISTOGRAM_SUB)
		return (unsigned)ns;
	unsigned power =
	        63 - (unsigned)__builtin_clzll(ns) - SUB_BITS; /* how many bits are dropped */
	unsigned bucket = (power << SUB_BITS) + (unsigned)(ns >> power);
	return bucket < BUCKETS ? bucket : BUCKETS - 1;
}

/* The largest value of a bucket. */
static uint64_t bucket_end(unsigned bucket)
{
	if (bucket < 2 * NC_HISTOGRAM_SUB)
		return bucket;
	unsigned power = (bucket >> SUB_BITS) - 1;
	uint64_t first = (uint64_t)(bucket - (power << SUB_BITS)) << power;
	return first + (UINT64_C(1) << power) - 1;
}

void nc_cli_histogram_add(struct nc_cli_histogram *histogram, uint64_t ns)
{
	histogram->count++;
	histogram->sum_ns += (double)ns;
	histogram->max_ns = ns > histogram->max_ns ? ns : histogram->max_ns;
	histogram->buckets[bucket_of(ns)]++;
}

uint64_t nc_cli_histogram_percentile(const struct nc_cli_histogram *histogram, double percent)
{
	if (histogram->count == 0)
		return 0;
	uint64_t wanted = (uint64_t)((double)histogram->count * percent / 100.0 + 0.999999),
	         seen = 0;
	wanted = wanted == 0 ? 1 : wanted;
	for (unsigned i = 0; i < BUCKETS; i++) {
		seen += histogram->buckets[i];
		if (seen >= wanted && bucket_end(i) < histogram->max_ns)
			return bucket_end(i);
		if (seen >= wanted)
			break;
	}
	return histogram->max_ns;
}
