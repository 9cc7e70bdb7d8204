/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Commands of owners, through the leader into the log, and what became of them back.
 *
 * They are taken in the order of their numbers (core/delivery/sequence.h). What apply made of it
 * the owner hears from its own apply. */
#include <stdio.h>
#include <stdlib.h>

#include "core/engine/names.h"
#include "core/engine/subs.h"
#include "core/node/spread/spread_private.h"

/* ---- An owner ------------------------------------------------------------------------------- */

static void sent_remove(struct nc_spread *spread, struct nc_spread_sent *sent)
{
	struct nc_spread_sent **at = &spread->sent;
	while (*at != sent)
		at = &(*at)->next;
	*at = sent->next;
}

static void ticket_end(struct nc_spread *spread, struct nc_ticket *ticket, int err,
                       const struct nc_outcome *outcome)
{
	if (ticket == NULL)
		return;
	if (err == NC_OK) {
		nc_subs_outcome(spread->service->subs, ticket, outcome);
	} else {
		nc_subs_refused(spread->service->subs, ticket, err);
	}
	nc_ticket_free(&spread->service->tickets, ticket);
}

void nc_spread_sent_told(struct nc_spread *spread, const struct nc_outcome *outcome)
{
	for (struct nc_spread_sent *sent = spread->sent; sent != NULL; sent = sent->next) {
		bool its = !sent->answered || sent->index == spread->applied;
		if (!its || !nc_slice_is(outcome->sub, sent->name))
			continue;
		struct nc_fault fault = sent->outcome.fault;
		sent->outcome = *outcome; /* its slices are not used */
		sent->outcome.sub = nc_slice(NULL, 0);
		sent->outcome.fault = fault;
	}
}

void nc_spread_sent_applied(struct nc_spread *spread)
{
	struct nc_spread_sent *sent = spread->sent, *next;
	for (; sent != NULL; sent = next) {
		next = sent->next;
		if (!sent->answered || sent->index > spread->applied)
			continue;
		sent_remove(spread, sent);
		ticket_end(spread, sent->ticket, NC_OK, &sent->outcome);
		free(sent);
		next = spread->sent; /* others may have been sent meanwhile */
	}
}

/* The service has the ticket, unless its time is over. */
void nc_spread_sent_detach(struct nc_spread *spread)
{
	while (spread->sent != NULL) {
		struct nc_spread_sent *sent = spread->sent;
		spread->sent = sent->next;
		sent->spread = NULL;
		if (sent->ticket != NULL && sent->ticket->answered)
			nc_ticket_free(&spread->service->tickets, sent->ticket);
		if (sent->answered)
			free(sent);
	}
}

static void on_result(void *ctx, int err, struct nc_slice body)
{
	struct nc_spread_sent *sent = ctx;
	struct nc_spread *spread = sent->spread;
	struct nc_spread_result result;
	if (spread == NULL) {
		free(sent);
		return;
	}
	if (err == NC_OK)
		err = nc_spread_result_get(body, &result);
	if (err != NC_OK) {
		sent_remove(spread, sent);
		/* NC_FULL: the leader's disk is full, and nothing was taken. Every other error
		 * counts as not known: the answer may be lost or the entry replaced, and where the
		 * command was refused it does no harm. */
		ticket_end(spread, sent->ticket, err == NC_FULL ? NC_FULL : NC_TIMEOUT, NULL);
		free(sent);
		return;
	}
	sent->answered = true;
	sent->index = result.index;
	sent->outcome.fault = (struct nc_fault){ result.code, result.err_code };
	nc_spread_sent_applied(spread);
	nc_subs_turn(spread->service->subs);
}

int nc_spread_forward(struct nc_spread *spread, struct nc_slice name, struct nc_slice command,
                      struct nc_ticket *ticket)
{
	if (spread->service->stopping)
		return NC_CLOSED;
	uint64_t term, leader = nc_spread_leader(spread, &term);
	if (leader == 0 || leader == spread->self)
		return NC_CONFLICT; /* the caller has checked that this node does not lead */
	struct nc_spread_sent *sent = calloc(1, sizeof *sent);
	if (sent == NULL)
		return NC_NOMEM;
	const struct nc_spread_call call = { .verb = NC_SPREAD_COMMAND,
		                             .term = term,
		                             .boot = spread->boot,
		                             .number = ++spread->numbers,
		                             .command = command };
	sent->spread = spread;
	sent->ticket = ticket;
	(void)snprintf(sent->name, sizeof sent->name, "%.*s", (int)name.size,
	               (const char *)name.data);
	const struct nc_spread_question question = { .to = leader, .fn = on_result, .ctx = sent };
	int err = nc_spread_ask(spread, &question, &call);
	if (err != NC_OK) {
		free(sent);
		return err;
	}
	sent->next = spread->sent;
	spread->sent = sent;
	return NC_OK;
}

int nc_spread_reown(struct nc_spread *spread, struct nc_slice name)
{
	if (nc_replica_leading(spread->service->replica))
		return nc_spread_keep(spread, name);
	struct nc_buf scratch = { 0 }, command = { 0 };
	struct nc_sub_row row = { 0 };
	int err = nc_state_reader_begin(spread->reader);
	if (err != NC_OK)
		return err;
	err = nc_sub_row_get(spread->reader, name, &scratch, &row);
	nc_state_reader_end(spread->reader);
	const struct nc_sub_own own = { .name = name,
		                        .epoch = row.epoch,
		                        .owner = { spread->self, spread->boot } };
	if (err == NC_OK) {
		nc_command_put_sub_own(&command, &own);
		err = nc_buf_status(&command);
	}
	if (err == NC_OK)
		err = nc_spread_forward(spread, name, nc_buf_slice(&command), NULL);
	nc_buf_release(&command);
	nc_buf_release(&scratch);
	return err;
}

/* ---- The leader ----------------------------------------------------------------------------- */

struct nc_spread_taken *nc_spread_taken_new(struct nc_spread *spread)
{
	struct nc_spread_taken *taken = calloc(1, sizeof *taken);
	if (taken == NULL)
		return NULL;
	taken->next = spread->taken;
	if (taken->next != NULL)
		taken->next->prev = taken;
	spread->taken = taken;
	return taken;
}

void nc_spread_taken_free(struct nc_spread *spread, struct nc_spread_taken *taken)
{
	if (taken == NULL)
		return;
	if (taken->prev == NULL) {
		spread->taken = taken->next;
	} else {
		taken->prev->next = taken->next;
	}
	if (taken->next != NULL)
		taken->next->prev = taken->prev;
	free(taken);
}

/* A replica stops at an entry that it does not understand. So the leader lets only commands through
 * that owners may send, and that are whole. */
static bool is_owners(struct nc_slice command, uint64_t from)
{
	struct nc_buf payload = { 0 };
	struct nc_entry_reader entry;
	struct nc_command read, more;
	nc_entry_begin(&payload, 0);
	nc_buf_put_slice(&payload, command);
	bool good = nc_buf_status(&payload) == NC_OK &&
	            nc_entry_read(nc_buf_slice(&payload), &entry) == NC_OK &&
	            nc_entry_next(&entry, &read) == NC_OK &&
	            nc_entry_next(&entry, &more) == NC_NOTFOUND;
	if (good) {
		good = read.kind == NC_COMMAND_SUB_PROGRESS || read.kind == NC_COMMAND_SUB_SEEK ||
		       read.kind == NC_COMMAND_SUB_UPDATE || read.kind == NC_COMMAND_SUB_DELETE ||
		       (read.kind == NC_COMMAND_SUB_OWN && read.own.owner.number == from);
	}
	good = good && nc_name_word_fault(read.create.name) == NULL;
	nc_buf_release(&payload);
	return good;
}

static int command_take(struct nc_spread *spread, uint64_t from, uint64_t call,
                        const struct nc_spread_call *command)
{
	struct nc_service *service = spread->service;
	const struct nc_replica_status status = nc_replica_status(service->replica);
	if (!spread->leads || !service->serving || status.term != command->term)
		return NC_CONFLICT;
	if (!is_owners(command->command, from))
		return NC_INVALID;
	const struct nc_sequence_at at = { from, command->boot, command->term, command->number };
	if (!nc_sequence_take(&spread->sequence, at))
		return NC_CONFLICT;
	struct nc_spread_taken *taken = nc_spread_taken_new(spread);
	struct nc_ticket *ticket =
	        taken == NULL ? NULL
	                      : nc_ticket_new(&service->tickets, nc_slice(NULL, 0), nc_clock_ms());
	if (ticket == NULL) {
		nc_spread_taken_free(spread, taken);
		return NC_NOMEM;
	}
	taken->from = from;
	taken->call = call;
	ticket->of = NC_TICKET_SPREAD;
	ticket->taken = taken;
	int err = nc_replica_command(service->replica, command->command, ticket);
	if (err != NC_OK) {
		nc_ticket_free(&service->tickets, ticket);
		nc_spread_taken_free(spread, taken);
	}
	return err;
}

void nc_spread_take_command(struct nc_spread *spread, uint64_t from, uint64_t call,
                            const struct nc_spread_call *command)
{
	int err = command_take(spread, from, call, command);
	if (err != NC_OK)
		(void)nc_peer_reply(spread->peer, from, call, err, nc_slice(NULL, 0));
}

static void assigned(struct nc_spread *spread, const struct nc_spread_taken *taken)
{
	struct nc_spread_row *row = nc_spread_find(spread, nc_slice_str(taken->name));
	if (row != NULL)
		row->assigning = false;
}

void nc_spread_outcome(struct nc_spread *spread, struct nc_ticket *ticket,
                       const struct nc_outcome *outcome)
{
	struct nc_spread_taken *taken = ticket->taken;
	const struct nc_spread_result result = {
		.index = nc_replica_status(spread->service->replica).applied,
		.code = outcome->fault.code,
		.err_code = outcome->fault.err_code
	};
	if (taken->from == 0) {
		assigned(spread, taken);
	} else {
		nc_buf_clear(&spread->body);
		nc_spread_result_put(&spread->body, &result);
		if (nc_buf_status(&spread->body) == NC_OK) {
			(void)nc_peer_reply(spread->peer, taken->from, taken->call, NC_OK,
			                    nc_buf_slice(&spread->body));
		}
	}
	nc_spread_taken_free(spread, taken);
}

void nc_spread_refused(struct nc_spread *spread, struct nc_ticket *ticket, int err)
{
	struct nc_spread_taken *taken = ticket->taken;
	if (taken->from == 0) {
		assigned(spread, taken);
	} else {
		(void)nc_peer_reply(spread->peer, taken->from, taken->call, err, nc_slice(NULL, 0));
	}
	nc_spread_taken_free(spread, taken);
}
