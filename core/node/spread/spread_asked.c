/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Acknowledgements that the leader keeps, and that it does not know to be answered: all other nodes
 * are asked which of them they have answered. What nobody claims is refused when nobody is left who
 * could have answered it; else nobody answers it. */
#include <stdlib.h>

#include "core/node/spread/spread_acks_private.h"
#include "transport/nats/reply.h"

#define AGAIN_NS UINT64_C(50000000) /* before the same is asked once more */

/* A question to all nodes: who answers these acknowledgements? */
struct nc_spread_asking {
	struct nc_spread *spread; /* NULL: the answers are no longer wanted */
	unsigned awaited;
	size_t count, witness_count;
	struct nc_witness witnesses[NC_RAFT_MEMBERS_MAX];
	uint8_t taken[NC_SPREAD_ASKED_MAX]; /* [count], in the order of the list */
};

struct question {
	struct nc_spread_asking *asking;
	struct nc_sub_owner who; /* the life that was asked */
};

/* ---- What becomes of them ------------------------------------------------------------------- */

static void answer(struct nc_spread *spread, const struct nc_spread_ack *ack, struct nc_fault fault,
                   const char *text)
{
	struct nc_service *service = spread->service;
	nc_subs_note_answered(service->subs, ack->hash, nc_clock_ns());
	nc_service_error(service, &service->out, ack->reply,
	                 &service->srv.endpoints[ack->endpoint].stats,
	                 &(struct nc_service_refusal){ .fault = fault, .text = text });
}

static bool is_reached(const struct nc_spread_asking *asking, struct nc_sub_owner node)
{
	for (size_t i = 0; i < asking->witness_count; i++) {
		const struct nc_witness *witness = &asking->witnesses[i];
		if (nc_sub_owner_same(witness->who, node) && !witness->closed)
			return true;
	}
	return false;
}

static enum nc_lives_verdict judge(const struct nc_spread *spread,
                                   const struct nc_spread_asking *asking,
                                   const struct nc_spread_row *row, const struct nc_spread_ack *ack)
{
	struct nc_sub_owner hearers[2 + NC_PASTS_OF_MAX];
	struct nc_pasts_of before = { .count = 0 };
	size_t count = 0;
	bool known =
	        nc_pasts_hearers(&spread->pasts, nc_slice_str(ack->name), ack->arrived_ns, &before);
	hearers[count++] = ack->owner;
	if (row != NULL)
		hearers[count++] = row->owner;
	for (size_t i = 0; i < before.count; i++)
		hearers[count++] = before.who[i];
	const struct nc_lives_case of = { .early_ns = ack->early_ns,
		                          .arrived_ns = ack->arrived_ns,
		                          .now_ns = nc_clock_ns(),
		                          .hearers = known ? hearers : NULL,
		                          .hearer_count = count,
		                          .witnesses = asking->witnesses,
		                          .count = asking->witness_count };
	return nc_lives_judge(&spread->lives, &of);
}

/* No node says that it answers this one. True: it is dealt with. False: ask again. */
static bool end(struct nc_spread *spread, const struct nc_spread_asking *asking,
                const struct nc_spread_ack *ack)
{
	const struct nc_spread_row *row = nc_spread_find(spread, nc_slice_str(ack->name));
	bool current = row != NULL && row->epoch == ack->epoch && row->owner.number != spread->self;
	bool unsure = current && !is_reached(asking, row->owner);
	enum nc_lives_fate fate = nc_lives_fate(judge(spread, asking, row, ack), unsure, ack->last);
	if (fate == NC_LIVES_AGAIN)
		return false;
	if (fate == NC_LIVES_LEAVE)
		return true;
	if (fate == NC_LIVES_GIVE_UP || (current && ack->doubt)) {
		/* its owner was not running, or not reached, and has not taken it */
		answer(spread, ack, NC_FAULT_UNAVAILABLE, nc_fault_text(NC_FAULT_UNAVAILABLE));
	} else {
		answer(spread, ack, NC_FAULT_STALE_ACK,
		       "stale acknowledgement: of another epoch, or never delivered");
	}
	return true;
}

static void asked_end(struct nc_spread *spread, const struct nc_spread_asking *asking)
{
	size_t i = 0;
	uint64_t now_ns = nc_clock_ns();
	struct nc_spread_ack **at = &spread->acks;
	nc_spread_note_lives(spread, now_ns); /* a node that has answered lives */
	while (*at != NULL) {
		struct nc_spread_ack *ack = *at;
		bool ours = ack->asked;
		bool taken = ours && asking->taken[i++] != 0;
		ack->asked = false;
		if (ours && (taken || end(spread, asking, ack))) {
			nc_spread_ack_remove(spread, at);
			continue;
		}
		if (ours)
			ack->again_ns = now_ns + AGAIN_NS;
		at = &ack->next;
	}
}

/* ---- Asking --------------------------------------------------------------------------------- */

static void came(struct nc_spread_asking *asking)
{
	struct nc_spread *spread = asking->spread;
	if (--asking->awaited > 0)
		return;
	if (spread != NULL) {
		spread->asking = NULL;
		asked_end(spread, asking);
	}
	free(asking);
}

static uint64_t boot_of(const struct nc_spread *spread, uint64_t number)
{
	const struct nc_peer_node *node = nc_gate_node(nc_peer_gate(spread->peer), number);
	return node == NULL ? 0 : node->epoch;
}

static void witness_add(struct nc_spread_asking *asking, const struct question *question, int err)
{
	bool closed = err == NC_CLOSED;
	struct nc_sub_owner who = question->who;
	if (!closed && asking->spread != NULL)
		who.boot = boot_of(asking->spread, who.number); /* the life that has answered */
	asking->witnesses[asking->witness_count++] =
	        (struct nc_witness){ .who = who, .closed = closed, .behind = err == NC_NOTFOUND };
}

/* An answer that is not understood, such as that of an earlier build, counts as none. A node that
 * is behind has said what it answers so far, and may answer more. */
static void on_answer(void *ctx, int err, struct nc_slice body)
{
	struct question *question = ctx;
	struct nc_spread_asking *asking = question->asking;
	bool told = (err == NC_OK || err == NC_NOTFOUND) && body.size == asking->count;
	for (size_t i = 0; told && i < asking->count; i++)
		asking->taken[i] |= body.data[i];
	if (told || err == NC_CLOSED)
		witness_add(asking, question, err);
	free(question);
	came(asking);
}

/* Ask a node, unless it was gone when this node last heard the others: it would only be waited
 * for. */
static void ask_node(struct nc_spread_asking *asking, uint64_t node,
                     const struct nc_spread_call *call)
{
	struct nc_spread *spread = asking->spread;
	const struct nc_sub_owner who = { node, boot_of(spread, node) };
	if (nc_lives_gone(&spread->lives, who, spread->ticked_ns))
		return;
	struct question *question = malloc(sizeof *question);
	if (question == NULL)
		return;
	*question = (struct question){ asking, who };
	const struct nc_spread_question asked = {
		.to = node, .timeout_ms = NC_SPREAD_ASKED_MS, .fn = on_answer, .ctx = question
	};
	if (nc_spread_ask(spread, &asked, call) == NC_OK) {
		asking->awaited++;
	} else {
		free(question);
	}
}

/* They are asked about at the next look. */
void nc_spread_acks_ask_nobody(struct nc_spread *spread)
{
	for (struct nc_spread_ack *ack = spread->acks; ack != NULL; ack = ack->next)
		ack->asked = false;
}

/* All other members are asked: any of them may have owned the subscription, or led. */
void nc_spread_acks_ask(struct nc_spread *spread, struct nc_slice hashes)
{
	const struct nc_replica_status status = nc_replica_status(spread->service->replica);
	const struct nc_spread_call call = { .verb = NC_SPREAD_ANSWERED,
		                             .applied = status.applied,
		                             .body = hashes };
	struct nc_spread_asking *asking = calloc(1, sizeof *asking);
	if (asking == NULL) {
		nc_spread_acks_ask_nobody(spread);
		return;
	}
	asking->spread = spread;
	asking->count = hashes.size / 8;
	asking->awaited = 1; /* this call counts, until all have been asked */
	spread->asking = asking;
	for (uint32_t i = 0; i < status.raft.members.count; i++) {
		uint64_t node = status.raft.members.at[i].id;
		if (node != spread->self)
			ask_node(asking, node, &call);
	}
	came(asking);
}

void nc_spread_asked_drop(struct nc_spread *spread)
{
	if (spread->asking != NULL)
		spread->asking->spread = NULL; /* freed when its answers have come */
	spread->asking = NULL;
}
