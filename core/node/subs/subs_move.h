/* SPDX-License-Identifier: GPL-3.0-or-later */
/* subs_move.h -- a change of a subscription: it goes to another place (seek), or is given another
 * definition (update). subs_move.c and subs_update.c take the request, subs_moved.c carries it out.
 *
 * While the change is on its way through the log, and until no job works on what was before, the
 * subscription does nothing but hear acknowledgements. So what the log says of it and what its
 * machine does stay the same.
 */
#ifndef NC_CORE_NODE_SUBS_SUBS_MOVE_H
#define NC_CORE_NODE_SUBS_SUBS_MOVE_H

#include "core/node/subs/subs_private.h"

struct nc_sub_move {
	bool seeks;   /* a seek; else an update */
	bool decided; /* the log has it: nc_subs_move_finish() may carry it out */
	bool anew;    /* an update that begins a new epoch */
	bool replugs; /* an update of nothing but the plugin's build */
	bool rehomes; /* an update from durable to transient, or back */
	bool stays;   /* of rehomes: it goes on where it is, in its new epoch */
	struct nc_definition definition; /* of an update: the new one */
	struct nc_filter *filter;        /* of an update: the new one; NULL: it stays */
	struct nc_buf backfill;          /* of an update: encoded (core/delivery/backfill.h) */
	struct nc_buf rows;              /* of rehomes: the parked events, which go along */
	uint64_t epoch;                  /* the new one, if one begins */
	struct nc_sub_place place;       /* where the new epoch starts */
	uint64_t position;               /* from here on the new filter judges */
	uint64_t progress;               /* the number of the progress in its log entry */
	size_t parked, unparked;         /* how many bytes of sub->save are in its log entry */
	int endpoint;
	char *reply; /* owned; NULL: nobody waits for an answer */
};

struct nc_subs_ask;

/* ---- subs_move.c: where a request has been refused, it has been answered -------------------- */

/* A change for this request. NULL: no memory; refused. */
struct nc_sub_move *nc_subs_move_new(const struct nc_subs_ask *ask);
/* The subscription that the request is about, if it can be changed now. NULL: there is none,
 * another change of it is under way, or not all nodes know changes; refused. */
struct nc_subscription *nc_subs_move_find(const struct nc_subs_ask *ask);
/* What every change has in its command: name, epoch, and rows that are not in the log yet. */
struct nc_sub_change nc_subs_change_of(const struct nc_subscription *sub);
/* Propose the change. `command` is released in any case. False: it was not taken; refused, and
 * `move` is freed. */
bool nc_subs_move_propose(const struct nc_subs_ask *ask, struct nc_subscription *sub,
                          struct nc_sub_move *move, struct nc_buf *command);
/* A transient subscription, which is not in the log, is changed here and now. */
void nc_subs_move_decide(struct nc_subs *subs, struct nc_subscription *sub,
                         struct nc_sub_move *move);

/* ---- Parked events that go along (subs_rehome.c, subs_rows.c) ------------------------------- */

/* Append the rows of a durable subscription that the log has. Errors: those of the state;
 * NC_NOMEM. */
int nc_subs_rows_read(struct nc_subs *subs, const struct nc_subscription *sub, struct nc_buf *rows);
/* Turn these rows into those that are parked now, up to `through`, by what has happened since and
 * is not in the log yet: one for each position, ascending. Errors: NC_NOMEM. */
int nc_subs_rows_gather(const struct nc_subscription *sub, uint64_t through, struct nc_buf *rows);
/* The subscription has become durable, or transient: move->rows go from memory to the log, or the
 * other way. Errors: those of the state; NC_NOMEM. */
int nc_subs_rehome_give(struct nc_subs *subs, struct nc_subscription *sub);

/* Forget the rows in memory that are beyond `through`. */
void nc_subs_rows_keep(struct nc_subscription *sub, uint64_t through);
/* Append the positions beyond `position` that are parked, in the log or on their way there: their
 * rows are to be removed. Errors: those of the state; NC_NOMEM. */
int nc_subs_rows_beyond(struct nc_subs *subs, const struct nc_subscription *sub, uint64_t position,
                        struct nc_buf *unparked);

#endif
