/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Streams deleted and limited: to the replica, and what became of it back to who asked. */
#include <stdio.h>

#include "core/node/service_private.h"
#include "transport/nats/reply.h"

static struct nc_srv_stats *stats_of(struct nc_service *service, int endpoint)
{
	return &service->srv.endpoints[endpoint].stats;
}

/* Whether all nodes can read the command: the version is raised, or about to be by an entry before
 * ours, which is only made when all know it. */
static bool is_known(const struct nc_service *service)
{
	return service->engine_version >= NC_ENGINE_VERSION_STREAM ||
	       service->raising >= NC_ENGINE_VERSION_STREAM;
}

void nc_service_stream(struct nc_service *service, const struct nc_request *request,
                       struct nc_slice reply, int endpoint)
{
	bool deletes = request->op == NC_OP_STREAM_DELETE;
	if (!is_known(service)) {
		nc_service_error(
		        service, &service->out, reply.size == 0 ? "" : (const char *)reply.data,
		        stats_of(service, endpoint),
		        &(struct nc_service_refusal){ .fault = NC_FAULT_VERSION,
		                                      .text = nc_fault_text(NC_FAULT_VERSION) });
		return;
	}
	struct nc_ticket *ticket = nc_service_ticket(service, reply, endpoint);
	if (ticket == NULL)
		return;
	ticket->of_stream = deletes ? NC_TICKET_STREAM_DELETE : NC_TICKET_STREAM_META;
	nc_buf_clear(&service->out);
	nc_command_put_stream(&service->out,
	                      deletes ? NC_COMMAND_STREAM_DELETE : NC_COMMAND_STREAM_META,
	                      &request->change);
	int err = nc_buf_status(&service->out);
	if (err == NC_OK)
		err = nc_replica_command(service->replica, nc_buf_slice(&service->out), ticket);
	if (err != NC_OK)
		nc_service_on_refused(service, ticket, err);
}

static void refuse(struct nc_service *service, const struct nc_ticket *ticket,
                   const struct nc_outcome *outcome)
{
	char room[120];
	const char *text = nc_fault_text(outcome->fault);
	unsigned long long version = outcome->version;
	if (outcome->fault.err_code == NC_FAULT_EXPECTATION.err_code) {
		(void)snprintf(room, sizeof room, "wrong last sequence: %llu", version);
		text = room;
	} else if (outcome->fault.err_code == NC_FAULT_REQUEST.err_code) {
		(void)snprintf(room, sizeof room,
		               "member 'truncate_before' lies more than one above the stream's "
		               "version: %llu",
		               version);
		text = room;
	}
	nc_service_error(service, &service->out, ticket->reply, stats_of(service, ticket->endpoint),
	                 &(struct nc_service_refusal){ .fault = outcome->fault, .text = text });
}

void nc_service_stream_answer(struct nc_service *service, const struct nc_ticket *ticket,
                              const struct nc_outcome *outcome)
{
	if (outcome->fault.code != 0) {
		refuse(service, ticket, outcome);
		return;
	}
	nc_reply_stream_change(&service->out, outcome, ticket->of_stream == NC_TICKET_STREAM_META);
	nc_service_post(service, nc_ticket_reply(ticket), nc_buf_slice(&service->out), 0);
}
