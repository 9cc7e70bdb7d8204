/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Acknowledgements that are requests, of what other nodes run. Who runs a subscription hears them
 * itself and answers; but not while it is being moved, nor of an epoch before its own while it does
 * not listen yet, nor when it is dead. The leader hears all of them: it keeps each until it is sure
 * that the owner has heard it, too, or asks who has (decision 0147). */
#include <stdio.h>
#include <stdlib.h>

#include "core/delivery/ack.h"
#include "core/node/spread/answered.h"
#include "core/node/spread/spread_acks_private.h"

/* two nodes that are sent one message both have it by then */
#define SETTLE_NS      UINT64_C(50000000)
#define LOOK_NS        UINT64_C(20000000)
/* a node not heard for so long may not have been running */
#define SILENT_NS      UINT64_C(500000000)
#define ACKS_MAX       16384u
#define ACKS_BYTES_MAX (8u << 20) /* beyond that none is kept: only the owner can answer */

/* ---- Kept ----------------------------------------------------------------------------------- */

void nc_spread_ack_remove(struct nc_spread *spread, struct nc_spread_ack **at)
{
	struct nc_spread_ack *ack = *at;
	*at = ack->next;
	if (*at == NULL)
		spread->acks_end = at;
	spread->ack_count--;
	spread->ack_bytes -= ack->reply_size;
	free(ack);
}

/* Whether the owner has told that it has taken the subscription up. If it is the owner that should
 * answer `ack`, note when that was heard last. */
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
	uint64_t now_ns = nc_clock_ns(), applied;
	struct nc_spread_ack *ack = has_room(spread, heard->reply.size)
	                                    ? malloc(sizeof *ack + heard->reply.size + 1)
	                                    : NULL;
	if (ack == NULL)
		return;
	*ack = (struct nc_spread_ack){
		.hash = nc_answered_hash(heard->rest, heard->reply, heard->body),
		.epoch = address->epoch,
		.arrived_ns = now_ns,
		/* if this node stood still, it may have come meanwhile */
		.early_ns = spread->ticked_ns,
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

/* This node judges an acknowledgement of the epoch that it runs; and any, once the subscription has
 * been its own, or nobody's, for so long that no former owner can have heard it. */
bool nc_spread_keep_ack(struct nc_spread *spread, const struct nc_spread_heard *heard)
{
	if (!nc_spread_active(spread) || !spread->leads)
		return false;
	struct nc_spread_row *row = nc_spread_find(spread, heard->name);
	uint64_t here = nc_subs_epoch(spread->service->subs, heard->name);
	uint64_t changed_ns = row == NULL ? spread->unshared_ns : row->changed_ns;
	bool elsewhere = row != NULL && here == 0;
	struct nc_ack_address address = { 0 };
	/* if not, the epoch is 0, which is nobody's */
	(void)nc_ack_address_get(heard->rest, &address);
	if (!elsewhere && ((here != 0 && address.epoch == here) ||
	                   nc_clock_ns() - changed_ns > NC_PLACEMENT_GONE_NS))
		return false;
	if (heard->reply.size == 0 || !heard->asks)
		return elsewhere;
	keep(spread, row, heard, &address);
	return true;
}

void nc_spread_acks_drop(struct nc_spread *spread)
{
	while (spread->acks != NULL)
		nc_spread_ack_remove(spread, &spread->acks);
	nc_spread_asked_drop(spread);
}

/* ---- Looked at ------------------------------------------------------------------------------ */

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

/* Whether it is time for the last question, so that the answer comes before the client's
 * timeout. */
static bool is_over(const struct nc_spread *spread, const struct nc_spread_ack *ack,
                    uint64_t now_ns)
{
	uint64_t timeout_ms = spread->service->options.config->timeout_ms;
	uint64_t over_ms =
	        timeout_ms > 2 * NC_SPREAD_ASKED_MS ? timeout_ms - NC_SPREAD_ASKED_MS : timeout_ms;
	return now_ns - ack->arrived_ns >= over_ms * UINT64_C(1000000);
}

/* Those whose time is over are asked about a last time, even if they still wait for their owner. */
void nc_spread_acks_step(struct nc_spread *spread, uint64_t now_ns)
{
	struct nc_buf hashes = { 0 };
	struct nc_spread_ack **at = &spread->acks, *ack;
	if (spread->acks == NULL || now_ns - spread->acks_ns < LOOK_NS)
		return;
	spread->acks_ns = now_ns;
	while ((ack = *at) != NULL && now_ns - ack->arrived_ns >= SETTLE_NS) {
		enum verdict verdict = ack->asked ? WAIT : look(spread, ack, now_ns);
		if (verdict == ANSWERED) {
			nc_spread_ack_remove(spread, at);
			continue;
		}
		bool last = is_over(spread, ack, now_ns);
		bool due = last || (verdict == ASK && now_ns >= ack->again_ns);
		if (due && !ack->asked && spread->asking == NULL &&
		    hashes.size < NC_SPREAD_ASKED_MAX * 8) {
			nc_buf_put_u64(&hashes, ack->hash);
			ack->asked = true;
			ack->last = last;
			ack->doubt |= verdict == WAIT; /* its owner has said nothing all the time */
		}
		at = &ack->next;
	}
	if (nc_buf_status(&hashes) != NC_OK) {
		nc_spread_acks_ask_nobody(spread);
	} else if (hashes.size > 0) {
		nc_spread_acks_ask(spread, nc_buf_slice(&hashes));
	}
	nc_buf_release(&hashes);
}
