/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Appends: to the replica, and what became of them back to who asked, and on the feed. */
#include "core/node/service/service_private.h"
#include "transport/nats/event_message.h"
#include "transport/nats/reply.h"

static struct nc_srv_stats *stats_of(struct nc_service *service, const struct nc_ticket *ticket)
{
	return &service->srv.endpoints[ticket->endpoint].stats;
}

/* The fault of an append that the replica did not take. */
static struct nc_fault fault_of(struct nc_service *service, int err)
{
	switch (err) {
	case NC_FULL:
		atomic_fetch_add(&service->counters.disk_full, 1);
		return NC_FAULT_DISK_FULL;
	case NC_CONFLICT: /* this node does not lead any more */
	case NC_CLOSED:   /* draining: another node, or the next start, will answer */
		return NC_FAULT_UNAVAILABLE;
	default:
		atomic_fetch_add(&service->counters.shed, 1);
		return NC_FAULT_BUSY;
	}
}

static void refuse(struct nc_service *service, struct nc_ticket *ticket, int err)
{
	if (ticket->of_version) {
		nc_service_raised(service, ticket);
		return;
	}
	if (ticket->of_digest) { /* the next mark will do */
		nc_ticket_free(&service->tickets, ticket);
		return;
	}
	if (ticket->of_spread != NULL) {
		nc_spread_refused(service->spread, ticket, err);
		nc_ticket_free(&service->tickets, ticket);
		return;
	}
	if (ticket->of_subs != NULL) {
		nc_subs_refused(service->subs, ticket, err);
		nc_ticket_free(&service->tickets, ticket);
		return;
	}
	struct nc_fault fault = fault_of(service, err);
	if (!ticket->answered) {
		nc_service_refuse(service, nc_ticket_reply(ticket), ticket->endpoint, fault,
		                  nc_fault_text(fault));
	}
	nc_ticket_free(&service->tickets, ticket);
}

struct nc_ticket *nc_service_ticket(struct nc_service *service, struct nc_slice reply, int endpoint)
{
	struct nc_ticket *ticket = nc_ticket_new(&service->tickets, reply, nc_service_now_ms());
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
		refuse(service, ticket, err);
}

void nc_service_on_refused(void *ctx, void *ticket, int err)
{
	refuse(ctx, ticket, err);
}

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
		return; /* cannot be: apply has read it */
	if (service->feed.on)
		feed(service, &event);
	nc_subs_event(service->subs, &event, record);
}

static void answer(struct nc_service *service, const struct nc_ticket *ticket,
                   const struct nc_outcome *outcome)
{
	if (ticket->of_batch) {
		nc_service_batch_answer(service, ticket, outcome);
		return;
	}
	if (ticket->of_snap != NC_TICKET_SNAP_NOTHING) {
		nc_service_snap_answer(service, ticket, outcome);
		return;
	}
	if (ticket->of_stream != NC_TICKET_STREAM_NOTHING) {
		nc_service_stream_answer(service, ticket, outcome);
		return;
	}
	if (outcome->fault.code == 0) {
		nc_reply_append(&service->out, outcome);
		nc_service_post(service, nc_ticket_reply(ticket), nc_buf_slice(&service->out), 0);
		return;
	}
	char room[NC_SERVICE_FAULT_SIZE];
	nc_service_refuse(service, nc_ticket_reply(ticket), ticket->endpoint, outcome->fault,
	                  nc_service_fault_text(outcome, room));
}

/* What another node took up, to the subscriptions that run here all the same. */
static void tell_owned(struct nc_service *service, struct nc_slice record, uint64_t position,
                       uint64_t version, uint64_t time_ns)
{
	struct nc_event event;
	if (record.size > 0 &&
	    nc_event_applied_get(record, position, version, time_ns, &event) == NC_OK)
		nc_subs_event(service->subs, &event, record);
}

static void tell_others(struct nc_service *service, const struct nc_outcome *outcome)
{
	if (nc_subs_count(service->subs) == 0)
		return;
	tell_owned(service, outcome->record, outcome->position, outcome->version, outcome->time_ns);
	for (size_t i = 0; i < outcome->result_count; i++) {
		const struct nc_batch_result *result = &outcome->results[i];
		tell_owned(service, result->record, result->position, result->version,
		           outcome->time_ns);
	}
}

void nc_service_on_outcome(void *ctx, void *ticket_ptr, const struct nc_outcome *outcome)
{
	struct nc_service *service = ctx;
	struct nc_ticket *ticket = ticket_ptr;
	if (outcome->position > atomic_load(&service->position))
		atomic_store(&service->position, outcome->position);
	if (outcome->engine_version > 0)
		nc_service_version_is(service, outcome->engine_version);
	if (outcome->differs_at > 0)
		nc_service_digest_differs(service, outcome->differs_at);
	if (outcome->ack.name.size > 0)
		nc_subs_batch_acked(service->subs, &outcome->ack);
	if (outcome->stream_is.state != 0 && !outcome->duplicate &&
	    nc_subs_count(service->subs) > 0)
		nc_subs_sweep(service->subs);
	if (outcome->told != NC_SUB_TOLD_NOTHING)
		nc_spread_told(service->spread, outcome);
	if (ticket == NULL) { /* another node's, who answers */
		tell_others(service, outcome);
		return;
	}
	if (ticket->of_spread != NULL) {
		nc_spread_outcome(service->spread, ticket, outcome);
		nc_ticket_free(&service->tickets, ticket);
		return;
	}
	if (ticket->of_version) {
		nc_service_raised(service, ticket);
		return;
	}
	if (ticket->of_digest) {
		nc_ticket_free(&service->tickets, ticket);
		return;
	}
	if (ticket->of_subs != NULL) {
		nc_subs_outcome(service->subs, ticket, outcome);
		nc_ticket_free(&service->tickets, ticket);
		return;
	}
	if (ticket->of_snap != NC_TICKET_SNAP_NOTHING &&
	    nc_service_snap_goes_on(service, ticket, outcome))
		return;
	if (!ticket->answered) {
		answer(service, ticket, outcome);
		atomic_fetch_add(&stats_of(service, ticket)->time_ns,
		                 (nc_service_now_ms() - ticket->taken_ms) * 1000000);
	}
	nc_ticket_free(&service->tickets, ticket);
	if (outcome->record.size > 0) {
		nc_service_tell(service, outcome->record, outcome->position, outcome->version,
		                outcome->time_ns);
	} else if (outcome->result_count > 0) {
		nc_service_batch_tell(service, outcome);
	}
}
