/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mutants_private.h -- known bugs of core/engine that tests put back on purpose, as in
 * core/raft/mutants_private.h: in the product NC_ENGINE_MUTANT() is 0.
 */
#ifndef NC_CORE_ENGINE_MUTANTS_PRIVATE_H
#define NC_CORE_ENGINE_MUTANTS_PRIVATE_H

/* X(name, what is wrong) */
/* clang-format off */
#define NC_ENGINE_MUTANT_LIST(X) \
	X(IDEMPOTENCY_LOST, "an event that is known by its id is appended again") \
	X(ID_CONTENT_IGNORED, "an id with other content is taken for a retry") \
	X(EXPECTATION_IGNORED, "an expected version is not checked") \
	X(EXPECTATION_BEFORE_RETRY, "a retry is judged by its expectation") \
	X(CONDITION_IGNORED, "a condition is not checked") \
	X(CONDITION_FROM_NEXT, "a condition overlooks the first event after its position") \
	X(BATCH_FORGETS_EARLIER, "a batch's later events do not count the earlier ones") \
	X(BATCH_CHECK_IGNORED, "streams that a batch does not write are not checked") \
	X(BATCH_RETRY_IN_PART, "a batch that is known in part is appended whole") \
	X(TIME_GOES_BACK, "the leader's clock is taken as it is") \
	X(STATE_BY_ADDRESS, "what is written depends on where memory lies") \
	X(ROLLBACK_KEEPS_HEAD, "a transaction that is given up leaves the head moved") \
	X(PROGRESS_OF_ANY_EPOCH, "a progress of an earlier epoch is taken") \
	X(DELETE_KEEPS_PROGRESS, "a deleted subscription's progress stays for the next of its name") \
	X(UNPARKED_STAYS, "what was replayed stays parked") \
	X(ACK_STANDS_TWICE, "a second batch may acknowledge a delivery") \
	X(PARKED_AFTER_ACK, "what a batch acknowledged is parked by who had not heard of it") \
	X(START_OFF_BY_ONE, "a subscription starts one event too late") \
	X(FLOOR_FORGOTTEN, "a start that lies ahead is taken for the next event") \
	X(OWN_OF_ANY_EPOCH, "an owner is made of a subscription that has gone on since") \
	X(OWN_FORGETS_ACKS, "what a batch has acknowledged is forgotten when another owns it") \
	X(SNAP_ABOVE_STREAM, "a snapshot may stand for a version that its stream has not reached") \
	X(SNAP_KEEPS_ALL, "as many snapshots are kept as there are") \
	X(SNAP_COUNTED_TWICE, "a snapshot that is put anew counts once more") \
	X(DELETE_SHOWS_ALL, "the events of a stream that was deleted are seen") \
	X(REVIVED_FROM_ONE, "a stream that lives again shows what it was") \
	X(LIMIT_OF_LATER, "what is too many is seen until the limit is set once more") \
	X(CONDITION_SEES_ALL, "a condition fails by an event that is not seen")
/* clang-format on */

enum nc_engine_mutant {
	NC_ENGINE_MUTANT_NONE,
#define NC_ENGINE_MUTANT_ENUM(name, what) NC_ENGINE_MUTANT_##name,
	NC_ENGINE_MUTANT_LIST(NC_ENGINE_MUTANT_ENUM)
#undef NC_ENGINE_MUTANT_ENUM
	        NC_ENGINE_MUTANT_END
};

#ifdef NC_ENGINE_MUTANTS
extern enum nc_engine_mutant nc_engine_mutant; /* set by the test that runs one */
#define NC_ENGINE_MUTANT(name) (nc_engine_mutant == NC_ENGINE_MUTANT_##name)
#else
#define NC_ENGINE_MUTANT(name) 0
#endif

#endif
