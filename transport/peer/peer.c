/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The line to the other nodes: subjects, sending, and what comes in. */
#include "transport/peer/peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/base/assert.h"
#include "transport/peer/peer_private.h"

#define FRAME_SIZE_MAX   (512u << 10) /* bytes; less where the server's max_payload is */
#define FRAME_SIZE_LEAST 4096u        /* a server that takes less is of no use to consensus */

static char inbox_tag, line_tag;

uint64_t nc_peer_now_ms(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- Out ------------------------------------------------------------------------------------ */

static size_t frame_max(struct nc_peer *peer)
{
	size_t most = nc_bus_max_payload(peer->bus);
	if (most < FRAME_SIZE_LEAST)
		return FRAME_SIZE_LEAST; /* refused when it is sent */
	return most < FRAME_SIZE_MAX ? most : FRAME_SIZE_MAX;
}

size_t nc_peer_chunk_max(struct nc_peer *peer)
{
	return frame_max(peer) - NC_PEER_OVERHEAD;
}

static int emit(void *ctx, struct nc_slice frame)
{
	const struct nc_peer_letter *letter = ctx;
	return nc_bus_publish(letter->by, letter->subject, letter->reply, frame);
}

int nc_peer_send_letter(struct nc_peer *peer, struct nc_peer_letter *letter)
{
	if (!nc_bus_connected(letter->by))
		return NC_CLOSED;
	const struct nc_gate_exit through = { frame_max(peer), emit, letter };
	return nc_gate_seal(&peer->gate, letter->to, letter->kind, letter->body, &through);
}

int nc_peer_send(struct nc_peer *peer, uint64_t to, enum nc_peer_kind kind, struct nc_slice body,
                 const char *subject, const char *reply)
{
	struct nc_peer_letter letter = { peer->bus, to, kind, body, subject, reply };
	return nc_peer_send_letter(peer, &letter);
}

int nc_peer_hello(struct nc_peer *peer, const struct nc_hello *hello)
{
	char subject[96];
	(void)snprintf(subject, sizeof subject, "_es.%s.hello", peer->options.store);
	nc_buf_clear(&peer->body);
	nc_hello_put(&peer->body, hello);
	int err = nc_buf_status(&peer->body);
	return err != NC_OK ? err
	                    : nc_peer_send(peer, NC_PEER_TO_ALL, NC_PEER_HELLO,
	                                   nc_buf_slice(&peer->body), subject, NULL);
}

int nc_peer_raft(struct nc_peer *peer, uint64_t to, bool is_answer, struct nc_slice body)
{
	const struct nc_peer_options *options = &peer->options;
	const struct nc_peer_node *node = nc_gate_node(&peer->gate, to);
	char subject[256], reply[256];
	if (to == NC_PEER_TO_ALL) {
		(void)snprintf(subject, sizeof subject, "_es.%s.raft", options->store);
		return nc_peer_send(peer, to, NC_PEER_RAFT, body, subject, NULL);
	}
	if (node == NULL)
		return NC_NOTFOUND;
	if (is_answer) {
		(void)snprintf(subject, sizeof subject, "_es.%s.inbox.%s.raft.%llu", options->store,
		               node->name, (unsigned long long)options->number);
		return nc_peer_send(peer, to, NC_PEER_RAFT, body, subject, NULL);
	}
	(void)snprintf(subject, sizeof subject, "_es.%s.raft.%s", options->store, node->name);
	(void)snprintf(reply, sizeof reply, "_es.%s.inbox.%s.raft.%llu", options->store,
	               options->name, (unsigned long long)to);
	return nc_peer_send(peer, to, NC_PEER_RAFT, body, subject, reply);
}

/* ---- In ------------------------------------------------------------------------------------- */

/* The number of the node that was asked ends the subject of our inbox. */
static void no_responders(struct nc_peer *peer, struct nc_slice subject)
{
	uint64_t number = 0, step = 1;
	for (size_t at = subject.size; at > 0 && subject.data[at - 1] != '.'; at--, step *= 10) {
		uint8_t digit = (uint8_t)(subject.data[at - 1] - '0');
		if (digit > 9 || subject.size - at > 18)
			return; /* not one of ours */
		number += digit * step;
	}
	struct nc_peer_node *node = nc_gate_node(&peer->gate, number);
	if (node == NULL)
		return;
	node->closed_ms = nc_peer_now_ms();
	nc_peer_calls_gone(peer, number);
	peer->options.on_unreachable(peer->options.ctx, number);
}

static int take(struct nc_peer *peer, const struct nc_peer_frame *frame, struct nc_peer_node *from)
{
	const struct nc_peer_options *options = &peer->options;
	switch (frame->kind) {
	case NC_PEER_HELLO:
		if (nc_hello_get(frame->body, &peer->hello) != NC_OK)
			return NC_INVALID;
		options->on_hello(options->ctx, frame, from, &peer->hello);
		return NC_OK;
	case NC_PEER_RAFT:
		return options->on_raft(options->ctx, from, frame->body);
	case NC_PEER_REQUEST:
		return nc_peer_take_request(peer, from->number, frame->body);
	case NC_PEER_REPLY:
		return nc_peer_take_reply(peer, from->number, frame->body);
	default:
		return NC_INVALID;
	}
}

static void on_message(void *ctx, struct nc_bus_msg *msg)
{
	struct nc_peer *peer = ctx;
	struct nc_peer_frame frame;
	struct nc_peer_node *from = NULL;
	enum nc_peer_drop why = NC_PEER_DROP_MALFORMED;
	if (msg->tag == &inbox_tag && msg->data.size == 0 && nc_bus_no_responders(msg)) {
		no_responders(peer, msg->subject);
		return;
	}
	int err = nc_gate_admit(&peer->gate, msg->data, nc_peer_now_ms(), &frame, &from, &why);
	struct nc_slice claim = nc_slice(NULL, 0);
	if (err == NC_OK) {
		claim = frame.sender;
		err = take(peer, &frame, from);
		if (err == NC_INVALID)
			peer->gate.dropped[why = NC_PEER_DROP_MALFORMED]++;
	} else if (err == NC_CONFLICT) {
		claim = nc_peer_frame_claim(msg->data);
	}
	if (err == NC_CONFLICT || err == NC_INVALID)
		peer->options.on_drop(peer->options.ctx, why, claim);
}

static void on_turn(void *ctx)
{
	struct nc_peer *peer = ctx;
	peer->options.on_turn(peer->options.ctx);
}

static void on_state(void *ctx, bool connected, const char *detail)
{
	struct nc_peer *peer = ctx;
	peer->options.on_state(peer->options.ctx, connected, detail);
}

static void on_error(void *ctx, const char *detail)
{
	struct nc_peer *peer = ctx;
	peer->options.on_error(peer->options.ctx, detail);
}

/* ---- Life ----------------------------------------------------------------------------------- */

static int subscribe(struct nc_peer *peer, const char *format, void *tag)
{
	char tail[128], subject[256];
	(void)snprintf(tail, sizeof tail, "%s", format);
	const char *node = strchr(format, '%');
	if (node != NULL) {
		(void)snprintf(tail, sizeof tail, "%.*s%s%s", (int)(node - format), format,
		               peer->options.name, node + 1);
	}
	(void)snprintf(subject, sizeof subject, "_es.%s.%s", peer->options.store, tail);
	int err = nc_bus_subscribe(peer->bus, subject, NULL, tag);
	return err == NC_CLOSED ? NC_OK : err; /* made when it is connected again */
}

static int bus_open(struct nc_peer *peer, char *fault)
{
	struct nc_bus_options options = peer->options.bus;
	options.no_echo = true;
	options.void_subject = peer->void_subject;
	options.on_message = on_message;
	options.on_drained = on_turn;
	options.on_state = on_state;
	options.on_error = on_error;
	options.ctx = peer;
	int err = nc_bus_open(&options, &peer->bus, fault);
	if (err == NC_OK)
		err = subscribe(peer, "hello", &line_tag);
	if (err == NC_OK)
		err = subscribe(peer, "raft", &line_tag);
	if (err == NC_OK)
		err = subscribe(peer, "raft.%", &line_tag);
	if (err == NC_OK)
		err = subscribe(peer, "call.%", &line_tag);
	return err == NC_OK ? subscribe(peer, "inbox.%.>", &inbox_tag) : err;
}

static void peer_free(struct nc_peer *peer)
{
	nc_gate_release(&peer->gate);
	nc_peer_keys_free(peer->keys);
	nc_buf_release(&peer->body);
	free(peer);
}

int nc_peer_open(const struct nc_peer_options *options, struct nc_peer **peer_out,
                 char fault[NC_BUS_FAULT_SIZE])
{
	struct nc_peer *peer = calloc(1, sizeof *peer);
	if (peer == NULL)
		return NC_NOMEM;
	peer->options = *options;
	(void)snprintf(fault, NC_BUS_FAULT_SIZE, "no cluster secret");
	(void)snprintf(peer->void_subject, sizeof peer->void_subject, "_es.%s.void",
	               options->store);
	int err = nc_peer_keys_new(options->store, options->secret, options->also, &peer->keys);
	if (err != NC_OK) {
		free(peer);
		return err;
	}
	nc_gate_init(&peer->gate, peer->keys, options->name, options->number, options->epoch);
	err = bus_open(peer, fault);
	if (err != NC_OK) {
		nc_peer_close(peer);
		return err;
	}
	*peer_out = peer;
	return NC_OK;
}

void nc_peer_close(struct nc_peer *peer)
{
	if (peer == NULL)
		return;
	nc_peer_calls_fail(peer, NC_CLOSED);
	nc_bus_close(peer->bus); /* it calls back no more */
	peer_free(peer);
}

bool nc_peer_connected(struct nc_peer *peer)
{
	return nc_bus_connected(peer->bus);
}

struct nc_gate *nc_peer_gate(struct nc_peer *peer)
{
	return &peer->gate;
}
