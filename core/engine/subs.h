/* SPDX-License-Identifier: GPL-3.0-or-later */
/* subs.h -- what the state keeps of durable subscriptions: definition, progress, parked events.
 *
 * NC_SPACE_SUBS has four kinds of rows, and NC_SPACE_PARKED one:
 *
 *   "d<name>"               the definition, with its epoch and its start
 *   "o<name>"               the node that runs it; no row: the leader does
 *   "p<name>"               the progress (progress.h)
 *   "a<name>" NUL position  what a batch has acknowledged and the progress still leaves undone
 *   "<name>" NUL position   in NC_SPACE_PARKED: a parked event
 *
 * What a definition means is core/delivery's business.
 *
 * Threads:   those of the reader, within a snapshot of it.
 * Ownership: slices given to a callback are borrowed until it returns.
 * Errors:    NC_CORRUPT; NC_UNSUPPORTED, a newer format; those of the state.
 */
#ifndef NC_CORE_ENGINE_SUBS_H
#define NC_CORE_ENGINE_SUBS_H

#include "core/engine/command.h"

struct nc_sub_row {
	struct nc_slice name; /* set in the callback of a scan only */
	uint64_t epoch;
	uint64_t cursor; /* the epoch starts after this position */
	struct nc_floor floor;
	struct nc_slice definition;
	struct nc_slice backfill; /* of an update; core/delivery reads it; empty if there is none */
};

/* The row of a definition. Its slices point into `scratch`. Errors: NC_NOTFOUND. */
int nc_sub_row_get(struct nc_state_reader *reader, struct nc_slice name, struct nc_buf *scratch,
                   struct nc_sub_row *row_out);

/* Where a start lies. If it lies ahead, the cursor is the head, and the floor says how far. */
struct nc_sub_place {
	uint64_t cursor; /* starts after this position */
	struct nc_floor floor;
};

/* Find where a subscription starts that is created so. */
int nc_sub_start_resolve(struct nc_state_reader *reader, const struct nc_sub_create *create,
                         struct nc_sub_place *place_out);

/* Append the progress to a buffer. Errors: NC_NOTFOUND, none has been made yet. */
int nc_sub_row_progress(struct nc_state_reader *reader, struct nc_slice name,
                        struct nc_buf *progress);

/* Which node runs a subscription. */
int nc_sub_owner_get(struct nc_state_reader *reader, struct nc_slice name,
                     struct nc_sub_owner *owner_out);

/* What an acknowledgement acknowledges beside its own event. */
enum nc_acked {
	NC_ACKED_ALONE,   /* nothing */
	NC_ACKED_THROUGH, /* all that was delivered before it */
	NC_ACKED_EARLIER  /* the same, in the epoch before a backfill: of what the backfill lists */
};

/* Give `fn` the positions that batches have acknowledged and the progress leaves undone, rising,
 * until it returns false. */
typedef bool nc_sub_acked_fn(void *ctx, uint64_t position, enum nc_acked reach);
int nc_sub_acked_each(struct nc_state_reader *reader, struct nc_slice name, uint64_t epoch,
                      nc_sub_acked_fn *fn, void *ctx);

/* Give `fn` every definition, by name, until it returns false. */
typedef bool nc_sub_row_fn(void *ctx, const struct nc_sub_row *row);
int nc_sub_row_each(struct nc_state_reader *reader, nc_sub_row_fn *fn, void *ctx);

/* Give `fn` the parked events of a subscription, by position, from `from` on, until it returns
 * false. */
typedef bool nc_parked_fn(void *ctx, const struct nc_parked *parked);
int nc_parked_each(struct nc_state_reader *reader, struct nc_slice name, uint64_t from,
                   nc_parked_fn *fn, void *ctx);

/* For verify.c: check whether the rows of subscriptions and parked events can be read, at most
 * `count` of them, beginning behind the one that `at` names (empty: with the first), and move `at`
 * along. If one cannot be read, `why` says whose it is. Errors: NC_NOTFOUND, there is none left. */
int nc_subs_check(struct nc_state_reader *reader, struct nc_buf *at, size_t count, char *why,
                  size_t why_size);

#endif
