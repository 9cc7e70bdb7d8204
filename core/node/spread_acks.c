/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Acknowledgements that are requests, of what other nodes run. Who runs a subscription hears them
 * itself and answers; but not while it is being moved, nor of an epoch before its own while it does
 * not listen yet, nor when it is dead. The leader hears all of them: it keeps each until it is sure
 * that the owner has heard it, too, or asks who has, and answers those of which nobody says so
 * (decision 0147). */
#include <stdio.h>
#include <stdlib.h>

#include "core/delivery/ack.h"
#include "core/node/answered.h"
#include "core/node/spread_private.h"
#include "transport/nats/reply.h"

#define SETTLE_NS      UINT64_C(50000000) /* two who are sent one message have it both by then */
#define LOOK_NS        UINT64_C(20000000)
#define SILENT_NS      UINT64_C(500000000) /* who was not heard for so long may have slept */
#define AGAIN_NS       UINT64_C(50000000)  /* between one question and the same once more */
#define ASK_MS         300u                /* a node has so long to say what it answers */
#define ACKS_MAX       16384u
#define ACKS_BYTES_MAX (8u << 20) /* more than that the owner answers alone, or nobody */
#define ASKED_MAX      4096u      /* at once */

struct nc_spread_ack {
	struct nc_spread_ack *next;
	uint64_t hash, epoch;
	uint64_t arrived_ns, early_ns; /* taken up; it may have come since then */
	struct nc_sub_owner owner;     /* who was to answer it; number 0: not known */
	uint64_t heard_ns;             /* when that last asked for a lease */
	uint64_t again_ns;             /* not asked for before */
	bool doubt;                    /* its owner may have slept when it came */
	bool unclaimed;                /* all have been asked, and some were behind */
	bool asked;
	int endpoint;
	char name[65];
	size_t reply_size;
	char reply[];
};

/* Who answers those that are asked for. */
struct nc_spread_asking {
	struct nc_spread *spread; /* NULL: nobody wants to know any more */
	unsigned awaited;
	bool behind; /* a node has not applied yet what we have */
	size_t count, witness_count;
	struct nc_witness witnesses[NC_RAFT_MEMBERS_MAX];
	uint8_t taken[ASKED_MAX]; /* [count], in the order of the list */
};

struct question {
	struct nc_spread_asking *asking;
	uint64_t node, boot;
};

/* ---- Kept ----------------------------------------------------------------------------------- */

static void answer(struct nc_spread *spread, const struct nc_spread_ack *ack, struct nc_fault fault,
                   const char *text)
{
	struct nc_service *service = spread->service;
	nc_subs_note_answered(service->subs, ack->hash, nc_subs_now_ns());
	nc_service_error(service, &service->out, ack->reply,
	                 &service->srv.endpoints[ack->endpoint].stats,
	                 &(struct nc_service_refusal){ .fault = fault, .text = text });
}

static void remove_at(struct nc_spread *spread, struct nc_spread_ack **at)
{
	struct nc_spread_ack *ack = *at;
	*at = ack->next;
	if (*at == NULL)
		spread->acks_end = at;
	spread->ack_count--;
	spread->ack_bytes -= ack->reply_size;
	free(ack);
}

/* The subscription's owner has told us that it has it, and when; in `ack` what follows. */
static bool owner_told(const struct nc_spread *spread, const struct nc_spread_row *row,
                       struct nc_spread_ack *ack, uint64_t *applied_out)
{
	uint64_t heard_ns;
	if (!nc_placement_told(&spread->placement, row->owner, row->since, &heard_ns, applied_out))
		return false;
	if (nc_sub_owner_same(row->owner, ack->owner))
		ack->heard_ns = heard_ns;
	return true;
}

static bool has_room(const struct nc_spread *spread, size_t size)
{
	return spread->ack_count < ACKS_MAX && spread->ack_bytes + size <= ACKS_BYTES_MAX;
}

static void keep(struct nc_spread *spread, struct nc_spread_row *row,
                 const struct nc_spread_heard *heard, const struct nc_ack_address *address)
{
	uint64_t now_ns = nc_subs_now_ns(), applied;
	struct nc_spread_ack *ack = has_room(spread, heard->reply.size)
	                                    ? malloc(sizeof *ack + heard->reply.size + 1)
	                                    : NULL;
	if (ack == NULL)
		return;
	*ack = (struct nc_spread_ack){
		.hash = nc_answered_hash(heard->rest, heard->reply, heard->body),
		.epoch = address->epoch,
		.arrived_ns = now_ns,
		.early_ns = spread->ticked_ns, /* if we slept, it came meanwhile */
		.owner = row == NULL ? (struct nc_sub_owner){ 0 } : row->owner,
		.endpoint = heard->endpoint,
		.reply_size = heard->reply.size
	};
	(void)snprintf(ack->name, sizeof ack->name, "%.*s", (int)heard->name.size,
	               (const char *)heard->name.data);
	memcpy(ack->reply, heard->reply.data, heard->reply.size);
	ack->reply[heard->reply.size] = '\0';
	if (row != NULL && owner_told(spread, row, ack, &applied) &&
	    now_ns - ack->heard_ns > SILENT_NS) {
		ack->doubt = true;
		row->listens_ns = 0;
	}
	if (spread->acks == NULL)
		spread->acks_end = &spread->acks;
	*spread->acks_end = ack;
	spread->acks_end = &ack->next;
	spread->ack_count++;
	spread->ack_bytes += ack->reply_size;
}

/* One of our own epoch is ours to judge; so is any of what has been ours for a while, or nobody's.
 */
bool nc_spread_keep_ack(struct nc_spread *spread, const struct nc_spread_heard *heard)
{
	if (!nc_spread_active(spread) || !spread->leads)
		return false;
	struct nc_spread_row *row = nc_spread_find(spread, heard->name);
	uint64_t here = nc_subs_epoch(spread->service->subs, heard->name);
	uint64_t changed_ns = row == NULL ? spread->unshared_ns : row->changed_ns;
	bool elsewhere = row != NULL && here == 0;
	struct nc_ack_address address = { 0 };
	(void)nc_ack_address_get(heard->rest, &address); /* else of no epoch */
	if (!elsewhere && ((here != 0 && address.epoch == here) ||
	                   nc_subs_now_ns() - changed_ns > NC_PLACEMENT_GONE_NS))
		return false;
	if (heard->reply.size == 0 || !heard->asks)
		return elsewhere;
	keep(spread, row, heard, &address);
	return true;
}

void nc_spread_acks_drop(struct nc_spread *spread)
{
	while (spread->acks != NULL)
		remove_at(spread, &spread->acks);
	if (spread->asking != NULL)
		spread->asking->spread = NULL; /* freed when its answers have come */
	spread->asking = NULL;
}

/* ---- What becomes of them ------------------------------------------------------------------- */

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
		                          .now_ns = nc_subs_now_ns(),
		                          .hearers = known ? hearers : NULL,
		                          .hearer_count = count,
		                          .witnesses = asking->witnesses,
		                          .count = asking->witness_count };
	return nc_lives_judge(&spread->lives, &of);
}

/* Nobody says that he answers it. False: somebody may who could not be asked. */
static bool refuse(struct nc_spread *spread, const struct nc_spread_asking *asking,
                   struct nc_spread_ack *ack)
{
	const struct nc_spread_row *row = nc_spread_find(spread, nc_slice_str(ack->name));
	bool current = row != NULL && row->epoch == ack->epoch && row->owner.number != spread->self;
	enum nc_lives_verdict verdict = judge(spread, asking, row, ack);
	if (verdict == NC_LIVES_WAIT || (current && !is_reached(asking, row->owner)))
		return false;
	ack->unclaimed = asking->behind && verdict == NC_LIVES_NOBODY;
	if (asking->behind) /* and may still take it */
		return false;
	if (verdict == NC_LIVES_PERHAPS) /* and nobody twice */
		return true;
	if (current && ack->doubt) { /* its owner slept, and has not taken it */
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
	uint64_t now_ns = nc_subs_now_ns();
	struct nc_spread_ack **at = &spread->acks;
	nc_spread_note_lives(spread, now_ns); /* who has answered lives */
	while (*at != NULL) {
		struct nc_spread_ack *ack = *at;
		bool ours = ack->asked;
		bool taken = ours && asking->taken[i++] != 0;
		ack->asked = false;
		if (ours && (taken || refuse(spread, asking, ack))) {
			remove_at(spread, at);
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

static void witness_add(struct nc_spread_asking *asking, const struct question *question,
                        bool closed)
{
	struct nc_sub_owner who = { question->node, question->boot };
	if (!closed && asking->spread != NULL)
		who.boot = boot_of(asking->spread, who.number); /* as whom it has answered */
	asking->witnesses[asking->witness_count++] = (struct nc_witness){ who, closed };
}

/* What is not understood is as if it had not come: so is that of a node of an earlier build. Who is
 * behind has said what it has answered by now, and may answer more. */
static void on_answer(void *ctx, int err, struct nc_slice body)
{
	struct question *question = ctx;
	struct nc_spread_asking *asking = question->asking;
	bool told = (err == NC_OK || err == NC_NOTFOUND) && body.size == asking->count;
	asking->behind |= err == NC_NOTFOUND;
	for (size_t i = 0; told && i < asking->count; i++)
		asking->taken[i] |= body.data[i];
	if (told || err == NC_CLOSED)
		witness_add(asking, question, !told);
	free(question);
	came(asking);
}

static void ask_node(struct nc_spread_asking *asking, uint64_t node,
                     const struct nc_spread_call *call)
{
	struct question *question = malloc(sizeof *question);
	if (question == NULL)
		return;
	*question = (struct question){ asking, node, boot_of(asking->spread, node) };
	if (nc_spread_ask_within(asking->spread, node, call, ASK_MS, on_answer, question) ==
	    NC_OK) {
		asking->awaited++;
	} else {
		free(question);
	}
}

/* Without memory: again at the next look. */
static void ask_nobody(struct nc_spread *spread)
{
	for (struct nc_spread_ack *ack = spread->acks; ack != NULL; ack = ack->next)
		ack->asked = false;
}

/* All who live: any of them may have been the owner. */
static void ask(struct nc_spread *spread, struct nc_slice hashes)
{
	const struct nc_replica_status status = nc_replica_status(spread->service->replica);
	const struct nc_spread_call call = { .verb = NC_SPREAD_ANSWERED,
		                             .applied = status.applied,
		                             .body = hashes };
	struct nc_spread_asking *asking = calloc(1, sizeof *asking);
	if (asking == NULL) {
		ask_nobody(spread);
		return;
	}
	asking->spread = spread;
	asking->count = hashes.size / 8;
	asking->awaited = 1; /* this call, until all have been asked */
	spread->asking = asking;
	for (uint32_t i = 0; i < status.raft.members.count; i++) {
		uint64_t node = status.raft.members.at[i].id;
		if (node != spread->self)
			ask_node(asking, node, &call);
	}
	came(asking);
}

enum verdict { WAIT, ANSWERED, ASK };

static enum verdict look(struct nc_spread *spread, struct nc_spread_ack *ack, uint64_t now_ns)
{
	struct nc_slice name = nc_slice_str(ack->name);
	struct nc_spread_row *row = nc_spread_find(spread, name);
	uint64_t applied;
	if (row == NULL || nc_subs_has(spread->service->subs, name))
		return ASK;
	uint64_t before_ns = ack->heard_ns;
	if (row->epoch != ack->epoch)
		return ASK;
	if (!owner_told(spread, row, ack, &applied))
		return WAIT;
	if (!nc_sub_owner_same(row->owner, ack->owner))
		return ASK;
	ack->doubt |= now_ns - ack->heard_ns > SILENT_NS ||
	              (before_ns > 0 && ack->heard_ns - before_ns > SILENT_NS);
	if (row->listens_ns == 0)
		row->listens_ns = ack->heard_ns;
	if (ack->heard_ns < ack->arrived_ns + SETTLE_NS || spread->applied < applied)
		return WAIT;
	bool listened = ack->arrived_ns >= row->listens_ns + SETTLE_NS;
	return listened && !ack->doubt ? ANSWERED : ASK;
}

/* After all its time: by who was to answer it, or by those who have said so. */
static bool was_not_answered(const struct nc_spread *spread, const struct nc_spread_ack *ack)
{
	return ack->unclaimed || !nc_lives_lived(&spread->lives, ack->owner, ack->early_ns);
}

void nc_spread_acks_step(struct nc_spread *spread, uint64_t now_ns)
{
	uint64_t timeout_ns = spread->service->options.config->timeout_ms * UINT64_C(1000000);
	struct nc_buf hashes = { 0 };
	struct nc_spread_ack **at = &spread->acks, *ack;
	if (spread->acks == NULL || now_ns - spread->acks_ns < LOOK_NS)
		return;
	spread->acks_ns = now_ns;
	while ((ack = *at) != NULL && now_ns - ack->arrived_ns >= SETTLE_NS) {
		bool over = now_ns - ack->arrived_ns >= timeout_ns;
		enum verdict verdict = ack->asked ? WAIT : look(spread, ack, now_ns);
		if (verdict == ANSWERED || (over && !ack->asked)) {
			if (verdict != ANSWERED && was_not_answered(spread, ack))
				answer(spread, ack, NC_FAULT_UNAVAILABLE,
				       nc_fault_text(NC_FAULT_UNAVAILABLE));
			remove_at(spread, at);
			continue;
		}
		if (verdict == ASK && spread->asking == NULL && now_ns >= ack->again_ns &&
		    hashes.size < ASKED_MAX * 8) {
			nc_buf_put_u64(&hashes, ack->hash);
			ack->asked = true;
		}
		at = &ack->next;
	}
	if (nc_buf_status(&hashes) != NC_OK) {
		ask_nobody(spread);
	} else if (hashes.size > 0) {
		ask(spread, nc_buf_slice(&hashes));
	}
	nc_buf_release(&hashes);
}
