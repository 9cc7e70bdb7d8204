/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Publishing, and how much waits to be sent. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/base/assert.h"
#include "transport/nats/bus_private.h"

#define SUBJECT_ROOM 2048 /* bytes; longer ones take the slow way through the heap */

static int err_from_nats(natsStatus status)
{
	switch (status) {
	case NATS_OK:
		return NC_OK;
	case NATS_NO_MEMORY:
		return NC_NOMEM;
	case NATS_MAX_PAYLOAD:
		return NC_TOOBIG;
	case NATS_CONNECTION_CLOSED:
	case NATS_CONNECTION_DISCONNECTED:
	case NATS_INSUFFICIENT_BUFFER:
		return NC_CLOSED;
	case NATS_TIMEOUT:
		return NC_TIMEOUT;
	default:
		return NC_IO;
	}
}

/* Publish on the present connection, which stays while it is used. */
int nc_bus_publish(struct nc_bus *bus, const char *subject, const char *reply, struct nc_slice data)
{
	int err = NC_CLOSED;
	const char *bytes = data.size == 0 ? "" : (const char *)data.data;
	pthread_rwlock_rdlock(&bus->use);
	if (bus->nc != NULL && reply == NULL) {
		err = err_from_nats(
		        natsConnection_Publish(bus->nc, subject, bytes, (int)data.size));
	} else if (bus->nc != NULL) {
		err = err_from_nats(natsConnection_PublishRequest(bus->nc, subject, reply, bytes,
		                                                  (int)data.size));
	}
	pthread_rwlock_unlock(&bus->use);
	return err;
}

/* nats.c writes "PUB <subject> <size>\r\n<bytes>\r\n". With a subject that ends one empty message
 * to nobody and begins an HPUB, the size and the bytes are the HPUB's (decision 0006). */
int nc_bus_publish_block(struct nc_bus *bus, const char *subject, const char *reply,
                         struct nc_slice message, size_t header_size)
{
	nc_assert(header_size <= message.size && header_size >= 12);
	char room[SUBJECT_ROOM];
	char *line = room;
	int size = snprintf(room, sizeof room, "%s 0\r\n\r\nHPUB %s%s%s %zu",
	                    bus->options.void_subject, subject, reply == NULL ? "" : " ",
	                    reply == NULL ? "" : reply, header_size);
	if (size < 0)
		return NC_INVALID;
	if ((size_t)size >= sizeof room) {
		line = malloc((size_t)size + 1);
		if (line == NULL)
			return NC_NOMEM;
		(void)snprintf(line, (size_t)size + 1, "%s 0\r\n\r\nHPUB %s%s%s %zu",
		               bus->options.void_subject, subject, reply == NULL ? "" : " ",
		               reply == NULL ? "" : reply, header_size);
	}
	int err = nc_bus_publish(bus, line, NULL, message);
	if (line != room)
		free(line);
	return err;
}

int nc_bus_flush(struct nc_bus *bus, unsigned timeout_ms)
{
	int err = NC_CLOSED;
	pthread_rwlock_rdlock(&bus->use);
	if (bus->nc != NULL)
		err = err_from_nats(natsConnection_FlushTimeout(bus->nc, timeout_ms));
	pthread_rwlock_unlock(&bus->use);
	return err;
}

size_t nc_bus_buffered(struct nc_bus *bus)
{
	pthread_rwlock_rdlock(&bus->use);
	int size = bus->nc == NULL ? 0 : natsConnection_Buffered(bus->nc);
	pthread_rwlock_unlock(&bus->use);
	return size < 0 ? 0 : (size_t)size;
}

/* nats.c tells nobody when its buffer has been sent; a short sleep off the loop is what is left. */
int nc_bus_wait_room(struct nc_bus *bus, size_t size, unsigned timeout_ms)
{
	static const struct timespec nap = { 0, 200000 };
	for (unsigned waited_us = 0; nc_bus_buffered(bus) >= size; waited_us += 200) {
		if (waited_us / 1000 >= timeout_ms)
			return NC_TIMEOUT;
		(void)nanosleep(&nap, NULL);
	}
	return NC_OK;
}

bool nc_bus_connected(struct nc_bus *bus)
{
	pthread_rwlock_rdlock(&bus->use);
	bool is = bus->nc != NULL && natsConnection_Status(bus->nc) == NATS_CONN_STATUS_CONNECTED;
	pthread_rwlock_unlock(&bus->use);
	return is;
}

uint64_t nc_bus_connection(struct nc_bus *bus)
{
	pthread_rwlock_rdlock(&bus->use);
	uint64_t number = bus->nc == NULL ? 0 : bus->nc_number;
	pthread_rwlock_unlock(&bus->use);
	return number;
}

size_t nc_bus_max_payload(struct nc_bus *bus)
{
	pthread_rwlock_rdlock(&bus->use);
	int64_t size = bus->nc == NULL ? 0 : natsConnection_GetMaxPayload(bus->nc);
	pthread_rwlock_unlock(&bus->use);
	return size <= 0 ? 1u << 20 : (size_t)size;
}

bool nc_bus_too_large(struct nc_bus *bus, size_t size)
{
	pthread_rwlock_rdlock(&bus->use);
	int64_t most = bus->nc == NULL ? 0 : natsConnection_GetMaxPayload(bus->nc);
	pthread_rwlock_unlock(&bus->use);
	return most > 0 && size > (size_t)most;
}

int nc_bus_server(struct nc_bus *bus, char host_out[NC_BUS_HOST_SIZE],
                  char id_out[NC_BUS_SERVER_ID_SIZE])
{
	if (bus->nc == NULL ||
	    natsConnection_GetConnectedServerId(bus->nc, id_out, NC_BUS_SERVER_ID_SIZE) != NATS_OK)
		return NC_CLOSED;
	nc_bus_server_host(bus->at.url, host_out);
	return bus->tls ? NC_UNSUPPORTED : NC_OK;
}
