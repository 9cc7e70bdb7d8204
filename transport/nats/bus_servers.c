/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which servers are tried. */
#include "transport/nats/bus_servers.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/err.h"

/* ---- URLs ----------------------------------------------------------------------------------- */

const char *nc_bus_server_address(const char *url)
{
	const char *scheme = strstr(url, "://");
	const char *from = scheme == NULL ? url : scheme + 3;
	const char *at = strrchr(from, '@');
	return at == NULL ? from : at + 1;
}

void nc_bus_server_host(const char *url, char host_out[NC_BUS_SERVER_URL_SIZE])
{
	const char *from = nc_bus_server_address(url);
	bool bracketed = *from == '[';
	size_t size = strcspn(from + bracketed, bracketed ? "]" : ":/");
	(void)snprintf(host_out, NC_BUS_SERVER_URL_SIZE, "%.*s", (int)size, from + bracketed);
}

static bool is_address(const char *host)
{
	struct in6_addr six;
	struct in_addr four;
	return inet_pton(AF_INET, host, &four) == 1 || inet_pton(AF_INET6, host, &six) == 1;
}

static struct nc_bus_server *find(struct nc_bus_servers *servers, const char *url)
{
	for (size_t i = 0; i < servers->count; i++) {
		if (strcmp(nc_bus_server_address(servers->at[i].url), nc_bus_server_address(url)) ==
		    0)
			return &servers->at[i];
	}
	return NULL;
}

/* ---- Configured ----------------------------------------------------------------------------- */

int nc_bus_servers_init(struct nc_bus_servers *servers, const char *urls, uint64_t lot)
{
	memset(servers, 0, sizeof *servers);
	for (const char *at = urls; *at != '\0';) {
		char url[NC_BUS_SERVER_URL_SIZE];
		size_t size = strcspn(at, ", ");
		if (size >= sizeof url)
			return NC_INVALID;
		memcpy(url, at, size);
		url[size] = '\0';
		at += size + (at[size] != '\0');
		if (size == 0 || find(servers, url) != NULL)
			continue; /* an empty one between commas; or one that is named twice */
		if (servers->count == NC_BUS_SERVERS_MAX)
			return NC_INVALID;
		memcpy(servers->at[servers->count++].url, url, size + 1);
	}
	servers->configured = servers->count;
	if (servers->count == 0)
		return NC_INVALID;
	servers->next = (size_t)(lot % servers->count);
	return NC_OK;
}

/* ---- Told of -------------------------------------------------------------------------------- */

static void forget(struct nc_bus_servers *servers, uint64_t now_ms)
{
	const size_t next = servers->next;
	size_t kept = servers->configured;
	for (size_t i = kept; i < servers->count; i++) {
		if (now_ms - servers->at[i].told_ms >= NC_BUS_TOLD_MS) {
			servers->next -= i < next;
		} else {
			servers->at[kept++] = servers->at[i];
		}
	}
	servers->count = kept;
}

static void learn(struct nc_bus_servers *servers, const char *url, const char *tls_name,
                  uint64_t now_ms)
{
	char host[NC_BUS_SERVER_URL_SIZE];
	if (servers->count == NC_BUS_SERVERS_MAX || strlen(url) >= NC_BUS_SERVER_URL_SIZE ||
	    find(servers, url) != NULL)
		return;
	struct nc_bus_server *server = &servers->at[servers->count++];
	nc_bus_server_host(url, host);
	(void)snprintf(server->url, sizeof server->url, "%s", url);
	(void)snprintf(server->tls_name, sizeof server->tls_name, "%s",
	               is_address(host) ? tls_name : "");
	server->told_ms = now_ms;
}

void nc_bus_servers_ended(struct nc_bus_servers *servers, const struct nc_bus_server *at,
                          char *const *told, size_t told_count, uint64_t now_ms)
{
	struct nc_bus_server was = *at;
	char name[NC_BUS_SERVER_URL_SIZE];
	nc_bus_server_host(was.url, name);
	if (was.tls_name[0] != '\0' || is_address(name))
		memcpy(name, was.tls_name, sizeof name);
	if (told_count > 0) /* a server that tells of none keeps the old ones */
		servers->count = servers->configured;
	for (size_t i = 0; i < told_count; i++)
		learn(servers, told[i], name, now_ms);
	learn(servers, was.url, was.tls_name, now_ms); /* the server itself, whatever it told */
	/* Another one first: it may be one that takes connections and ends them. */
	const struct nc_bus_server *again = find(servers, was.url);
	servers->next = again == NULL ? 0 : (size_t)(again - servers->at) + 1;
	servers->tried = 0;
}

/* ---- In turn -------------------------------------------------------------------------------- */

const struct nc_bus_server *nc_bus_servers_next(struct nc_bus_servers *servers, uint64_t now_ms)
{
	forget(servers, now_ms);
	nc_assert(servers->count > 0);
	if (servers->next >= servers->count)
		servers->next = 0;
	servers->tried++;
	return &servers->at[servers->next++];
}

bool nc_bus_servers_round_ended(struct nc_bus_servers *servers)
{
	if (servers->tried < servers->count)
		return false;
	servers->tried = 0;
	return true;
}
