/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The micro-service verbs. */
#include "transport/nats/srv.h"

#include <string.h>
#include <sys/random.h>

#include "core/base/assert.h"
#include "core/base/json.h"

void nc_srv_id_make(char id_out[NC_SRV_ID_SIZE])
{
	static const char digits[] =
	        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	uint8_t random[NC_SRV_ID_SIZE - 1];
	ssize_t size = getrandom(random, sizeof random, 0);
	nc_assert(size == (ssize_t)sizeof random);
	for (size_t i = 0; i < sizeof random; i++)
		id_out[i] = digits[random[i] % 62];
	id_out[NC_SRV_ID_SIZE - 1] = '\0';
}

static void put_head(struct nc_buf *out, const struct nc_srv *srv, const char *type,
                     const char *role, uint64_t lag)
{
	nc_buf_printf(out,
	              "{\"type\":\"io.nats.micro.v1.%s_response\",\"name\":\"nacre\",\"id\":\"%s\","
	              "\"version\":\"%s\",\"metadata\":{\"store\":\"%s\",\"node\":\"%s\","
	              "\"role\":\"%s\",\"lag\":\"%llu\"}",
	              type, srv->id, srv->version, srv->store, srv->node, role,
	              (unsigned long long)lag);
}

static void put_endpoint(struct nc_buf *out, const struct nc_srv_endpoint *endpoint)
{
	nc_buf_printf(out, "{\"name\":\"%s\",\"subject\":\"%s\",\"queue_group\":\"%s\"",
	              endpoint->name, endpoint->subject,
	              endpoint->queue == NULL ? "" : endpoint->queue);
}

static void put_stats(struct nc_buf *out, const struct nc_srv_endpoint *endpoint,
                      struct nc_slice data)
{
	uint64_t requests = atomic_load(&endpoint->stats.requests);
	uint64_t time_ns = atomic_load(&endpoint->stats.time_ns);
	const char *last_error = atomic_load(&endpoint->stats.last_error);
	nc_buf_printf(out, ",\"num_requests\":%llu,\"num_errors\":%llu,\"last_error\":",
	              (unsigned long long)requests,
	              (unsigned long long)atomic_load(&endpoint->stats.errors));
	nc_json_put_string(out, nc_slice_str(last_error));
	nc_buf_printf(out, ",\"processing_time\":%llu,\"average_processing_time\":%llu,\"data\":",
	              (unsigned long long)time_ns,
	              (unsigned long long)(requests == 0 ? 0 : time_ns / requests));
	nc_buf_put_slice(out, data);
	nc_buf_put_u8(out, '}');
}

/* How much is told. */
enum detail { WHOLE, DATA_ONCE, WHAT_FITS };

static void put_endpoints(struct nc_buf *out, const struct nc_srv *srv, enum nc_srv_verb verb,
                          struct nc_slice data, enum detail detail, size_t end_max)
{
	static const struct nc_slice none = { (const uint8_t *)"{}", 2 };
	nc_buf_put_str(out, ",\"endpoints\":[");
	for (size_t i = 0; i < srv->endpoint_count; i++) {
		bool shown = detail == WHOLE || (detail == DATA_ONCE && i == 0);
		size_t before = out->size;
		if (i > 0)
			nc_buf_put_u8(out, ',');
		put_endpoint(out, &srv->endpoints[i]);
		if (verb == NC_SRV_STATS) {
			put_stats(out, &srv->endpoints[i], shown ? data : none);
		} else {
			nc_buf_put_str(out, ",\"metadata\":{}}");
		}
		if (detail == WHAT_FITS && out->size + strlen("]}") > end_max) {
			out->size = before;
			break;
		}
	}
	nc_buf_put_u8(out, ']');
}

void nc_srv_answer(struct nc_buf *out, const struct nc_srv *srv, enum nc_srv_verb verb,
                   const struct nc_srv_state *state, size_t size_max)
{
	static const char *const types[] = { "ping", "info", "stats" };
	size_t begin = out->size;
	for (enum detail detail = WHOLE; detail <= WHAT_FITS; detail++) {
		out->size = begin;
		put_head(out, srv, types[verb], state->role, state->lag);
		if (verb == NC_SRV_INFO)
			nc_buf_put_str(out, ",\"description\":\"Nacre event store\"");
		if (verb == NC_SRV_STATS)
			nc_buf_printf(out, ",\"started\":\"%s\"", srv->started);
		if (verb != NC_SRV_PING)
			put_endpoints(out, srv, verb, state->data, detail, begin + size_max);
		nc_buf_put_u8(out, '}');
		if (out->size - begin <= size_max)
			return;
	}
}
