/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Leases: a node asks the leader for one, again and again; the leader answers when it has made sure
 * that it still leads. */
#include <stdlib.h>

#include "core/node/spread/spread_private.h"

/* On the leader: a renewal that waits for a round of heartbeats, which shows that this node still
 * leads. */
struct renewal_wait {
	struct nc_replica_wait wait; /* first */
	struct nc_spread *spread;
	uint64_t from, call;
	uint64_t sent_ns; /* of this node's own renewal */
};

/* ---- A node --------------------------------------------------------------------------------- */

static void granted(struct nc_spread *spread, uint64_t sent_ns, const struct nc_spread_grant *grant)
{
	nc_lease_grant(&spread->lease, sent_ns, grant->applied, grant->clear, spread->applied);
	atomic_store(&spread->lease_until_ns, spread->lease.until_ns);
	nc_subs_own_wake(spread->service->subs);
}

static void on_reply(void *ctx, int err, struct nc_slice body)
{
	struct nc_spread_renewal *renewal = ctx;
	struct nc_spread *spread = renewal->spread;
	struct nc_spread_grant grant;
	if (spread != NULL) {
		struct nc_spread_renewal **at = &spread->renewals;
		while (*at != renewal)
			at = &(*at)->next;
		*at = renewal->next;
		if (err == NC_OK && nc_spread_grant_get(body, &grant) == NC_OK)
			granted(spread, renewal->sent_ns, &grant);
		nc_subs_turn(spread->service->subs);
	}
	free(renewal);
}

static void ask(struct nc_spread *spread, uint64_t leader, const struct nc_spread_call *call,
                uint64_t now_ns)
{
	struct nc_spread_renewal *renewal = malloc(sizeof *renewal);
	if (renewal == NULL)
		return; /* the next renewal will do */
	*renewal = (struct nc_spread_renewal){ spread->renewals, spread, now_ns };
	const struct nc_spread_question question = { .to = leader, .fn = on_reply, .ctx = renewal };
	if (nc_spread_ask(spread, &question, call) == NC_OK) {
		spread->renewals = renewal;
	} else {
		free(renewal);
	}
}

void nc_spread_renew(struct nc_spread *spread, uint64_t now_ns)
{
	uint64_t term, leader = nc_spread_leader(spread, &term);
	const struct nc_spread_call call = { .verb = NC_SPREAD_RENEW,
		                             .renewal = { .boot = spread->boot,
		                                          .released = spread->released,
		                                          .leaving = spread->leaving } };
	spread->renewed_ns = now_ns;
	if (leader == spread->self) {
		nc_spread_take_renewal(spread, 0, 0, &call.renewal, now_ns);
	} else if (leader != 0) {
		ask(spread, leader, &call, now_ns);
	}
}

/* ---- The leader ----------------------------------------------------------------------------- */

static void renewal_reply(struct nc_spread *spread, uint64_t from, uint64_t call, int err,
                          struct nc_slice body)
{
	if (from != 0)
		(void)nc_peer_reply(spread->peer, from, call, err, body);
}

static void on_confirmed(struct nc_replica_wait *replica_wait, int err)
{
	struct renewal_wait *wait = (struct renewal_wait *)replica_wait;
	struct nc_spread *spread = wait->spread;
	if (err != NC_OK || !spread->leads) {
		renewal_reply(spread, wait->from, wait->call, NC_CONFLICT, nc_slice(NULL, 0));
		free(wait);
		return;
	}
	uint64_t applied = nc_replica_status(spread->service->replica).applied;
	const struct nc_spread_grant grant = {
		.applied = replica_wait->index,
		.clear = nc_placement_clear(&spread->placement, applied, nc_clock_ns())
	};
	nc_buf_clear(&spread->body);
	nc_spread_grant_put(&spread->body, &grant);
	if (wait->from == 0) {
		granted(spread, wait->sent_ns, &grant);
	} else if (nc_buf_status(&spread->body) == NC_OK) {
		renewal_reply(spread, wait->from, wait->call, NC_OK, nc_buf_slice(&spread->body));
	}
	free(wait);
}

void nc_spread_take_renewal(struct nc_spread *spread, uint64_t from, uint64_t call,
                            const struct nc_placement_renewal *renewal, uint64_t sent_ns)
{
	uint64_t number = from == 0 ? spread->self : from;
	if (!spread->leads) {
		renewal_reply(spread, from, call, NC_CONFLICT, nc_slice(NULL, 0));
		return;
	}
	struct renewal_wait *wait = malloc(sizeof *wait);
	bool may = nc_placement_hear(&spread->placement, number, renewal, nc_clock_ns());
	if (renewal->leaving) /* what comes from now on, it does not answer */
		nc_spread_note_lives(spread, nc_clock_ns());
	if (wait == NULL || !may || renewal->leaving) {
		renewal_reply(spread, from, call, NC_BUSY, nc_slice(NULL, 0));
		free(wait);
		return;
	}
	*wait = (struct renewal_wait){ .wait = { .fn = on_confirmed },
		                       .spread = spread,
		                       .from = from,
		                       .call = call,
		                       .sent_ns = sent_ns };
	nc_replica_confirm(spread->service->replica, &wait->wait);
}

void nc_spread_members(struct nc_spread *spread, uint64_t now_ns)
{
	uint64_t index = nc_replica_status(spread->service->replica).raft.config_index;
	if (index != spread->config_index || spread->changed_ns == 0)
		spread->changed_ns = now_ns;
	spread->config_index = index;
}

static size_t voters_of(const struct nc_raft_members *members, uint64_t voters[NC_RAFT_MEMBERS_MAX])
{
	size_t count = 0;
	for (uint32_t i = 0; i < members->count; i++) {
		if (members->at[i].voter)
			voters[count++] = members->at[i].id;
	}
	return count;
}

void nc_spread_voters_begin(struct nc_spread *spread, uint64_t now_ns)
{
	const struct nc_replica_status status = nc_replica_status(spread->service->replica);
	uint64_t voters[NC_RAFT_MEMBERS_MAX];
	size_t count = voters_of(&status.raft.members, voters);
	nc_spread_members(spread, now_ns);
	nc_placement_begin(&spread->placement, voters, count, spread->changed_ns, now_ns);
	nc_placement_committed(&spread->placement, status.commit, now_ns);
}

void nc_spread_voters_tell(struct nc_spread *spread, uint64_t now_ns)
{
	const struct nc_replica_status status = nc_replica_status(spread->service->replica);
	uint64_t voters[NC_RAFT_MEMBERS_MAX];
	size_t count = voters_of(&status.raft.members, voters);
	nc_placement_voters(&spread->placement, voters, count, now_ns);
	nc_placement_committed(&spread->placement, status.commit, now_ns);
}
