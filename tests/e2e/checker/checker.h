/* SPDX-License-Identifier: GPL-3.0-or-later */
/* checker.h -- judges a history of operations (README.md has its form and what is judged).
 *
 * Threads:   none.
 * Ownership: a checker owns all; free it once.
 * Errors:    NC_OK or a negative enum nc_err. What is wrong with the store is not an error but a
 * fault.
 */
#ifndef NC_TESTS_E2E_CHECKER_H
#define NC_TESTS_E2E_CHECKER_H

#include <stdio.h>

#include "core/base/buf.h"

enum nc_fault {
	NC_FAULT_MALFORMED, /* a line is not understood */
	NC_FAULT_NO_FINAL,  /* no final state to hold anything against */
	NC_FAULT_GAP,       /* positions or versions of the final state have a gap */
	NC_FAULT_LOST,      /* answered, and not there */
	NC_FAULT_MOVED,     /* answered with a place at which something else stands */
	NC_FAULT_DOUBLED,   /* one id of a stream stands at two places */
	NC_FAULT_FOREIGN,   /* nobody appended it */
	NC_FAULT_REFUSED,   /* refused, and there all the same */
	NC_FAULT_TORN,      /* a batch is there in part, or not in one piece */
	NC_FAULT_ORDER,     /* no moments of commit fit the answers */
	NC_FAULT_CONFLICT,  /* a refusal without reason, or an expectation that was not met */
	NC_FAULT_READ,      /* a read shows what is not there, or has a hole */
	NC_FAULT_STALE,     /* a direct read did not reach its min_pos */
	NC_FAULT_SUB_GAP,   /* never delivered */
	NC_FAULT_SUB_ORDER, /* delivered before an earlier one of its key */
	NC_FAULT_SUB_ACKED, /* delivered after its acknowledgement was confirmed */
	NC_FAULT_SUB_EVENT, /* delivered, and another in the final state, or not matching */
	NC_FAULT_DIFFER,    /* two nodes ended with different states */
	NC_FAULT_COUNT
};

struct nc_checker;

/* NULL: out of memory. */
struct nc_checker *nc_checker_new(void);
void nc_checker_free(struct nc_checker *checker); /* NULL is a no-op */

/* One line of the history, with or without its newline; empty ones are nothing. Errors: NC_NOMEM.
 */
int nc_checker_line(struct nc_checker *checker, struct nc_slice line);

/* Judge what was read. Once. Errors: NC_NOMEM. */
int nc_checker_judge(struct nc_checker *checker);

/* How many faults of a kind there are; all kinds: NC_FAULT_COUNT. */
uint64_t nc_checker_faults(const struct nc_checker *checker, enum nc_fault fault);
const char *nc_fault_name(enum nc_fault fault);

/* What was judged, and the first faults in words. */
void nc_checker_report(const struct nc_checker *checker, FILE *out);

#endif
