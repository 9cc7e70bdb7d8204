/* SPDX-License-Identifier: GPL-3.0-or-later */
/* NATS servers by word of mouth. */
#include "transport/peer/gossip.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/base/assert.h"
#include "transport/peer/frame.h"

#define GROUP         "239.255.45.89" /* of an organisation's own range (RFC 2365) */
#define BROADCAST     "255.255.255.255"
#define SPREAD_MS     1000u
#define DATAGRAM_SIZE 2048u
#define SENDS_MAX     8u /* under way; beyond, one is left out */

struct nc_gossip {
	struct nc_gossip_options options;
	struct nc_peer_keys *keys;
	uv_udp_t udp;
	uv_timer_t timer;
	unsigned handles, sends;
	struct sockaddr_in to;
	char urls[NC_GOSSIP_URLS_SIZE];
	char datagram[DATAGRAM_SIZE];
};

struct sending {
	uv_udp_send_t request;
	struct nc_gossip *gossip;
	struct nc_buf bytes;
};

/* What ends user and password: a password may have the character in it. */
static const char *last_at(const char *url, size_t length)
{
	while (length > 0 && url[length - 1] != '@')
		length--;
	return length == 0 ? NULL : url + length - 1;
}

/* Put `count` bytes behind the others. False: there is no room for them, a comma and a NUL. */
static bool put(char plain[NC_GOSSIP_URLS_SIZE], size_t *size, const char *bytes, size_t count)
{
	if (*size + count + 2 >= NC_GOSSIP_URLS_SIZE)
		return false;
	memcpy(plain + *size, bytes, count);
	*size += count;
	return true;
}

int nc_gossip_plain(const char *urls, char plain_out[NC_GOSSIP_URLS_SIZE])
{
	size_t size = 0;
	for (const char *at = urls; *at != '\0';) {
		size_t length = strcspn(at, ", "), scheme = 0;
		const char *scheme_end = strstr(at, "://"), *secret_end = last_at(at, length);
		const char *rest = at;
		if (secret_end != NULL) { /* keep the scheme, leave out user and password */
			if (scheme_end != NULL && scheme_end < secret_end)
				scheme = (size_t)(scheme_end - at) + 3;
			rest = secret_end + 1;
		}
		if (!put(plain_out, &size, at, scheme) ||
		    !put(plain_out, &size, rest, length - (size_t)(rest - at)))
			return NC_TOOBIG;
		at += length;
		at += strspn(at, ", ");
		if (*at != '\0')
			plain_out[size++] = ',';
	}
	plain_out[size] = '\0';
	return NC_OK;
}

static uint64_t wall_ms(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- Out ------------------------------------------------------------------------------------ */

static void on_sent(uv_udp_send_t *request, int status)
{
	struct sending *sending = request->data;
	(void)status; /* the next one follows in a second */
	sending->gossip->sends--;
	nc_buf_release(&sending->bytes);
	free(sending);
}

static void on_timer(uv_timer_t *timer)
{
	struct nc_gossip *gossip = timer->data;
	if (gossip->urls[0] == '\0' || gossip->sends == SENDS_MAX)
		return;
	const struct nc_peer_frame frame = { .sender = nc_slice_str(gossip->options.name),
		                             .receiver = NC_SLICE("*"),
		                             .number = 1, /* it is no message of consensus */
		                             .epoch = 1,
		                             .message = wall_ms(),
		                             .kind = NC_PEER_GOSSIP,
		                             .body = nc_slice_str(gossip->urls) };
	struct sending *sending = calloc(1, sizeof *sending);
	if (sending == NULL)
		return;
	sending->gossip = gossip;
	sending->request.data = sending;
	int err = nc_peer_frame_seal(&frame, gossip->keys, &sending->bytes);
	uv_buf_t buf = uv_buf_init((char *)sending->bytes.data, (unsigned)sending->bytes.size);
	gossip->sends++;
	if (err != NC_OK || uv_udp_send(&sending->request, &gossip->udp, &buf, 1,
	                                (const struct sockaddr *)&gossip->to, on_sent) != 0)
		on_sent(&sending->request, 0);
}

void nc_gossip_spread(struct nc_gossip *gossip, const char *urls)
{
	char plain[NC_GOSSIP_URLS_SIZE];
	if (nc_gossip_plain(urls, plain) == NC_OK)
		memcpy(gossip->urls, plain, sizeof plain);
}

/* ---- In ------------------------------------------------------------------------------------- */

static void on_room(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
	struct nc_gossip *gossip = handle->data;
	(void)size;
	*buf = uv_buf_init(gossip->datagram, sizeof gossip->datagram);
}

static bool is_plain(struct nc_slice urls)
{
	for (size_t i = 0; i < urls.size; i++) {
		if (urls.data[i] <= ' ' || urls.data[i] >= 0x7f)
			return false;
	}
	return urls.size > 0 && urls.size < NC_GOSSIP_URLS_SIZE;
}

static void on_datagram(uv_udp_t *udp, ssize_t size, const uv_buf_t *buf,
                        const struct sockaddr *from, unsigned flags)
{
	struct nc_gossip *gossip = udp->data;
	struct nc_peer_frame frame;
	char urls[NC_GOSSIP_URLS_SIZE], name[NC_PEER_NAME_SIZE];
	if (size <= 0 || from == NULL)
		return;
	int err = (flags & UV_UDP_PARTIAL) != 0
	                  ? NC_TOOBIG
	                  : nc_peer_frame_open(nc_slice(buf->base, (size_t)size), gossip->keys,
	                                       &frame);
	uint64_t now_ms = wall_ms();
	if (err != NC_OK || frame.kind != NC_PEER_GOSSIP || !is_plain(frame.body) ||
	    frame.message + NC_GOSSIP_AGE_MS < now_ms ||
	    frame.message > now_ms + NC_GOSSIP_AGE_MS) {
		gossip->options.on_drop(gossip->options.ctx);
		return;
	}
	if (nc_slice_is(frame.sender, gossip->options.name))
		return; /* our own */
	(void)snprintf(urls, sizeof urls, "%.*s", (int)frame.body.size,
	               (const char *)frame.body.data);
	(void)snprintf(name, sizeof name, "%.*s", (int)frame.sender.size,
	               (const char *)frame.sender.data);
	gossip->options.on_urls(gossip->options.ctx, urls, name);
}

/* ---- Life ----------------------------------------------------------------------------------- */

static bool given(const char *text)
{
	return text != NULL && *text != '\0';
}

/* 0, or libuv's error; `what_out` says of what. */
static int udp_open(struct nc_gossip *gossip, const char **what_out)
{
	const struct nc_gossip_options *options = &gossip->options;
	const char *interface = given(options->interface) ? options->interface : NULL;
	const char *group = given(options->group) ? options->group
	                    : options->broadcast  ? BROADCAST
	                                          : GROUP;
	struct sockaddr_in any;
	*what_out = "NACRE_GOSSIP_GROUP";
	int failed = uv_ip4_addr(group, options->port, &gossip->to);
	if (failed == 0)
		failed = uv_ip4_addr("0.0.0.0", options->port, &any);
	if (failed != 0)
		return failed;
	*what_out = "NACRE_GOSSIP_PORT";
	failed = uv_udp_bind(&gossip->udp, (const struct sockaddr *)&any, UV_UDP_REUSEADDR);
	if (failed == 0 && options->broadcast)
		return uv_udp_set_broadcast(&gossip->udp, 1);
	if (failed == 0) {
		*what_out = "NACRE_GOSSIP_GROUP or NACRE_GOSSIP_INTERFACE";
		failed = uv_udp_set_membership(&gossip->udp, group, interface, UV_JOIN_GROUP);
	}
	if (failed == 0 && interface != NULL)
		failed = uv_udp_set_multicast_interface(&gossip->udp, interface);
	if (failed == 0)
		failed = uv_udp_set_multicast_loop(&gossip->udp, 1);
	return failed == 0 ? uv_udp_set_multicast_ttl(&gossip->udp, options->ttl) : failed;
}

int nc_gossip_start(const struct nc_gossip_options *options, struct nc_gossip **gossip_out,
                    char fault[NC_GOSSIP_FAULT_SIZE])
{
	struct nc_gossip *gossip = calloc(1, sizeof *gossip);
	if (gossip == NULL)
		return NC_NOMEM;
	gossip->options = *options;
	gossip->udp.data = gossip->timer.data = gossip;
	int err = nc_peer_keys_new(options->store, options->secret, options->also, &gossip->keys);
	if (err != NC_OK) {
		(void)snprintf(fault, NC_GOSSIP_FAULT_SIZE, "no cluster secret");
		free(gossip);
		return err;
	}
	if (uv_udp_init(options->loop, &gossip->udp) != 0 ||
	    uv_timer_init(options->loop, &gossip->timer) != 0)
		nc_assert(!"libuv refuses a handle");
	gossip->handles = 2;
	nc_gossip_spread(gossip, options->urls);
	const char *what = "";
	int failed = udp_open(gossip, &what);
	if (failed == 0)
		failed = uv_udp_recv_start(&gossip->udp, on_room, on_datagram);
	if (failed == 0)
		failed = uv_timer_start(&gossip->timer, on_timer, 0, SPREAD_MS);
	if (failed != 0) {
		(void)snprintf(fault, NC_GOSSIP_FAULT_SIZE, "%s: %s", what, uv_strerror(failed));
		nc_gossip_stop(gossip);
		return NC_INVALID;
	}
	*gossip_out = gossip;
	return NC_OK;
}

static void on_closed(uv_handle_t *handle)
{
	struct nc_gossip *gossip = handle->data;
	if (--gossip->handles > 0)
		return;
	nc_peer_keys_free(gossip->keys);
	free(gossip);
}

void nc_gossip_stop(struct nc_gossip *gossip)
{
	if (gossip == NULL)
		return;
	uv_close((uv_handle_t *)&gossip->udp, on_closed);
	uv_close((uv_handle_t *)&gossip->timer, on_closed);
}
