/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Acknowledgements that are requests, of what other nodes run. Who runs a subscription hears them
 * itself and answers; but not while it is being moved, nor of an epoch before its own while it does
 * not listen yet, nor when it is dead. The leader hears all of them: it keeps each until it is sure
 * that the owner has heard it, too, or asks who has, and answers those of which nobody says so
 * (decision 0147). */
#include <stdio.h>
#include <stdlib.h>

#include "core/delivery/ack.h"
#include "core/engine/progress.h"
#include "core/engine/subs.h"
#include "core/node/answered.h"
#include "core/node/spread_private.h"
#include "transport/nats/reply.h"

#define SETTLE_NS      UINT64_C(50000000) /* two who are sent one message have it both by then */
#define LOOK_NS        UINT64_C(20000000)
#define SILENT_NS      UINT64_C(500000000) /* who was not heard for so long may have slept */
#define LIFE_NS        UINT64_C(150000000) /* who lives says something so often, on a busy machine */
#define ASK_MS         300u                /* a node has so long to say what it answers */
#define ACKS_MAX       16384u
#define ACKS_BYTES_MAX (8u << 20) /* more than that the owner answers alone, or nobody */
#define ASKED_MAX      4096u      /* at once */

struct nc_spread_ack {
	struct nc_spread_ack *next;
	uint64_t hash, arrived_ns, epoch, position;
	uint64_t owner, heard_ns; /* who was to answer it, and when that last asked for a lease */
	uint64_t life_ns; /* when anything of him was heard last; 0: nothing since it came */
	bool by_log;      /* who takes it answers when it is in the log: not at once */
	bool left;        /* it had said that it leaves, and answers nothing any more */
	bool doubt;       /* its owner may have slept when it came */
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
	size_t count, reached_count;
	uint64_t reached[NC_RAFT_MEMBERS_MAX];
	uint8_t taken[ASKED_MAX]; /* [count], in the order of the list */
};

struct question {
	struct nc_spread_asking *asking;
	uint64_t node;
};

/* ---- Kept ----------------------------------------------------------------------------------- */

static void answer(struct nc_spread *spread, const struct nc_spread_ack *ack, struct nc_fault fault,
                   const char *text)
{
	struct nc_service *service = spread->service;
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
	if (row->owner.number == ack->owner)
		ack->heard_ns = heard_ns;
	return true;
}

static void note_life(const struct nc_spread *spread, const struct nc_spread_row *row,
                      struct nc_spread_ack *ack)
{
	struct nc_peer_node *node = nc_gate_node(nc_peer_gate(spread->peer), ack->owner);
	if (node != NULL && row->owner.number == ack->owner && node->epoch == row->owner.boot)
		ack->life_ns = node->heard_ms * UINT64_C(1000000);
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
		.arrived_ns = now_ns,
		.epoch = address->epoch,
		.position = address->position,
		.owner = row == NULL ? 0 : row->owner.number,
		.by_log = row != NULL && row->epoch == address->epoch && !heard->at_once,
		.endpoint = heard->endpoint,
		.reply_size = heard->reply.size
	};
	(void)snprintf(ack->name, sizeof ack->name, "%.*s", (int)heard->name.size,
	               (const char *)heard->name.data);
	memcpy(ack->reply, heard->reply.data, heard->reply.size);
	ack->reply[heard->reply.size] = '\0';
	if (row != NULL) {
		note_life(spread, row, ack);
		ack->left = nc_placement_leaves(&spread->placement, row->owner.number);
	}
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

/* By the log it is done, as who answered it said that it was. */
static bool is_done(struct nc_spread *spread, const struct nc_spread_ack *ack)
{
	struct nc_buf progress = { 0 };
	struct nc_sub_progress head;
	int err = nc_state_reader_begin(spread->reader);
	if (err != NC_OK)
		return false;
	err = nc_sub_row_progress(spread->reader, nc_slice_str(ack->name), &progress);
	nc_state_reader_end(spread->reader);
	bool done = err == NC_OK && nc_sub_progress_read(nc_buf_slice(&progress), &head) == NC_OK &&
	            !nc_sub_progress_undone(nc_buf_slice(&progress), ack->position);
	nc_buf_release(&progress);
	return done;
}

/* Its owner cannot be asked any more. If that lived when it came, it answered what is answered at
 * once, and what it had put into the log. */
static bool was_answered(struct nc_spread *spread, const struct nc_spread_ack *ack)
{
	return !ack->left && ack->arrived_ns <= ack->life_ns + LIFE_NS &&
	       (!ack->by_log || is_done(spread, ack));
}

static bool is_reached(const struct nc_spread_asking *asking, uint64_t node)
{
	for (size_t i = 0; i < asking->reached_count; i++) {
		if (asking->reached[i] == node)
			return true;
	}
	return false;
}

/* Nobody says that he answers it. False: its owner, who may, could not be asked. */
static bool refuse(struct nc_spread *spread, const struct nc_spread_asking *asking,
                   const struct nc_spread_ack *ack)
{
	const struct nc_spread_row *row = nc_spread_find(spread, nc_slice_str(ack->name));
	bool reached =
	        ack->owner == 0 || ack->owner == spread->self || is_reached(asking, ack->owner);
	if (row != NULL && row->epoch == ack->epoch && row->owner.number != spread->self) {
		if (!is_reached(asking, row->owner.number))
			return false;
		if (ack->doubt) { /* it slept, and has not taken it */
			answer(spread, ack, NC_FAULT_UNAVAILABLE,
			       nc_fault_text(NC_FAULT_UNAVAILABLE));
			return true;
		}
	}
	if (reached || !was_answered(spread, ack)) {
		answer(spread, ack, NC_FAULT_STALE_ACK,
		       "stale acknowledgement: of another epoch, or never delivered");
	}
	return true;
}

static void asked_end(struct nc_spread *spread, const struct nc_spread_asking *asking)
{
	size_t i = 0;
	struct nc_spread_ack **at = &spread->acks;
	while (*at != NULL) {
		struct nc_spread_ack *ack = *at;
		bool ours = ack->asked;
		bool taken = ours && asking->taken[i++] != 0;
		ack->asked = false;
		if (ours && (taken || (!asking->behind && refuse(spread, asking, ack)))) {
			remove_at(spread, at);
		} else {
			at = &ack->next;
		}
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

/* What is not understood is as if it had not come: so is that of a node of an earlier build. */
static void on_answer(void *ctx, int err, struct nc_slice body)
{
	struct question *question = ctx;
	struct nc_spread_asking *asking = question->asking;
	if (err == NC_OK && body.size == asking->count) {
		asking->reached[asking->reached_count++] = question->node;
		for (size_t i = 0; i < asking->count; i++)
			asking->taken[i] |= body.data[i];
	}
	asking->behind |= err == NC_NOTFOUND;
	free(question);
	came(asking);
}

static void ask_node(struct nc_spread_asking *asking, uint64_t node,
                     const struct nc_spread_call *call)
{
	struct question *question = malloc(sizeof *question);
	if (question == NULL)
		return;
	*question = (struct question){ asking, node };
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
		if (node != spread->self &&
		    nc_placement_may_live(&spread->placement, node, nc_subs_now_ns()))
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
	note_life(spread, row, ack);
	if (!owner_told(spread, row, ack, &applied))
		return row->epoch == ack->epoch ? WAIT : ASK;
	if (row->owner.number != ack->owner)
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
			if (verdict != ANSWERED)
				answer(spread, ack, NC_FAULT_UNAVAILABLE,
				       nc_fault_text(NC_FAULT_UNAVAILABLE));
			remove_at(spread, at);
			continue;
		}
		if (verdict == ASK && spread->asking == NULL && hashes.size < ASKED_MAX * 8) {
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

/* ---- An owner ------------------------------------------------------------------------------- */

void nc_spread_take_answered(struct nc_spread *spread, uint64_t from, uint64_t call,
                             const struct nc_spread_call *asked)
{
	struct nc_slice hashes = asked->body;
	nc_buf_clear(&spread->body);
	for (size_t i = 0; i + 8 <= hashes.size; i += 8) {
		uint64_t hash = nc_get_u64(hashes.data + i);
		nc_buf_put_u8(&spread->body,
		              nc_subs_has_answered(spread->service->subs, hash) ? 1 : 0);
	}
	/* Who is behind may still take some. */
	int err = spread->applied < asked->applied ? NC_NOTFOUND : nc_buf_status(&spread->body);
	(void)nc_peer_reply(spread->peer, from, call, err,
	                    err == NC_OK ? nc_buf_slice(&spread->body) : nc_slice(NULL, 0));
}
