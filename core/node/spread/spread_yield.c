/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Before a subscription is taken from a node that lives, what was acknowledged to it comes into the
 * log: else the last tenth of a second of it would be delivered again. The owner delivers nothing
 * meanwhile, and goes on by itself if nothing comes of it. */
#include <stdio.h>
#include <stdlib.h>

#include "core/node/spread/spread_private.h"

/* how long an owner may take; then it is moved all the same */
#define YIELD_NS  UINT64_C(500000000)
#define HOLD_NS   UINT64_C(1000000000) /* who was asked delivers nothing for so long */
#define ASKED_MAX 1024u                /* requests under way; more wait until one ends */

/* ---- The leader ----------------------------------------------------------------------------- */

/* A request that is on its way to an owner. */
struct nc_spread_yield {
	struct nc_spread_yield *next;
	struct nc_spread *spread; /* NULL: stopped meanwhile */
	char name[NC_WORD_SIZE_MAX + 1];
	uint64_t epoch;
};

static void on_yielded(void *ctx, int err, struct nc_slice body)
{
	struct nc_spread_yield *yield = ctx;
	struct nc_spread *spread = yield->spread;
	(void)err; /* the owner cannot, or does not know the call: it is moved all the same */
	(void)body;
	if (spread != NULL) {
		struct nc_spread_yield **at = &spread->yields;
		while (*at != yield)
			at = &(*at)->next;
		*at = yield->next;
		spread->yield_count--;
		struct nc_spread_row *row = nc_spread_find(spread, nc_slice_str(yield->name));
		if (row != NULL && row->epoch == yield->epoch) {
			row->yielded = true;
			spread->looked_ns = 0;
		}
	}
	free(yield);
}

/* Ask the owner of this row. False: it could not be asked. */
static bool ask(struct nc_spread *spread, const struct nc_spread_row *row)
{
	struct nc_spread_yield *yield = malloc(sizeof *yield);
	if (yield == NULL)
		return false;
	*yield = (struct nc_spread_yield){ spread->yields, spread, "", row->epoch };
	memcpy(yield->name, row->name, sizeof yield->name);
	const struct nc_spread_call call = { .verb = NC_SPREAD_YIELD,
		                             .name = nc_slice_str(row->name),
		                             .epoch = row->epoch };
	const struct nc_spread_question question = { .to = row->owner.number,
		                                     .fn = on_yielded,
		                                     .ctx = yield };
	if (nc_spread_ask(spread, &question, &call) != NC_OK) {
		free(yield);
		return false;
	}
	spread->yields = yield;
	spread->yield_count++;
	return true;
}

bool nc_spread_yields_first(struct nc_spread *spread, struct nc_spread_row *row, uint64_t now_ns)
{
	struct nc_slice name = nc_slice_str(row->name);
	bool own = nc_spread_is_self(spread, row->owner);
	if (!nc_placement_lives(&spread->placement, row->owner, now_ns))
		return false;
	if (row->yield_ns == 0 && spread->yield_count >= ASKED_MAX)
		return true;
	if (row->yield_ns == 0) {
		row->yield_ns = now_ns + YIELD_NS;
		row->yielded = own ? !nc_subs_own_yield(spread->service->subs, name, row->epoch,
		                                        now_ns + HOLD_NS)
		                   : !ask(spread, row);
	} else if (own) {
		row->yielded = nc_subs_own_has_yielded(spread->service->subs, name, row->epoch);
	}
	return !row->yielded && now_ns < row->yield_ns;
}

/* ---- An owner ------------------------------------------------------------------------------- */

/* On an owner: a request to yield, answered when everything is in the log. */
struct nc_spread_yielding {
	struct nc_spread_yielding *next;
	uint64_t from, call, epoch, until_ns;
	char name[NC_WORD_SIZE_MAX + 1];
};

void nc_spread_take_yield(struct nc_spread *spread, uint64_t from, uint64_t call,
                          const struct nc_spread_call *asked)
{
	uint64_t term, now_ns = nc_clock_ns();
	struct nc_spread_yielding *yielding = NULL;
	int err = from == nc_spread_leader(spread, &term) ? NC_OK : NC_CONFLICT;
	if (err == NC_OK &&
	    !nc_subs_own_yield(spread->service->subs, asked->name, asked->epoch, now_ns + HOLD_NS))
		err = NC_NOTFOUND;
	if (err == NC_OK)
		yielding = malloc(sizeof *yielding);
	if (yielding == NULL) {
		(void)nc_peer_reply(spread->peer, from, call, err == NC_OK ? NC_NOMEM : err,
		                    nc_slice(NULL, 0));
		return;
	}
	*yielding = (struct nc_spread_yielding){ .next = spread->yielding,
		                                 .from = from,
		                                 .call = call,
		                                 .epoch = asked->epoch,
		                                 .until_ns = now_ns + HOLD_NS };
	(void)snprintf(yielding->name, sizeof yielding->name, "%.*s", (int)asked->name.size,
	               (const char *)asked->name.data);
	spread->yielding = yielding;
	nc_subs_turn(spread->service->subs);
}

void nc_spread_yields_step(struct nc_spread *spread)
{
	struct nc_subs *subs = spread->service->subs;
	struct nc_spread_yielding **at = &spread->yielding;
	while (*at != NULL) {
		struct nc_spread_yielding *one = *at;
		if (!nc_subs_own_has_yielded(subs, nc_slice_str(one->name), one->epoch) &&
		    nc_clock_ns() < one->until_ns) {
			at = &one->next;
			continue;
		}
		*at = one->next;
		(void)nc_peer_reply(spread->peer, one->from, one->call, NC_OK, nc_slice(NULL, 0));
		free(one);
	}
}

void nc_spread_yields_drop(struct nc_spread *spread)
{
	for (struct nc_spread_yield *at = spread->yields; at != NULL; at = at->next)
		at->spread = NULL; /* freed when its answer comes */
	spread->yields = NULL;
	spread->yield_count = 0;
	while (spread->yielding != NULL) {
		struct nc_spread_yielding *one = spread->yielding;
		spread->yielding = one->next;
		free(one);
	}
}
