/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Connecting, one server at a time, in a thread of libuv's: a server that takes a connection and
 * says nothing costs seconds, looking up its name and a handshake take theirs, and the loop may be
 * a leader's.
 *
 * nats.c's own reconnect keeps its parser, on an event loop, as it was (its issue 1007): a message
 * that was torn is then completed by what the new connection brings. So a connection is never made
 * anew, but another one is made, when no thread of nats.c can call for the old one any more. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "transport/nats/bus_options.h"
#include "transport/nats/bus_private.h"

#define CONNECT_RETRY_MS 250

/* ---- Connecting ----------------------------------------------------------------------------- */

static uint64_t now_ms(const struct nc_bus *bus)
{
	return uv_now(bus->options.loop);
}

static void nc_set(struct nc_bus *bus, natsConnection *nc)
{
	pthread_rwlock_wrlock(&bus->use);
	bus->nc = nc;
	bus->nc_number += nc != NULL;
	pthread_rwlock_unlock(&bus->use);
}

/* The pause is counted from now, so that an attempt that took long is not followed by the next at
 * once. */
void nc_bus_retry_later(struct nc_bus *bus)
{
	uv_update_time(bus->options.loop);
	(void)uv_timer_start(&bus->retry, nc_bus_on_retry, CONNECT_RETRY_MS, 0);
}

static void connected(struct nc_bus *bus)
{
	natsStatus status = NATS_OK;
	nc_bus_take_all(bus);
	nc_bus_io_settle(&bus->io);
	/* If the connection is lost meanwhile, the next one gets the subscriptions. */
	for (struct nc_bus_sub *sub = bus->subs; sub != NULL && status == NATS_OK; sub = sub->next)
		status = sub->ended ? NATS_OK : nc_bus_sub_make(bus, sub);
	if (status == NATS_NO_MEMORY)
		/* a node with only some of its subscriptions is of no use */
		natsConnection_Close(bus->nc);
	bus->options.on_state(bus->options.ctx, true,
	                      bus->connected_before ? "reconnected" : "connected");
	bus->connected_before = true;
	bus->retry_said[0] = '\0';
	bus->round_status = NATS_OK;
	nc_bus_lost_replace(bus); /* it may have ended before anybody knew of it */
}

/* Note what to tell of a round of attempts: the first failure that says more than that no server is
 * there. */
static void round_note(struct nc_bus *bus, natsStatus status, const char *reason)
{
	if (bus->round_status != NATS_OK && bus->round_status != NATS_NO_SERVER)
		return;
	bus->round_status = status;
	(void)snprintf(bus->round_reason, sizeof bus->round_reason, "%s", reason);
	(void)snprintf(bus->round_address, sizeof bus->round_address, "%s",
	               nc_bus_server_address(bus->at.url));
}

static void not_connected(struct nc_bus *bus, natsStatus status, const char *reason)
{
	bool all = nc_bus_servers_round_ended(&bus->servers);
	round_note(bus, status, reason);
	if (all)
		bus->round_status = NATS_OK;
	if (all) {
		nc_bus_retry_later(bus);
	} else {
		(void)uv_timer_start(&bus->retry, nc_bus_on_retry, 0, 0);
	}
	/* Servers may fail in different ways: tell the first failure at once, then one for each
	 * round. */
	if (strcmp(bus->round_reason, bus->retry_said) != 0 &&
	    (bus->retry_said[0] == '\0' || all)) {
		char said[NC_BUS_SERVER_URL_SIZE + NC_BUS_REASON_SIZE + 8];
		(void)snprintf(said, sizeof said, "%s at %s", bus->round_reason,
		               bus->round_address);
		memcpy(bus->retry_said, bus->round_reason, sizeof bus->retry_said);
		bus->options.on_state(bus->options.ctx, false, said);
	}
}

/* In a thread. The loop leaves the options alone meanwhile. */
static void connect_work(uv_work_t *work)
{
	struct nc_bus *bus = work->data;
	bus->connect_status = natsConnection_Connect(&bus->connect_nc, bus->nats_options);
	nc_bus_reason(bus->connect_status, bus->tls, bus->connect_reason);
}

static void connect_done(uv_work_t *work, int cancelled)
{
	struct nc_bus *bus = work->data;
	natsStatus status = cancelled == 0 ? bus->connect_status : NATS_TIMEOUT;
	bus->connecting = false;
	if (status == NATS_OK) {
		nc_set(bus, bus->connect_nc);
	} else { /* no callback will tell that it has ended */
		nc_bus_source_end(bus);
	}
	if (bus->closing) {
		nc_bus_close_now(bus);
	} else if (status == NATS_OK) {
		connected(bus);
	} else {
		not_connected(bus, status, cancelled == 0 ? bus->connect_reason : "cancelled");
	}
}

void nc_bus_on_retry(uv_timer_t *timer)
{
	struct nc_bus *bus = timer->data;
	if (bus->connecting)
		return;
	if (bus->nc != NULL) {
		nc_bus_io_settle(&bus->io);
		return;
	}
	bus->at = *nc_bus_servers_next(&bus->servers, now_ms(bus));
	natsStatus status = nc_bus_options_server(bus->nats_options, bus->tls, &bus->at);
	if (status != NATS_OK) {
		not_connected(bus, status, natsStatus_GetText(status));
		return;
	}
	nc_bus_source_begin(bus); /* it may end before we know that it began */
	bus->connecting = true;
	bus->connect_nc = NULL;
	bus->connect.data = bus;
	if (uv_queue_work(bus->options.loop, &bus->connect, connect_work, connect_done) != 0)
		nc_assert(!"libuv refuses work");
}

/* ---- The end of one ------------------------------------------------------------------------- */

/* Learn the servers that the connection was told of, for the next attempts. */
static void servers_learn(struct nc_bus *bus, natsConnection *nc)
{
	char **told = NULL;
	int count = 0;
	if (natsConnection_GetDiscoveredServers(nc, &told, &count) != NATS_OK)
		return; /* the ones that are known will do */
	nc_bus_servers_ended(&bus->servers, &bus->at, told, (size_t)count, now_ms(bus));
	for (int i = 0; i < count; i++)
		free(told[i]);
	free(told);
}

void nc_bus_lost_replace(struct nc_bus *bus)
{
	natsConnection *nc = bus->nc;
	if (nc == NULL) /* there is none yet */
		return;
	pthread_mutex_lock(&bus->lock);
	bool ended = bus->lost && bus->sources == 0;
	bus->lost = bus->lost && !ended;
	pthread_mutex_unlock(&bus->lock);
	if (!ended)
		return;
	nc_set(bus, NULL);
	nc_bus_subs_release(bus);
	servers_learn(bus, nc);
	natsConnection_Destroy(nc);
	bus->retry_said[0] = '\0';
	nc_bus_retry_later(bus);
}
