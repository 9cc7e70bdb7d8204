/* SPDX-License-Identifier: GPL-3.0-or-later */
/* replica_quiet.h -- a replica alone, in memory, that does nothing by itself: no checkpoint, no end
 * of room. A test adds what is to be called, and changes what it is about. Whatever is fatal fails
 * it. */
#ifndef NC_TESTS_UNIT_NODE_REPLICA_QUIET_H
#define NC_TESTS_UNIT_NODE_REPLICA_QUIET_H

#include <criterion/criterion.h>

#include "core/node/replica/replica.h"
#include "storage/log/memory_log.h"
#include "storage/state/memory_state.h"

struct quiet {
	uv_loop_t loop;
	struct nc_log *log;
	struct nc_state *state;
	struct nc_engine *engine;
	struct nc_replica *replica; /* the test's to start */
};

static inline void quiet_begin(struct quiet *quiet)
{
	cr_assert_eq(uv_loop_init(&quiet->loop), 0);
	cr_assert_eq(nc_memory_log_open(&quiet->log), NC_OK);
	cr_assert_eq(nc_memory_state_open(&quiet->state), NC_OK);
	cr_assert_eq(nc_engine_open(quiet->state, &quiet->engine), NC_OK);
}

static inline void quiet_applied(void *ctx, uint64_t applied)
{
	(void)ctx;
	(void)applied;
}

static inline void quiet_room_used(void *ctx)
{
	(void)ctx;
}

static inline void quiet_fatal(void *ctx, int err, const char *what)
{
	(void)ctx;
	cr_assert_fail("%s: %s", what, nc_err_name(err));
}

static inline struct nc_replica_options quiet_options(struct quiet *quiet)
{
	return (struct nc_replica_options){
		.loop = &quiet->loop,
		.log = quiet->log,
		.state = quiet->state,
		.engine = quiet->engine,
		.self = 1,
		.seed = 7,
		.founders = { .count = 1, .at = { { .id = 1, .voter = true } } },
		.tick_ms = 5,
		.checkpoint_log_bytes = 1u << 30,
		.checkpoint_ms = 1u << 30,
		.pending_bytes_max = 64u << 20,
		.log_keep_bytes = 1u << 30,
		.on_applied = quiet_applied,
		.on_room_used = quiet_room_used,
		.on_fatal = quiet_fatal,
	};
}

static inline void quiet_end(struct quiet *quiet)
{
	nc_replica_stop(quiet->replica);
	(void)uv_run(&quiet->loop, UV_RUN_DEFAULT);
	cr_assert_eq(uv_loop_close(&quiet->loop), 0);
	nc_engine_close(quiet->engine);
	nc_state_close(quiet->state);
	nc_log_close(quiet->log);
}

#endif
