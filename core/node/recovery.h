/* SPDX-License-Identifier: GPL-3.0-or-later */
/* recovery.h -- bringing the state up to the log after a start. */
#ifndef NC_CORE_NODE_RECOVERY_H
#define NC_CORE_NODE_RECOVERY_H

#include "core/engine/engine.h"
#include "core/raft/log.h"

/* Apply the log's entries beyond what the state has applied; says what it does on stderr, with
 * progress. Errors: NC_CORRUPT, they do not fit together; those of log, state and engine. */
int nc_recovery_run(struct nc_log *log, struct nc_state *state, struct nc_engine *engine);

#endif
