/* SPDX-License-Identifier: GPL-3.0-or-later */
/* generate.h -- the history of a store that keeps its promises: some clients at once, each waiting
 * for its answer; appends (some lost on the way, some retried, some refused), reads, a
 * subscription.
 */
#ifndef NC_TESTS_UNIT_CHECKER_GENERATE_H
#define NC_TESTS_UNIT_CHECKER_GENERATE_H

#include <stdint.h>
#include <stdio.h>

/* Errors: none; the caller asks `out`. */
void generate_history(uint64_t seed, uint64_t operations, FILE *out);

#endif
