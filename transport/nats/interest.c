/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The subscriptions that match what the node publishes, and how far the server has told of them. */
#include "transport/nats/interest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/grow.h"
#include "transport/nats/bus.h"
#include "transport/nats/leaf.h"
#include "transport/nats/subject.h"

/* When to send a PING. */
#define ASK_EVENTS 16u      /* fewer are published; that costs less */
#define GATHER_NS  1000000u /* they must be expected within this time */
#define PAUSE_NS   200000u  /* between two PINGs; short beside the time that an append takes */
#define LONG_PAUSE_NS                                                                  \
	1000000u     /* the same while nobody is known to listen: events can wait then \
	              */
#define ASKED_MAX 8u /* PINGs that are not answered yet */

/* With more subscriptions than these, somebody is taken to listen to everything. */
#define MATCHED_MAX   64u   /* an event's subject is compared with each */
#define LISTENERS_MAX 4096u /* kept in memory */

#define PATIENCE_MS  5000u  /* a connection may take until all is known */
#define RETRY_MS     1000u  /* before the next attempt; it doubles each time … */
#define RETRY_MAX_MS 60000u /* … up to this */

/* A subscription that matches some of what is published. */
struct listener {
	size_t subject_size, key_size;
	char *key; /* the subject, and its queue */
};

struct nc_interest {
	struct nc_interest_options options;
	/* Where the node's bus is connected to. */
	char host[NC_BUS_HOST_SIZE], server[NC_BUS_SERVER_ID_SIZE];
	struct nc_leaf *leaf; /* NULL: there is none */
	/* Without a leaf, of the next attempt; with one, of patience until interest is known, and
	 * then of the next PING. */
	uv_timer_t timer;
	uint64_t retry_ms;
	char why[256]; /* why interest is not known, as on_state was told last */
	/* Of the leaf's connection. */
	bool own_seen; /* the server has told of the subscription to `own` */
	bool known;    /* it is certain what is subscribed */
	struct listener *listeners;
	size_t count, room;
	/* PINGs and PONGs, counted over all connections. */
	uint64_t asked, answered;
	uint64_t begun_ns; /* since when `events` are counted */
	size_t events;     /* that are expected and not yet covered by a PING */
};

/* ---- Listeners ------------------------------------------------------------------------------ */

static void listeners_forget(struct nc_interest *interest)
{
	for (size_t i = 0; i < interest->count; i++)
		free(interest->listeners[i].key);
	interest->count = 0;
}

static struct listener *find(const struct nc_interest *interest, struct nc_slice key)
{
	for (size_t i = 0; i < interest->count; i++) {
		struct listener *listener = &interest->listeners[i];
		if (nc_slice_eq(nc_slice(listener->key, listener->key_size), key))
			return listener;
	}
	return NULL;
}

static int add(struct nc_interest *interest, struct nc_slice key, size_t subject_size)
{
	if (find(interest, key) != NULL)
		return NC_OK;
	if (interest->count == LISTENERS_MAX)
		return NC_FULL;
	char *copy = malloc(key.size);
	if (copy == NULL || !nc_grow(&interest->listeners, sizeof *interest->listeners,
	                             interest->count, &interest->room, 8)) {
		free(copy);
		return NC_NOMEM;
	}
	memcpy(copy, key.data, key.size);
	interest->listeners[interest->count++] = (struct listener){ .subject_size = subject_size,
		                                                    .key_size = key.size,
		                                                    .key = copy };
	return NC_OK;
}

static void take_away(struct nc_interest *interest, struct nc_slice key)
{
	struct listener *listener = find(interest, key);
	if (listener == NULL)
		return;
	free(listener->key);
	*listener = interest->listeners[--interest->count];
}

/* Whether all subscriptions of the bus's account are known. */
static bool is_certain(const struct nc_interest *interest)
{
	return interest->known && interest->own_seen;
}

/* ---- The connection ------------------------------------------------------------------------- */

static void drop(struct nc_interest *interest)
{
	nc_leaf_close(interest->leaf);
	interest->leaf = NULL;
	interest->known = interest->own_seen = false;
	listeners_forget(interest);
	interest->options.on_listener(interest->options.ctx);
}

/* Until the next attempt everything is published. The same reason is told once, however many
 * attempts fail for it. */
static void give_up(struct nc_interest *interest, const char *why)
{
	bool again = !interest->known && strcmp(interest->why, why) == 0;
	(void)snprintf(interest->why, sizeof interest->why, "%s", why);
	drop(interest);
	if (!again)
		interest->options.on_state(interest->options.ctx, false, interest->why);
	(void)uv_timer_start(&interest->timer, interest->timer.timer_cb, interest->retry_ms, 0);
	interest->retry_ms *= 2;
	if (interest->retry_ms > RETRY_MAX_MS)
		interest->retry_ms = RETRY_MAX_MS;
}

static void on_ended(void *ctx, const char *why)
{
	give_up(ctx, why);
}

/* Interest is known once the first PONG has come, since the server tells of all subscriptions
 * before it; and once the server has told of `own`, which proves that the account is the bus's.
 * That may come later, when the bus subscribes to it. */
static void settle(struct nc_interest *interest)
{
	if (interest->known || interest->answered < interest->asked)
		return;
	if (strcmp(nc_leaf_server(interest->leaf), interest->server) != 0) {
		give_up(interest, "another server answers there");
	} else if (!nc_leaf_sees_all(interest->leaf)) {
		give_up(interest, "the user has permissions, and so is not told of all");
	} else if (interest->own_seen) {
		interest->known = true;
		interest->why[0] = '\0';
		interest->retry_ms = RETRY_MS;
		(void)uv_timer_stop(&interest->timer);
		interest->options.on_state(interest->options.ctx, true, "");
	}
}

static void on_interest(void *ctx, struct nc_slice key, bool there)
{
	struct nc_interest *interest = ctx;
	const uint8_t *space = memchr(key.data, ' ', key.size);
	struct nc_slice subject =
	        nc_slice(key.data, space == NULL ? key.size : (size_t)(space - key.data));
	if (nc_slice_is(subject, interest->options.own)) {
		interest->own_seen = there;
		if (!there)
			interest->options.on_listener(interest->options.ctx);
		settle(interest);
	} else if (!nc_subject_overlap(subject, nc_slice_str(interest->options.subjects))) {
		return; /* most are such: of inboxes and requests */
	} else if (!there) {
		take_away(interest, key);
	} else {
		int err = add(interest, key, subject.size);
		if (err == NC_OK) {
			interest->options.on_listener(interest->options.ctx);
		} else {
			give_up(interest, err == NC_FULL ? "too many listen" : "out of memory");
		}
	}
}

static void on_pong(void *ctx)
{
	struct nc_interest *interest = ctx;
	if (interest->answered < interest->asked)
		interest->answered++;
	settle(interest);
	if (is_certain(interest) && interest->count == 0)
		interest->options.on_silence(interest->options.ctx, interest->answered);
}

static void try_now(struct nc_interest *interest)
{
	const struct nc_leaf_options options = {
		.loop = interest->options.loop,
		.host = interest->host,
		.port = interest->options.port,
		.name = interest->options.name,
		.user = interest->options.user,
		.password = interest->options.password,
		.on_interest = on_interest,
		.on_pong = on_pong,
		.on_ended = on_ended,
		.ctx = interest,
	};
	interest->answered = interest->asked++; /* the leaf sends the first PING by itself */
	(void)uv_timer_start(&interest->timer, interest->timer.timer_cb, PATIENCE_MS, 0);
	if (nc_leaf_open(&options, &interest->leaf) != NC_OK)
		give_up(interest, "out of memory");
}

static void on_timer(uv_timer_t *timer)
{
	struct nc_interest *interest = timer->data;
	if (interest->known)
		return; /* it is asked at the end of this turn */
	if (interest->leaf == NULL) {
		try_now(interest);
	} else {
		give_up(interest, interest->own_seen
		                          ? "the server does not answer"
		                          : "the server does not tell of the node's own "
		                            "subscriptions: is the user of another account?");
	}
}

void nc_interest_follow(struct nc_interest *interest, const char *host, const char *server_id)
{
	if (interest == NULL)
		return;
	drop(interest);
	(void)uv_timer_stop(&interest->timer);
	interest->retry_ms = RETRY_MS;
	if (host == NULL)
		return;
	(void)snprintf(interest->host, sizeof interest->host, "%s", host);
	(void)snprintf(interest->server, sizeof interest->server, "%s", server_id);
	try_now(interest);
}

/* ---- Asking --------------------------------------------------------------------------------- */

uint64_t nc_interest_expect(struct nc_interest *interest, size_t events)
{
	if (interest == NULL)
		return 0;
	interest->events += events;
	return interest->asked + 1;
}

/* Have the loop turn once more when it is time, even if nothing else comes. */
static void ask_later(struct nc_interest *interest)
{
	if (!uv_is_active((uv_handle_t *)&interest->timer))
		(void)uv_timer_start(&interest->timer, interest->timer.timer_cb, 1, 0);
}

void nc_interest_ask(struct nc_interest *interest)
{
	if (interest == NULL || interest->events == 0)
		return;
	uint64_t now_ns = uv_hrtime();
	bool many = interest->known && interest->events >= ASK_EVENTS;
	uint64_t pause_ns = !many ? GATHER_NS : interest->count > 0 ? PAUSE_NS : LONG_PAUSE_NS;
	if (now_ns - interest->begun_ns < pause_ns) {
		if (many)
			ask_later(interest);
	} else if (!many || interest->asked - interest->answered < ASKED_MAX) {
		interest->begun_ns = now_ns;
		interest->events = 0;
		if (many) {
			interest->asked++;
			nc_leaf_ping(interest->leaf);
		}
	}
}

enum nc_listening nc_interest_any(const struct nc_interest *interest, uint64_t mark)
{
	if (interest == NULL || !is_certain(interest) || interest->count > 0 || mark == 0)
		return NC_LISTENING_MAYBE;
	if (mark <= interest->answered)
		return NC_LISTENING_NOBODY;
	return mark <= interest->asked || interest->events >= ASK_EVENTS ? NC_LISTENING_AWAITED
	                                                                 : NC_LISTENING_MAYBE;
}

bool nc_interest_absent(const struct nc_interest *interest, uint64_t mark, struct nc_slice subject)
{
	if (interest == NULL || !is_certain(interest) || mark == 0 || mark > interest->answered ||
	    interest->count > MATCHED_MAX)
		return false;
	for (size_t i = 0; i < interest->count; i++) {
		const struct listener *listener = &interest->listeners[i];
		if (nc_subject_within(subject, nc_slice(listener->key, listener->subject_size)))
			return false;
	}
	return true;
}

/* ---- Life ----------------------------------------------------------------------------------- */

int nc_interest_open(const struct nc_interest_options *options, struct nc_interest **interest_out)
{
	struct nc_interest *interest = calloc(1, sizeof *interest);
	if (interest == NULL)
		return NC_NOMEM;
	interest->options = *options;
	interest->timer.data = interest;
	if (uv_timer_init(options->loop, &interest->timer) != 0)
		nc_assert(!"libuv refuses a handle");
	interest->timer.timer_cb = on_timer;
	*interest_out = interest;
	return NC_OK;
}

static void on_closed(uv_handle_t *handle)
{
	struct nc_interest *interest = handle->data;
	free(interest->listeners);
	free(interest);
}

void nc_interest_close(struct nc_interest *interest)
{
	if (interest == NULL)
		return;
	drop(interest);
	uv_close((uv_handle_t *)&interest->timer, on_closed);
}
