/* SPDX-License-Identifier: GPL-3.0-or-later */
/* In or out. */
#include "transport/peer/gate.h"

#include <stdio.h>

#include "core/base/assert.h"
#include "transport/peer/hello.h"

const char *nc_peer_drop_name(enum nc_peer_drop drop)
{
	static const char *const names[] = { "unsigned", "version",   "malformed", "cluster",
		                             "receiver", "epoch",     "replayed",  "unmet",
		                             "impostor", "parts_lost" };
	nc_assert(drop < NC_PEER_DROP_COUNT);
	return names[drop];
}

void nc_gate_init(struct nc_gate *gate, struct nc_peer_keys *keys, const char *name,
                  uint64_t number, uint64_t epoch)
{
	*gate = (struct nc_gate){ .keys = keys, .number = number, .epoch = epoch };
	int size = snprintf(gate->name, sizeof gate->name, "%s", name);
	nc_assert(size > 0 && (size_t)size < sizeof gate->name && number > 0 && epoch > 0);
}

void nc_gate_release(struct nc_gate *gate)
{
	for (unsigned i = 0; i < NC_PEER_NODES_MAX; i++)
		nc_parts_release(&gate->nodes[i].parts);
	nc_buf_release(&gate->sealed);
	nc_buf_release(&gate->part);
}

void nc_gate_cluster(struct nc_gate *gate, const uint8_t cluster_id[NC_PEER_CLUSTER_ID_SIZE])
{
	memcpy(gate->cluster_id, cluster_id, NC_PEER_CLUSTER_ID_SIZE);
}

/* ---- Who sends ------------------------------------------------------------------------------ */

struct nc_peer_node *nc_gate_node(struct nc_gate *gate, uint64_t number)
{
	for (unsigned i = 0; i < NC_PEER_NODES_MAX && number != 0; i++) {
		if (gate->nodes[i].number == number)
			return &gate->nodes[i];
	}
	return NULL;
}

static void node_begin(struct nc_peer_node *node, const struct nc_peer_frame *frame)
{
	nc_parts_release(&node->parts);
	*node = (struct nc_peer_node){ .number = frame->number,
		                       .epoch = frame->epoch,
		                       .heard_ms = node->heard_ms };
	(void)snprintf(node->name, sizeof node->name, "%.*s", (int)frame->sender.size,
	               (const char *)frame->sender.data);
}

/* The sender's place: its own, a free one, or that of the one not heard longest. */
static struct nc_peer_node *node_of(struct nc_gate *gate, const struct nc_peer_frame *frame)
{
	struct nc_peer_node *place = &gate->nodes[0];
	for (unsigned i = 0; i < NC_PEER_NODES_MAX; i++) {
		struct nc_peer_node *node = &gate->nodes[i];
		if (node->number == frame->number)
			return node;
		if (place->number != 0 && (node->number == 0 || node->heard_ms < place->heard_ms))
			place = node;
	}
	place->heard_ms = 0;
	node_begin(place, frame);
	return place;
}

void nc_gate_meet(struct nc_peer_node *node)
{
	node->met = true;
}

/* ---- What has been here --------------------------------------------------------------------- */

static bool window_has(const struct nc_peer_node *node, uint64_t message)
{
	if (message > node->newest)
		return false;
	uint64_t bit = message % NC_PEER_WINDOW;
	return node->newest - message >= NC_PEER_WINDOW ||
	       (node->seen[bit / 64] >> bit % 64 & 1) != 0;
}

static void window_put(struct nc_peer_node *node, uint64_t message)
{
	if (message > node->newest) {
		uint64_t steps = message - node->newest;
		for (uint64_t i = 1; i <= steps && i <= NC_PEER_WINDOW; i++) {
			uint64_t bit = (node->newest + i) % NC_PEER_WINDOW;
			node->seen[bit / 64] &= ~(UINT64_C(1) << bit % 64);
		}
		node->newest = message;
	}
	uint64_t bit = message % NC_PEER_WINDOW;
	node->seen[bit / 64] |= UINT64_C(1) << bit % 64;
}

/* ---- In ------------------------------------------------------------------------------------- */

static int drop(struct nc_gate *gate, enum nc_peer_drop why, enum nc_peer_drop *drop_out)
{
	gate->dropped[why]++;
	*drop_out = why;
	return NC_CONFLICT;
}

/* What can be said without knowing the sender; NC_PEER_DROP_COUNT: nothing against it. */
static enum nc_peer_drop check_address(const struct nc_gate *gate,
                                       const struct nc_peer_frame *frame)
{
	bool to_all = frame->receiver_epoch == 0;
	bool in_cluster = false;
	for (unsigned i = 0; i < NC_PEER_CLUSTER_ID_SIZE; i++)
		in_cluster |= gate->cluster_id[i] != 0;
	if (frame->kind == 0 || frame->kind >= NC_PEER_GOSSIP ||
	    (frame->kind == NC_PEER_HELLO && !to_all))
		return NC_PEER_DROP_MALFORMED;
	if (frame->kind != NC_PEER_HELLO &&
	    (!in_cluster ||
	     memcmp(frame->cluster_id, gate->cluster_id, NC_PEER_CLUSTER_ID_SIZE) != 0))
		return NC_PEER_DROP_CLUSTER;
	if (!to_all && !nc_slice_is(frame->receiver, gate->name))
		return NC_PEER_DROP_RECEIVER;
	if (!to_all && frame->receiver_epoch != gate->epoch)
		return NC_PEER_DROP_EPOCH;
	return NC_PEER_DROP_COUNT;
}

static enum nc_peer_drop check_sender(struct nc_peer_node *node, const struct nc_peer_frame *frame)
{
	bool hello = frame->kind == NC_PEER_HELLO, to_all = frame->receiver_epoch == 0;
	if (frame->epoch < node->epoch)
		return NC_PEER_DROP_EPOCH;
	if (frame->epoch > node->epoch) {
		/* Who runs under its number may be about to refuse it, and must stay heard. */
		if (hello && nc_hello_is_starting(frame->body))
			return NC_PEER_DROP_EPOCH;
		node_begin(node, frame);
	}
	if (window_has(node, frame->message) || (hello && frame->message <= node->newest_hello))
		return NC_PEER_DROP_REPLAYED;
	if (to_all && !hello && !node->met)
		return NC_PEER_DROP_UNMET;
	return NC_PEER_DROP_COUNT;
}

static int take_part(struct nc_gate *gate, struct nc_peer_node *node, struct nc_peer_frame *frame,
                     enum nc_peer_drop *drop_out)
{
	int err = nc_parts_take(&node->parts, frame->body, NC_PEER_BODY_MAX);
	if (err == NC_INVALID)
		return drop(gate, NC_PEER_DROP_MALFORMED, drop_out);
	if (err == NC_NOTFOUND)
		return drop(gate, NC_PEER_DROP_PARTS, drop_out);
	if (err != NC_OK)
		return err;
	frame->kind = node->parts.kind;
	frame->body = nc_buf_slice(&node->parts.whole);
	if (frame->kind <= NC_PEER_HELLO || frame->kind == NC_PEER_PART ||
	    frame->kind >= NC_PEER_GOSSIP)
		return drop(gate, NC_PEER_DROP_MALFORMED, drop_out);
	return NC_OK;
}

static enum nc_peer_drop drop_of(int err)
{
	return err == NC_CONFLICT      ? NC_PEER_DROP_UNSIGNED
	       : err == NC_UNSUPPORTED ? NC_PEER_DROP_VERSION
	                               : NC_PEER_DROP_MALFORMED;
}

int nc_gate_admit(struct nc_gate *gate, struct nc_slice bytes, uint64_t now_ms,
                  struct nc_peer_frame *frame_out, struct nc_peer_node **from_out,
                  enum nc_peer_drop *drop_out)
{
	struct nc_peer_frame frame;
	int err = nc_peer_frame_open(bytes, gate->keys, &frame);
	if (err != NC_OK)
		return drop(gate, drop_of(err), drop_out);
	enum nc_peer_drop why = check_address(gate, &frame);
	if (why != NC_PEER_DROP_COUNT)
		return drop(gate, why, drop_out);
	if (frame.number == gate->number) {
		if (frame.kind != NC_PEER_HELLO)
			return drop(gate, NC_PEER_DROP_IMPOSTOR, drop_out);
		*frame_out = frame;
		*from_out = NULL;
		return NC_OK;
	}
	struct nc_peer_node *node = node_of(gate, &frame);
	why = check_sender(node, &frame);
	if (why != NC_PEER_DROP_COUNT)
		return drop(gate, why, drop_out);
	window_put(node, frame.message);
	if (frame.kind == NC_PEER_HELLO)
		node->newest_hello = frame.message;
	if (frame.receiver_epoch != 0)
		nc_gate_meet(node);
	node->heard_ms = now_ms;
	if (frame.kind == NC_PEER_PART)
		err = take_part(gate, node, &frame, drop_out);
	if (err != NC_OK)
		return err;
	*frame_out = frame;
	*from_out = node;
	return NC_OK;
}

/* ---- Out ------------------------------------------------------------------------------------ */

static int seal_one(struct nc_gate *gate, const struct nc_peer_node *to, enum nc_peer_kind kind,
                    struct nc_slice body, const struct nc_gate_exit *through)
{
	struct nc_peer_frame frame = {
		.sender = nc_slice_str(gate->name),
		.receiver = nc_slice_str(to == NULL ? "*" : to->name),
		.number = gate->number,
		.epoch = gate->epoch,
		.message = ++gate->message,
		.receiver_epoch = to == NULL ? 0 : to->epoch,
		.kind = (uint8_t)kind,
		.body = body,
	};
	memcpy(frame.cluster_id, gate->cluster_id, sizeof frame.cluster_id);
	nc_buf_clear(&gate->sealed);
	int err = nc_peer_frame_seal(&frame, gate->keys, &gate->sealed);
	return err == NC_OK ? through->emit(through->ctx, nc_buf_slice(&gate->sealed)) : err;
}

int nc_gate_seal(struct nc_gate *gate, uint64_t to, enum nc_peer_kind kind, struct nc_slice body,
                 const struct nc_gate_exit *through)
{
	const struct nc_peer_node *node = nc_gate_node(gate, to);
	if (to != NC_PEER_TO_ALL && node == NULL)
		return NC_NOTFOUND;
	nc_assert(through->frame_size_max > 2 * (size_t)NC_PEER_OVERHEAD);
	size_t room = through->frame_size_max - NC_PEER_OVERHEAD;
	if (body.size <= room)
		return seal_one(gate, node, kind, body, through);
	if (body.size > NC_PEER_BODY_MAX || kind == NC_PEER_HELLO)
		return NC_TOOBIG;
	uint64_t count = (body.size + room - 1) / room, id = ++gate->part_id;
	int err = NC_OK;
	for (uint64_t place = 0; place < count && err == NC_OK; place++) {
		struct nc_slice rest = nc_slice_from(body, (size_t)place * room);
		nc_buf_clear(&gate->part);
		nc_part_put(&gate->part, id, (uint8_t)kind, place, count,
		            nc_slice(rest.data, rest.size < room ? rest.size : room));
		err = nc_buf_status(&gate->part);
		if (err == NC_OK) {
			err = seal_one(gate, node, NC_PEER_PART, nc_buf_slice(&gate->part),
			               through);
		}
	}
	return err;
}
