/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whether a log and a state are of one history. */
#include "core/node/replica/recovery.h"

#include <criterion/criterion.h>

#include "storage/log/memory_log.h"
#include "storage/state/memory_state.h"

/* Of a log with entries 1..3 of term 1 and 4..6 of term 2, with a state that has applied `at`. */
static int loaded(struct nc_state_applied at)
{
	struct nc_replica_options options = { .self = 1, .seed = 1, .hard = { .term = 2 } };
	struct nc_raft *raft = NULL;
	cr_assert_eq(nc_memory_log_open(&options.log), NC_OK);
	cr_assert_eq(nc_memory_state_open(&options.state), NC_OK);
	for (uint64_t index = 1; index <= 6; index++) {
		const struct nc_log_entry entry = { index, index <= 3 ? 1 : 2, NC_LOG_NOOP,
			                            nc_slice(NULL, 0) };
		cr_assert_eq(nc_log_append(options.log, NULL, &entry, 1), NC_OK);
	}
	cr_assert_eq(nc_log_compact(options.log, 2), NC_OK);
	cr_assert_eq(nc_state_begin(options.state), NC_OK);
	cr_assert_eq(nc_state_commit(options.state, at), NC_OK);
	int err = nc_recovery_load(&options, &raft);
	nc_raft_free(raft);
	nc_state_close(options.state);
	nc_log_close(options.log);
	return err;
}

Test(recovery, takes_a_state_of_the_log)
{
	cr_expect_eq(loaded((struct nc_state_applied){ 2, 1 }), NC_OK, "of the entry before it");
	cr_expect_eq(loaded((struct nc_state_applied){ 3, 1 }), NC_OK);
	cr_expect_eq(loaded((struct nc_state_applied){ 6, 2 }), NC_OK);
}

Test(recovery, refuses_a_state_that_lacks_entries_or_has_more)
{
	cr_expect_eq(loaded((struct nc_state_applied){ 1, 1 }), NC_CORRUPT);
	cr_expect_eq(loaded((struct nc_state_applied){ 7, 2 }), NC_CORRUPT);
}

/* The log ends far enough, but with what another leader had replaced by what was applied. */
Test(recovery, refuses_a_state_of_another_entry)
{
	cr_expect_eq(loaded((struct nc_state_applied){ 4, 3 }), NC_CORRUPT);
	cr_expect_eq(loaded((struct nc_state_applied){ 2, 2 }), NC_CORRUPT);
}
