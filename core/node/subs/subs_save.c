/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What of subscriptions goes through the log: their creation, their end, their progress. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/node/common/say.h"
#include "core/node/spread/spread.h"
#include "core/node/subs/subs_ask.h"
#include "transport/nats/reply.h"

bool nc_subs_propose(struct nc_subs *subs, struct nc_slice command, enum nc_sub_pending_kind kind,
                     struct nc_subscription *sub, struct nc_subs_asker asker)
{
	struct nc_service *service = subs->service;
	struct nc_sub_pending *pending = calloc(1, sizeof *pending);
	struct nc_ticket *ticket =
	        pending == NULL ? NULL
	                        : nc_ticket_new(&service->tickets, asker.reply, nc_clock_ms());
	if (ticket == NULL) {
		free(pending);
		return false;
	}
	ticket->endpoint = asker.endpoint;
	ticket->of = NC_TICKET_SUB;
	ticket->pending = pending;
	*pending = (struct nc_sub_pending){ .next = subs->pending,
		                            .ticket = ticket,
		                            .kind = kind,
		                            .sub = sub,
		                            .epoch = sub->epoch };
	memcpy(pending->name, sub->name, sizeof pending->name);
	if (kind == NC_SUB_SAVING)
		pending->id = sub->id;
	bool away = sub->lease.owned && !nc_replica_leading(service->replica);
	int err =
	        away ? nc_spread_forward(service->spread, nc_slice_str(sub->name), command, ticket)
	             : nc_replica_command(service->replica, command, ticket);
	if (err != NC_OK) {
		nc_ticket_free(&service->tickets, ticket);
		free(pending);
		return false;
	}
	if (pending->next != NULL)
		pending->next->prev = pending;
	subs->pending = pending;
	if (kind == NC_SUB_CREATING || kind == NC_SUB_DELETING)
		nc_subs_line_enter(subs, nc_slice_str(sub->name));
	return true;
}

void nc_subs_save(struct nc_subs *subs, struct nc_subscription *sub, uint64_t now_ns)
{
	bool due = nc_sub_progress_due(sub->machine, now_ns) || sub->save.missed ||
	           (sub->save.hurry && nc_sub_progress_dirty(sub->machine));
	if (!sub->definition.durable || sub->save.under_way || !due)
		return;
	struct nc_buf *progress = &subs->progress, *command = &subs->command;
	nc_buf_clear(progress);
	nc_buf_clear(command);
	/* or the progress would say of a row that is due that its event is not done */
	nc_subs_steps_leaving(subs, sub);
	uint64_t number = nc_sub_progress_take(sub->machine, progress);
	const struct nc_sub_change change = { .name = nc_slice_str(sub->name),
		                              .epoch = sub->epoch,
		                              .progress = nc_buf_slice(progress),
		                              .parked = nc_buf_slice(&sub->save.parked),
		                              .unparked = nc_buf_slice(&sub->save.unparked) };
	nc_command_put_sub_progress(command, &change);
	bool proposed = nc_buf_status(command) == NC_OK && nc_buf_status(progress) == NC_OK &&
	                nc_subs_propose(subs, nc_buf_slice(command), NC_SUB_SAVING, sub,
	                                (struct nc_subs_asker){ 0 });
	if (proposed) {
		sub->save.under_way = true;
		sub->save.missed = sub->save.hurry = false;
		sub->save.number = number;
		sub->save.sent_parked = sub->save.parked.size;
		sub->save.sent_unparked = sub->save.unparked.size;
	} else {
		sub->save.missed = true; /* again as soon as there is room */
	}
}

/* ---- What became of it ---------------------------------------------------------------------- */

static void pending_free(struct nc_subs *subs, struct nc_sub_pending *pending)
{
	if (pending->kind == NC_SUB_CREATING || pending->kind == NC_SUB_DELETING)
		nc_subs_line_leave(subs, nc_slice_str(pending->name));
	free(pending);
}

static struct nc_sub_pending *pending_take(struct nc_subs *subs, const struct nc_ticket *ticket)
{
	struct nc_sub_pending *pending = ticket->pending;
	nc_assert(pending != NULL && pending->ticket == ticket);
	if (pending->prev == NULL) {
		subs->pending = pending->next;
	} else {
		pending->prev->next = pending->next;
	}
	if (pending->next != NULL)
		pending->next->prev = pending->prev;
	return pending;
}

static void front_cut(struct nc_buf *buf, size_t size)
{
	if (size == 0)
		return;
	memmove(buf->data, buf->data + size, buf->size - size);
	buf->size -= size;
}

void nc_subs_rows_saved(struct nc_subscription *sub, size_t parked, size_t unparked)
{
	front_cut(&sub->save.parked, parked);
	front_cut(&sub->save.unparked, unparked);
}

/* The subscription whose progress this is; NULL: it is not here any more, or in another epoch. Its
 * slot may have another subscription by now, but no two have the same epoch. */
static struct nc_subscription *saver_of(struct nc_subs *subs, const struct nc_sub_pending *pending)
{
	struct nc_subscription *sub = pending->id < subs->room ? subs->slots[pending->id] : NULL;
	return sub != NULL && sub->epoch == pending->epoch ? sub : NULL;
}

static void saved(struct nc_subs *subs, const struct nc_sub_pending *pending,
                  const struct nc_outcome *outcome)
{
	struct nc_subscription *sub = saver_of(subs, pending);
	if (sub == NULL)
		return;
	sub->save.under_way = false;
	if (outcome->fault.code != 0) { /* it was of an epoch that is over, and was not taken */
		nc_subs_waiters_refuse(subs, sub, UINT64_MAX, NC_FAULT_STALE_ACK,
		                       "stale acknowledgement: a new epoch has begun");
		if (sub->move == NULL) /* or it is this node's own move that has begun one */
			nc_subs_own_doubt(sub);
		return;
	}
	nc_sub_progress_saved(sub->machine, sub->save.number);
	nc_subs_rows_saved(sub, sub->save.sent_parked, sub->save.sent_unparked);
	sub->save.sent_parked = sub->save.sent_unparked = 0;
	nc_subs_waiters_answer(subs, sub, sub->save.number);
	if (sub->lagging) /* it may not lag any more */
		nc_subs_watch_lag(subs, sub);
	/* What has changed since waits for a tick, unless somebody waits for it. Events just parked
	 * can be looked for now that their rows are in the log (subs_tidy.c). */
	if (sub->save.hurry || sub->save.missed || sub->tidy.rows.to != 0 ||
	    nc_sub_progress_due(sub->machine, nc_clock_ns()))
		nc_subs_mark(sub);
	nc_subs_asks_again(subs, sub, &sub->later);
}

void nc_subs_answer_text(struct nc_subs *subs, const struct nc_ticket *ticket, const char *text)
{
	if (!ticket->answered)
		nc_service_send(subs->service, ticket->reply, nc_slice_str(text), 0);
}

void nc_subs_answer_fault(struct nc_subs *subs, const struct nc_ticket *ticket,
                          struct nc_fault fault, const char *text)
{
	struct nc_service *service = subs->service;
	if (!ticket->answered) {
		nc_service_error(service, &service->out, ticket->reply,
		                 &service->srv.endpoints[ticket->endpoint].stats,
		                 &(struct nc_service_refusal){ .fault = fault, .text = text });
	}
}

static void created(struct nc_subs *subs, struct nc_sub_pending *pending,
                    const struct nc_outcome *outcome)
{
	struct nc_subscription *sub = pending->sub;
	if (outcome->fault.code != 0) {
		nc_subs_answer_fault(subs, pending->ticket, outcome->fault,
		                     "a subscription of this name has another definition");
		nc_subscription_free(sub);
		return;
	}
	char text[200];
	(void)snprintf(text, sizeof text, "{\"name\":\"%s\",\"epoch\":%llu,\"pos\":%llu}",
	               sub->name, (unsigned long long)outcome->epoch,
	               (unsigned long long)outcome->cursor + 1);
	int err = NC_EXISTS;
	/* If this node leads no more, the new subscription is in the log, and the next leader loads
	 * it. */
	bool elsewhere = nc_spread_has(subs->service->spread, nc_slice_str(sub->name));
	if (subs->service->serving && !elsewhere &&
	    nc_subs_find(subs, nc_slice_str(sub->name)) == NULL) {
		sub->epoch = outcome->epoch;
		sub->started = outcome->cursor;
		sub->floor = outcome->floor;
		err = nc_sub_new(&sub->definition, sub->epoch, outcome->cursor, nc_clock_ns(),
		                 &sub->machine);
		if (err == NC_OK)
			err = nc_subs_install(subs, sub);
	}
	if (err != NC_OK)
		nc_subscription_free(sub);
	if (err == NC_OK || err == NC_EXISTS) {
		nc_subs_answer_text(subs, pending->ticket, text);
	} else {
		nc_subs_answer_fault(subs, pending->ticket, NC_FAULT_BUSY, "out of memory");
	}
}

/* The log had no subscription of this epoch, so nothing was done: it was deleted, or has begun
 * another epoch. If the state cannot be read, either may be true. */
static struct nc_fault fault_of(struct nc_subs *subs, const struct nc_sub_pending *pending,
                                struct nc_fault fault)
{
	struct nc_buf scratch = { 0 };
	struct nc_sub_row row;
	if (fault.err_code != NC_FAULT_NO_SUB.err_code)
		return fault;
	int err = nc_state_reader_begin(subs->reader);
	if (err == NC_OK) {
		err = nc_sub_row_get(subs->reader, nc_slice_str(pending->name), &scratch, &row);
		nc_state_reader_end(subs->reader);
	}
	nc_buf_release(&scratch);
	if (err != NC_OK && err != NC_NOTFOUND)
		nc_say_error("subscription %s: looking for it failed: %s", pending->name,
		             nc_err_name(err));
	return err == NC_NOTFOUND ? fault : NC_FAULT_UNAVAILABLE;
}

static const char *text_of(struct nc_fault fault)
{
	return fault.err_code == NC_FAULT_NO_SUB.err_code
	               ? "no such subscription"
	               : "another node may have it now; ask again";
}

static void deleted(struct nc_subs *subs, const struct nc_sub_pending *pending,
                    const struct nc_outcome *outcome)
{
	struct nc_subscription *sub = nc_subs_find(subs, nc_slice_str(pending->name));
	if (outcome->fault.code != 0) {
		struct nc_fault fault = fault_of(subs, pending, outcome->fault);
		nc_subs_answer_fault(subs, pending->ticket, fault, text_of(fault));
		return;
	}
	if (sub != NULL)
		nc_subs_remove(subs, sub, "deleted");
	nc_subs_answer_text(subs, pending->ticket, "{\"deleted\":true}");
}

/* The subscription whose change this is; NULL: it was deleted meanwhile. */
static struct nc_subscription *mover_of(struct nc_subs *subs, const struct nc_sub_pending *pending)
{
	struct nc_subscription *sub = nc_subs_find(subs, nc_slice_str(pending->name));
	bool is = sub != NULL && sub->epoch == pending->epoch && sub->move != NULL;
	return is ? sub : NULL;
}

static void moved(struct nc_subs *subs, const struct nc_sub_pending *pending,
                  const struct nc_outcome *outcome)
{
	struct nc_subscription *sub = mover_of(subs, pending);
	if (sub != NULL) {
		struct nc_outcome told = *outcome;
		told.fault = fault_of(subs, pending, outcome->fault);
		nc_subs_move_outcome(subs, sub, pending->ticket, &told);
	} else { /* it was deleted; or the change was made, and another node owns it now */
		struct nc_fault fault = fault_of(subs, pending, NC_FAULT_NO_SUB);
		nc_subs_answer_fault(subs, pending->ticket, fault, text_of(fault));
	}
}

void nc_subs_outcome(struct nc_subs *subs, struct nc_ticket *ticket,
                     const struct nc_outcome *outcome)
{
	struct nc_sub_pending *pending = pending_take(subs, ticket);
	if (pending->kind == NC_SUB_CREATING) {
		created(subs, pending, outcome);
	} else if (pending->kind == NC_SUB_DELETING) {
		deleted(subs, pending, outcome);
	} else if (pending->kind == NC_SUB_MOVING) {
		moved(subs, pending, outcome);
	} else {
		saved(subs, pending, outcome);
	}
	pending_free(subs, pending);
}

/* What `sub` would have in the log is not in it, or nobody knows. */
static void save_refused(struct nc_subs *subs, struct nc_subscription *sub, int err)
{
	/* If these rows are in the log, a batch may have acknowledged their events since, and
	 * writing them again would park those once more. So it must be known what became of them.
	 */
	bool doubted = sub->save.sent_parked > 0 && err != NC_FULL;
	sub->save.under_way = false;
	sub->save.sent_parked = sub->save.sent_unparked = 0;
	sub->save.missed = true;
	if (doubted)
		nc_subs_own_doubt(sub);
	nc_subs_asks_again(subs, sub, &sub->later);
}

void nc_subs_refused(struct nc_subs *subs, struct nc_ticket *ticket, int err)
{
	struct nc_sub_pending *pending = pending_take(subs, ticket);
	struct nc_subscription *mover =
	        pending->kind == NC_SUB_MOVING ? mover_of(subs, pending) : NULL;
	if (pending->kind == NC_SUB_SAVING) {
		struct nc_subscription *sub = saver_of(subs, pending);
		if (sub != NULL)
			save_refused(subs, sub, err);
	} else if (mover != NULL) {
		nc_subs_move_refused(subs, mover, ticket, err);
	} else {
		struct nc_fault fault = err == NC_FULL ? NC_FAULT_DISK_FULL : NC_FAULT_UNAVAILABLE;
		nc_subs_answer_fault(subs, ticket, fault, nc_fault_text(fault));
		if (pending->kind == NC_SUB_CREATING)
			nc_subscription_free(pending->sub);
	}
	pending_free(subs, pending);
}
