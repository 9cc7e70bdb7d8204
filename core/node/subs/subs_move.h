/* SPDX-License-Identifier: GPL-3.0-or-later */
/* subs_move.h -- a subscription goes elsewhere (seek), or is given another definition (update).
 *
 * Nothing moves it while that is on its way through the log and while a job looks at what was: it
 * only hears acknowledgements. So what the log says of it and what its machine does are the same.
 * Asked for in subs_move.c and subs_update.c, done in subs_moved.c.
 */
#ifndef NC_CORE_NODE_SUBS_SUBS_MOVE_H
#define NC_CORE_NODE_SUBS_SUBS_MOVE_H

#include "core/node/subs/subs_private.h"

struct nc_sub_move {
	bool seeks, decided;
	bool anew;                       /* an update that begins a new epoch */
	bool replugs;                    /* an update of nothing but the plugin's build */
	bool rehomes;                    /* an update of a durable one to transient, or back */
	bool stays;                      /* that goes on where it is, in its new epoch */
	struct nc_definition definition; /* of an update */
	struct nc_filter *filter;        /* likewise; NULL: it stays */
	struct nc_buf backfill;          /* likewise */
	struct nc_buf rows;              /* of one that rehomes: what is parked, and goes along */
	uint64_t epoch;                  /* the new one, if it begins one */
	struct nc_sub_place place;       /* where that starts */
	uint64_t position;               /* a new filter holds from it on */
	uint64_t progress;               /* the number of the one that went with it */
	size_t parked, unparked;         /* bytes of the subscription's that went with it */
	int endpoint;
	char *reply; /* owned; NULL: nobody waits any more */
};

struct nc_subs_ask;

/* subs_move.c: one for this request. NULL: it was refused, and that is said. */
struct nc_sub_move *nc_subs_move_new(const struct nc_subs_ask *ask);
/* The subscription that is asked, if it is there and does not move already. NULL: likewise. */
struct nc_subscription *nc_subs_move_find(const struct nc_subs_ask *ask);
struct nc_sub_change nc_subs_change_of(const struct nc_subscription *sub);
/* Into the log with it; `command` is released. False: likewise, and `move` is freed. */
bool nc_subs_move_propose(const struct nc_subs_ask *ask, struct nc_subscription *sub,
                          struct nc_sub_move *move, struct nc_buf *command);
/* Of a transient one: it is decided here and now. */
void nc_subs_move_decide(struct nc_subs *subs, struct nc_subscription *sub,
                         struct nc_sub_move *move);

/* subs_rehome.c: append the rows of parked events that the log has, of a durable one. Errors: those
 * of the state; NC_NOMEM. */
int nc_subs_rows_read(struct nc_subs *subs, const struct nc_subscription *sub, struct nc_buf *rows);
/* Of these make, by what has happened since and is not in the log yet, those up to `through` that
 * are parked now: one a position, ascending. Errors: NC_NOMEM. */
int nc_subs_rows_gather(const struct nc_subscription *sub, uint64_t through, struct nc_buf *rows);
/* Between the log and this node's memory: when it is as it will be, move->rows go along. Errors:
 * those of the state; NC_NOMEM. */
int nc_subs_rehome_give(struct nc_subs *subs, struct nc_subscription *sub);

/* subs_rows.c: of rows in memory only those up to `through` stay. */
void nc_subs_rows_keep(struct nc_subscription *sub, uint64_t through);
/* Append the positions beyond that are parked, in the log or on their way there: they go. Errors:
 * those of the state; NC_NOMEM. */
int nc_subs_rows_beyond(struct nc_subs *subs, const struct nc_subscription *sub, uint64_t position,
                        struct nc_buf *unparked);

#endif
