/* SPDX-License-Identifier: GPL-3.0-or-later */
/* histogram.h -- how long things took: buckets whose width is a 64th of their value, as HDR
 * histograms have them, so that every percentile is right within 1.6 %, from a nanosecond to
 * eighteen minutes.
 *
 * Life:    `= {0}`; nothing to release. Threads: one at a time.
 */
#ifndef NC_TRANSPORT_CLI_HISTOGRAM_H
#define NC_TRANSPORT_CLI_HISTOGRAM_H

#include <stdint.h>

enum { NC_HISTOGRAM_SUB = 64, NC_HISTOGRAM_POWERS = 35 };

struct nc_cli_histogram {
	uint64_t count, max_ns;
	double sum_ns;
	uint64_t buckets[NC_HISTOGRAM_POWERS * NC_HISTOGRAM_SUB];
};

void nc_cli_histogram_add(struct nc_cli_histogram *histogram, uint64_t ns);
/* The value that `percent` of all are not above; 0 if there are none. */
uint64_t nc_cli_histogram_percentile(const struct nc_cli_histogram *histogram, double percent);

#endif
