/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests that wait for their answer, oldest first. */
#include "core/node/common/ticket.h"

#include <stdlib.h>

#include "core/base/assert.h"

struct nc_ticket *nc_ticket_new(struct nc_ticket_list *list, struct nc_slice reply,
                                uint64_t taken_ms)
{
	struct nc_ticket *ticket = malloc(sizeof *ticket + reply.size + 1);
	if (ticket == NULL)
		return NULL;
	*ticket = (struct nc_ticket){ .prev = list->last,
		                      .taken_ms = taken_ms,
		                      .reply_size = reply.size };
	if (reply.size > 0)
		memcpy(ticket->reply, reply.data, reply.size);
	ticket->reply[reply.size] = '\0';
	if (list->last == NULL) {
		list->first = ticket;
	} else {
		list->last->next = ticket;
	}
	list->last = ticket;
	list->count++;
	return ticket;
}

static void unlink_ticket(struct nc_ticket_list *list, struct nc_ticket *ticket)
{
	if (ticket->prev == NULL) {
		list->first = ticket->next;
	} else {
		ticket->prev->next = ticket->next;
	}
	if (ticket->next == NULL) {
		list->last = ticket->prev;
	} else {
		ticket->next->prev = ticket->prev;
	}
	list->count--;
}

void nc_ticket_free(struct nc_ticket_list *list, struct nc_ticket *ticket)
{
	if (!ticket->answered)
		unlink_ticket(list, ticket);
	free(ticket);
}

struct nc_ticket *nc_ticket_expire(struct nc_ticket_list *list, uint64_t before_ms)
{
	struct nc_ticket *ticket = list->first;
	if (ticket == NULL || ticket->taken_ms > before_ms)
		return NULL;
	nc_assert(!ticket->answered);
	unlink_ticket(list, ticket);
	ticket->answered = true;
	return ticket;
}
