/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The connection, on a nats-server of its own: order across subscriptions, more than a socket
 * takes, other threads, a server that goes and comes back. Each way in which messages reach the
 * loop. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "transport/nats/bus_private.h"
#include "transport/nats/child.h"

#define LIMIT_MS 30000u

struct seen {
	unsigned messages, wrong, turns;
	unsigned next;  /* number that the next message must bear */
	const void *of; /* a tag, and how many had it */
	unsigned of_count;
	bool connected;
};

struct bench {
	uv_loop_t loop;
	uv_timer_t limit;
	char home[64];
	struct nc_child *child;
	struct nc_bus *from, *to;
	struct seen seen;
	bool late;
};

/* A message's first bytes are its number; its tag's is what its subject begins with. */
static void on_message(void *ctx, struct nc_bus_msg *msg)
{
	struct bench *b = ctx;
	const char *tag = msg->tag;
	unsigned number = 0;
	b->seen.messages++;
	b->seen.of_count += msg->tag == b->seen.of;
	if (msg->data.size < 4 || msg->subject.data[0] != (uint8_t)*tag) {
		b->seen.wrong++;
		return;
	}
	memcpy(&number, msg->data.data, 4);
	b->seen.wrong += number != b->seen.next;
	b->seen.next = number + 1;
}

static void on_drained(void *ctx)
{
	struct bench *b = ctx;
	b->seen.turns++;
}

static void on_state(void *ctx, bool connected, const char *detail)
{
	struct bench *b = ctx;
	(void)detail;
	b->seen.connected = connected;
}

static void ignore_message(void *ctx, struct nc_bus_msg *msg)
{
	(void)ctx;
	(void)msg;
}

static void ignore(void *ctx)
{
	(void)ctx;
}

static void ignore_state(void *ctx, bool connected, const char *detail)
{
	(void)ctx;
	(void)connected;
	(void)detail;
}

static void on_error(void *ctx, const char *detail)
{
	(void)ctx;
	cr_log_warn("%s", detail);
}

static void on_say(void *ctx, const char *text)
{
	(void)ctx;
	cr_log_warn("%s", text);
}

static void on_limit(uv_timer_t *timer)
{
	struct bench *b = timer->data;
	b->late = true;
}

static void server_start(struct bench *b, unsigned port)
{
	char fault[NC_CHILD_FAULT_SIZE] = "";
	const struct nc_child_options options = { .loop = &b->loop,
		                                  .program = "nats-server",
		                                  .directory = b->home,
		                                  .port = port,
		                                  .on_say = on_say,
		                                  .ctx = b };
	cr_assert_eq(nc_child_start(&options, &b->child, fault), NC_OK, "%s", fault);
}

#define UNTIL(b, condition)                                               \
	do {                                                              \
		(void)uv_timer_start(&(b)->limit, on_limit, LIMIT_MS, 0); \
		(b)->late = false;                                        \
		while (!(condition) && !(b)->late)                        \
			(void)uv_run(&(b)->loop, UV_RUN_ONCE);            \
		cr_assert(!(b)->late, "not in time: %s", #condition);     \
		(void)uv_timer_stop(&(b)->limit);                         \
	} while (0)

static void begin(struct bench *b, bool by_thread)
{
	memset(b, 0, sizeof *b);
	(void)snprintf(b->home, sizeof b->home, "/tmp/nacre-bus-XXXXXX");
	cr_assert_not_null(mkdtemp(b->home));
	cr_assert_eq(uv_loop_init(&b->loop), 0);
	cr_assert_eq(uv_timer_init(&b->loop, &b->limit), 0);
	b->limit.data = b;
	server_start(b, 0);
	struct nc_bus_options options = { .loop = &b->loop,
		                          .url = nc_child_url(b->child),
		                          .name = "to",
		                          .void_subject = "void",
		                          .by_thread = by_thread,
		                          .on_message = on_message,
		                          .on_drained = on_drained,
		                          .on_state = on_state,
		                          .on_error = on_error,
		                          .ctx = b };
	char fault[NC_BUS_FAULT_SIZE] = "";
	cr_assert_eq(nc_bus_open(&options, &b->to, fault), NC_OK, "%s", fault);
	options.name = "from";
	options.on_message = ignore_message;
	options.on_drained = ignore;
	options.on_state = ignore_state;
	cr_assert_eq(nc_bus_open(&options, &b->from, fault), NC_OK, "%s", fault);
	UNTIL(b, nc_bus_connected(b->to) && nc_bus_connected(b->from));
}

static void end(struct bench *b)
{
	nc_bus_close(b->to);
	nc_bus_close(b->from);
	nc_child_stop(b->child);
	uv_close((uv_handle_t *)&b->limit, NULL);
	cr_assert_eq(uv_run(&b->loop, UV_RUN_DEFAULT), 0);
	cr_assert_eq(uv_loop_close(&b->loop), 0);
	char command[128];
	(void)snprintf(command, sizeof command, "rm -r '%s'", b->home);
	cr_assert_eq(system(command), 0);
}

static void put(struct nc_bus *bus, const char *subject, unsigned number, size_t size)
{
	static uint8_t bytes[64 << 10];
	memcpy(bytes, &number, 4);
	cr_assert_eq(nc_bus_publish(bus, subject, NULL, nc_slice(bytes, size)), NC_OK);
}

/* What was subscribed is known to the server when an own message has come back. */
static void settle(struct bench *b)
{
	static char tag = 's';
	static unsigned count;
	char subject[32];
	(void)snprintf(subject, sizeof subject, "settled.%u", count++);
	cr_assert_eq(nc_bus_subscribe(b->to, subject, NULL, &tag), NC_OK);
	put(b->to, subject, b->seen.next, 4);
	unsigned before = b->seen.messages;
	UNTIL(b, b->seen.messages == before + 1);
}

static char tag_a = 'a', tag_b = 'b', tag_c = 'c';

static void subscribe(struct bench *b)
{
	cr_assert_eq(nc_bus_subscribe(b->to, "a.>", NULL, &tag_a), NC_OK);
	cr_assert_eq(nc_bus_subscribe(b->to, "b", NULL, &tag_b), NC_OK);
	cr_assert_eq(nc_bus_subscribe(b->to, "c.*.x", "group", &tag_c), NC_OK);
	settle(b);
	b->seen = (struct seen){ .connected = b->seen.connected };
}

static const char *const subjects[] = { "a.one", "b", "c.two.x", "a.three.four", "b", "a.five" };

static void order_is_kept(bool by_thread)
{
	struct bench b;
	begin(&b, by_thread);
	subscribe(&b);
	for (unsigned i = 0; i < 6000; i++)
		put(b.from, subjects[i % 6], i, 4 + i % 300);
	UNTIL(&b, b.seen.messages == 6000);
	cr_expect_eq(b.seen.wrong, 0u);
	cr_expect(b.seen.turns > 0 && b.seen.turns < 6000, "many a turn: %u", b.seen.turns);
	end(&b);
}

Test(bus, keeps_the_order_across_subscriptions)
{
	order_is_kept(false);
}

Test(bus, keeps_the_order_on_the_delivery_thread)
{
	order_is_kept(true);
}

Test(bus, writes_later_what_the_socket_does_not_take)
{
	struct bench b;
	begin(&b, false);
	subscribe(&b);
	for (unsigned i = 0; i < 600; i++)
		put(b.from, "b", i, 64 << 10);
	UNTIL(&b, b.seen.messages == 600);
	cr_expect_eq(b.seen.wrong, 0u);
	end(&b);
}

static void *put_some(void *ctx)
{
	struct bench *b = ctx;
	for (unsigned i = 0; i < 500; i++)
		put(b->from, "b", i, 8);
	return NULL;
}

Test(bus, sends_what_other_threads_publish)
{
	struct bench b;
	pthread_t thread;
	begin(&b, false);
	subscribe(&b);
	cr_assert_eq(pthread_create(&thread, NULL, put_some, &b), 0);
	UNTIL(&b, b.seen.messages == 500);
	cr_expect_eq(b.seen.wrong, 0u);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	end(&b);
}

Test(bus, gives_a_subject_that_was_left_and_taken_again_once)
{
	struct bench b;
	begin(&b, false);
	subscribe(&b);
	nc_bus_unsubscribe(b.to, &tag_b);
	settle(&b);
	b.seen.messages = b.seen.next = 0;
	put(b.from, "b", 7, 4);
	put(b.from, "a.x", 0, 4);
	UNTIL(&b, b.seen.messages == 1);
	cr_expect_eq(b.seen.wrong, 0u, "the one that was left came");
	cr_assert_eq(nc_bus_subscribe(b.to, "b", NULL, &tag_b), NC_OK);
	settle(&b);
	b.seen.messages = b.seen.wrong = 0;
	b.seen.next = 1;
	put(b.from, "b", 1, 4);
	put(b.from, "a.x", 2, 4);
	UNTIL(&b, b.seen.messages == 2);
	cr_expect_eq(b.seen.wrong, 0u);
	end(&b);
}

/* Both subscriptions get it, and each message is given with the tag of its own. */
Test(bus, gives_what_two_ask_for_to_both)
{
	struct bench b;
	char tag_all = 'x', tag_one = 'x';
	begin(&b, false);
	cr_assert_eq(nc_bus_subscribe(b.to, "x.>", NULL, &tag_all), NC_OK);
	cr_assert_eq(nc_bus_subscribe(b.to, "x.one.>", NULL, &tag_one), NC_OK);
	settle(&b);
	b.seen.messages = 0;
	b.seen.of = &tag_one;
	for (unsigned i = 0; i < 100; i++)
		put(b.from, "x.one.more", i, 4);
	UNTIL(&b, b.seen.messages == 200);
	cr_expect_eq(b.seen.of_count, 100u, "%u", b.seen.of_count);
	nc_bus_unsubscribe(b.to, &tag_one);
	settle(&b);
	b.seen.messages = b.seen.of_count = 0;
	for (unsigned i = 0; i < 100; i++)
		put(b.from, "x.one.more", i, 4);
	UNTIL(&b, b.seen.messages == 100);
	cr_expect_eq(b.seen.of_count, 0u);
	end(&b);
}

Test(bus, has_many_subscriptions)
{
	struct bench b;
	char subject[32];
	begin(&b, false);
	for (unsigned i = 0; i < 300; i++) {
		(void)snprintf(subject, sizeof subject, "a.%u.>", i);
		cr_assert_eq(nc_bus_subscribe(b.to, subject, NULL, &tag_a), NC_OK);
	}
	settle(&b);
	b.seen.messages = 0;
	for (unsigned i = 0; i < 3000; i++) {
		(void)snprintf(subject, sizeof subject, "a.%u.more", i % 300);
		put(b.from, subject, i, 4);
	}
	UNTIL(&b, b.seen.messages == 3000);
	end(&b);
}

/* With messages for them under way; what has ended is freed, and not only with the connection. */
static void come_and_go(bool by_thread)
{
	struct bench b;
	struct nc_bus_sub *some[20];
	char subject[32];
	begin(&b, by_thread);
	subscribe(&b);
	size_t before = nc_bus_subscriptions(b.to);
	for (unsigned round = 0; round < 50; round++) {
		for (unsigned i = 0; i < 20; i++) {
			(void)snprintf(subject, sizeof subject, "z.%u.>", i);
			cr_assert_eq(nc_bus_subscribe_one(b.to, subject, &tag_a, &some[i]), NC_OK);
		}
		for (unsigned i = 0; i < 200; i++) {
			(void)snprintf(subject, sizeof subject, "z.%u.more", i % 20);
			put(b.to, subject, i, 4); /* behind the subscriptions */
		}
		unsigned half = b.seen.messages + 100;
		UNTIL(&b, b.seen.messages >= half);
		for (unsigned i = 0; i < 20; i++)
			nc_bus_unsubscribe_one(b.to, some[i]);
	}
	UNTIL(&b, nc_bus_subscriptions(b.to) == before);
	b.seen = (struct seen){ .connected = true };
	for (unsigned i = 0; i < 600; i++)
		put(b.from, subjects[i % 6], i, 100);
	UNTIL(&b, b.seen.messages >= 600);
	end(&b);
}

Test(bus, frees_subscriptions_that_come_and_go)
{
	come_and_go(false);
}

Test(bus, frees_subscriptions_that_come_and_go_on_the_delivery_thread)
{
	come_and_go(true);
}

static void server_comes_back(bool by_thread)
{
	struct bench b;
	begin(&b, by_thread);
	subscribe(&b);
	unsigned port = (unsigned)atoi(strrchr(nc_child_url(b.child), ':') + 1);
	for (int round = 0; round < 2; round++) {
		nc_child_stop(b.child);
		UNTIL(&b, !b.seen.connected && !nc_bus_connected(b.from));
		server_start(&b, port);
		UNTIL(&b, b.seen.connected && nc_bus_connected(b.from));
		settle(&b);
		b.seen = (struct seen){ .connected = true };
		for (unsigned i = 0; i < 600; i++)
			put(b.from, subjects[i % 6], i, 100);
		UNTIL(&b, b.seen.messages == 600);
		cr_expect_eq(b.seen.wrong, 0u);
	}
	end(&b);
}

Test(bus, comes_back_with_the_server)
{
	server_comes_back(false);
}

Test(bus, comes_back_with_the_server_on_the_delivery_thread)
{
	server_comes_back(true);
}

/* ---- Servers that do not answer ------------------------------------------------------------- */

/* A port that takes connections and never says anything. */
static int silent_port(unsigned *port_out)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t size = sizeof at;
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	cr_assert(fd >= 0 && bind(fd, (struct sockaddr *)&at, size) == 0 && listen(fd, 64) == 0);
	cr_assert_eq(getsockname(fd, (struct sockaddr *)&at, &size), 0);
	*port_out = ntohs(at.sin_port);
	return fd;
}

static void on_step(uv_timer_t *timer)
{
	++*(unsigned *)timer->data;
}

struct waiter {
	struct bench b;
	struct nc_bus *bus;
	uv_timer_t steps;
	unsigned stepped, states, stepped_by_state;
	int silent;
};

static void waiter_on_state(void *ctx, bool connected, const char *detail)
{
	struct waiter *w = ctx;
	(void)detail;
	if (w->states++ == 0)
		w->stepped_by_state = w->stepped;
	w->b.seen.connected = connected;
}

/* Its server is one that never answers; and, where `also`, another that does. */
static void waiter_open(struct waiter *w, bool also)
{
	char url[128];
	unsigned port;
	begin(&w->b, false);
	w->silent = silent_port(&port);
	(void)snprintf(url, sizeof url, "nats://127.0.0.1:%u%s%s", port, also ? "," : "",
	               also ? nc_child_url(w->b.child) : "");
	struct nc_bus_options options = { .loop = &w->b.loop,
		                          .url = url,
		                          .name = "waiter",
		                          .void_subject = "void",
		                          .on_message = ignore_message,
		                          .on_drained = ignore,
		                          .on_state = waiter_on_state,
		                          .on_error = on_error,
		                          .ctx = w };
	char fault[NC_BUS_FAULT_SIZE] = "";
	cr_assert_eq(nc_bus_open(&options, &w->bus, fault), NC_OK, "%s", fault);
	cr_assert_eq(uv_timer_init(&w->b.loop, &w->steps), 0);
	w->steps.data = &w->stepped;
	cr_assert_eq(uv_timer_start(&w->steps, on_step, 10, 10), 0);
}

static void waiter_end(struct waiter *w)
{
	nc_bus_close(w->bus);
	uv_close((uv_handle_t *)&w->steps, NULL);
	end(&w->b);
	(void)close(w->silent);
}

Test(bus, the_loop_goes_on_while_a_server_does_not_answer)
{
	struct waiter w = { 0 };
	waiter_open(&w, false);
	UNTIL(&w.b, w.states > 0);
	cr_expect_not(w.b.seen.connected);
	/* Two seconds are two hundred steps; a loop that waited would have made one. */
	cr_expect_gt(w.stepped_by_state, 20u, "%u steps", w.stepped_by_state);
	waiter_end(&w);
}

Test(bus, comes_by_servers_that_do_not_answer_to_one_that_does)
{
	struct waiter w = { 0 };
	waiter_open(&w, true);
	UNTIL(&w.b, nc_bus_connected(w.bus));
	cr_expect(w.b.seen.connected);
	put(w.bus, "a", 1, 4);
	waiter_end(&w);
}

Test(bus, is_closed_while_it_connects)
{
	struct waiter w = { 0 };
	waiter_open(&w, false);
	UNTIL(&w.b, w.stepped > 10);
	cr_assert_eq(w.states, 0u, "it connects still");
	waiter_end(&w);
	cr_expect_eq(w.states, 0u, "told of a bus that was closed");
}

Test(bus, is_closed_before_it_began_to_connect)
{
	struct waiter w = { 0 };
	waiter_open(&w, true);
	waiter_end(&w);
	cr_expect_eq(w.states, 0u);
}

/* With TLS nats.c waits for whole records (decision 0109): the kernel must end what is dead. */
Test(bus, the_kernel_ends_a_line_whose_other_end_is_gone)
{
	struct bench b;
	int keeps = 0, dead_ms = 0;
	socklen_t size = sizeof keeps;
	begin(&b, false);
	UNTIL(&b, b.to->io.poll != NULL);
	cr_assert_eq(getsockopt(b.to->io.watched, SOL_SOCKET, SO_KEEPALIVE, &keeps, &size), 0);
	cr_assert_eq(getsockopt(b.to->io.watched, IPPROTO_TCP, TCP_USER_TIMEOUT, &dead_ms, &size),
	             0);
	cr_expect_eq(keeps, 1);
	cr_expect_eq(dead_ms, (int)NC_BUS_DEAD_MS);
	end(&b);
}
