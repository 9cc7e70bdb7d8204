/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests to services of other nodes.
 *
 *   request: [call, service, body]      reply: [call, error, body]
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/assert.h"
#include "core/base/pack.h"
#include "transport/peer/peer_private.h"

#define CALL_FIELDS 3u
#define GONE_MS     50u /* a server has passed on by then what it was sent by one who is gone */

static void body_put(struct nc_peer *peer, uint64_t call, uint64_t number, struct nc_slice body)
{
	nc_buf_clear(&peer->body);
	nc_pack_array(&peer->body, CALL_FIELDS);
	nc_pack_uint(&peer->body, call);
	nc_pack_uint(&peer->body, number);
	nc_pack_bin(&peer->body, body);
}

static int body_get(struct nc_slice bytes, uint64_t *call, uint64_t *number, struct nc_slice *body)
{
	struct nc_reader reader = nc_reader(bytes);
	size_t fields = nc_unpack_array(&reader);
	*call = nc_unpack_uint(&reader);
	*number = nc_unpack_uint(&reader);
	*body = nc_unpack_bin(&reader);
	return reader.failed || fields != CALL_FIELDS || nc_reader_left(&reader) > 0 ? NC_INVALID
	                                                                             : NC_OK;
}

/* ---- Asking --------------------------------------------------------------------------------- */

int nc_peer_request(struct nc_peer *peer, const struct nc_peer_question *question,
                    void (*fn)(void *ctx, int err, struct nc_slice body), void *ctx)
{
	uint64_t to = question->to;
	const struct nc_peer_node *node = nc_gate_node(&peer->gate, to);
	struct nc_peer_asked *asked = malloc(sizeof *asked);
	char subject[256], reply[256];
	if (node == NULL || asked == NULL) {
		free(asked);
		return node == NULL ? NC_NOTFOUND : NC_NOMEM;
	}
	*asked = (struct nc_peer_asked){ .next = peer->asked,
		                         .call = ++peer->calls,
		                         .to = to,
		                         .until_ms = nc_peer_now_ms() + question->timeout_ms,
		                         .err = NC_TIMEOUT,
		                         .fn = fn,
		                         .ctx = ctx };
	body_put(peer, asked->call, question->service, question->body);
	(void)snprintf(subject, sizeof subject, "_es.%s.call.%s", peer->options.store, node->name);
	(void)snprintf(reply, sizeof reply, "_es.%s.inbox.%s.call.%llu", peer->options.store,
	               peer->options.name, (unsigned long long)to);
	int err = nc_buf_status(&peer->body);
	if (err == NC_OK) {
		err = nc_peer_send(peer, to, NC_PEER_REQUEST, nc_buf_slice(&peer->body), subject,
		                   reply);
	}
	if (err != NC_OK) {
		free(asked);
		return err;
	}
	peer->asked = asked;
	return NC_OK;
}

/* `fn` may ask anew: the list may be another after it. */
static void finish(struct nc_peer_asked *asked, int err, struct nc_slice body)
{
	asked->fn(asked->ctx, err, body);
	free(asked);
}

int nc_peer_take_reply(struct nc_peer *peer, uint64_t from, struct nc_slice bytes)
{
	uint64_t call, code;
	struct nc_slice body;
	int err = body_get(bytes, &call, &code, &body);
	if (err != NC_OK || code > 64)
		return NC_INVALID;
	for (struct nc_peer_asked **at = &peer->asked; *at != NULL; at = &(*at)->next) {
		struct nc_peer_asked *asked = *at;
		if (asked->call != call || asked->to != from)
			continue;
		*at = asked->next;
		finish(asked, -(int)code, body);
		return NC_OK;
	}
	return NC_OK; /* too late, or twice */
}

/* Those that were to be answered by `until_ms`. */
static struct nc_peer_asked *take_out(struct nc_peer *peer, uint64_t until_ms)
{
	for (struct nc_peer_asked **at = &peer->asked; *at != NULL; at = &(*at)->next) {
		struct nc_peer_asked *asked = *at;
		if (asked->until_ms > until_ms)
			continue;
		*at = asked->next;
		return asked;
	}
	return NULL;
}

void nc_peer_calls_fail(struct nc_peer *peer, int err)
{
	/* What `fn` asks anew meanwhile is not of these. */
	struct nc_peer_asked *failed = NULL, *asked;
	while ((asked = take_out(peer, UINT64_MAX)) != NULL) {
		asked->next = failed;
		failed = asked;
	}
	while (failed != NULL) {
		asked = failed;
		failed = asked->next;
		finish(asked, err, nc_slice(NULL, 0));
	}
}

void nc_peer_calls_gone(struct nc_peer *peer, uint64_t to)
{
	uint64_t until_ms = nc_peer_now_ms() + GONE_MS;
	for (struct nc_peer_asked *asked = peer->asked; asked != NULL; asked = asked->next) {
		if (asked->to != to || asked->until_ms <= until_ms)
			continue;
		asked->until_ms = until_ms;
		asked->err = NC_CLOSED;
	}
}

void nc_peer_tick(struct nc_peer *peer)
{
	struct nc_peer_asked *asked;
	uint64_t now_ms = nc_peer_now_ms();
	while ((asked = take_out(peer, now_ms)) != NULL)
		finish(asked, asked->err, nc_slice(NULL, 0));
}

/* ---- Answering ------------------------------------------------------------------------------ */

void nc_peer_serve(struct nc_peer *peer, uint8_t service,
                   void (*fn)(void *ctx, uint64_t from, uint64_t call, struct nc_slice body),
                   void *ctx)
{
	nc_assert(service >= 1 && service <= NC_PEER_SERVICES_MAX);
	peer->services[service].fn = fn;
	peer->services[service].ctx = ctx;
}

int nc_peer_take_request(struct nc_peer *peer, uint64_t from, struct nc_slice bytes)
{
	uint64_t call, service;
	struct nc_slice body;
	int err = body_get(bytes, &call, &service, &body);
	if (err != NC_OK || service == 0 || service > NC_PEER_SERVICES_MAX)
		return NC_INVALID;
	if (peer->services[service].fn == NULL) {
		return nc_peer_reply(peer, from, call, NC_UNSUPPORTED, nc_slice(NULL, 0)) ==
		                       NC_NOMEM
		               ? NC_NOMEM
		               : NC_OK;
	}
	peer->services[service].fn(peer->services[service].ctx, from, call, body);
	return NC_OK;
}

int nc_peer_reply(struct nc_peer *peer, uint64_t to, uint64_t call, int err, struct nc_slice body)
{
	return nc_peer_reply_by(peer, peer->bus, &(struct nc_peer_answer){ to, call, err, body });
}

int nc_peer_reply_by(struct nc_peer *peer, struct nc_bus *by, const struct nc_peer_answer *answer)
{
	uint64_t to = answer->to;
	const struct nc_peer_node *node = nc_gate_node(&peer->gate, to);
	char subject[256];
	if (node == NULL)
		return NC_NOTFOUND;
	nc_assert(answer->err <= 0 && answer->err > -64);
	body_put(peer, answer->call, (uint64_t)-answer->err, answer->body);
	(void)snprintf(subject, sizeof subject, "_es.%s.inbox.%s.call.%llu", peer->options.store,
	               node->name, (unsigned long long)peer->options.number);
	int status = nc_buf_status(&peer->body);
	struct nc_peer_letter letter = { by,      to,  NC_PEER_REPLY, nc_buf_slice(&peer->body),
		                         subject, NULL };
	return status != NC_OK ? status : nc_peer_send_letter(peer, &letter);
}
