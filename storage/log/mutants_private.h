/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mutants_private.h -- known bugs of storage/log that tests put back on purpose, as in
 * core/raft/mutants_private.h: in the product NC_LOG_MUTANT() is 0.
 */
#ifndef NC_STORAGE_LOG_MUTANTS_PRIVATE_H
#define NC_STORAGE_LOG_MUTANTS_PRIVATE_H

/* X(name, what is wrong) */
/* clang-format off */
#define NC_LOG_MUTANT_LIST(X) \
	X(SYNC_SKIPPED, "a batch is not synced") \
	X(CHECKSUM_IGNORED, "a record's checksum is not looked at") \
	X(DURABLE_MARK_IGNORED, "what was durable is cut like a torn tail") \
	X(CUT_UNSAID, "a record that was begun is cut without a word") \
	X(BEGINNING_UNMISSED, "a segment that has lost its first records is one that has none") \
	X(BASE_AS_IT_WAS, "a compacted log begins at a base that a truncation has passed") \
	X(HARD_NOT_CARRIED, "term and vote are not carried into a new segment") \
	X(COMPACTS_TOO_FAR, "a segment goes that holds more than was asked for")
/* clang-format on */

enum nc_log_mutant {
	NC_LOG_MUTANT_NONE,
#define NC_LOG_MUTANT_ENUM(name, what) NC_LOG_MUTANT_##name,
	NC_LOG_MUTANT_LIST(NC_LOG_MUTANT_ENUM)
#undef NC_LOG_MUTANT_ENUM
	        NC_LOG_MUTANT_END
};

#ifdef NC_LOG_MUTANTS
extern enum nc_log_mutant nc_log_mutant; /* set by the test that runs one */
#define NC_LOG_MUTANT(name) (nc_log_mutant == NC_LOG_MUTANT_##name)
#else
#define NC_LOG_MUTANT(name) 0
#endif

#endif
