/* SPDX-License-Identifier: GPL-3.0-or-later */
/* replica_quiet.h -- settings of a replica alone that does nothing by itself: no checkpoint, no end
 * of room. A test adds what is to be called, and changes what it is about. */
#ifndef NC_TESTS_UNIT_NODE_REPLICA_QUIET_H
#define NC_TESTS_UNIT_NODE_REPLICA_QUIET_H

#include "core/node/replica/replica.h"

static inline struct nc_replica_options
replica_quiet(uv_loop_t *loop, struct nc_log *log, struct nc_state *state, struct nc_engine *engine)
{
	return (struct nc_replica_options){
		.loop = loop,
		.log = log,
		.state = state,
		.engine = engine,
		.self = 1,
		.seed = 7,
		.founders = { .count = 1, .at = { { .id = 1, .voter = true } } },
		.tick_ms = 5,
		.checkpoint_log_bytes = 1u << 30,
		.checkpoint_ms = 1u << 30,
		.pending_bytes_max = 64u << 20,
		.log_keep_bytes = 1u << 30,
	};
}

#endif
