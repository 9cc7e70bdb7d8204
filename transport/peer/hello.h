/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hello.h -- what a node tells of itself, to all: when it starts, twice a second while a cluster is
 * being formed, once a second later, and at once when it hears of a node it did not know in that
 * life. Formation, membership, the status of the cluster and the measuring of clocks live on it.
 *
 *   hello: [phase, run, echo, expect, founding id, founding proposer, term, leader, commit,
 * applied, wall clock in ns, engine version, version, nodes, draining, runs] nodes: [number, name,
 * flags, epoch, …], four items each; runs: one of each of them, in their order
 *
 * A later version may put more behind it: what follows is not looked at. An earlier one ends with
 * the nodes, or with what follows them.
 *
 * Ownership: a decoded hello owns nothing and holds copies.
 */
#ifndef NC_TRANSPORT_PEER_HELLO_H
#define NC_TRANSPORT_PEER_HELLO_H

#include "core/base/buf.h"
#include "transport/peer/frame.h"

#define NC_HELLO_NODES_MAX    64u /* members and whom else the sender has heard */
#define NC_HELLO_VERSION_SIZE 32u /* bytes with the NUL */

enum nc_hello_phase {
	NC_HELLO_STARTING = 1, /* finding out whether another runs under its name */
	NC_HELLO_FORMING,      /* has no cluster and has promised nothing */
	NC_HELLO_PLEDGED,      /* has promised to found one: founding_id */
	NC_HELLO_MEMBER,       /* of the frame's cluster */
	NC_HELLO_PHASE_END
};

enum nc_hello_flags {
	NC_HELLO_VOTER = 1,   /* of the sender's cluster */
	NC_HELLO_LEARNER = 2, /* neither: the sender has only heard it */
	NC_HELLO_FOUNDER = 4  /* of what the sender has pledged itself to */
};

struct nc_hello_node {
	uint64_t number;
	char name[NC_PEER_NAME_SIZE]; /* "": the sender does not know it */
	uint8_t flags;
	uint64_t epoch; /* in which it was heard last, by the sender or before it started; 0: not
	                   yet */
	uint64_t run;   /* of the process that it was in that epoch; 0: not known */
};

struct nc_hello {
	uint8_t phase; /* enum nc_hello_phase */
	uint64_t run;  /* random, of the sender's process */
	uint64_t echo; /* the run of another that bears the sender's name; 0: none was heard */
	uint64_t expect;
	uint8_t founding_id[NC_PEER_CLUSTER_ID_SIZE]; /* PLEDGED */
	uint64_t proposer;                            /* PLEDGED: number of who proposed it */
	uint64_t term, leader, commit, applied;       /* MEMBER; leader 0: not known */
	uint64_t clock_ns;
	uint64_t engine_version; /* newest that the sender can */
	bool draining;           /* asked to answer no application */
	char version[NC_HELLO_VERSION_SIZE];
	uint32_t node_count;
	struct nc_hello_node nodes[NC_HELLO_NODES_MAX];
};

/* Append it to `buf`. */
void nc_hello_put(struct nc_buf *buf, const struct nc_hello *hello);

/* Errors: NC_INVALID; *hello_out is undefined then. */
int nc_hello_get(struct nc_slice body, struct nc_hello *hello_out);

/* Whether it is a hello of the phase NC_HELLO_STARTING. */
bool nc_hello_is_starting(struct nc_slice body);

/* NULL: not among the sender's nodes. */
const struct nc_hello_node *nc_hello_find(const struct nc_hello *hello, uint64_t number);

#endif
