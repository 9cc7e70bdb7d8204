/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Batches: to the replica, and what became of them back to who asked; and the engine's version,
 * which the leader raises before it takes any up. */
#include <stdio.h>

#include "core/node/say.h"
#include "core/node/service_private.h"
#include "transport/nats/reply.h"

void nc_service_batch(struct nc_service *service, const struct nc_request *request,
                      struct nc_slice reply, int endpoint)
{
	if (request->ack.size > 0) {
		nc_service_error(service, &service->out,
		                 reply.size == 0 ? "" : (const char *)reply.data,
		                 &service->srv.endpoints[endpoint].stats, NC_FAULT_REQUEST,
		                 "ack is not supported yet", nc_slice(NULL, 0));
		return;
	}
	struct nc_ticket *ticket = nc_ticket_new(&service->tickets, reply, nc_service_now_ms());
	if (ticket == NULL) {
		atomic_fetch_add(&service->counters.unsent, 1);
		return; /* no memory for an answer: a time-out to who asked */
	}
	ticket->endpoint = endpoint;
	ticket->of_batch = true;
	nc_buf_clear(&service->out);
	nc_command_put_batch(&service->out, &request->batch);
	int err = nc_buf_status(&service->out);
	if (err == NC_OK)
		err = nc_replica_command(service->replica, nc_buf_slice(&service->out), ticket);
	if (err != NC_OK)
		nc_service_on_refused(service, ticket, err);
}

static const char *fault_text(const struct nc_outcome *outcome, char room[64])
{
	if (outcome->fault.err_code != NC_FAULT_EXPECTATION.err_code)
		return nc_fault_text(outcome->fault);
	(void)snprintf(room, 64, "wrong last sequence: %llu", (unsigned long long)outcome->version);
	return room;
}

void nc_service_batch_answer(struct nc_service *service, const struct nc_ticket *ticket,
                             const struct nc_outcome *outcome)
{
	char room[64];
	struct nc_buf more = { 0 };
	if (outcome->fault.code == 0) {
		nc_reply_batch(&service->out, outcome);
		nc_service_send(service, ticket->reply, nc_buf_slice(&service->out), 0);
		return;
	}
	nc_reply_batch_more(&more, outcome);
	nc_service_error_more(service, &service->out, ticket->reply,
	                      &service->srv.endpoints[ticket->endpoint].stats, outcome->fault,
	                      fault_text(outcome, room), nc_buf_slice(&more));
	nc_buf_release(&more);
}

void nc_service_batch_tell(struct nc_service *service, const struct nc_outcome *outcome)
{
	for (size_t i = 0; i < outcome->result_count; i++) {
		const struct nc_batch_result *result = &outcome->results[i];
		if (result->record.size > 0)
			nc_service_tell(service, result->record, result->position, result->version,
			                outcome->time_ns);
	}
}

/* ---- The engine's version ------------------------------------------------------------------- */

void nc_service_raise(struct nc_service *service)
{
	if (!service->serving || service->raising || service->engine_version >= NC_ENGINE_VERSION)
		return;
	struct nc_ticket *ticket =
	        nc_ticket_new(&service->tickets, nc_slice(NULL, 0), nc_service_now_ms());
	struct nc_buf command = { 0 };
	nc_command_put_engine_version(&command, NC_ENGINE_VERSION);
	if (ticket == NULL || nc_buf_status(&command) != NC_OK) {
		if (ticket != NULL)
			nc_ticket_free(&service->tickets, ticket);
	} else {
		ticket->of_version = true;
		service->raising = true;
		if (nc_replica_command(service->replica, nc_buf_slice(&command), ticket) != NC_OK)
			nc_service_raised(service, ticket, false);
	}
	nc_buf_release(&command);
}

void nc_service_raised(struct nc_service *service, struct nc_ticket *ticket, bool done)
{
	nc_ticket_free(&service->tickets, ticket);
	service->raising = false; /* if it was not done, the timer asks again */
	if (!done)
		return;
	service->engine_version = NC_ENGINE_VERSION;
	nc_say_info("engine version %u from here on", NC_ENGINE_VERSION);
}
