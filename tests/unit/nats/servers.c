/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which servers are tried, and which are forgotten. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "core/base/err.h"
#include "transport/nats/bus_servers.h"

static struct nc_bus_servers servers;

static const char *next(uint64_t now_ms)
{
	return nc_bus_servers_next(&servers, now_ms)->url;
}

/* The connection to the server `url` has ended, which had been told of these. */
static void ended(const char *url, uint64_t now_ms, const char *one, const char *other)
{
	char first[64], second[64];
	char *const told[] = { strcpy(first, one), strcpy(second, other) };
	struct nc_bus_server at = { 0 };
	for (size_t i = 0; i < servers.count; i++) {
		if (strcmp(servers.at[i].url, url) == 0)
			at = servers.at[i];
	}
	cr_assert_str_eq(at.url, url);
	nc_bus_servers_ended(&servers, &at, told, (size_t)(*one != '\0') + (*other != '\0'),
	                     now_ms);
}

static bool knows(const char *url)
{
	for (size_t i = 0; i < servers.count; i++) {
		if (strcmp(servers.at[i].url, url) == 0)
			return true;
	}
	return false;
}

Test(servers, each_is_tried_in_turn_from_one_drawn_by_lot)
{
	cr_assert_eq(nc_bus_servers_init(&servers, "nats://a:1,nats://b:1, nats://c:1,", 4), NC_OK);
	cr_expect_str_eq(next(0), "nats://b:1");
	cr_expect_not(nc_bus_servers_round_ended(&servers));
	cr_expect_str_eq(next(0), "nats://c:1");
	cr_expect_not(nc_bus_servers_round_ended(&servers));
	cr_expect_str_eq(next(0), "nats://a:1");
	cr_expect(nc_bus_servers_round_ended(&servers));
	cr_expect_not(nc_bus_servers_round_ended(&servers));
	cr_expect_str_eq(next(0), "nats://b:1");
}

Test(servers, refuses_what_is_no_list_of_servers)
{
	char text[NC_BUS_SERVER_URL_SIZE + 1];
	char many[1024] = "";
	cr_expect_eq(nc_bus_servers_init(&servers, "", 0), NC_INVALID);
	cr_expect_eq(nc_bus_servers_init(&servers, " ,,", 0), NC_INVALID);
	memset(text, 'a', sizeof text);
	text[sizeof text - 1] = '\0';
	cr_expect_eq(nc_bus_servers_init(&servers, text, 0), NC_INVALID);
	text[sizeof text - 2] = '\0';
	cr_expect_eq(nc_bus_servers_init(&servers, text, 0), NC_OK);
	for (unsigned i = 0; i < NC_BUS_SERVERS_MAX; i++)
		(void)snprintf(many + strlen(many), sizeof many - strlen(many), "h:%u,", i);
	cr_expect_eq(nc_bus_servers_init(&servers, many, 0), NC_OK);
	(void)snprintf(many + strlen(many), sizeof many - strlen(many), "h:7,");
	cr_expect_eq(nc_bus_servers_init(&servers, many, 0), NC_OK, "named twice");
	(void)snprintf(many + strlen(many), sizeof many - strlen(many), "h:99");
	cr_expect_eq(nc_bus_servers_init(&servers, many, 0), NC_INVALID);
	cr_expect_eq(nc_bus_servers_init(&servers, "a:1,a:1", 0), NC_OK);
	cr_expect_eq(servers.count, 1);
}

Test(servers, those_that_were_told_of_come_behind_and_are_replaced)
{
	cr_assert_eq(nc_bus_servers_init(&servers, "nats://u:p@a:1", 0), NC_OK);
	cr_expect_str_eq(next(0), "nats://u:p@a:1");
	ended("nats://u:p@a:1", 10, "nats://10.0.0.2:1", "nats://a:1");
	cr_expect_eq(servers.count, 2, "%zu: a configured one is not another", servers.count);
	cr_expect_str_eq(next(10), "nats://10.0.0.2:1");
	ended("nats://10.0.0.2:1", 20, "nats://10.0.0.3:1", "nats://10.0.0.4:1");
	cr_expect_eq(servers.count, 4);
	cr_expect(knows("nats://10.0.0.2:1"), "where it was connected until now");
	ended("nats://10.0.0.3:1", 30, "nats://10.0.0.4:1", "");
	cr_expect_not(knows("nats://10.0.0.2:1"), "nobody tells of it any more");
	ended("nats://10.0.0.3:1", 40, "", "");
	cr_expect(knows("nats://10.0.0.4:1"), "a server that tells of nobody takes nothing back");
}

Test(servers, what_nobody_tells_of_is_forgotten)
{
	cr_assert_eq(nc_bus_servers_init(&servers, "a:1", 0), NC_OK);
	ended("a:1", 100, "b:1", "c:1");
	cr_expect_str_eq(next(100), "b:1");
	cr_expect_str_eq(next(100 + NC_BUS_TOLD_MS - 1), "c:1");
	cr_expect_str_eq(next(100 + NC_BUS_TOLD_MS), "a:1");
	cr_expect_eq(servers.count, 1);
	cr_expect_str_eq(next(100 + NC_BUS_TOLD_MS), "a:1", "a configured one never");
}

Test(servers, no_more_are_kept_than_there_is_room_for)
{
	cr_assert_eq(nc_bus_servers_init(&servers, "a:1", 0), NC_OK);
	char *told[2 * NC_BUS_SERVERS_MAX];
	static char texts[2 * NC_BUS_SERVERS_MAX][32];
	for (unsigned i = 0; i < 2 * NC_BUS_SERVERS_MAX; i++) {
		(void)snprintf(texts[i], sizeof texts[i], "h:%u", i);
		told[i] = texts[i];
	}
	nc_bus_servers_ended(&servers, &servers.at[0], told, 2 * NC_BUS_SERVERS_MAX, 1);
	cr_expect_eq(servers.count, NC_BUS_SERVERS_MAX);
}

Test(servers, an_address_bears_the_certificate_of_the_name_that_was_reached)
{
	cr_assert_eq(
	        nc_bus_servers_init(&servers, "tls://nats.example:4222,tls://10.0.0.1:4222", 0),
	        NC_OK);
	cr_expect_str_eq(nc_bus_servers_next(&servers, 0)->tls_name, "");
	ended("tls://nats.example:4222", 1, "nats://10.0.0.2:4222", "nats://other.example:4222");
	cr_expect_str_eq(servers.at[2].tls_name, "nats.example");
	cr_expect_str_eq(servers.at[3].tls_name, "", "a name is its own");
	/* Told of by one that was told of. */
	ended("nats://10.0.0.2:4222", 2, "nats://[::1]:4222", "");
	cr_expect_str_eq(servers.at[2].url, "nats://[::1]:4222");
	cr_expect_str_eq(servers.at[2].tls_name, "nats.example");
	/* Reached by an address: addresses are compared. */
	ended("tls://10.0.0.1:4222", 3, "nats://10.0.0.9:4222", "");
	cr_expect_str_eq(servers.at[2].tls_name, "");
}
