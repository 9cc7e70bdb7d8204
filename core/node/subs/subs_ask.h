/* SPDX-License-Identifier: GPL-3.0-or-later */
/* subs_ask.h -- a request about subscriptions, and the files that carry such requests out.
 *
 * Where a call "refuses", it has answered the request with an error, and nothing is left to do.
 */
#ifndef NC_CORE_NODE_SUBS_SUBS_ASK_H
#define NC_CORE_NODE_SUBS_SUBS_ASK_H

#include "core/node/subs/subs_private.h"

struct nc_subs_ask {
	struct nc_subs *subs;
	enum nc_operation op;
	struct nc_slice name, body, reply;
	int endpoint;      /* for the statistics */
	uint64_t since_ms; /* when it came, if it was kept since; 0: it has just come */
};

/* ---- Answering (subs_api.c) ----------------------------------------------------------------- */

void nc_subs_ask_error(const struct nc_subs_ask *ask, struct nc_fault fault, const char *text);
void nc_subs_ask_answer(const struct nc_subs_ask *ask, struct nc_slice json);
/* The same of what was written into a buffer; if there was no memory for all of it, refuses. */
void nc_subs_ask_answer_buf(const struct nc_subs_ask *ask, const struct nc_buf *json);
/* The subscription that the request is about. NULL: there is none; refuses. */
struct nc_subscription *nc_subs_ask_find(const struct nc_subs_ask *ask);
/* Whether the body is empty or {}. False: it is not; refuses. */
bool nc_subs_ask_bare(const struct nc_subs_ask *ask);
/* Refuse: a command could not be proposed, since the disk is full or the node has too much to do.
 */
void nc_subs_ask_shed(const struct nc_subs_ask *ask);
/* Refuse: the body was not understood, for the reason in subs->scratch. */
void nc_subs_ask_refuse(const struct nc_subs_ask *ask, int err);

/* ---- Waiting before a request is carried out ------------------------------------------------ */

/* subs_behind.c: a request about a subscription that is being made, deleted or changed has to wait
 * for that; a list has to wait for all that are being made or deleted. True: it waits and will be
 * carried out later, or there was no room and it was refused. */
bool nc_subs_ask_behind(const struct nc_subs_ask *ask);
/* Likewise for a request that depends on where the store stands: it waits until everything that was
 * taken up before it is applied. */
bool nc_subs_ask_settles(const struct nc_subs_ask *ask);
/* subs_wait.c: a request about parked events waits until those about to be parked are in the log.
 * True: it waits, or too much is kept already and it was refused. On a full disk it need not. */
bool nc_subs_ask_later(const struct nc_subs_ask *ask, struct nc_subscription *sub);
/* subs_isolated.c: a request that names a filter of an isolated plugin waits until the plugin's
 * process has compiled it. True: it waits. */
bool nc_subs_prepare(const struct nc_subs_ask *ask, enum nc_operation op);
/* Likewise, R.sub.explain waits until such a plugin has judged the event; subs->verdict is then
 * what it says. */
bool nc_subs_judge(const struct nc_subs_ask *ask, const struct nc_subscription *sub,
                   uint64_t position);

/* subs_wait.c: keep a request in a list. False: no memory, or too much is kept already. */
bool nc_subs_ask_keep(const struct nc_subs_ask *ask, struct nc_sub_later **list);
/* Carry out the requests of the list. The subscription may be gone afterwards. */
void nc_subs_asks_again(struct nc_subs *subs, struct nc_subscription *sub,
                        struct nc_sub_later **list);

/* ---- Carrying requests out ------------------------------------------------------------------ */

/* subs_api.c: whatever the operation is, without waiting for changes under way. */
void nc_subs_carry_out(const struct nc_subs_ask *ask);

/* subs_start.c: where a start lies now. False: it could not be found; refuses. */
bool nc_subs_start_find(const struct nc_subs_ask *ask, const struct nc_sub_create *start,
                        struct nc_sub_place *place_out);
/* Whether all nodes know such a start: one that lies ahead needs a version of the engine. False:
 * they do not; refuses. */
bool nc_subs_start_takes(const struct nc_subs_ask *ask, const struct nc_sub_create *start);
/* The start with which a subscription that was not in the log goes on from `place` as a durable
 * one: the start that its floor stands for, as long as that lies ahead, else a position. False, and
 * refuses: there is none. */
bool nc_subs_start_again(const struct nc_subs_ask *ask, const struct nc_sub_place *place,
                         struct nc_slice stream, struct nc_sub_create *start_out);

/* subs_pull.c, subs_move.c, subs_update.c, subs_replay.c, subs_explain.c */
void nc_subs_next(const struct nc_subs_ask *ask);
void nc_subs_pause(const struct nc_subs_ask *ask);
void nc_subs_resume(const struct nc_subs_ask *ask);
void nc_subs_seek(const struct nc_subs_ask *ask);
void nc_subs_update(const struct nc_subs_ask *ask);
void nc_subs_replay(const struct nc_subs_ask *ask);
void nc_subs_explain(const struct nc_subs_ask *ask);

/* subs_show.c, subs_list.c, subs_parked.c */
void nc_subs_show_info(const struct nc_subs_ask *ask);
void nc_subs_show_list(const struct nc_subs_ask *ask);
void nc_subs_show_parked(const struct nc_subs_ask *ask);

/* subs_show.c: where a subscription that runs here stands; slices are the subscription's. Errors,
 * which are said: those of the state. */
int nc_subs_standing(struct nc_subs *subs, const struct nc_subscription *sub,
                     enum nc_standing_form form, struct nc_standing *standing_out);

/* subs_elsewhere.c: append the list's entry of a subscription that another node runs, as that node
 * told `survey`, or else as far as the log knows it. Called in ascending order of names. Errors,
 * which are said: those of the state; NC_UNSUPPORTED. */
struct nc_spread_elsewhere;
struct nc_survey;
int nc_subs_put_elsewhere(struct nc_subs *subs, const struct nc_spread_elsewhere *elsewhere,
                          struct nc_survey *survey, enum nc_standing_form form, struct nc_buf *out);

/* subs_plugins.c: append the member "plugin" of a subscription: which build judges its events. */
void nc_subs_put_plugin(struct nc_buf *out, const struct nc_subscription *sub);
/* R.filter.info and R.filter.list. */
void nc_subs_show_plugin(const struct nc_subs_ask *ask);
void nc_subs_show_plugins(const struct nc_subs_ask *ask);

#endif
