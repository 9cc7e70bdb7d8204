/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The leaf node protocol, as much of it as is needed to learn who subscribes. */
#include "transport/nats/leaf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/json.h"
#include "core/base/shown.h"
#include "core/base/unconst.h"

#define READ_SIZE 16384u

struct nc_leaf {
	struct nc_leaf_options options; /* its strings are copies */
	uv_getaddrinfo_t lookup;
	uv_tcp_t tcp;
	uv_connect_t connect;
	bool looking; /* `lookup` is under way */
	bool tcp_closed;
	bool greeted; /* CONNECT is sent */
	bool restricted;
	bool ended; /* told, or closed: nothing is told any more */
	char server[NC_LEAF_ID_SIZE];
	struct nc_buf in; /* the beginning of a line */
	char room[READ_SIZE];
};

static void free_when_let_go(struct nc_leaf *leaf)
{
	if (leaf->looking || !leaf->tcp_closed)
		return;
	free(nc_unconst(leaf->options.host));
	free(nc_unconst(leaf->options.name));
	free(nc_unconst(leaf->options.user));
	free(nc_unconst(leaf->options.password));
	nc_buf_release(&leaf->in);
	free(leaf);
}

static void end(struct nc_leaf *leaf, const char *why)
{
	if (leaf->ended)
		return;
	leaf->ended = true;
	leaf->options.on_ended(leaf->options.ctx, why);
}

/* ---- Out ------------------------------------------------------------------------------------ */

/* Few bytes are ever sent: if the kernel does not take them at once, the server has not read for
 * long. */
static void send_bytes(struct nc_leaf *leaf, struct nc_slice bytes)
{
	uv_buf_t out = uv_buf_init(nc_unconst(bytes.data), (unsigned)bytes.size);
	if (!leaf->ended && uv_try_write((uv_stream_t *)&leaf->tcp, &out, 1) != (int)bytes.size)
		end(leaf, "the server does not read");
}

static void member_put(struct nc_buf *buf, const char *name, const char *value)
{
	if (*value == '\0')
		return;
	nc_buf_printf(buf, "\"%s\":", name);
	nc_json_put_string(buf, nc_slice_str(value));
	nc_buf_put_u8(buf, ',');
}

/* Without a word of compression, so that the server uses none. */
static void greet(struct nc_leaf *leaf)
{
	struct nc_buf line = { 0 };
	nc_buf_put_str(&line, "CONNECT {");
	member_put(&line, "user", leaf->options.user);
	member_put(&line, "pass", leaf->options.password);
	member_put(&line, "server_id", leaf->options.name);
	member_put(&line, "name", leaf->options.name);
	nc_buf_put_str(&line, "\"version\":\"2.9.0\",\"headers\":true}\r\nPING\r\n");
	leaf->greeted = true;
	if (nc_buf_status(&line) == NC_OK) {
		send_bytes(leaf, nc_buf_slice(&line));
	} else {
		end(leaf, "out of memory");
	}
	nc_buf_release(&line);
}

void nc_leaf_ping(struct nc_leaf *leaf)
{
	send_bytes(leaf, NC_SLICE("PING\r\n"));
}

/* ---- In ------------------------------------------------------------------------------------- */

/* What the server says of itself. False: it is not understood. */
static bool info_read(struct nc_leaf *leaf, struct nc_slice text, bool *tls_out)
{
	struct nc_json json;
	struct nc_json_token key, value;
	struct nc_slice raw;
	nc_json_init(&json, text);
	if (nc_json_next(&json, &key) != NC_OK || key.type != NC_JSON_OBJECT)
		return false;
	while (nc_json_next(&json, &key) == NC_OK && key.type == NC_JSON_KEY) {
		if (nc_json_next(&json, &value) != NC_OK ||
		    nc_json_value(&json, &value, &raw) != NC_OK)
			return false;
		if (nc_json_is(&key, "server_id") && value.type == NC_JSON_STRING) {
			(void)snprintf(leaf->server, sizeof leaf->server, "%.*s",
			               (int)value.raw.size, (const char *)value.raw.data);
		} else if (nc_json_is(&key, "tls_required")) {
			*tls_out = value.type == NC_JSON_TRUE;
		} else if (nc_json_is(&key, "export")) {
			leaf->restricted = value.type != NC_JSON_NULL;
		}
	}
	return key.type == NC_JSON_OBJECT_END;
}

static void info(struct nc_leaf *leaf, struct nc_slice text)
{
	bool tls = false;
	if (!info_read(leaf, text, &tls)) {
		end(leaf, "its INFO is not understood");
	} else if (tls) {
		end(leaf, "its port for leaf nodes wants TLS");
	} else if (!leaf->greeted) {
		greet(leaf);
	}
}

#define STRANGE "it does not speak the protocol of leaf nodes"

/* Behind "LS+ ": "<subject>", or "<subject> <queue> <weight>", of which the weight is cut off;
 * behind "LS- " it has none. */
static void interest(struct nc_leaf *leaf, struct nc_slice key, bool there)
{
	if (key.size == 0) {
		end(leaf, STRANGE);
		return;
	}
	const uint8_t *queue = memchr(key.data, ' ', key.size);
	const uint8_t *last = memrchr(key.data, ' ', key.size);
	if (there && queue != last)
		key.size = (size_t)(last - key.data);
	leaf->options.on_interest(leaf->options.ctx, key, there);
}

/* What a server says before it closes, such as "-ERR 'Authorization Violation'". */
static void error(struct nc_leaf *leaf, struct nc_slice text)
{
	char why[128], shown[NC_SHOWN_SIZE];
	(void)snprintf(why, sizeof why, "the server says %s", nc_shown(text, shown));
	end(leaf, why);
}

static void line_take(struct nc_leaf *leaf, struct nc_slice line)
{
	if (nc_slice_starts(line, NC_SLICE("LS+ "))) {
		interest(leaf, nc_slice_from(line, 4), true);
	} else if (nc_slice_starts(line, NC_SLICE("LS- "))) {
		interest(leaf, nc_slice_from(line, 4), false);
	} else if (nc_slice_is(line, "PONG")) {
		leaf->options.on_pong(leaf->options.ctx);
	} else if (nc_slice_is(line, "PING")) {
		send_bytes(leaf, NC_SLICE("PONG\r\n"));
	} else if (nc_slice_starts(line, NC_SLICE("INFO "))) {
		info(leaf, nc_slice_from(line, 5));
	} else if (nc_slice_starts(line, NC_SLICE("-ERR "))) {
		error(leaf, nc_slice_from(line, 5));
	} else if (!nc_slice_is(line, "+OK")) {
		end(leaf, STRANGE);
	}
}

/* Take all complete lines; what follows them stays in the buffer. */
static void lines_take(struct nc_leaf *leaf)
{
	size_t at = 0;
	while (!leaf->ended) {
		struct nc_slice rest = nc_slice_from(nc_buf_slice(&leaf->in), at);
		const uint8_t *line_end =
		        rest.size == 0 ? NULL : memmem(rest.data, rest.size, "\r\n", 2);
		if (line_end == NULL)
			break;
		size_t size = (size_t)(line_end - rest.data);
		line_take(leaf, nc_slice(rest.data, size));
		at += size + 2;
	}
	leaf->in.size -= at;
	if (at > 0 && leaf->in.size > 0)
		memmove(leaf->in.data, leaf->in.data + at, leaf->in.size);
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct nc_leaf *leaf = handle->data;
	(void)suggested;
	*buf = uv_buf_init(leaf->room, sizeof leaf->room);
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buf)
{
	struct nc_leaf *leaf = stream->data;
	if (leaf->ended || size == 0)
		return;
	if (size < 0) {
		end(leaf, size == UV_EOF ? "the server closed it" : uv_strerror((int)size));
		return;
	}
	nc_buf_put(&leaf->in, buf->base, (size_t)size);
	lines_take(leaf);
	if (leaf->ended)
		return;
	if (nc_buf_status(&leaf->in) != NC_OK)
		end(leaf, "out of memory");
	if (leaf->in.size > NC_LEAF_LINE_MAX)
		end(leaf, "a line has no end");
}

/* ---- Life ----------------------------------------------------------------------------------- */

static void on_connected(uv_connect_t *connect, int status)
{
	struct nc_leaf *leaf = connect->data;
	if (status == 0)
		status = uv_read_start((uv_stream_t *)&leaf->tcp, on_room, on_read);
	if (status == 0)
		(void)uv_tcp_nodelay(&leaf->tcp, 1);
	if (status != 0)
		end(leaf, uv_strerror(status));
}

static void on_looked_up(uv_getaddrinfo_t *lookup, int status, struct addrinfo *found)
{
	struct nc_leaf *leaf = lookup->data;
	leaf->looking = false;
	if (status == 0 && !leaf->ended) {
		leaf->connect.data = leaf;
		status = uv_tcp_connect(&leaf->connect, &leaf->tcp, found->ai_addr, on_connected);
	}
	uv_freeaddrinfo(found);
	if (status != 0)
		end(leaf, uv_strerror(status));
	free_when_let_go(leaf);
}

static void on_closed(uv_handle_t *handle)
{
	struct nc_leaf *leaf = handle->data;
	leaf->tcp_closed = true;
	free_when_let_go(leaf);
}

static int strings_copy(struct nc_leaf *leaf, const struct nc_leaf_options *options)
{
	leaf->options.host = strdup(options->host);
	leaf->options.name = strdup(options->name);
	leaf->options.user = strdup(options->user);
	leaf->options.password = strdup(options->password);
	bool all = leaf->options.host != NULL && leaf->options.name != NULL &&
	           leaf->options.user != NULL && leaf->options.password != NULL;
	return all ? NC_OK : NC_NOMEM;
}

int nc_leaf_open(const struct nc_leaf_options *options, struct nc_leaf **leaf_out)
{
	const struct addrinfo stream = { .ai_socktype = SOCK_STREAM };
	char port[16];
	struct nc_leaf *leaf = calloc(1, sizeof *leaf);
	if (leaf == NULL)
		return NC_NOMEM;
	leaf->options = *options;
	leaf->tcp.data = leaf->lookup.data = leaf;
	if (uv_tcp_init(options->loop, &leaf->tcp) != 0)
		nc_assert(!"libuv refuses a handle");
	(void)snprintf(port, sizeof port, "%u", options->port);
	int err = strings_copy(leaf, options);
	if (err == NC_OK && uv_getaddrinfo(options->loop, &leaf->lookup, on_looked_up,
	                                   leaf->options.host, port, &stream) != 0)
		err = NC_NOMEM;
	leaf->looking = err == NC_OK;
	if (err != NC_OK) {
		nc_leaf_close(leaf);
	} else {
		*leaf_out = leaf;
	}
	return err;
}

const char *nc_leaf_server(const struct nc_leaf *leaf)
{
	return leaf->server;
}

bool nc_leaf_sees_all(const struct nc_leaf *leaf)
{
	return !leaf->restricted;
}

void nc_leaf_close(struct nc_leaf *leaf)
{
	if (leaf == NULL)
		return;
	leaf->ended = true;
	if (leaf->looking)
		(void)uv_cancel((uv_req_t *)&leaf->lookup);
	uv_close((uv_handle_t *)&leaf->tcp, on_closed);
}
