/* SPDX-License-Identifier: GPL-3.0-or-later */
/* applier.h -- the stage that applies committed entries to the state: many entries a transaction.
 * Entries come out with their outcomes when the transaction has committed; one whose err is not
 * NC_OK means that this replica cannot follow the log: stop the node. Where the disk has no room,
 * it waits until there is.
 *
 * Who has one entry to apply while the applier has none may do so on its own thread, and spare two
 * changes of thread (decision 0133). That it has none is for the caller to know: of what was put
 * all was taken, and nothing is put before this one is taken.
 */
#ifndef NC_CORE_NODE_REPLICA_APPLIER_H
#define NC_CORE_NODE_REPLICA_APPLIER_H

#include "core/node/replica/stage.h"

struct nc_applier;

/* `wake` as in stage.h. The engine is borrowed. Errors: as nc_stage_start(). */
int nc_applier_start(struct nc_engine *engine, struct nc_state *state, void (*wake)(void *wake_ctx),
                     void *wake_ctx, struct nc_applier **applier_out);
/* Apply one entry here and now, all but the commit: nobody sees it yet. Not NC_OK: nothing was
 * done, leave it to the applier, which has the patience, and says what is wrong. */
int nc_applier_prepare(struct nc_applier *applier, struct nc_entry *entry);
/* The entry that was prepared is committed: what it does is so, and its outcomes are in it. Errors
 * as above. */
int nc_applier_commit(struct nc_applier *applier, struct nc_entry *entry);
/* It is not: it was never here. */
void nc_applier_forget(struct nc_applier *applier, struct nc_entry *entry);
struct nc_stage *nc_applier_stage(struct nc_applier *applier);
/* Whether it waits for room on the disk. Any thread. */
bool nc_applier_lacks_room(const struct nc_applier *applier);
/* What waits for room comes out with NC_FULL. NULL is a no-op. */
void nc_applier_stop(struct nc_applier *applier);

#endif
