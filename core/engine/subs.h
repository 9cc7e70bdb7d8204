/* SPDX-License-Identifier: GPL-3.0-or-later */
/* subs.h -- what the state keeps of durable subscriptions: definition, progress, parked events.
 *
 * In NC_SPACE_SUBS under "d<name>" the definition with its epoch and its start, under "o<name>" the
 * node that runs it, if it is not the leader, under "p<name>" the progress, under "a<name>" NUL
 * position what a batch has acknowledged and the progress still leaves undone; in NC_SPACE_PARKED
 * under "<name>" NUL position. What a definition means is core/delivery's.
 */
#ifndef NC_CORE_ENGINE_SUBS_H
#define NC_CORE_ENGINE_SUBS_H

#include "core/engine/command.h"

struct nc_sub_row {
	struct nc_slice name; /* in the callback of a scan */
	uint64_t epoch;
	uint64_t cursor; /* starts after this position */
	struct nc_floor floor;
	struct nc_slice definition;
	struct nc_slice backfill; /* of an update; core/delivery's; empty: none */
};

/* Errors: NC_NOTFOUND; NC_CORRUPT; NC_UNSUPPORTED. Slices point into `scratch`. */
int nc_sub_row_get(struct nc_state_reader *reader, struct nc_slice name, struct nc_buf *scratch,
                   struct nc_sub_row *row_out);

/* Where a start lies. One that lies ahead is the head, and a floor. */
struct nc_sub_place {
	uint64_t cursor; /* starts after this position */
	struct nc_floor floor;
};

/* Where a subscription that starts so starts. Within a snapshot. */
int nc_sub_start_resolve(struct nc_state_reader *reader, const struct nc_sub_create *create,
                         struct nc_sub_place *place_out);

/* Append the progress. Errors: NC_NOTFOUND, none has been made yet. */
int nc_sub_row_progress(struct nc_state_reader *reader, struct nc_slice name,
                        struct nc_buf *progress);

/* Which node runs it. No row: the leader. Errors: NC_CORRUPT, NC_UNSUPPORTED. */
int nc_sub_owner_get(struct nc_state_reader *reader, struct nc_slice name,
                     struct nc_sub_owner *owner_out);

/* What an acknowledgement takes along. */
enum nc_acked {
	NC_ACKED_ALONE,
	NC_ACKED_THROUGH, /* all that was delivered before it, too */
	NC_ACKED_EARLIER /* likewise, but in the epoch before a backfill: of what that has listed */
};

/* Positions that batches have acknowledged and the progress leaves undone, ascending. Return false
 * to stop. Errors: NC_CORRUPT, NC_UNSUPPORTED. */
typedef bool nc_sub_acked_fn(void *ctx, uint64_t position, enum nc_acked reach);
int nc_sub_acked_each(struct nc_state_reader *reader, struct nc_slice name, uint64_t epoch,
                      nc_sub_acked_fn *fn, void *ctx);

/* Every definition, by name. Return false to stop. */
typedef bool nc_sub_row_fn(void *ctx, const struct nc_sub_row *row);
int nc_sub_row_each(struct nc_state_reader *reader, nc_sub_row_fn *fn, void *ctx);

/* Parked events of a subscription, by position, from `from` on. */
typedef bool nc_parked_fn(void *ctx, const struct nc_parked *parked);
int nc_parked_each(struct nc_state_reader *reader, struct nc_slice name, uint64_t from,
                   nc_parked_fn *fn, void *ctx);

/* Check at most `count` rows of subscriptions, parked events among them, from the one behind `at`
 * on, which is moved (empty: the first). `why` says which subscription's cannot be read. For
 * core/engine/verify.c. Errors: NC_NOTFOUND, there is none left; NC_CORRUPT; NC_UNSUPPORTED. */
int nc_subs_check(struct nc_state_reader *reader, struct nc_buf *at, size_t count, char *why,
                  size_t why_size);

#endif
