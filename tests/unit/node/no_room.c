/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is committed waits for room on the disk, as long as the state says that it may. */
#include <criterion/criterion.h>
#include <stdatomic.h>
#include <time.h>

#include "core/node/replica/applier.h"
#include "storage/state/memory_state.h"

static atomic_int tries, woken;
static atomic_bool full, broken;
static const struct nc_state_ops *memory;
static struct nc_state_ops ops;
static struct nc_state *state;
static struct nc_engine *engine;
static struct nc_applier *applier;

static int begin(struct nc_state *base)
{
	atomic_fetch_add(&tries, 1);
	return atomic_load(&full) ? NC_FULL : memory->begin(base);
}

static bool waits(struct nc_state *base)
{
	(void)base;
	return !atomic_load(&broken);
}

static void wake(void *ctx)
{
	(void)ctx;
	atomic_fetch_add(&woken, 1);
}

static void set_up(void)
{
	cr_assert_eq(nc_memory_state_open(&state), NC_OK);
	cr_assert_eq(nc_engine_open(state, &engine), NC_OK);
	memory = state->ops;
	ops = *memory;
	ops.begin = begin;
	ops.waits = waits;
	state->ops = &ops;
	cr_assert_eq(nc_applier_start(engine, state, wake, NULL, &applier), NC_OK);
}

static void tear_down(void)
{
	nc_applier_stop(applier);
	nc_engine_close(engine);
	nc_state_close(state);
}

/* Entry 1 is committed. */
static void entry_give(void)
{
	struct nc_entry_queue queue = { 0 };
	struct nc_entry *entry = nc_entry_new(NC_LOG_NOOP);
	cr_assert_not_null(entry);
	entry->index = entry->term = 1;
	nc_entry_queue_put(&queue, entry);
	nc_stage_put(nc_applier_stage(applier), &queue);
}

static void wait_for(const atomic_int *count, int least)
{
	const struct timespec nap = { 0, 1000000L };
	for (int naps = 0; atomic_load(count) < least; naps++) {
		cr_assert_lt(naps, 20000);
		(void)nanosleep(&nap, NULL);
	}
}

/* What comes out of the applier for entry 1. */
static int entry_take(void)
{
	struct nc_entry_queue done = { 0 };
	wait_for(&woken, 1);
	nc_stage_take(nc_applier_stage(applier), &done);
	struct nc_entry *entry = nc_entry_queue_take(&done);
	cr_assert_not_null(entry);
	int err = entry->err;
	nc_entry_free(entry);
	return err;
}

TestSuite(no_room, .init = set_up, .fini = tear_down, .timeout = 60);

Test(no_room, is_waited_for)
{
	atomic_store(&full, true);
	cr_expect_not(nc_applier_lacks_room(applier));
	entry_give();
	wait_for(&tries, 3);
	cr_expect_eq(atomic_load(&woken), 0);
	cr_expect(nc_applier_lacks_room(applier), "who asks is told");
	atomic_store(&full, false);
	cr_expect_eq(entry_take(), NC_OK);
	cr_expect_not(nc_applier_lacks_room(applier));
	cr_expect_eq(nc_state_applied(state).index, 1u);
}

Test(no_room, is_not_waited_for_by_a_state_that_it_has_broken)
{
	atomic_store(&full, true);
	atomic_store(&broken, true);
	entry_give();
	cr_expect_eq(entry_take(), NC_FULL);
}

Test(no_room, keeps_nobody_who_ends)
{
	atomic_store(&full, true);
	entry_give();
	wait_for(&tries, 2);
}
