/* SPDX-License-Identifier: GPL-3.0-or-later */
/* verifier.h -- a check of all that a node keeps, while it runs or while it does not: the state
 * event by event (core/engine/verify.h), then the log entry by entry. A bounded step at a time, so
 * that readers can take it between others.
 *
 * Threads: steps from one thread at a time, each may come with another reader; report and stop from
 * any. Ownership: the log is borrowed.
 */
#ifndef NC_CORE_NODE_DATA_VERIFIER_H
#define NC_CORE_NODE_DATA_VERIFIER_H

#include "core/engine/verify.h"
#include "core/raft/log.h"

struct nc_verifier; /* opaque */

enum nc_verifier_phase {
	NC_VERIFIER_STATE, /* the state is being checked */
	NC_VERIFIER_LOG,   /* the log is */
	NC_VERIFIER_GOOD,  /* all holds */
	NC_VERIFIER_BAD,   /* something does not: `state.bad` or `bad_entry`, and why */
	NC_VERIFIER_FAILED /* the check could not be carried through: `err` */
};

struct nc_verifier_report {
	enum nc_verifier_phase phase;
	int err;
	struct nc_verify_status state;
	uint64_t entry_first, entry, entry_last; /* of the log: checked through `entry` */
	uint64_t bad_entry;                      /* 0: none */
	char why[NC_VERIFY_WHY_SIZE];            /* of the entry */
};

/* Errors: NC_NOMEM. */
int nc_verifier_new(struct nc_log *log, struct nc_verifier **verifier_out);

/* A piece of work of some milliseconds. True: it is over. */
bool nc_verifier_step(struct nc_verifier *verifier, struct nc_state_reader *reader);

/* No more steps: the node stops. The report then says failed, NC_CLOSED. */
void nc_verifier_stop(struct nc_verifier *verifier);

void nc_verifier_report(struct nc_verifier *verifier, struct nc_verifier_report *report_out);
bool nc_verifier_over(enum nc_verifier_phase phase);

void nc_verifier_free(struct nc_verifier *verifier); /* NULL is a no-op */

/* A closed data directory, from end to end, said on stderr as it goes. Errors: NC_CORRUPT,
 * something does not hold; NC_NOTFOUND, there is no store; those of nc_store_open(). */
struct nc_config;
int nc_verify_directory(const struct nc_config *config);

#endif
