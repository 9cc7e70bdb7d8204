/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Appends: to the replica, back to who asked, and on the feed. */
#include "core/node/service/service_private.h"
#include "transport/nats/event_message.h"
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
	nc_service_post(service, nc_ticket_reply(ticket), nc_buf_slice(&service->out), 0);
}

/* ---- The feed ------------------------------------------------------------------------------- */

static void feed(struct nc_service *service, const struct nc_event *event)
{
	size_t header_size;
	nc_buf_clear(&service->feed.message);
	nc_buf_clear(&service->feed.subject);
	nc_event_message_put(&service->feed.message, service->root, event, nc_slice(NULL, 0),
	                     &header_size);
	nc_event_subject_put(&service->feed.subject, service->root, "event", event->type,
	                     event->stream);
	if (nc_buf_status(&service->feed.message) != NC_OK ||
	    nc_buf_status(&service->feed.subject) != NC_OK) {
		atomic_fetch_add(&service->counters.unsent, 1);
	} else {
		(void)nc_outbox_put(&service->feed.outbox, service->bus,
		                    nc_buf_slice(&service->feed.subject), nc_slice(NULL, 0),
		                    nc_buf_slice(&service->feed.message), header_size);
	}
}

void nc_service_tell(struct nc_service *service, struct nc_slice record, uint64_t position,
                     uint64_t version, uint64_t time_ns)
{
	struct nc_event event;
	if (!service->feed.on && nc_subs_count(service->subs) == 0)
		return;
	if (nc_event_applied_get(record, position, version, time_ns, &event) != NC_OK)
		return; /* cannot be: the engine has read it */
	if (service->feed.on)
		feed(service, &event);
	nc_subs_event(service->subs, &event, record);
}
