/* SPDX-License-Identifier: GPL-3.0-or-later */
/* subs_private.h -- what the engine's files on subscriptions share. Those that take the engine are
 * called at apply. Errors: NC_CORRUPT; NC_UNSUPPORTED, a newer format; those of the state. */
#ifndef NC_CORE_ENGINE_SUBS_PRIVATE_H
#define NC_CORE_ENGINE_SUBS_PRIVATE_H

#include "core/engine/engine_private.h"
#include "core/engine/subs.h"

/* nc_sub_start_resolve(), as the store's engine version has it: below the version that brought
 * floors there are none. */
int nc_sub_resolve(struct nc_engine *engine, const struct nc_sub_create *create,
                   struct nc_sub_place *place_out);

/* Put the row of a definition, in the oldest format that can hold it, so that builds which know no
 * newer one can read as many as possible. */
int nc_sub_row_put(struct nc_engine *engine, const struct nc_sub_row *row);

/* Put what the change brings: the progress (an empty one removes that of the state), and the rows
 * of events that were parked, and that are parked no longer. */
int nc_sub_change_put(struct nc_engine *engine, const struct nc_sub_change *change);

/* Remove the rows of the events that are parked at position `from` or behind it. */
int nc_sub_parked_cut(struct nc_engine *engine, struct nc_slice name, uint64_t from);

/* Apply NC_COMMAND_SUB_SEEK and NC_COMMAND_SUB_UPDATE (sub_change.c). */
int nc_engine_sub_seek(struct nc_engine *engine, const struct nc_sub_seek *seek,
                       struct nc_outcome *outcome);
int nc_engine_sub_update(struct nc_engine *engine, const struct nc_sub_update *update,
                         struct nc_outcome *outcome);

/* Apply NC_COMMAND_SUB_OWN (sub_own.c). To disown is to leave the subscription to the leader. */
int nc_engine_sub_own(struct nc_engine *engine, const struct nc_sub_own *own,
                      struct nc_outcome *outcome);
int nc_engine_sub_disown(struct nc_engine *engine, struct nc_slice name);

/* Decode the row of a definition, and of an owner. */
int nc_sub_row_decode(struct nc_slice value, struct nc_sub_row *row_out);
int nc_sub_owner_decode(struct nc_slice value, struct nc_sub_owner *owner_out);
/* Whether a row of an acknowledgement can be read. */
int nc_sub_acked_row_check(struct nc_slice key, struct nc_slice value);

/* The key of a subscription's row; `kind` is its first byte (subs.h). */
struct nc_slice nc_sub_row_key(char kind, struct nc_slice name, uint8_t room[NC_SUB_KEY_ROOM]);

#endif
