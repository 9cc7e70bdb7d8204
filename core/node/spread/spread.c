/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The life of shared subscriptions on a node, and where what concerns them goes. */
#include "core/node/spread/spread.h"

#include <stdlib.h>

#include "core/node/cluster/cluster.h"
#include "core/node/spread/spread_private.h"

#define ASSIGN_NS  UINT64_C(100000000) /* how often owners are assigned */
#define STALLED_NS UINT64_C(400000000) /* not ticked for so long: we may just not have listened */
#define LEAVE_NS   UINT64_C(500000000) /* how long a node that leaves waits for its log entries */

bool nc_spread_active(const struct nc_spread *spread)
{
	return spread != NULL && spread->service->engine_version >= NC_ENGINE_VERSION_OWN;
}

uint64_t nc_spread_leader(const struct nc_spread *spread, uint64_t *term_out)
{
	const struct nc_replica_status status = nc_replica_status(spread->service->replica);
	*term_out = status.term;
	return status.raft.leader;
}

int nc_spread_ask(struct nc_spread *spread, const struct nc_spread_question *question,
                  const struct nc_spread_call *call)
{
	nc_buf_clear(&spread->body);
	nc_spread_call_put(&spread->body, call);
	int err = nc_buf_status(&spread->body);
	if (err != NC_OK)
		return err;
	const struct nc_peer_question asked = { .to = question->to,
		                                .service = NC_SPREAD_SERVICE,
		                                .body = nc_buf_slice(&spread->body),
		                                .timeout_ms = question->timeout_ms != 0
		                                                      ? question->timeout_ms
		                                                      : NC_SPREAD_CALL_MS };
	return nc_peer_request(spread->peer, &asked, question->fn, question->ctx);
}

/* ---- Leading -------------------------------------------------------------------------------- */

int nc_spread_lead(struct nc_spread *spread)
{
	if (spread == NULL)
		return NC_OK;
	uint64_t now_ns = nc_clock_ns();
	nc_spread_voters_begin(spread, now_ns);
	nc_spread_table_clear(spread);
	spread->leads = true;
	/* before that, something may have ceased to be shared unseen */
	spread->unshared_ns = now_ns;
	nc_pasts_lead(&spread->pasts, nc_replica_status(spread->service->replica).term, now_ns);
	nc_spread_await_lives(spread, now_ns);
	nc_spread_transient_lead(spread);
	return nc_spread_table_load(spread);
}

void nc_spread_step_down(struct nc_spread *spread)
{
	if (spread == NULL)
		return;
	nc_spread_transient_step_down(spread);
	spread->leads = false;
	nc_spread_relays_end(spread);
	nc_spread_flights_end(spread);
	nc_spread_acks_drop(spread); /* owners have answered most of them */
	nc_spread_surveys_end(spread);
}

/* ---- What is applied ------------------------------------------------------------------------ */

void nc_spread_told(struct nc_spread *spread, const struct nc_outcome *outcome)
{
	if (spread == NULL)
		return;
	/* The outcome is of the entry just applied: nc_spread_applied() is called only after it. */
	spread->applied = nc_replica_status(spread->service->replica).applied;
	nc_spread_sent_told(spread, outcome);
	nc_subs_own_told(spread->service->subs, outcome);
	bool first = spread->count == 0;
	int err = nc_spread_table_update(spread, outcome->sub);
	nc_spread_relays_hurry(spread, outcome->sub);
	nc_spread_flights_hurry(spread, outcome->sub);
	first = first && spread->count > 0;
	if (outcome->told == NC_SUB_TOLD_OWNED || first)
		/* renew soon: the leader should hear what was let go, or of us */
		spread->renewed_ns = 0;
	if (outcome->told != NC_SUB_TOLD_GONE)
		spread->looked_ns = 0; /* assign soon: it may be a new one that has no owner yet */
	if (err != NC_OK) {
		spread->service->options.on_fatal(spread->service->options.ctx, err,
		                                  "a subscription cannot be read");
	}
}

static void lease_tell(struct nc_spread *spread)
{
	atomic_store(&spread->lease_until_ns, spread->lease.until_ns);
	nc_subs_own_wake(spread->service->subs);
}

void nc_spread_applied(struct nc_spread *spread, uint64_t applied)
{
	if (spread == NULL)
		return;
	spread->applied = applied;
	nc_lease_applied(&spread->lease, applied);
	lease_tell(spread);
	nc_spread_sent_applied(spread);
	nc_spread_words_step(spread);
	nc_spread_surveys_step(spread);
}

uint64_t nc_spread_told_to(const struct nc_spread *spread)
{
	return spread == NULL ? 0 : spread->applied;
}

bool nc_spread_is_self(const struct nc_spread *spread, struct nc_sub_owner owner)
{
	if (spread == NULL)
		return false;
	return nc_sub_owner_same(owner, (struct nc_sub_owner){ spread->self, spread->boot });
}

bool nc_spread_holds(const struct nc_spread *spread, uint64_t since)
{
	return spread != NULL && !spread->leaving &&
	       nc_lease_holds(&spread->lease, since, nc_clock_ns());
}

bool nc_spread_is_given_up(const struct nc_spread *spread)
{
	const struct nc_lease *lease = &spread->lease;
	return lease->left ||
	       (lease->until_ns > 0 &&
	        nc_clock_ns() > lease->until_ns + (NC_PLACEMENT_GONE_NS - NC_LEASE_NS));
}

bool nc_spread_has_left(const struct nc_spread *spread)
{
	return spread == NULL || spread->leaving;
}

bool nc_spread_lease_holds(const struct nc_spread *spread)
{
	return nc_clock_ns() < atomic_load(&spread->lease_until_ns);
}

/* ---- Time ----------------------------------------------------------------------------------- */

/* This node ends in order. First it stops delivering until everything acknowledged to it is in the
 * log. Then it tells the leader that it runs nothing any more, so that nobody has to wait for its
 * lease to end. */
static void leave(struct nc_spread *spread, uint64_t now_ns)
{
	if (spread->leave_ns == 0) {
		spread->leave_ns = now_ns + LEAVE_NS;
		nc_subs_own_yield_all(spread->service->subs, spread->leave_ns);
	}
	if (!nc_subs_own_have_yielded(spread->service->subs) && now_ns < spread->leave_ns)
		return;
	spread->leaving = true;
	nc_lease_leave(&spread->lease);
	nc_subs_own_left(spread->service->subs);
	atomic_store(&spread->lease_until_ns, 0);
	if (!nc_subs_own_is_delivering(spread->service->subs))
		nc_spread_renew(spread, now_ns); /* which says so: the leader answers from now on */
}

/* While nothing was shared, no node renewed its lease. When there is something again, the leader
 * first gives all of them time to be heard. */
static void look_again(struct nc_spread *spread, uint64_t now_ns)
{
	bool begins = spread->quiet && spread->count > 0;
	spread->quiet = spread->count == 0;
	if (spread->leads && begins)
		nc_spread_voters_begin(spread, now_ns);
}

void nc_spread_tick(struct nc_spread *spread)
{
	if (spread == NULL)
		return;
	uint64_t now_ns = nc_clock_ns();
	if (spread->service->drain.begun && !spread->leaving)
		leave(spread, now_ns);
	/* What was taken from this node is let go once the last job that delivers for it has
	 * ended. */
	if (!nc_subs_own_is_leaving(spread->service->subs))
		spread->released = spread->applied;
	bool ends = spread->leaving && nc_subs_own_is_delivering(spread->service->subs);
	uint64_t since = nc_subs_own_since(spread->service->subs);
	/* Without a connection for clients this node can run nothing: let its lease end, so that
	 * others do. */
	bool able = spread->leaving || nc_bus_connected(spread->service->bus);
	look_again(spread, now_ns);
	if (!ends && able && !spread->quiet &&
	    nc_lease_asks(&spread->lease, since, spread->renewed_ns, now_ns))
		nc_spread_renew(spread, now_ns);
	nc_spread_members(spread, now_ns);
	if (spread->leads) {
		nc_spread_voters_tell(spread, now_ns);
		if (now_ns - spread->ticked_ns > STALLED_NS)
			nc_placement_stalled(&spread->placement, spread->ticked_ns, now_ns);
		if (now_ns - spread->looked_ns >= ASSIGN_NS) {
			spread->looked_ns = now_ns;
			nc_spread_assign(spread, now_ns);
		}
	}
	nc_spread_transient_tick(spread, now_ns);
	nc_spread_note_lives(spread, now_ns);
	nc_spread_relays_step(spread);
	nc_spread_flights_step(spread);
	nc_spread_words_step(spread);
	nc_spread_acks_step(spread, now_ns);
	nc_spread_yields_step(spread);
	nc_spread_surveys_step(spread);
	spread->ticked_ns = now_ns;
}

/* ---- Life ----------------------------------------------------------------------------------- */

static void on_call(void *ctx, uint64_t from, uint64_t call, struct nc_slice body)
{
	struct nc_spread *spread = ctx;
	struct nc_spread_call asked;
	int err = nc_spread_call_get(body, &asked);
	if (err == NC_OK && asked.verb == NC_SPREAD_RENEW) {
		nc_spread_take_renewal(spread, from, call, &asked.renewal, 0);
		return;
	}
	if (err == NC_OK && asked.verb == NC_SPREAD_COMMAND) {
		nc_spread_take_command(spread, from, call, &asked);
		return;
	}
	if (err == NC_OK && asked.verb == NC_SPREAD_YIELD) {
		nc_spread_take_yield(spread, from, call, &asked);
		return;
	}
	if (err == NC_OK && asked.verb == NC_SPREAD_SURVEY) {
		nc_spread_take_survey(spread, from, call, &asked);
		return;
	}
	if (err == NC_OK && asked.verb == NC_SPREAD_ANSWERED) {
		nc_spread_take_answered(spread, from, call, &asked);
		return;
	}
	if (err == NC_OK && asked.verb == NC_SPREAD_FLIGHT) {
		nc_spread_take_flight(spread, from, call, &asked);
		return;
	}
	if (err == NC_OK && asked.verb == NC_SPREAD_REQUEST) {
		nc_spread_take_request(spread, from, call, &asked);
		return;
	}
	if (err == NC_OK)
		err = nc_spread_take_transient(spread, from, &asked);
	(void)nc_peer_reply(spread->peer, from, call, err, nc_slice(NULL, 0));
}

int nc_spread_start(struct nc_service *service, struct nc_spread **spread_out)
{
	if (service->options.cluster == NULL) {
		*spread_out = NULL;
		return NC_OK;
	}
	struct nc_spread *spread = calloc(1, sizeof *spread);
	if (spread == NULL)
		return NC_NOMEM;
	spread->service = service;
	spread->peer = nc_cluster_peer(service->options.cluster);
	spread->self = service->options.self;
	spread->boot = nc_peer_gate(spread->peer)->epoch;
	nc_pasts_begin(&spread->pasts, nc_clock_ns());
	/* What an earlier life of this node owned has an older boot number: it counts as let go. */
	spread->applied = spread->released = nc_replica_status(service->replica).applied;
	int err = nc_state_reader_open(service->options.state, &spread->reader);
	if (err != NC_OK) {
		free(spread);
		return err;
	}
	err = nc_spread_table_load(spread);
	if (err != NC_OK) {
		nc_spread_stop(spread);
		return err;
	}
	nc_peer_serve(spread->peer, NC_SPREAD_SERVICE, on_call, spread);
	*spread_out = spread;
	return NC_OK;
}

void nc_spread_stop(struct nc_spread *spread)
{
	if (spread == NULL)
		return;
	nc_peer_serve(spread->peer, NC_SPREAD_SERVICE, NULL, NULL);
	nc_spread_sent_detach(spread);
	for (struct nc_spread_renewal *at = spread->renewals; at != NULL; at = at->next)
		at->spread = NULL;
	nc_spread_relays_drop(spread);
	nc_spread_flights_drop(spread);
	nc_spread_words_drop(spread);
	nc_spread_acks_drop(spread);
	nc_spread_yields_drop(spread);
	nc_spread_surveys_drop(spread);
	nc_spread_transient_drop(spread);
	nc_spread_table_clear(spread);
	free(spread->rows);
	nc_hashmap_release(&spread->names);
	while (spread->taken != NULL) {
		struct nc_spread_taken *taken = spread->taken;
		spread->taken = taken->next;
		free(taken);
	}
	nc_state_reader_close(spread->reader);
	nc_buf_release(&spread->body);
	free(spread);
}
