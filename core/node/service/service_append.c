/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Appends: to the replica, and back to who asked. */
#include "core/node/service/service_private.h"
#include "transport/nats/reply.h"

struct nc_ticket *nc_service_ticket(struct nc_service *service, struct nc_slice reply, int endpoint)
{
	struct nc_ticket *ticket = nc_ticket_new(&service->tickets, reply, nc_clock_ms());
	if (ticket == NULL) {
		atomic_fetch_add(&service->counters.unsent, 1);
	} else {
		ticket->endpoint = endpoint;
	}
	return ticket;
}

void nc_service_append(struct nc_service *service, const struct nc_request *request,
                       struct nc_slice reply, int endpoint)
{
	struct nc_ticket *ticket = nc_service_ticket(service, reply, endpoint);
	if (ticket == NULL)
		return;
	ticket->mark = nc_interest_expect(service->feed.interest, 1);
	int err = nc_replica_append(service->replica, request->expect, request->record, ticket);
	if (err != NC_OK)
		nc_service_on_refused(service, ticket, err);
}

void nc_service_append_answer(struct nc_service *service, const struct nc_ticket *ticket,
                              const struct nc_outcome *outcome)
{
	char room[NC_SERVICE_FAULT_SIZE];
	if (outcome->fault.code != 0) {
		nc_service_refuse(service, nc_ticket_reply(ticket), ticket->endpoint,
		                  outcome->fault, nc_service_fault_text(outcome, room));
		return;
	}
	nc_reply_append(&service->out, outcome);
	nc_service_post_buf(service, nc_ticket_reply(ticket), &service->out, 0);
}
