/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Batches: to the replica, and what became of them back to who asked. */
#include "core/node/service/service_private.h"
#include "transport/nats/reply.h"

/* Understand the acknowledgement that `subject` names. Whether it is stale is decided when the
 * batch is applied, since a retry has to be recognised first. False: refused. */
static bool ack_take(struct nc_service *service, struct nc_slice subject, struct nc_slice reply,
                     int endpoint, struct nc_batch_ack *ack_out)
{
	static const char marker[] = ".ack.";
	const struct nc_slice root = nc_slice(service->root, service->root_size);
	bool ours = nc_slice_starts(subject, root) &&
	            nc_slice_starts(nc_slice_from(subject, root.size), nc_slice_str(marker));
	struct nc_slice rest = nc_slice_from(subject, root.size + sizeof marker - 1);
	int err = ours ? nc_subs_batch_ack(service->subs, rest, ack_out) : NC_INVALID;
	if (err == NC_INVALID) {
		nc_service_refuse(
		        service, reply, endpoint, NC_FAULT_REQUEST,
		        "member 'reply' of ack is not the reply subject of a delivery of this "
		        "store");
	} else if (err == NC_UNSUPPORTED) {
		nc_service_refuse(
		        service, reply, endpoint, NC_FAULT_REQUEST,
		        "ack: of a transient subscription, whose acknowledgements are not in the "
		        "log");
	} else if (err == NC_BUSY) {
		nc_service_refuse(service, reply, endpoint, NC_FAULT_BUSY,
		                  nc_fault_text(NC_FAULT_BUSY));
	} else {
		return nc_service_knows(service, NC_ENGINE_VERSION_ACK, reply, endpoint);
	}
	return false;
}

void nc_service_batch(struct nc_service *service, const struct nc_request *request,
                      struct nc_slice reply, int endpoint)
{
	struct nc_batch batch = request->batch;
	if (request->ack.size > 0 && !ack_take(service, request->ack, reply, endpoint, &batch.ack))
		return;
	if (!nc_spread_flight(service->spread, &batch, reply, endpoint))
		nc_service_batch_propose(service, &batch, reply, endpoint);
}

void nc_service_batch_propose(struct nc_service *service, const struct nc_batch *batch,
                              struct nc_slice reply, int endpoint)
{
	struct nc_ticket *ticket = nc_service_ticket(service, reply, endpoint);
	if (ticket == NULL)
		return;
	ticket->of = NC_TICKET_BATCH;
	ticket->mark = nc_interest_expect(service->feed.interest, batch->event_count);
	nc_buf_clear(&service->out);
	nc_command_put_batch(&service->out, batch);
	nc_service_propose(service, ticket);
}

void nc_service_batch_answer(struct nc_service *service, const struct nc_ticket *ticket,
                             const struct nc_outcome *outcome)
{
	char room[NC_SERVICE_FAULT_SIZE];
	struct nc_buf more = { 0 };
	if (outcome->fault.code == 0) {
		nc_reply_batch(&service->out, outcome);
		nc_service_post_buf(service, nc_ticket_reply(ticket), &service->out, 0);
		return;
	}
	nc_reply_batch_more(&more, outcome);
	nc_service_error(service, &service->out, ticket->reply,
	                 &service->srv.endpoints[ticket->endpoint].stats,
	                 &(struct nc_service_refusal){ .fault = outcome->fault,
	                                               .text = nc_service_fault_text(outcome, room),
	                                               .more = nc_buf_slice(&more) });
	nc_buf_release(&more);
}
