/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is spread by UDP, and what is believed. */
#include "transport/peer/gossip.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

Test(gossip, spreads_no_user_and_no_password)
{
	static const struct {
		const char *urls, *plain;
	} cases[] = {
		{ "nats://h:4222", "nats://h:4222" },
		{ "nats://user:pass@h:4222", "nats://h:4222" },
		{ "tls://token@h:1,nats://a:b@i:2, j:3", "tls://h:1,nats://i:2,j:3" },
		{ "user:pass@h", "h" },
		{ "", "" },
		{ "nats://u:p@ss@h:4222,nats://u:p@ss@i", "nats://h:4222,nats://i" },
	};
	char plain[NC_GOSSIP_URLS_SIZE];
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		cr_assert_eq(nc_gossip_plain(cases[i].urls, plain), NC_OK);
		cr_expect_str_eq(plain, cases[i].plain);
	}
	char *longer = calloc(1, NC_GOSSIP_URLS_SIZE + 8);
	memset(longer, 'h', NC_GOSSIP_URLS_SIZE + 4);
	cr_expect_eq(nc_gossip_plain(longer, plain), NC_TOOBIG);
	free(longer);
}

struct listener {
	uv_loop_t loop;
	uv_timer_t limit;
	struct nc_gossip *gossips[2];
	char heard[NC_GOSSIP_URLS_SIZE];
	unsigned dropped;
};

static void on_closed(uv_handle_t *handle)
{
	(void)handle;
}

static void stop(struct listener *listener)
{
	for (int i = 0; i < 2; i++) {
		nc_gossip_stop(listener->gossips[i]);
		listener->gossips[i] = NULL;
	}
	if (!uv_is_closing((uv_handle_t *)&listener->limit))
		uv_close((uv_handle_t *)&listener->limit, on_closed);
}

static void on_urls(void *ctx, const char *urls, const char *from)
{
	struct listener *listener = ctx;
	cr_expect_str_eq(from, "teller");
	(void)snprintf(listener->heard, sizeof listener->heard, "%s", urls);
	stop(listener);
}

static void on_nothing(void *ctx, const char *urls, const char *from)
{
	(void)ctx;
	(void)urls;
	(void)from;
}

static void on_drop(void *ctx)
{
	struct listener *listener = ctx;
	listener->dropped++;
	stop(listener);
}

static void ignore_drop(void *ctx)
{
	(void)ctx;
}

static void on_limit(uv_timer_t *timer)
{
	stop(timer->data);
}

/* A teller and a listener on loopback, until something comes or 20 s have passed. */
static void tell(struct listener *listener, bool broadcast, const char *tellers_secret)
{
	char fault[NC_GOSSIP_FAULT_SIZE] = "";
	*listener = (struct listener){ .dropped = 0 };
	cr_assert_eq(uv_loop_init(&listener->loop), 0);
	cr_assert_eq(uv_timer_init(&listener->loop, &listener->limit), 0);
	listener->limit.data = listener;
	cr_assert_eq(uv_timer_start(&listener->limit, on_limit, 20000, 0), 0);
	struct nc_gossip_options options = {
		.loop = &listener->loop,
		.broadcast = broadcast,
		.group = broadcast ? "127.255.255.255" : NULL,
		.interface = "127.0.0.1",
		.port = (uint16_t)(40000 + getpid() % 20000),
		.ttl = 1,
		.store = "shop",
		.name = "listener",
		.secret = "a secret",
		.on_urls = on_urls,
		.on_drop = on_drop,
		.ctx = listener,
	};
	options.urls = "";
	cr_assert_eq(nc_gossip_start(&options, &listener->gossips[0], fault), NC_OK, "%s", fault);
	options.name = "teller";
	options.secret = tellers_secret;
	options.urls = "nats://me:secret@10.0.0.1:4222";
	options.on_urls = on_nothing;
	options.on_drop = ignore_drop;
	cr_assert_eq(nc_gossip_start(&options, &listener->gossips[1], fault), NC_OK, "%s", fault);
	(void)uv_run(&listener->loop, UV_RUN_DEFAULT);
	cr_assert_eq(uv_loop_close(&listener->loop), 0);
}

Test(gossip, is_heard_by_multicast)
{
	struct listener listener;
	tell(&listener, false, "a secret");
	cr_expect_str_eq(listener.heard, "nats://10.0.0.1:4222");
}

Test(gossip, is_heard_by_broadcast)
{
	struct listener listener;
	tell(&listener, true, "a secret");
	cr_expect_str_eq(listener.heard, "nats://10.0.0.1:4222");
}

Test(gossip, signed_with_another_secret_is_not_believed)
{
	struct listener listener;
	tell(&listener, true, "another");
	cr_expect_str_eq(listener.heard, "");
	cr_expect_eq(listener.dropped, 1);
}

Test(gossip, an_address_that_is_none_is_refused)
{
	uv_loop_t loop;
	struct nc_gossip *gossip = NULL;
	char fault[NC_GOSSIP_FAULT_SIZE] = "";
	cr_assert_eq(uv_loop_init(&loop), 0);
	const struct nc_gossip_options options = { .loop = &loop,
		                                   .group = "10.0.0.x",
		                                   .port = 45892,
		                                   .ttl = 1,
		                                   .store = "shop",
		                                   .name = "n1",
		                                   .secret = "a secret",
		                                   .urls = "",
		                                   .on_urls = on_nothing,
		                                   .on_drop = ignore_drop };
	cr_expect_eq(nc_gossip_start(&options, &gossip, fault), NC_INVALID);
	cr_expect(strstr(fault, "NACRE_GOSSIP_GROUP") != NULL, "%s", fault);
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	cr_expect_eq(uv_loop_close(&loop), 0);
}
