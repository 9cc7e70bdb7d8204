/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Streams deleted and limited: to the replica, and what became of it back to who asked. */
#include <stdio.h>

#include "core/node/service/service_private.h"
#include "transport/nats/reply.h"

void nc_service_stream(struct nc_service *service, const struct nc_request *request,
                       struct nc_slice reply, int endpoint)
{
	bool deletes = request->op == NC_OP_STREAM_DELETE;
	if (!nc_service_knows(service, NC_ENGINE_VERSION_STREAM, reply, endpoint))
		return;
	struct nc_ticket *ticket = nc_service_ticket(service, reply, endpoint);
	if (ticket == NULL)
		return;
	ticket->of = deletes ? NC_TICKET_STREAM_DELETE : NC_TICKET_STREAM_META;
	nc_buf_clear(&service->out);
	nc_command_put_stream(&service->out,
	                      deletes ? NC_COMMAND_STREAM_DELETE : NC_COMMAND_STREAM_META,
	                      &request->change);
	nc_service_propose(service, ticket);
}

static void refuse(struct nc_service *service, const struct nc_ticket *ticket,
                   const struct nc_outcome *outcome)
{
	char room[120], short_room[NC_SERVICE_FAULT_SIZE];
	const char *text = nc_service_fault_text(outcome, short_room);
	if (outcome->fault.err_code == NC_FAULT_REQUEST.err_code) {
		(void)snprintf(room, sizeof room,
		               "member 'truncate_before' lies more than one above the stream's "
		               "version: %llu",
		               (unsigned long long)outcome->version);
		text = room;
	}
	nc_service_refuse(service, nc_ticket_reply(ticket), ticket->endpoint, outcome->fault, text);
}

void nc_service_stream_answer(struct nc_service *service, const struct nc_ticket *ticket,
                              const struct nc_outcome *outcome)
{
	if (outcome->fault.code != 0) {
		refuse(service, ticket, outcome);
		return;
	}
	nc_reply_stream_change(&service->out, outcome, ticket->of == NC_TICKET_STREAM_META);
	nc_service_post_buf(service, nc_ticket_reply(ticket), &service->out, 0);
}
