/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mutants_private.h -- known bugs of core/delivery that tests put back on purpose, as in
 * core/raft/mutants_private.h: in the product NC_DELIVERY_MUTANT() is 0.
 */
#ifndef NC_CORE_DELIVERY_MUTANTS_PRIVATE_H
#define NC_CORE_DELIVERY_MUTANTS_PRIVATE_H

/* X(name, what is wrong) */
/* clang-format off */
#define NC_DELIVERY_MUTANT_LIST(X) \
	X(ORDER_IGNORED, "events of one key are not kept in order") \
	X(EPOCH_IGNORED, "an answer of an earlier epoch counts") \
	X(PROGRESS_WITHOUT_WINDOW, "progress leaves out what is not done") \
	X(EXPIRY_IS_DONE, "a delivery that nobody answers is done") \
	X(NAK_IS_DONE, "a refused delivery is done") \
	X(PARKED_KEY_FORGOTTEN, "later events pass a parked one of their key") \
	X(REPLAY_PASSES_PARKED, "a replay passes an older one that is parked again") \
	X(PARKED_LEAVES_KEY, "what waits behind an event is not parked with it") \
	X(SCAN_TOO_FAR, "a search passes an event that it has not looked at") \
	X(LIVE_LEAVES_GAP, "a live event is taken before history has been searched") \
	X(FULL_IS_TAKEN, "a live event that finds no room is forgotten") \
	X(IN_FLIGHT_UNBOUNDED, "more than max_in_flight are in flight") \
	X(DELIVERED_TOO_OFTEN, "max_deliver is not kept") \
	X(UNPARK_UNSAID, "the row of a replayed event stays") \
	X(ROUTER_FORGETS_TYPES, "live events are not routed by their type") \
	X(FLOOR_OF_LIVE_ONLY, "a search brings what a start that lay ahead leaves out") \
	X(LEASE_UNAPPLIED, "a lease counts before what it must have seen is applied") \
	X(LEASE_OUTLIVED, "a lease that has run out still counts") \
	X(OWNER_DOES_NOT_WAIT, "an owner begins before the one before it has let go") \
	X(STANDING_LEASE_IGNORED, "what is taken from a node is free while its lease stands") \
	X(STRANGERS_FORGOTTEN, "a new leader forgets the lease of a node that the last one removed") \
	X(COMMANDS_OUT_OF_ORDER, "an owner's command that comes late follows a newer one") \
	X(LEFT_LEASE_GRANTED, "a grant that comes late counts for an owner that has left") \
	X(PACKED_LAST_ALONE, "an answer to a packed message is about its last event alone")
/* clang-format on */

enum nc_delivery_mutant {
	NC_DELIVERY_MUTANT_NONE,
#define NC_DELIVERY_MUTANT_ENUM(name, what) NC_DELIVERY_MUTANT_##name,
	NC_DELIVERY_MUTANT_LIST(NC_DELIVERY_MUTANT_ENUM)
#undef NC_DELIVERY_MUTANT_ENUM
	        NC_DELIVERY_MUTANT_END
};

#ifdef NC_DELIVERY_MUTANTS
extern enum nc_delivery_mutant nc_delivery_mutant; /* set by the test that runs one */
#define NC_DELIVERY_MUTANT(name) (nc_delivery_mutant == NC_DELIVERY_MUTANT_##name)
#else
#define NC_DELIVERY_MUTANT(name) 0
#endif

#endif
