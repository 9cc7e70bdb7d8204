/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Snapshots put and deleted: to the replica, and what became of it back to who asked. */
#include <stdio.h>

#include "core/node/service/service_private.h"
#include "transport/nats/reply.h"
#include "transport/nats/snap_message.h"

static void propose(struct nc_service *service, const struct nc_request *request,
                    struct nc_ticket *ticket)
{
	nc_buf_clear(&service->out);
	if (request->op == NC_OP_SNAP_PUT) {
		nc_command_put_snap(&service->out, service->options.config->snapshot_keep,
		                    request->record);
	} else {
		nc_command_put_snap_delete(&service->out, &request->range);
	}
	nc_service_propose(service, ticket);
}

void nc_service_snap(struct nc_service *service, const struct nc_request *request,
                     struct nc_slice reply, int endpoint)
{
	if (!nc_service_knows(service, NC_ENGINE_VERSION_SNAP, reply, endpoint))
		return;
	struct nc_ticket *ticket = nc_service_ticket(service, reply, endpoint);
	if (ticket == NULL)
		return;
	ticket->of = request->op == NC_OP_SNAP_PUT ? NC_TICKET_SNAP_PUT
	             : request->one                ? NC_TICKET_SNAP_DELETE_ONE
	                                           : NC_TICKET_SNAP_DELETE;
	propose(service, request, ticket);
}

/* If one command could not delete them all, propose the next, until all are gone; also if nobody
 * waits for it any more. */
bool nc_service_snap_goes_on(struct nc_service *service, struct nc_ticket *ticket,
                             const struct nc_outcome *outcome)
{
	ticket->removed += outcome->removed;
	if (outcome->left_before == 0)
		return false;
	const struct nc_request rest = { .op = NC_OP_SNAP_DELETE,
		                         .range = { .stream = outcome->stream,
		                                    .from = outcome->left_from,
		                                    .before = outcome->left_before } };
	propose(service, &rest, ticket);
	return true;
}

static void refuse(struct nc_service *service, const struct nc_ticket *ticket,
                   const struct nc_outcome *outcome, struct nc_fault fault)
{
	char room[120];
	const char *text = nc_fault_text(fault);
	if (fault.err_code == NC_FAULT_REQUEST.err_code) {
		bool earlier = outcome->left_from > 0;
		(void)snprintf(
		        room, sizeof room, "header Es-Snapshot-Seq %s: %llu",
		        earlier ? "is not above the snapshots of an earlier life of the stream; at "
		                  "least"
		                : "lies above the stream's version",
		        (unsigned long long)(earlier ? outcome->left_from : outcome->version));
		text = room;
	}
	nc_service_refuse(service, nc_ticket_reply(ticket), ticket->endpoint, fault, text);
}

void nc_service_snap_answer(struct nc_service *service, const struct nc_ticket *ticket,
                            const struct nc_outcome *outcome)
{
	if (outcome->fault.code != 0) {
		refuse(service, ticket, outcome, outcome->fault);
		return;
	}
	if (ticket->of == NC_TICKET_SNAP_DELETE_ONE && ticket->removed == 0) {
		refuse(service, ticket, outcome, NC_FAULT_NO_SNAPSHOT);
		return;
	}
	if (ticket->of == NC_TICKET_SNAP_PUT) {
		nc_reply_snap_put(&service->out, outcome);
	} else {
		nc_reply_snap_delete(&service->out, outcome->stream, ticket->removed);
	}
	nc_service_post_buf(service, nc_ticket_reply(ticket), &service->out, 0);
}
