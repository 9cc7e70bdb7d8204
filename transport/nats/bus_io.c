/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nats.c on a libuv loop. Its own adapter asks the loop before each write, which costs five system
 * calls a turn: the loop puts a descriptor in and out of epoll again for each change. */
#include "transport/nats/bus_io.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/assert.h"

bool nc_bus_io_on_loop(const struct nc_bus_io *io)
{
	return pthread_equal(pthread_self(), io->thread) != 0;
}

static struct nc_bus_io_wish wish_of(struct nc_bus_io *io)
{
	pthread_mutex_lock(&io->lock);
	struct nc_bus_io_wish wish = io->wish;
	pthread_mutex_unlock(&io->lock);
	return wish;
}

/* ---- On the loop ---------------------------------------------------------------------------- */

/* Write now. It must not be called from within a call of nats.c, since it takes the connection's
 * lock. */
static void write_now(struct nc_bus_io *io, natsConnection *nc)
{
	natsConnection_ProcessWriteEvent(nc);
	io->blocked = wish_of(io).write;
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct nc_bus_io *io = poll->data;
	struct nc_bus_io_wish wish = wish_of(io);
	if (wish.nc == NULL || wish.number != io->polled) {
		nc_bus_io_settle(io);
		return;
	}
	if (status != 0)
		io->events = 0;                           /* the loop has stopped it */
	if (status != 0 || (events & UV_READABLE) != 0) { /* nats.c finds out what is wrong */
		natsConnection_ProcessReadEvent(wish.nc);
		io->options.on_read(io->options.ctx);
	}
	if (status == 0 && (events & UV_WRITABLE) != 0 && wish_of(io).write)
		write_now(io, wish.nc);
	nc_bus_io_settle(io);
}

static void on_poll_closed(uv_handle_t *handle)
{
	free(handle);
}

static void poll_end(struct nc_bus_io *io)
{
	if (io->poll != NULL) {
		uv_close((uv_handle_t *)io->poll, on_poll_closed);
		(void)close(io->watched);
	}
	io->poll = NULL;
	io->events = 0;
	io->blocked = false;
}

/* Watch a duplicate of the descriptor. nats.c closes its own in another thread, and the next
 * connection may have got the same number before the loop stops watching. */
static bool poll_begin(struct nc_bus_io *io, const struct nc_bus_io_wish *wish)
{
	uv_poll_t *poll = calloc(1, sizeof *poll);
	int watched = fcntl(wish->socket, F_DUPFD_CLOEXEC, 0);
	if (poll == NULL || watched < 0 || uv_poll_init(io->options.loop, poll, watched) != 0) {
		free(poll);
		if (watched >= 0)
			(void)close(watched);
		return false;
	}
	poll->data = io;
	io->poll = poll;
	io->watched = watched;
	io->polled = wish->number;
	return true;
}

static int events_of(const struct nc_bus_io *io, const struct nc_bus_io_wish *wish)
{
	if (wish->nc == NULL)
		return 0;
	return (wish->read ? UV_READABLE : 0) | (wish->write && io->blocked ? UV_WRITABLE : 0);
}

void nc_bus_io_settle(struct nc_bus_io *io)
{
	struct nc_bus_io_wish wish = wish_of(io);
	if (io->poll != NULL && (wish.nc == NULL || wish.number != io->polled))
		poll_end(io);
	int events = events_of(io, &wish);
	bool done = true;
	if (events != 0 && io->poll == NULL)
		done = poll_begin(io, &wish);
	if (done && events != io->events) {
		done = (events == 0 ? uv_poll_stop(io->poll)
		                    : uv_poll_start(io->poll, events, on_poll)) == 0;
		io->events = done ? events : 0;
	}
	if (!done) {
		poll_end(io);
		io->options.on_failed(io->options.ctx);
	}
}

void nc_bus_io_write(struct nc_bus_io *io)
{
	struct nc_bus_io_wish wish = wish_of(io);
	if (wish.nc == NULL || !wish.write || io->blocked)
		return;
	write_now(io, wish.nc);
	if (io->blocked)
		nc_bus_io_settle(io);
}

/* ---- What nats.c calls ---------------------------------------------------------------------- */

static void changed(struct nc_bus_io *io)
{
	if (nc_bus_io_on_loop(io)) {
		nc_bus_io_settle(io);
	} else {
		(void)uv_async_send(io->options.wake);
	}
}

/* A connection that tries one server after the other attaches more than once. */
static void hold(struct nc_bus_io *io, bool holds)
{
	pthread_mutex_lock(&io->lock);
	bool changes = io->held != holds;
	io->held = holds;
	pthread_mutex_unlock(&io->lock);
	if (changes)
		io->options.on_hold(io->options.ctx, holds);
}

/* Limit how long the kernel waits for a peer that is gone. With TLS nats.c 3.4.1 reads and writes
 * whole records, and waits for the rest of one without a limit, on the loop's thread, until the
 * kernel gives the connection up. By default that takes a quarter of an hour, or does not
 * happen. */
static void deadline_set(int socket)
{
	const int on = 1, dead_ms = (int)NC_BUS_DEAD_MS;
	const int idle_s = dead_ms / 3000, each_s = dead_ms / 3000, count = 2;
	/* A socket of another kind does not take these options, and does not need them. */
	(void)setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
	(void)setsockopt(socket, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
	(void)setsockopt(socket, IPPROTO_TCP, TCP_KEEPINTVL, &each_s, sizeof each_s);
	(void)setsockopt(socket, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
	(void)setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &dead_ms, sizeof dead_ms);
}

static natsStatus on_attach(void **user, void *io_given, natsConnection *nc, natsSock socket)
{
	struct nc_bus_io *io = io_given;
	deadline_set(socket);
	hold(io, true);
	pthread_mutex_lock(&io->lock);
	unsigned long number = io->wish.number + 1;
	io->wish = (struct nc_bus_io_wish){
		.nc = nc, .socket = socket, .number = number, .read = true
	};
	pthread_mutex_unlock(&io->lock);
	*user = io;
	changed(io);
	return NATS_OK;
}

static natsStatus on_want_read(void *user, bool want)
{
	struct nc_bus_io *io = user;
	pthread_mutex_lock(&io->lock);
	io->wish.read = want;
	pthread_mutex_unlock(&io->lock);
	changed(io);
	return NATS_OK;
}

static natsStatus on_want_write(void *user, bool want)
{
	struct nc_bus_io *io = user;
	pthread_mutex_lock(&io->lock);
	io->wish.write = want;
	pthread_mutex_unlock(&io->lock);
	if (!nc_bus_io_on_loop(io)) /* on the loop, the end of the turn does it */
		(void)uv_async_send(io->options.wake);
	return NATS_OK;
}

static natsStatus on_detach(void *user)
{
	struct nc_bus_io *io = user;
	pthread_mutex_lock(&io->lock);
	io->wish = (struct nc_bus_io_wish){ .number = io->wish.number };
	pthread_mutex_unlock(&io->lock);
	changed(io);
	hold(io, false);
	return NATS_OK;
}

/* ---- Life ----------------------------------------------------------------------------------- */

void nc_bus_io_init(struct nc_bus_io *io, const struct nc_bus_io_options *options)
{
	*io = (struct nc_bus_io){ .options = *options, .thread = pthread_self() };
	(void)pthread_mutex_init(&io->lock, NULL);
}

natsStatus nc_bus_io_set(struct nc_bus_io *io, natsOptions *nats_options)
{
	return natsOptions_SetEventLoop(nats_options, io, on_attach, on_want_read, on_want_write,
	                                on_detach);
}

void nc_bus_io_stop(struct nc_bus_io *io)
{
	pthread_mutex_lock(&io->lock);
	io->wish = (struct nc_bus_io_wish){ .number = io->wish.number };
	pthread_mutex_unlock(&io->lock);
	poll_end(io);
}

void nc_bus_io_release(struct nc_bus_io *io)
{
	nc_assert(io->poll == NULL);
	(void)pthread_mutex_destroy(&io->lock);
}
