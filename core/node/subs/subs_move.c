/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Asking a subscription to go elsewhere (seek), to pause and to go on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/node/subs/subs_ask.h"
#include "core/node/subs/subs_move.h"
#include "transport/nats/reply.h"

void nc_subs_move_free(struct nc_sub_move *move)
{
	if (move == NULL)
		return;
	nc_filter_unref(move->filter);
	nc_definition_release(&move->definition);
	nc_buf_release(&move->backfill);
	nc_buf_release(&move->rows);
	free(move->reply);
	free(move);
}

static void say_busy(const struct nc_subs_ask *ask, const char *text)
{
	nc_subs_ask_error(ask, NC_FAULT_BUSY, text);
}

struct nc_sub_move *nc_subs_move_new(const struct nc_subs_ask *ask)
{
	struct nc_sub_move *move = calloc(1, sizeof *move);
	if (move != NULL && ask->reply.size > 0)
		move->reply = strdup((const char *)ask->reply.data);
	if (move != NULL && (ask->reply.size == 0 || move->reply != NULL)) {
		move->endpoint = ask->endpoint;
		return move;
	}
	nc_subs_move_free(move);
	say_busy(ask, "out of memory; try again");
	return NULL;
}

struct nc_subscription *nc_subs_move_find(const struct nc_subs_ask *ask)
{
	struct nc_subscription *sub = nc_subs_ask_find(ask);
	if (sub != NULL && sub->move != NULL) {
		say_busy(ask, "another change of it is under way");
		return NULL;
	}
	if (sub != NULL && sub->definition.durable &&
	    ask->subs->service->engine_version < NC_ENGINE_VERSION_SUBS) {
		nc_subs_ask_error(ask, NC_FAULT_VERSION, nc_fault_text(NC_FAULT_VERSION));
		return NULL;
	}
	return sub;
}

/* ---- Asking --------------------------------------------------------------------------------- */

struct nc_sub_change nc_subs_change_of(const struct nc_subscription *sub)
{
	return (struct nc_sub_change){ .name = nc_slice_str(sub->name),
		                       .epoch = sub->epoch,
		                       .parked = nc_buf_slice(&sub->save.parked),
		                       .unparked = nc_buf_slice(&sub->save.unparked) };
}

bool nc_subs_move_propose(const struct nc_subs_ask *ask, struct nc_subscription *sub,
                          struct nc_sub_move *move, struct nc_buf *command)
{
	struct nc_subs *subs = ask->subs;
	bool whole = nc_buf_status(command) == NC_OK &&
	             nc_subs_propose(subs, nc_buf_slice(command), NC_SUB_MOVING, sub,
	                             (struct nc_subs_asker){ ask->reply, ask->endpoint });
	nc_buf_release(command);
	if (whole) {
		/* When this is applied, the rows that are on their way now have left these
		 * lists. */
		move->parked = sub->save.parked.size - sub->save.sent_parked;
		move->unparked = sub->save.unparked.size - sub->save.sent_unparked;
		sub->move = move;
		return true;
	}
	nc_subs_ask_shed(ask);
	nc_subs_move_free(move);
	return false;
}

void nc_subs_move_decide(struct nc_subs *subs, struct nc_subscription *sub,
                         struct nc_sub_move *move)
{
	move->decided = true;
	sub->move = move;
	nc_subs_move_finish(subs, sub);
}

void nc_subs_seek(const struct nc_subs_ask *ask)
{
	struct nc_subs *subs = ask->subs;
	struct nc_subscription *sub = nc_subs_move_find(ask);
	enum nc_start start;
	struct nc_sub_seek seek = { 0 };
	if (sub == NULL)
		return;
	nc_buf_clear(&subs->scratch);
	int err = nc_seek_parse(ask->body, &start, &seek.start_value, &subs->scratch);
	if (err != NC_OK) {
		nc_subs_ask_refuse(ask, err);
		return;
	}
	const struct nc_sub_create to = { .start = nc_subs_start_kind(start),
		                          .start_value = seek.start_value };
	struct nc_sub_place place = { 0 };
	bool durable = sub->definition.durable;
	if (durable ? !nc_subs_start_takes(ask, &to) : !nc_subs_start_find(ask, &to, &place))
		return;
	struct nc_sub_move *move = nc_subs_move_new(ask);
	if (move == NULL)
		return;
	move->seeks = true;
	move->place = place;
	nc_subs_steps_leaving(subs, sub);
	if (durable) {
		struct nc_buf command = { 0 };
		seek.start = to.start;
		seek.change = nc_subs_change_of(sub);
		nc_command_put_sub_seek(&command, &seek);
		(void)nc_subs_move_propose(ask, sub, move, &command);
		return;
	}
	move->epoch = ++subs->transient_epochs;
	nc_subs_move_decide(subs, sub, move);
}

/* ---- Pause, resume -------------------------------------------------------------------------- */

/* The subscription that is to be paused, or to go on. NULL: not now; refused. */
static struct nc_subscription *pausable(const struct nc_subs_ask *ask)
{
	struct nc_subscription *sub = nc_subs_move_find(ask);
	if (sub == NULL || !nc_subs_ask_bare(ask))
		return NULL;
	if (sub->definition.durable && nc_replica_status(ask->subs->service->replica).full) {
		nc_subs_ask_shed(ask);
		return NULL;
	}
	return sub;
}

static void tell(const struct nc_subs_ask *ask, struct nc_subscription *sub, const char *what,
                 const char *answer)
{
	nc_subs_advise(ask->subs, sub, what, 0, NULL);
	nc_subs_wait_saved(ask->subs, sub, ask->reply, answer);
	nc_subs_mark(sub);
}

void nc_subs_pause(const struct nc_subs_ask *ask)
{
	struct nc_subscription *sub = pausable(ask);
	if (sub == NULL)
		return;
	nc_sub_pause(sub->machine);
	tell(ask, sub, "paused", "{\"paused\":true}");
}

void nc_subs_resume(const struct nc_subs_ask *ask)
{
	struct nc_subscription *sub = pausable(ask);
	if (sub == NULL)
		return;
	nc_sub_resume(sub->machine);
	tell(ask, sub, "resumed", "{\"paused\":false}");
}
