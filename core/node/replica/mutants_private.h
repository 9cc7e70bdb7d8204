/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mutants_private.h -- known bugs of the replica's orders to its log that tests put back on
 * purpose, as in core/raft/mutants_private.h: in the product NC_REPLICA_MUTANT() is 0.
 */
#ifndef NC_CORE_NODE_REPLICA_MUTANTS_PRIVATE_H
#define NC_CORE_NODE_REPLICA_MUTANTS_PRIVATE_H

/* X(name, what is wrong) */
/* clang-format off */
#define NC_REPLICA_MUTANT_LIST(X) \
	X(REFUSED_VOUCHED_FOR, "what is written behind an entry without room vouches for it") \
	X(REFUSED_OUT_OF_TURN, "an order waits for room before earlier ones that are not back") \
	X(REPLACED_WRITTEN, "what waited for room and was replaced meanwhile is written all the same")
/* clang-format on */

enum nc_replica_mutant {
	NC_REPLICA_MUTANT_NONE,
#define NC_REPLICA_MUTANT_ENUM(name, what) NC_REPLICA_MUTANT_##name,
	NC_REPLICA_MUTANT_LIST(NC_REPLICA_MUTANT_ENUM)
#undef NC_REPLICA_MUTANT_ENUM
	        NC_REPLICA_MUTANT_END
};

#ifdef NC_REPLICA_MUTANTS
extern enum nc_replica_mutant nc_replica_mutant; /* set by the test that runs one */
#define NC_REPLICA_MUTANT(name) (nc_replica_mutant == NC_REPLICA_MUTANT_##name)
#else
#define NC_REPLICA_MUTANT(name) 0
#endif

#endif
