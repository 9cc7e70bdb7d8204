/* SPDX-License-Identifier: GPL-3.0-or-later */
/* subs_ask.h -- a request about subscriptions, and its answer. */
#ifndef NC_CORE_NODE_SUBS_ASK_H
#define NC_CORE_NODE_SUBS_ASK_H

#include "core/node/subs_private.h"

struct nc_subs_ask {
	struct nc_subs *subs;
	struct nc_slice name, body, reply;
	int endpoint; /* for the statistics */
};

void nc_subs_ask_error(const struct nc_subs_ask *ask, struct nc_fault fault, const char *text);
void nc_subs_ask_answer(const struct nc_subs_ask *ask, struct nc_slice json);

/* subs_isolated.c: a request with a filter, before it is carried out. True: it waits until the
 * filter is compiled, and nothing is left to do now. */
bool nc_subs_prepare(const struct nc_subs_ask *ask, enum nc_operation op);

/* subs_show.c */
void nc_subs_show_info(const struct nc_subs_ask *ask);
void nc_subs_show_list(const struct nc_subs_ask *ask);
void nc_subs_show_parked(const struct nc_subs_ask *ask);

/* subs_plugins.c; the first puts the member "plugin" of a subscription: what judges its events */
void nc_subs_put_plugin(struct nc_buf *out, const struct nc_subscription *sub);
void nc_subs_show_plugin(const struct nc_subs_ask *ask);
void nc_subs_show_plugins(const struct nc_subs_ask *ask);

#endif
