/* SPDX-License-Identifier: GPL-3.0-or-later */
/* subs_private.h -- what the engine's files on subscriptions share. All but the first write, at
 * apply. Errors: those of the state.
 */
#ifndef NC_CORE_ENGINE_SUBS_PRIVATE_H
#define NC_CORE_ENGINE_SUBS_PRIVATE_H

#include "core/engine/engine_private.h"
#include "core/engine/subs.h"

/* Where such a start lies; without a floor below the engine's version that brought it. */
int nc_sub_resolve(struct nc_engine *engine, const struct nc_sub_create *create,
                   struct nc_sub_place *place_out);

/* In the first format that holds it all: older versions read those that they know. */
int nc_sub_row_put(struct nc_engine *engine, const struct nc_sub_row *row);

/* Progress (none: forgotten), parked and unparked rows. NC_CORRUPT. */
int nc_sub_change_put(struct nc_engine *engine, const struct nc_sub_change *change);

/* Remove the parked rows from `from` on. */
int nc_sub_parked_cut(struct nc_engine *engine, struct nc_slice name, uint64_t from);

/* NC_COMMAND_SUB_SEEK and NC_COMMAND_SUB_UPDATE (sub_change.c). */
int nc_engine_sub_seek(struct nc_engine *engine, const struct nc_sub_seek *seek,
                       struct nc_outcome *outcome);
int nc_engine_sub_update(struct nc_engine *engine, const struct nc_sub_update *update,
                         struct nc_outcome *outcome);

/* NC_COMMAND_SUB_OWN (sub_own.c); and forget who owned it. */
int nc_engine_sub_own(struct nc_engine *engine, const struct nc_sub_own *own,
                      struct nc_outcome *outcome);
int nc_engine_sub_disown(struct nc_engine *engine, struct nc_slice name);

/* Rows by their bytes: of the definition, of the owner; and of what a batch acknowledged, whether
 * it is one. Errors: NC_CORRUPT; NC_UNSUPPORTED, a newer format. */
int nc_sub_row_decode(struct nc_slice value, struct nc_sub_row *row_out);
int nc_sub_owner_decode(struct nc_slice value, struct nc_sub_owner *owner_out);
int nc_sub_acked_row_check(struct nc_slice key, struct nc_slice value);

/* The key of a subscription's row of this kind. */
struct nc_slice nc_sub_row_key(char kind, struct nc_slice name, uint8_t room[NC_SUB_KEY_ROOM]);

#endif
