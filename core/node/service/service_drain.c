/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Draining: leadership goes to another, what was taken up is finished, nothing new is taken up. A
 * signal asks for it, and the process ends with it; or R.node.<id>.drain, and the node stays on as
 * one that votes, keeps copies, and answers no application, until it is stopped. */
#include <stdio.h>
#include <stdlib.h>

#include "core/node/cluster/cluster.h"
#include "core/node/common/say.h"
#include "core/node/service/service_private.h"
#include "core/node/spread/spread.h"
#include "transport/nats/reply.h"

#define HAND_OVER_MS 3000u /* how long a transfer of leadership may take */
#define WAITS_MAX    64u   /* requests that have yet to be answered */

/* A request for a drain, which waits for its answer. */
struct nc_drain_wait {
	struct nc_drain_wait *next;
	uint64_t until_ms;
	char reply[];
};

/* ---- Leadership ------------------------------------------------------------------------------ */

/* It would hand over again, or is about to end. */
static bool is_drained(const struct nc_service *service, uint64_t id)
{
	const struct nc_cluster_other *other = nc_cluster_find(service->options.cluster, id);
	return other != NULL && other->draining;
}

/* The live voter whose log is nearest to this node's, of those that answer applications if any
 * does; 0: there is none. */
static uint64_t heir(const struct nc_service *service, const struct nc_raft_status *status)
{
	const struct nc_raft_peer_status *best = NULL;
	bool best_drained = false;
	for (uint32_t i = 0; i < status->peer_count; i++) {
		const struct nc_raft_peer_status *peer = &status->peers[i];
		if (peer->id == status->self || !peer->voter || !peer->active)
			continue;
		bool drained = is_drained(service, peer->id);
		if (best == NULL || (best_drained && !drained) ||
		    (best_drained == drained && peer->match > best->match)) {
			best = peer;
			best_drained = drained;
		}
	}
	return best == NULL ? 0 : best->id;
}

/* False: there is nobody who could take it. */
static bool hand_over(struct nc_service *service, const struct nc_replica_status *status)
{
	uint64_t to = heir(service, &status->raft);
	if (to == 0 || nc_replica_transfer(service->replica, to) != NC_OK)
		return false;
	nc_say_info("handing leadership over to %s", nc_cluster_name(service->options.cluster, to));
	return true;
}

/* Again when it did not come to be: who was to have it may have died, or given it back. */
static bool handing_over(struct nc_service *service)
{
	const struct nc_replica_status status = nc_replica_status(service->replica);
	if (status.raft.role != NC_RAFT_LEADER || nc_clock_ms() >= service->drain.handing_until_ms)
		return false;
	return status.raft.transferee != 0 || hand_over(service, &status);
}

/* A node that drains still votes. If the others lack entries it may even be elected; then it brings
 * them up to date, and hands over again. */
static void lead_no_more(struct nc_service *service)
{
	struct nc_replica_status status = nc_replica_status(service->replica);
	if (status.raft.role == NC_RAFT_LEADER && status.raft.settled &&
	    status.raft.transferee == 0)
		(void)hand_over(service, &status);
}

/* ---- The rest -------------------------------------------------------------------------------- */

/* Everybody who waits has an answer within NACRE_TIMEOUT_MS, whatever becomes of what was asked. A
 * leader goes on until that is known as well; who does not lead any more learns it only if others
 * come to lead, and need not. */
static bool is_quiet(struct nc_service *service)
{
	struct nc_replica_status status = nc_replica_status(service->replica);
	bool known = nc_replica_idle(service->replica) || status.raft.role != NC_RAFT_LEADER;
	return known && service->tickets.count == 0 && service->changes == NULL &&
	       atomic_load(&service->reads) == 0 && !nc_bus_parting(service->bus) &&
	       !nc_spread_relays_any(service->spread) && !nc_spread_flights_any(service->spread) &&
	       nc_spread_has_left(service->spread);
}

/* Wait one tick more, so that the last answers have left the process: closing the connection sends
 * nothing. */
static bool is_sent(struct nc_service *service)
{
	return !nc_bus_connected(service->bus) || nc_bus_buffered(service->bus) == 0;
}

/* A node that stays tells how the cluster is, also when it is drained; one that leaves answers what
 * it is asked of that until the server knows that it leaves. */
static bool has_parted(struct nc_service *service)
{
	if (!service->drain.parted)
		nc_service_unsubscribe_shared(service);
	service->drain.parted = true;
	return !nc_bus_parting(service->bus) && atomic_load(&service->reads) == 0;
}

static void begin(struct nc_service *service)
{
	if (service->drain.begun)
		return;
	service->drain.begun = true;
	if (service->options.cluster != NULL)
		nc_cluster_tell_draining(service->options.cluster);
	service->drain.handing_until_ms = nc_clock_ms() + HAND_OVER_MS;
}

/* Stop the subscriptions: deliveries go on elsewhere, or at the next start, since acknowledgements
 * are not heard here any more. */
static void drained(struct nc_service *service)
{
	service->drain.done = true;
	if (service->serving)
		nc_subs_unload(service->subs);
	service->serving = false;
	if (service->drain.leaving)
		return;
	nc_say_info("drained: no requests are taken up until the next start");
	nc_service_advise(service, "node", "drained", "");
}

/* Those who have waited long enough by then, or all if it is done. */
static void answers(struct nc_service *service, uint64_t now_ms)
{
	struct nc_drain_wait **at = &service->drain.waits;
	while (*at != NULL) {
		struct nc_drain_wait *wait = *at;
		if (!service->drain.done && now_ms < wait->until_ms) {
			at = &wait->next;
			continue;
		}
		*at = wait->next;
		nc_buf_clear(&service->out);
		nc_buf_printf(&service->out, "{\"node\":\"%s\",\"drained\":%s}",
		              service->options.config->node_id,
		              service->drain.done ? "true" : "false");
		nc_service_send_buf(service, wait->reply, &service->out, 0);
		free(wait);
	}
}

void nc_service_drain_step(struct nc_service *service)
{
	if (!service->drain.begun)
		return;
	if (service->drain.done && service->drain.leaving && !service->drain.told &&
	    has_parted(service) && is_sent(service)) {
		service->drain.told = true;
		service->options.on_drained(service->options.ctx);
		return;
	}
	if (!service->drain.closed && !handing_over(service)) {
		service->drain.closed = true;
		nc_service_unsubscribe_endpoints(service);
		nc_service_backup_end(service); /* a backup may take hours, and is ended */
		nc_sole_end(service);
		nc_replica_drain(service->replica);
	}
	if (service->drain.closed && !service->drain.done && is_quiet(service))
		drained(service);
	if (service->drain.done && !service->drain.leaving)
		lead_no_more(service);
	answers(service, nc_clock_ms());
}

/* ---- Asking for it --------------------------------------------------------------------------- */

void nc_service_drain(struct nc_service *service)
{
	service->drain.leaving = true;
	begin(service);
	nc_service_drain_step(service);
}

void nc_service_leave(struct nc_service *service)
{
	service->drain.begun = service->drain.closed = true;
	service->drain.done = service->drain.leaving = true;
	nc_service_unsubscribe_endpoints(service);
	nc_service_drain_step(service);
}

static size_t waits_count(const struct nc_service *service)
{
	size_t count = 0;
	for (const struct nc_drain_wait *at = service->drain.waits; at != NULL; at = at->next)
		count++;
	return count;
}

void nc_service_drain_asked(struct nc_service *service, struct nc_slice reply, int endpoint)
{
	bool room = reply.size > 0 && waits_count(service) < WAITS_MAX;
	struct nc_drain_wait *wait = room ? malloc(sizeof *wait + reply.size + 1) : NULL;
	if (reply.size > 0 && wait == NULL) {
		nc_service_refuse(service, reply, endpoint, NC_FAULT_BUSY,
		                  nc_fault_text(NC_FAULT_BUSY));
		return;
	}
	if (wait != NULL) {
		*wait = (struct nc_drain_wait){ .next = service->drain.waits,
			                        .until_ms = nc_clock_ms() +
			                                    service->options.config->timeout_ms };
		memcpy(wait->reply, reply.data, reply.size);
		wait->reply[reply.size] = '\0';
		service->drain.waits = wait;
	}
	if (!service->drain.begun)
		nc_say_info("asked to drain");
	begin(service);
	nc_service_drain_step(service);
}

void nc_service_drain_end(struct nc_service *service)
{
	answers(service, UINT64_MAX);
}
