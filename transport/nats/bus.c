/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One connection: its life, and its subscriptions. */
#include "transport/nats/bus.h"

#include <nats/nats.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "core/base/assert.h"
#include "transport/nats/bus_options.h"
#include "transport/nats/bus_private.h"

#define CONNECT_TIMEOUT_MS 2000
#define PING_INTERVAL_MS   5000

/* ---- From nats.c's threads to the loop ------------------------------------------------------ */

static void state_note(struct nc_bus *bus, enum nc_bus_note_kind kind, const char *detail)
{
	pthread_mutex_lock(&bus->lock);
	struct nc_bus_note *note = &bus->notes[bus->note_count % NC_BUS_NOTES];
	note->kind = kind;
	(void)snprintf(note->detail, sizeof note->detail, "%s", detail);
	bus->note_count++;
	pthread_mutex_unlock(&bus->lock);
	(void)uv_async_send(&bus->wake);
}

static void on_nats_disconnected(natsConnection *nc, void *closure)
{
	const char *detail = NULL;
	(void)natsConnection_GetLastError(nc, &detail);
	state_note(closure, NC_BUS_NOTE_DISCONNECTED,
	           detail == NULL || *detail == '\0' ? "connection lost" : detail);
}

static void on_nats_error(natsConnection *nc, natsSubscription *sub, natsStatus status,
                          void *closure)
{
	const char *detail = NULL;
	(void)sub;
	(void)natsConnection_GetLastError(nc, &detail);
	state_note(closure, NC_BUS_NOTE_ERROR,
	           detail == NULL || *detail == '\0' ? natsStatus_GetText(status) : detail);
}

/* A callback source has ended: nats.c makes no more calls for it. Threads of nats.c outlive the
 * call that closes a connection, so the bus is freed only when the last source has ended. */
void nc_bus_source_end(struct nc_bus *bus)
{
	pthread_mutex_lock(&bus->lock);
	nc_assert(bus->sources > 0);
	bus->sources--;
	/* still under the lock: afterwards the loop may free the bus */
	(void)uv_async_send(&bus->wake);
	pthread_mutex_unlock(&bus->lock);
}

void nc_bus_source_begin(struct nc_bus *bus)
{
	pthread_mutex_lock(&bus->lock);
	bus->sources++;
	pthread_mutex_unlock(&bus->lock);
}

static void on_nats_closed(natsConnection *nc, void *closure)
{
	struct nc_bus *bus = closure;
	(void)nc;
	pthread_mutex_lock(&bus->lock);
	bus->lost = true;
	pthread_mutex_unlock(&bus->lock);
	nc_bus_source_end(bus);
}

/* ---- On the loop ---------------------------------------------------------------------------- */

static void notes_tell(struct nc_bus *bus)
{
	for (;;) {
		pthread_mutex_lock(&bus->lock);
		if (bus->note_count - bus->note_told > NC_BUS_NOTES)
			bus->note_told = bus->note_count - NC_BUS_NOTES;
		bool any = bus->note_told < bus->note_count;
		struct nc_bus_note note = { 0 };
		if (any)
			note = bus->notes[bus->note_told++ % NC_BUS_NOTES];
		pthread_mutex_unlock(&bus->lock);
		if (!any)
			return;
		if (note.kind == NC_BUS_NOTE_ERROR) {
			bus->options.on_error(bus->options.ctx, note.detail);
		} else {
			bus->options.on_state(bus->options.ctx, false, note.detail);
		}
	}
}

static void handles_close(struct nc_bus *bus);

static void on_wake(uv_async_t *async)
{
	struct nc_bus *bus = async->data;
	if (!bus->connecting) /* if one is being made, wait until it is known */
		nc_bus_io_settle(&bus->io);
	nc_bus_arrivals_give(bus);
	nc_bus_subs_sweep(bus);
	if (bus->closing) {
		handles_close(bus);
	} else {
		notes_tell(bus);
		nc_bus_lost_replace(bus);
	}
}

static void on_read(void *ctx)
{
	nc_bus_arrivals_give(ctx);
}

static void on_turn_end(uv_prepare_t *prepare)
{
	struct nc_bus *bus = prepare->data;
	if (!bus->closing && bus->options.on_turn_end != NULL)
		bus->options.on_turn_end(bus->options.ctx);
	if (!bus->connecting)
		nc_bus_io_write(&bus->io);
}

/* ---- Life ----------------------------------------------------------------------------------- */

/* The loop cannot watch the socket, which is rare: try a new connection later. */
static void on_io_failed(void *ctx)
{
	nc_bus_retry_later(ctx);
}

static void on_io_hold(void *ctx, bool holds)
{
	(holds ? nc_bus_source_begin : nc_bus_source_end)(ctx);
}

static void bus_free(struct nc_bus *bus)
{
	nc_bus_io_release(&bus->io);
	natsOptions_Destroy(bus->nats_options);
	(void)pthread_mutex_destroy(&bus->lock);
	(void)pthread_rwlock_destroy(&bus->use);
	free(bus);
}

static natsStatus options_make(struct nc_bus *bus)
{
	natsOptions *to = bus->nats_options;
	const natsStatus set[] = {
		natsOptions_SetName(to, bus->options.name),
		nc_bus_io_set(&bus->io, to),
		natsOptions_UseGlobalMessageDelivery(to, true),
		natsOptions_SetSendAsap(to, true),
		natsOptions_SetTimeout(to, CONNECT_TIMEOUT_MS),
		natsOptions_SetAllowReconnect(to, false),
		natsOptions_SetNoEcho(to, bus->options.no_echo),
		natsOptions_SetPingInterval(to, PING_INTERVAL_MS),
		natsOptions_SetDisconnectedCB(to, on_nats_disconnected, bus),
		natsOptions_SetClosedCB(to, on_nats_closed, bus),
		natsOptions_SetErrorHandler(to, on_nats_error, bus),
	};
	for (size_t i = 0; i < sizeof set / sizeof *set; i++) {
		if (set[i] != NATS_OK)
			return set[i];
	}
	return NATS_OK;
}

static int servers_read(struct nc_bus *bus, char *fault)
{
	uint64_t lot = 0;
	if (getrandom(&lot, sizeof lot, 0) != (ssize_t)sizeof lot) {
		(void)snprintf(fault, NC_BUS_FAULT_SIZE, "the system gives no random bytes");
		return NC_IO;
	}
	int err = nc_bus_servers_init(&bus->servers, bus->options.url, lot);
	if (err != NC_OK)
		(void)snprintf(fault, NC_BUS_FAULT_SIZE,
		               "NACRE_NATS_URL: from 1 to %u servers, each in less than %u bytes",
		               NC_BUS_SERVERS_MAX, NC_BUS_SERVER_URL_SIZE);
	return err;
}

/* Begin to use nats.c, and make the options of all connections. */
static natsStatus nats_begin(struct nc_bus *bus)
{
	natsStatus status = nats_Open(-1);
	/* One delivery thread: the order of arrival holds across subscriptions. */
	if (status == NATS_OK)
		status = nats_SetMessageDeliveryPoolSize(1);
	if (status == NATS_OK)
		status = natsOptions_Create(&bus->nats_options);
	return status == NATS_OK ? options_make(bus) : status;
}

int nc_bus_open(const struct nc_bus_options *options, struct nc_bus **bus_out,
                char fault[NC_BUS_FAULT_SIZE])
{
	struct nc_bus *bus = calloc(1, sizeof *bus);
	if (bus == NULL)
		return NC_NOMEM;
	bus->options = *options;
	bus->tls = nc_bus_options_tls(options);
	(void)pthread_mutex_init(&bus->lock, NULL);
	(void)pthread_rwlock_init(&bus->use, NULL);
	bus->wake.data = bus;
	bus->retry.data = bus;
	bus->turn_end.data = bus;
	const struct nc_bus_io_options io = { .loop = options->loop,
		                              .wake = &bus->wake,
		                              .on_read = on_read,
		                              .on_failed = on_io_failed,
		                              .on_hold = on_io_hold,
		                              .ctx = bus };
	nc_bus_io_init(&bus->io, &io);
	int err = nats_begin(bus) == NATS_OK
	                  ? nc_bus_options_fill(bus->nats_options, options, fault)
	                  : NC_NOMEM;
	if (err == NC_OK)
		err = servers_read(bus, fault);
	if (err != NC_OK) {
		bus_free(bus);
		return err;
	}
	if (uv_async_init(options->loop, &bus->wake, on_wake) != 0 ||
	    uv_prepare_init(options->loop, &bus->turn_end) != 0 ||
	    uv_prepare_start(&bus->turn_end, on_turn_end) != 0 ||
	    uv_timer_init(options->loop, &bus->retry) != 0 ||
	    uv_timer_start(&bus->retry, nc_bus_on_retry, 0, 0) != 0)
		nc_assert(!"libuv refuses a handle");
	*bus_out = bus;
	return NC_OK;
}

/* ---- The end -------------------------------------------------------------------------------- */

static void on_closed(uv_handle_t *handle)
{
	struct nc_bus *bus = handle->data;
	if (++bus->closed_handles < 3)
		return;
	nc_arrivals_release(&bus->in);
	nc_arrivals_release(&bus->read);
	nc_arrivals_release(&bus->spare);
	for (struct nc_bus_sub *sub = bus->subs; sub != NULL; sub = sub->next)
		sub->ended = true;
	nc_bus_subs_release(bus);
	natsConnection_Destroy(bus->nc);
	bus_free(bus);
}

/* Close the handles once no thread of nats.c can call any more. Until then each source that ends
 * wakes the loop. */
static void handles_close(struct nc_bus *bus)
{
	pthread_mutex_lock(&bus->lock);
	bool quiet = bus->sources == 0;
	pthread_mutex_unlock(&bus->lock);
	if (!quiet || uv_is_closing((uv_handle_t *)&bus->wake))
		return;
	uv_close((uv_handle_t *)&bus->wake, on_closed);
	uv_close((uv_handle_t *)&bus->turn_end, on_closed);
	uv_close((uv_handle_t *)&bus->retry, on_closed);
}

void nc_bus_close(struct nc_bus *bus)
{
	if (bus == NULL || bus->closing)
		return;
	bus->closing = true;
	(void)uv_timer_stop(&bus->retry);
	if (bus->connecting) { /* closed when the attempt has ended */
		(void)uv_cancel((uv_req_t *)&bus->connect);
		return;
	}
	nc_bus_close_now(bus);
}

void nc_bus_close_now(struct nc_bus *bus)
{
	nc_bus_io_write(&bus->io);
	if (bus->nc != NULL)
		natsConnection_Close(bus->nc);
	nc_bus_io_stop(&bus->io);
	handles_close(bus);
}
