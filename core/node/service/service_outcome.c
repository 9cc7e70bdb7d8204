/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What became of what the replica was given: to who asked for it, and to who listens. */
#include "core/node/service/service_private.h"
#include "core/node/spread/spread.h"
#include "transport/nats/reply.h"

static bool is_of_snap(const struct nc_ticket *ticket)
{
	return ticket->of == NC_TICKET_SNAP_PUT || ticket->of == NC_TICKET_SNAP_DELETE ||
	       ticket->of == NC_TICKET_SNAP_DELETE_ONE;
}

static bool is_of_stream(const struct nc_ticket *ticket)
{
	return ticket->of == NC_TICKET_STREAM_DELETE || ticket->of == NC_TICKET_STREAM_META;
}

/* ---- Refused -------------------------------------------------------------------------------- */

/* The fault with which a command is refused that the replica did not take. */
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

static void client_refused(struct nc_service *service, const struct nc_ticket *ticket, int err)
{
	struct nc_fault fault = fault_of(service, err);
	if (!ticket->answered) {
		nc_service_refuse(service, nc_ticket_reply(ticket), ticket->endpoint, fault,
		                  nc_fault_text(fault));
	}
}

void nc_service_on_refused(void *ctx, void *ticket_ptr, int err)
{
	struct nc_service *service = ctx;
	struct nc_ticket *ticket = ticket_ptr;
	switch (ticket->of) {
	case NC_TICKET_VERSION:
		nc_service_raised(service);
		break;
	case NC_TICKET_DIGEST: /* the next mark will do */
		break;
	case NC_TICKET_SPREAD:
		nc_spread_refused(service->spread, ticket, err);
		break;
	case NC_TICKET_SUB:
		nc_subs_refused(service->subs, ticket, err);
		break;
	default:
		client_refused(service, ticket, err);
	}
	nc_ticket_free(&service->tickets, ticket);
}

/* ---- Applied: to who asked ------------------------------------------------------------------ */

static void answer(struct nc_service *service, const struct nc_ticket *ticket,
                   const struct nc_outcome *outcome)
{
	if (ticket->of == NC_TICKET_BATCH) {
		nc_service_batch_answer(service, ticket, outcome);
	} else if (is_of_snap(ticket)) {
		nc_service_snap_answer(service, ticket, outcome);
	} else if (is_of_stream(ticket)) {
		nc_service_stream_answer(service, ticket, outcome);
	} else {
		nc_service_append_answer(service, ticket, outcome);
	}
	atomic_fetch_add(&service->srv.endpoints[ticket->endpoint].stats.time_ns,
	                 (nc_clock_ms() - ticket->taken_ms) * 1000000);
}

/* Answer the client first, then tell those who listen. */
static void client_told(struct nc_service *service, struct nc_ticket *ticket,
                        const struct nc_outcome *outcome)
{
	if (is_of_snap(ticket) && nc_service_snap_goes_on(service, ticket, outcome))
		return;
	if (!ticket->answered)
		answer(service, ticket, outcome);
	uint64_t mark = ticket->mark;
	nc_ticket_free(&service->tickets, ticket);
	nc_service_tell(service, mark, outcome);
}

/* ---- Applied: to who has not asked ---------------------------------------------------------- */

/* Tell the subscriptions that run here of what another node has taken up. */
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

/* Note what the outcome changes in this node, whichever node took the command up. */
static void note(struct nc_service *service, const struct nc_outcome *outcome)
{
	if (outcome->position > atomic_load(&service->position))
		atomic_store(&service->position, outcome->position);
	if (outcome->time_ns > service->clock.last_ns)
		service->clock.last_ns = outcome->time_ns;
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
}

void nc_service_on_outcome(void *ctx, void *ticket_ptr, const struct nc_outcome *outcome)
{
	struct nc_service *service = ctx;
	struct nc_ticket *ticket = ticket_ptr;
	note(service, outcome);
	if (ticket == NULL) { /* another node has the request, and answers it */
		tell_others(service, outcome);
		return;
	}
	switch (ticket->of) {
	case NC_TICKET_VERSION:
		nc_service_raised(service);
		break;
	case NC_TICKET_DIGEST:
		break;
	case NC_TICKET_SPREAD:
		nc_spread_outcome(service->spread, ticket, outcome);
		break;
	case NC_TICKET_SUB:
		nc_subs_outcome(service->subs, ticket, outcome);
		break;
	default:
		client_told(service, ticket, outcome);
		return;
	}
	nc_ticket_free(&service->tickets, ticket);
}
