/* SPDX-License-Identifier: GPL-3.0-or-later */
/* subs_ask.h -- a request about subscriptions, and its answer. */
#ifndef NC_CORE_NODE_SUBS_SUBS_ASK_H
#define NC_CORE_NODE_SUBS_SUBS_ASK_H

#include "core/node/subs/subs_private.h"

struct nc_subs_ask {
	struct nc_subs *subs;
	enum nc_operation op;
	struct nc_slice name, body, reply;
	int endpoint; /* for the statistics */
};

void nc_subs_ask_error(const struct nc_subs_ask *ask, struct nc_fault fault, const char *text);
void nc_subs_ask_answer(const struct nc_subs_ask *ask, struct nc_slice json);

/* subs_isolated.c: a request with a filter, before it is carried out. True: it waits until the
 * filter is compiled, and nothing is left to do now. */
bool nc_subs_prepare(const struct nc_subs_ask *ask, enum nc_operation op);
/* Likewise of R.sub.explain: until an isolated plugin has judged the event; then subs->verdict is
 * what it says. */
bool nc_subs_judge(const struct nc_subs_ask *ask, const struct nc_subscription *sub,
                   uint64_t position);
/* The subscription that it is about, or NULL: there is none, and that is said. */
struct nc_subscription *nc_subs_ask_find(const struct nc_subs_ask *ask);
/* It could not be proposed: the disk is full, or the node has too much to do. */
void nc_subs_ask_shed(const struct nc_subs_ask *ask);
/* Whether the body is empty or {}; if not, that is said. */
bool nc_subs_ask_bare(const struct nc_subs_ask *ask);
/* What of the body was not understood stands in subs->scratch. */
void nc_subs_ask_refuse(const struct nc_subs_ask *ask, int err);

/* subs_start.c: where such a start lies as of now. False: it could not be found, and that is said.
 */
bool nc_subs_start_find(const struct nc_subs_ask *ask, const struct nc_sub_create *start,
                        struct nc_sub_place *place_out);
/* Whether the log takes such a start: one that lies ahead came with an engine version. If not, that
 * is said. */
bool nc_subs_start_takes(const struct nc_subs_ask *ask, const struct nc_sub_create *start);
/* The start that one has which goes on from `place` as one that the log has not heard of: what its
 * floor says while that lies ahead, else a position. False, and why is said. */
bool nc_subs_start_again(const struct nc_subs_ask *ask, const struct nc_sub_place *place,
                         struct nc_slice stream, struct nc_sub_create *start_out);

/* subs_wait.c: what asks for parked events waits until those that are about to be parked are in the
 * log. True: it does, and comes again; on a full disk nobody waits for that. */
bool nc_subs_ask_later(const struct nc_subs_ask *ask, struct nc_subscription *sub);

/* subs_behind.c: what is asked of one that is just being made, deleted or changed stands behind
 * that, and a list behind what is being made or deleted. True: it waits, or was refused for want of
 * room.
 */
bool nc_subs_ask_behind(const struct nc_subs_ask *ask);
/* Likewise of what depends on where the store stands: until everything that was taken up before it
 * is applied. True: it waits, and comes again; or was refused. */
bool nc_subs_ask_settles(const struct nc_subs_ask *ask);
/* subs_api.c: now, whatever is on its way. */
void nc_subs_carry_out(const struct nc_subs_ask *ask);

/* Keep a request for later, in a list; false: no memory. And carry out what was kept, unless its
 * time is over. */
bool nc_subs_ask_keep(const struct nc_subs_ask *ask, struct nc_sub_later **list);
void nc_subs_asks_again(struct nc_subs *subs, struct nc_subscription *sub,
                        struct nc_sub_later **list);

/* subs_pull.c */
void nc_subs_next(const struct nc_subs_ask *ask);

/* subs_move.c, subs_replay.c, subs_explain.c */
void nc_subs_pause(const struct nc_subs_ask *ask, bool pause);
void nc_subs_seek(const struct nc_subs_ask *ask);
void nc_subs_update(const struct nc_subs_ask *ask);
void nc_subs_replay(const struct nc_subs_ask *ask);
void nc_subs_explain(const struct nc_subs_ask *ask);

/* subs_show.c: where one of this node's stands; slices are the subscription's. Errors, which are
 * said: those of the state. */
struct nc_standing;
int nc_subs_standing(struct nc_subs *subs, const struct nc_subscription *sub, bool wide,
                     struct nc_standing *standing_out);
void nc_subs_show_info(const struct nc_subs_ask *ask);

/* subs_elsewhere.c: an entry of the list, of a subscription that another node runs, as that told it
 * to `survey`; else as of what the log knows of it. Entries are put in ascending order. Errors,
 * which are said: those of the state; NC_UNSUPPORTED. */
struct nc_spread_elsewhere;
struct nc_survey;
int nc_subs_put_elsewhere(struct nc_subs *subs, const struct nc_spread_elsewhere *elsewhere,
                          struct nc_survey *survey, bool wide, struct nc_buf *out);

/* subs_list.c, subs_parked.c */
void nc_subs_show_list(const struct nc_subs_ask *ask);
void nc_subs_show_parked(const struct nc_subs_ask *ask);

/* subs_plugins.c; the first puts the member "plugin" of a subscription: what judges its events */
void nc_subs_put_plugin(struct nc_buf *out, const struct nc_subscription *sub);
void nc_subs_show_plugin(const struct nc_subs_ask *ask);
void nc_subs_show_plugins(const struct nc_subs_ask *ask);

#endif
