/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bus_servers.h -- which servers a connection is tried at: those that were configured, from one of
 * them drawn by lot, then those that servers have told of. One an attempt, so that none waits for
 * another that does not answer.
 *
 * What servers tell of (connect_urls) are addresses of their cluster at that time. Each connection
 * replaces what the one before had heard, and what nobody has told of for NC_BUS_TOLD_MS is
 * forgotten: by then the address may be somebody else's, who would be sent credentials.
 *
 * With TLS a server that is known by its address alone is asked for the certificate of the name by
 * which the one was reached that told of it (as other NATS clients do).
 *
 * Pure. Threads: one.
 */
#ifndef NC_TRANSPORT_NATS_BUS_SERVERS_H
#define NC_TRANSPORT_NATS_BUS_SERVERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NC_BUS_SERVERS_MAX     32u
#define NC_BUS_SERVER_URL_SIZE 512u     /* bytes with the NUL */
#define NC_BUS_TOLD_MS         3600000u /* an hour */

struct nc_bus_server {
	char url[NC_BUS_SERVER_URL_SIZE];
	char tls_name[NC_BUS_SERVER_URL_SIZE]; /* of its certificate; empty: the URL's host */
	uint64_t told_ms;                      /* of one that was told of */
};

struct nc_bus_servers {
	size_t configured, count; /* the configured ones come first */
	size_t next;              /* to be tried */
	size_t tried;             /* since the last connection, or since all had been */
	struct nc_bus_server at[NC_BUS_SERVERS_MAX];
};

/* `urls` with commas between; `lot`: any number. Errors: NC_INVALID, none, too many, or one is too
 * long. */
int nc_bus_servers_init(struct nc_bus_servers *servers, const char *urls, uint64_t lot);

/* "host:port" of "nats://user:password@host:port": what may be shown. Within `url`. */
const char *nc_bus_server_address(const char *url);
/* The host alone, without the brackets of an IPv6 address. */
void nc_bus_server_host(const char *url, char host_out[NC_BUS_SERVER_URL_SIZE]);

/* The one to be tried now. */
const struct nc_bus_server *nc_bus_servers_next(struct nc_bus_servers *servers, uint64_t now_ms);
/* Whether each has been tried since the last time that this was so: pause before the next. */
bool nc_bus_servers_round_ended(struct nc_bus_servers *servers);

/* The connection to `at` has ended, which had been told of these others. */
void nc_bus_servers_ended(struct nc_bus_servers *servers, const struct nc_bus_server *at,
                          char *const *told, size_t told_count, uint64_t now_ms);

#endif
