/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/node/data/verifier.h"

#include <criterion/criterion.h>

#include "core/engine/engine.h"
#include "storage/log/memory_log.h"
#include "storage/state/memory_state.h"

enum { ENTRIES = 200 };

static void append(struct nc_log *log, uint64_t from, uint64_t through, uint64_t term)
{
	const struct nc_log_hard hard = { .term = term };
	for (uint64_t index = from; index <= through; index++) {
		const struct nc_log_entry entry = { .index = index,
			                            .term = term,
			                            .kind = NC_LOG_NOOP };
		cr_assert_eq(nc_log_append(log, &hard, &entry, 1), NC_OK);
	}
}

/* While it checks, another leader puts less where this node's log had more. */
Test(verifier, goes_on_where_the_end_of_the_log_is_replaced_by_less)
{
	struct nc_log *log;
	struct nc_state *state;
	struct nc_engine *engine;
	struct nc_state_reader *reader;
	struct nc_verifier *verifier;
	struct nc_verifier_report report;
	cr_assert_eq(nc_memory_log_open(&log), NC_OK);
	cr_assert_eq(nc_memory_state_open(&state), NC_OK);
	cr_assert_eq(nc_engine_open(state, &engine), NC_OK);
	cr_assert_eq(nc_state_reader_open(state, &reader), NC_OK);
	cr_assert_eq(nc_verifier_new(log, &verifier), NC_OK);
	append(log, 1, ENTRIES, 1);
	do {
		cr_assert_not(nc_verifier_step(verifier, reader));
		nc_verifier_report(verifier, &report);
	} while (report.phase != NC_VERIFIER_LOG || report.entry < ENTRIES / 4);
	append(log, ENTRIES / 8, ENTRIES / 8, 2);
	while (!nc_verifier_step(verifier, reader))
		;
	nc_verifier_report(verifier, &report);
	cr_expect_eq(report.phase, NC_VERIFIER_GOOD, "phase %d: %s", (int)report.phase,
	             nc_err_name(report.err));
	cr_expect_eq(report.entry, report.entry_last);
	nc_verifier_free(verifier);
	nc_state_reader_close(reader);
	nc_engine_close(engine);
	nc_state_close(state);
	nc_log_close(log);
}
