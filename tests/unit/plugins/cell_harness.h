/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cell_harness.h -- what the tests of plugins in processes of their own share. */
#ifndef NC_TESTS_UNIT_PLUGINS_CELL_HARNESS_H
#define NC_TESTS_UNIT_PLUGINS_CELL_HARNESS_H

#include <criterion/criterion.h>
#include <time.h>

#include "tests/unit/plugins/support.h"

static void cell_setup(void)
{
	home_make();
	cell_program = NACRED;
}

static struct nc_plugin_host *host;

static struct nc_plugin_info told(const char *name)
{
	struct nc_plugin_info info;
	cr_assert_eq(nc_plugin_host_find(host, nc_slice_str(name), &info), NC_OK, "%s: %s", name,
	             said);
	return info;
}

/* What a filter says of one event, and the error. */
static int ask(const struct nc_filter *filter, const char *stream, uint64_t *matched)
{
	struct nc_filter_batch *batch;
	const struct nc_event event = event_of(stream, "T", "{\"a\":1}");
	cr_assert_eq(nc_filter_batch_new(&batch), NC_OK);
	cr_assert_eq(nc_filter_batch_add(batch, &event), NC_OK);
	*matched = 0;
	int err = nc_filter_match(filter, batch, matched);
	nc_filter_batch_free(batch);
	return err;
}

/* Until it has an answer again, which must be that it matches an event of `stream`. */
static void comes_back(const struct nc_filter *filter, const char *name, const char *stream)
{
	uint64_t matched = 0;
	for (int i = 0; ask(filter, stream, &matched) != NC_OK; i++) {
		cr_assert_lt(i, 400, "%s: %s", name, told(name).trouble);
		(void)nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
	}
	cr_expect_eq(matched, 1u);
}

#endif
