/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What was asked of a subscription becomes so: when the log has it, and no job looks at what was.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/node/spread/spread.h"
#include "core/node/subs/subs_job.h"
#include "core/node/subs/subs_move.h"
#include "transport/nats/reply.h"

#define CHANGED "409 Consumer Changed" /* the status that ends pull requests */

/* ---- Doing it ------------------------------------------------------------------------------- */

/* Events up to this position stay parked. With a backfill all do, and it passes them by. */
static uint64_t keeps_to(const struct nc_sub_move *move)
{
	return move->backfill.size > 0 ? UINT64_MAX : move->place.cursor;
}

/* End everything that belongs to the old epoch. */
static void epoch_end(struct nc_subs *subs, struct nc_subscription *sub)
{
	const struct nc_sub_move *move = sub->move;
	nc_subs_todo_cut(subs, sub, CHANGED); /* of the old epoch */
	nc_subs_waiters_refuse(subs, sub, UINT64_MAX, NC_FAULT_STALE_ACK,
	                       "stale acknowledgement: a new epoch has begun");
	nc_subs_replay_end(subs, sub, NC_FAULT_STALE_ACK, "a new epoch has begun");
	nc_subs_backfill_drop(sub);
	nc_subs_rows_keep(sub, sub->definition.durable || move->rehomes ? 0 : keeps_to(move));
	nc_buf_clear(&sub->save.unparked);
	sub->save.under_way = false; /* it is of the old epoch, and its outcome will be ignored */
	sub->save.sent_parked = sub->save.sent_unparked = 0;
	sub->epoch = move->epoch;
	sub->started = move->place.cursor;
	sub->floor = move->place.floor;
}

/* Tell the machine what is parked now: with the rows on their way into the log, and without those
 * on their way out of it. */
static int parked_load(struct nc_subs *subs, struct nc_subscription *sub)
{
	struct nc_buf rows = { 0 };
	if (sub->save.parked.size == 0 && sub->save.unparked.size == 0)
		return nc_subs_parked_load(subs, sub);
	int err = nc_subs_rows_read(subs, sub, &rows);
	if (err == NC_OK)
		err = nc_subs_rows_gather(sub, UINT64_MAX, &rows);
	if (err == NC_OK)
		err = nc_subs_parked_tell(subs, sub, nc_buf_slice(&rows));
	nc_buf_release(&rows);
	return err;
}

/* Tell a machine that is new, or has moved, of its parked events and of what batches
 * acknowledged. */
static int rows_load(struct nc_subs *subs, struct nc_subscription *sub)
{
	if (!sub->definition.durable)
		return nc_subs_parked_tell(subs, sub, nc_buf_slice(&sub->save.parked));
	int err = nc_state_reader_begin(subs->reader);
	if (err != NC_OK)
		return err;
	err = nc_subs_acked_load(subs, sub);
	nc_state_reader_end(subs->reader);
	return err == NC_OK ? parked_load(subs, sub) : err;
}

static int seek_do(struct nc_subs *subs, struct nc_subscription *sub)
{
	struct nc_sub_move *move = sub->move;
	epoch_end(subs, sub);
	nc_sub_seek(sub->machine, move->epoch, sub->started, nc_clock_ns());
	nc_sub_floor(sub->machine, &sub->floor);
	return rows_load(subs, sub);
}

/* Deliveries that are due and have not left are dropped, and do not count as attempts. */
static void todo_uncount(struct nc_subscription *sub, uint64_t now_ns)
{
	for (size_t i = 0; i < sub->out.count; i++) {
		const struct nc_delivery *at = &sub->out.todo[i];
		if (at->position != 0)
			(void)nc_sub_no_responders(sub->machine, sub->epoch, at->position,
			                           at->attempt, now_ns);
	}
}

/* A machine that goes on where the last one is, and delivers everything in flight again. */
static int machine_again(struct nc_subs *subs, struct nc_subscription *sub,
                         const struct nc_definition *definition, struct nc_sub **machine_out)
{
	struct nc_buf progress = { 0 };
	uint64_t now_ns = nc_clock_ns();
	nc_subs_replay_end(subs, sub, NC_FAULT_STALE_ACK, "the subscription has changed");
	todo_uncount(sub, now_ns);
	nc_subs_todo_cut(subs, sub, CHANGED);
	(void)nc_sub_progress_take(sub->machine, &progress);
	int err = nc_buf_status(&progress);
	if (err == NC_OK)
		err = nc_sub_restore(definition, nc_buf_slice(&progress), now_ns, machine_out);
	if (err == NC_OK)
		nc_sub_progress_unknown(*machine_out);
	nc_buf_release(&progress);
	return err;
}

/* Give it a new machine, since the keys, the kind of delivery or the epoch are others. */
static int machine_replace(struct nc_subs *subs, struct nc_subscription *sub,
                           const struct nc_definition *definition)
{
	const struct nc_sub_move *move = sub->move;
	struct nc_sub *machine;
	struct nc_sub_info info;
	nc_subs_steps_leaving(subs, sub); /* take what is about to leave the window */
	nc_sub_info(sub->machine, &info);
	int err = NC_OK;
	if (!move->anew || move->stays)
		err = machine_again(subs, sub, definition, &machine);
	if (move->anew)
		epoch_end(subs, sub);
	if (move->stays && err == NC_OK)
		nc_sub_epoch(machine, sub->epoch);
	if (move->anew && !move->stays)
		err = nc_sub_new(definition, sub->epoch, sub->started, nc_clock_ns(), &machine);
	if (err != NC_OK)
		return err;
	nc_sub_floor(machine, &sub->floor);
	if (info.paused)
		nc_sub_pause(machine);
	nc_subs_pulls_end(subs, sub, CHANGED);
	nc_sub_free(sub->machine);
	sub->machine = machine;
	/* The new machine numbers progress from 1: let waiters wait for its first. */
	for (struct nc_sub_waiter *at = sub->waiters; at != NULL; at = at->next)
		at->progress = nc_sub_progress_next(machine);
	sub->save.missed = sub->definition.durable;
	return rows_load(subs, sub);
}

/* Exchange the definitions, and the filters with the place at which live events find them. */
static int definition_swap(struct nc_subs *subs, struct nc_subscription *sub)
{
	struct nc_sub_move *move = sub->move;
	struct nc_definition old = sub->definition;
	sub->definition = move->definition;
	move->definition = old;
	if (move->filter == NULL)
		return NC_OK;
	struct nc_filter *before = sub->filter;
	if (before != NULL)
		nc_subs_live_remove(subs, sub);
	sub->filter = move->filter;
	sub->hints = nc_filter_hints(sub->filter);
	nc_subs_fault_ends(subs, sub, "it has another filter");
	move->filter = before;
	/* Events since then were shown to the old filter: leave the head, and search from there. */
	nc_sub_leave_head(sub->machine);
	return nc_subs_live_add(subs, sub);
}

/* The list of undone events was made when the change was proposed. Make it again, without what was
 * done since: that must not be delivered once more, above all not what batches have acknowledged.
 * The list in the log still has it; a node that loads the subscription later knows from the state
 * what batches have acknowledged since. */
static int undone_again(const struct nc_subscription *sub)
{
	struct nc_sub_move *move = sub->move;
	const struct nc_definition *before = &move->definition;
	if (move->backfill.size == 0)
		return NC_OK;
	nc_buf_clear(&move->backfill);
	nc_backfill_put(&move->backfill, before->plugin, before->selector, move->position - 1,
	                sub->machine);
	return nc_buf_status(&move->backfill);
}

/* Gather the parked events, which go along from the log into memory, or back. */
static int rows_gather(struct nc_subs *subs, struct nc_subscription *sub)
{
	struct nc_sub_move *move = sub->move;
	if (!move->rehomes)
		return NC_OK;
	nc_subs_steps_leaving(subs, sub); /* with what is about to be parked */
	return nc_subs_rows_gather(sub, move->stays ? UINT64_MAX : move->place.cursor, &move->rows);
}

static int update_do(struct nc_subs *subs, struct nc_subscription *sub)
{
	struct nc_sub_move *move = sub->move;
	const struct nc_definition *to = &sub->definition;
	struct nc_slice subject = move->definition.subject;
	char *push_subject =
	        strndup(subject.size == 0 ? "" : (const char *)subject.data, subject.size);
	if (push_subject == NULL)
		return NC_NOMEM;
	int err = rows_gather(subs, sub);
	if (err != NC_OK) {
		free(push_subject);
		return err;
	}
	free(sub->push_subject);
	sub->push_subject = push_subject;
	bool other = !nc_definition_order_eq(to, &move->definition) ||
	             to->push != move->definition.push || move->anew;
	err = definition_swap(subs, sub);
	if (err != NC_OK)
		return err;
	if (move->anew)
		err = undone_again(sub);
	if (err == NC_OK && other)
		err = machine_replace(subs, sub, to);
	if (!other)
		nc_sub_redefine(sub->machine, to, nc_clock_ns());
	if (err == NC_OK && move->anew)
		err = nc_subs_backfill_set(subs, sub, nc_buf_slice(&move->backfill), move->filter);
	if (err == NC_OK && move->rehomes) {
		if (to->durable) {
			nc_spread_transient_gone(subs->service->spread, nc_slice_str(sub->name));
		} else {
			nc_spread_transient_made(subs->service->spread, nc_slice_str(sub->name));
		}
		err = nc_subs_rehome_give(subs, sub);
	}
	return err;
}

/* Forget the rows that went into the log with the change. */
static void rows_cut(struct nc_subscription *sub)
{
	const struct nc_sub_move *move = sub->move;
	nc_subs_rows_saved(sub, move->parked, move->unparked);
}

/* The position from which on the change counts. */
static uint64_t counts_from(const struct nc_subscription *sub)
{
	const struct nc_sub_move *move = sub->move;
	bool backfills = move->backfill.size > 0 && move->anew;
	bool filters = move->stays && move->filter != NULL;
	return (move->seeks || move->anew) && !backfills && !filters ? sub->started + 1
	                                                             : move->position;
}

/* Publish that it changed, and answer the request. */
static void move_tell(struct nc_subs *subs, struct nc_subscription *sub)
{
	struct nc_sub_move *move = sub->move;
	uint64_t position = counts_from(sub);
	char text[160];
	(void)snprintf(text, sizeof text, "{\"name\":\"%s\",\"epoch\":%llu,\"pos\":%llu}",
	               sub->name, (unsigned long long)sub->epoch, (unsigned long long)position);
	if (move->replugs) {
		nc_subs_replugged(subs, sub, position);
	} else {
		nc_subs_advise(subs, sub, move->seeks ? "sought" : "updated", position, NULL);
	}
	if (move->reply != NULL && move->rehomes) { /* rows may be on their way to the log */
		nc_subs_wait_saved(subs, sub, nc_slice_str(move->reply), text);
	} else if (move->reply != NULL) {
		nc_service_send(subs->service, move->reply, nc_slice_str(text), 0);
	}
}

void nc_subs_move_finish(struct nc_subs *subs, struct nc_subscription *sub)
{
	struct nc_sub_move *move = sub->move;
	if (!move->decided || sub->jobs.delivering || sub->jobs.searching)
		return;
	/* what was delivered before the change leaves before the news of it */
	nc_subs_posted_send(subs, sub);
	if (!move->seeks && !move->anew && sub->definition.durable) {
		rows_cut(sub);
		/* Answer these before a new machine begins to number its progress. */
		nc_subs_waiters_answer(subs, sub, move->progress);
	}
	int err = move->seeks ? seek_do(subs, sub) : update_do(subs, sub);
	if (err != NC_OK) { /* the log has the change: go on as after a restart */
		subs->service->options.on_fatal(subs->service->options.ctx, err,
		                                "a subscription could not be changed");
		return;
	}
	move_tell(subs, sub);
	sub->move = NULL;
	subs->lines.ready = true;
	nc_subs_move_free(move);
	nc_ahead_clear(&sub->out.ahead, &subs->stock);
	nc_subs_unsearched_reset(subs, sub);
	nc_subs_mark(sub);
}

/* ---- What became of it ---------------------------------------------------------------------- */

static void move_drop(struct nc_subs *subs, struct nc_subscription *sub, struct nc_fault fault,
                      const char *text)
{
	struct nc_sub_move *move = sub->move;
	struct nc_service *service = subs->service;
	if (move->reply != NULL) {
		nc_service_error(service, &service->out, move->reply,
		                 &service->srv.endpoints[move->endpoint].stats,
		                 &(struct nc_service_refusal){ .fault = fault, .text = text });
	}
	sub->move = NULL;
	subs->lines.ready = true;
	sub->save.missed |= !move->seeks && sub->definition.durable;
	nc_subs_move_free(move);
	nc_subs_mark(sub);
}

/* A request that ran out of time has been answered already. */
static void reply_check(struct nc_sub_move *move, const struct nc_ticket *ticket)
{
	if (!ticket->answered)
		return;
	free(move->reply);
	move->reply = NULL;
}

void nc_subs_move_outcome(struct nc_subs *subs, struct nc_subscription *sub,
                          const struct nc_ticket *ticket, const struct nc_outcome *outcome)
{
	struct nc_sub_move *move = sub->move;
	reply_check(move, ticket);
	if (outcome->fault.code != 0) {
		move_drop(subs, sub, outcome->fault, nc_fault_text(outcome->fault));
		return;
	}
	move->decided = true;
	bool leaves_log = move->rehomes && !move->definition.durable;
	move->epoch = leaves_log ? ++subs->transient_epochs : outcome->epoch;
	if ((move->seeks || move->anew) && !leaves_log)
		move->place = (struct nc_sub_place){ outcome->cursor, outcome->floor };
	nc_subs_move_finish(subs, sub);
}

void nc_subs_move_refused(struct nc_subs *subs, struct nc_subscription *sub,
                          const struct nc_ticket *ticket, int err)
{
	struct nc_fault fault = err == NC_FULL ? NC_FAULT_DISK_FULL : NC_FAULT_UNAVAILABLE;
	if (ticket != NULL)
		reply_check(sub->move, ticket);
	move_drop(subs, sub, fault, nc_fault_text(fault));
	if (err != NC_FULL)
		nc_subs_own_doubt(sub);
}
