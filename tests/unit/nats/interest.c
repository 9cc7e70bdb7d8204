/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who listens, as a nats-server tells a leaf node; and as other programs tell it, which say
 * whatever they like. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transport/nats/bus.h"
#include "transport/nats/child.h"
#include "transport/nats/interest.h"

#define LIMIT_MS 30000u
#define MANY     16u /* events that are worth an asking */
#define OWN      "own.subject"

struct place {
	uv_loop_t loop;
	uv_timer_t limit;
	bool late;
	char home[64];
	struct nc_child *child;
	struct nc_bus *bus;
	bool connected;
	struct nc_interest *interest;
	bool known;
	unsigned told;
	char detail[256];
	unsigned listeners; /* how often somebody may have come */
	uint64_t silent;    /* nobody listened up to this mark */
};

static void on_limit(uv_timer_t *timer)
{
	struct place *place = timer->data;
	place->late = true;
}

#define UNTIL(place, condition)                                               \
	do {                                                                  \
		(void)uv_timer_start(&(place)->limit, on_limit, LIMIT_MS, 0); \
		(place)->late = false;                                        \
		while (!(condition) && !(place)->late)                        \
			(void)uv_run(&(place)->loop, UV_RUN_ONCE);            \
		cr_assert(!(place)->late, "not in time: %s", #condition);     \
		(void)uv_timer_stop(&(place)->limit);                         \
	} while (0)

static void on_interest_state(void *ctx, bool known, const char *detail)
{
	struct place *place = ctx;
	place->known = known;
	place->told++;
	(void)snprintf(place->detail, sizeof place->detail, "%s", detail);
}

static void on_silence(void *ctx, uint64_t mark)
{
	struct place *place = ctx;
	cr_expect_geq(mark, place->silent);
	place->silent = mark;
}

static void on_listener(void *ctx)
{
	struct place *place = ctx;
	place->listeners++;
}

static void interest_open(struct place *place, unsigned port)
{
	const struct nc_interest_options options = { .loop = &place->loop,
		                                     .subjects = "es.shop.event.>",
		                                     .own = OWN,
		                                     .name = "someone",
		                                     .port = port,
		                                     .user = "",
		                                     .password = "",
		                                     .on_state = on_interest_state,
		                                     .on_silence = on_silence,
		                                     .on_listener = on_listener,
		                                     .ctx = place };
	cr_assert_eq(nc_interest_open(&options, &place->interest), NC_OK);
}

static void loop_begin(struct place *place)
{
	memset(place, 0, sizeof *place);
	cr_assert_eq(uv_loop_init(&place->loop), 0);
	cr_assert_eq(uv_timer_init(&place->loop, &place->limit), 0);
	place->limit.data = place;
}

static void loop_end(struct place *place)
{
	nc_interest_close(place->interest);
	uv_close((uv_handle_t *)&place->limit, NULL);
	cr_expect_eq(uv_run(&place->loop, UV_RUN_DEFAULT), 0);
	cr_expect_eq(uv_loop_close(&place->loop), 0, "something is still open");
}

static bool absent(const struct place *place, uint64_t mark, const char *subject)
{
	return nc_interest_absent(place->interest, mark, nc_slice_str(subject));
}

/* ---- Beside a nats-server ------------------------------------------------------------------- */

static void on_message(void *ctx, struct nc_bus_msg *msg)
{
	(void)ctx;
	(void)msg;
}

static void on_nothing(void *ctx)
{
	(void)ctx;
}

static void on_text(void *ctx, const char *text)
{
	(void)ctx;
	cr_log_warn("%s", text);
}

static void on_bus_state(void *ctx, bool connected, const char *detail)
{
	struct place *place = ctx;
	(void)detail;
	place->connected = connected;
}

static void server_start(struct place *place)
{
	char fault[NC_CHILD_FAULT_SIZE] = "";
	(void)snprintf(place->home, sizeof place->home, "/tmp/nacre-interest-XXXXXX");
	cr_assert_not_null(mkdtemp(place->home));
	const struct nc_child_options options = { .loop = &place->loop,
		                                  .program = "nats-server",
		                                  .directory = place->home,
		                                  .on_say = on_text,
		                                  .ctx = place };
	cr_assert_eq(nc_child_start(&options, &place->child, fault), NC_OK, "%s", fault);
}

static void bus_open(struct place *place)
{
	char fault[NC_BUS_FAULT_SIZE] = "";
	const struct nc_bus_options options = { .loop = &place->loop,
		                                .url = nc_child_url(place->child),
		                                .name = "bus",
		                                .void_subject = "void",
		                                .on_message = on_message,
		                                .on_drained = on_nothing,
		                                .on_state = on_bus_state,
		                                .on_error = on_text,
		                                .ctx = place };
	cr_assert_eq(nc_bus_open(&options, &place->bus, fault), NC_OK, "%s", fault);
	UNTIL(place, place->connected);
}

static void follow_bus(struct place *place)
{
	char host[NC_BUS_HOST_SIZE], id[NC_BUS_SERVER_ID_SIZE];
	cr_assert_eq(nc_bus_server(place->bus, host, id), NC_OK);
	cr_expect_str_eq(host, "127.0.0.1");
	nc_interest_follow(place->interest, host, id);
}

/* A server, a bus that subscribes to OWN, and interest that is known. */
static void begin(struct place *place)
{
	loop_begin(place);
	server_start(place);
	bus_open(place);
	interest_open(place, nc_child_leaf_port(place->child));
	cr_assert_eq(nc_bus_subscribe(place->bus, OWN, NULL, place), NC_OK);
	follow_bus(place);
	UNTIL(place, place->known);
}

static void finish(struct place *place)
{
	char command[128];
	nc_bus_close(place->bus);
	nc_child_stop(place->child);
	loop_end(place);
	(void)snprintf(command, sizeof command, "rm -r '%s'", place->home);
	cr_expect_eq(system(command), 0);
}

/* The mark of what is asked for now, or in a moment: it is not asked all the time. */
static uint64_t asked(struct place *place)
{
	uint64_t mark = nc_interest_expect(place->interest, MANY);
	while (nc_interest_expect(place->interest, MANY) == mark)
		nc_interest_ask(place->interest);
	return mark;
}

Test(interest, nobody_listens_only_as_of_an_asking_behind_the_request)
{
	struct place place;
	begin(&place);
	uint64_t before = nc_interest_expect(place.interest, MANY);
	cr_expect(!absent(&place, before, "es.shop.event.T.s"), "nobody was asked yet");
	cr_expect_eq(asked(&place), before);
	uint64_t behind = nc_interest_expect(place.interest, 1);
	cr_expect(!absent(&place, before, "es.shop.event.T.s"), "no answer is in");
	UNTIL(&place, absent(&place, before, "es.shop.event.T.s"));
	cr_expect(!absent(&place, behind, "es.shop.event.T.s"), "asked before it came");
	cr_expect(!absent(&place, 0, "es.shop.event.T.s"), "of no request");
	finish(&place);
}

Test(interest, for_few_events_nobody_is_asked)
{
	struct place place;
	begin(&place);
	uint64_t few = nc_interest_expect(place.interest, MANY - 1);
	nc_interest_ask(place.interest);
	cr_expect_eq(nc_interest_expect(place.interest, MANY), few, "it was asked for them");
	cr_expect_eq(asked(&place), few);
	cr_expect_eq(nc_interest_expect(place.interest, 1), few + 1, "it was not asked for many");
	finish(&place);
}

/* A mark as of which nobody listens. */
static uint64_t silence(struct place *place)
{
	uint64_t mark = asked(place);
	UNTIL(place, absent(place, mark, "es.shop.event.T.s"));
	cr_expect_eq(nc_interest_any(place->interest, mark), NC_LISTENING_NOBODY);
	return mark;
}

static void subscribe(struct place *place, const char *subject, const char *queue)
{
	cr_assert_eq(nc_bus_subscribe(place->bus, subject, queue, &place->told), NC_OK);
}

Test(interest, what_is_awaited_ends_in_silence)
{
	struct place place;
	begin(&place);
	uint64_t few = nc_interest_expect(place.interest, 1);
	cr_expect_eq(nc_interest_any(place.interest, few), NC_LISTENING_MAYBE,
	             "nobody is asked for it");
	uint64_t many = nc_interest_expect(place.interest, MANY);
	cr_expect_eq(nc_interest_any(place.interest, many), NC_LISTENING_AWAITED,
	             "the next PING is for it");
	cr_expect_eq(asked(&place), many);
	uint64_t behind = nc_interest_expect(place.interest, MANY);
	cr_expect_eq(nc_interest_any(place.interest, many), NC_LISTENING_AWAITED);
	cr_expect_lt(place.silent, many);
	UNTIL(&place, place.silent == many);
	cr_expect_eq(nc_interest_any(place.interest, many), NC_LISTENING_NOBODY);
	cr_expect_eq(nc_interest_any(place.interest, behind), NC_LISTENING_AWAITED);
	cr_expect_eq(nc_interest_any(place.interest, 0), NC_LISTENING_MAYBE, "of no request");
	finish(&place);
}

Test(interest, what_is_awaited_ends_when_somebody_comes_or_the_server_goes)
{
	struct place place;
	begin(&place);
	(void)silence(&place);
	unsigned before = place.listeners;
	subscribe(&place, "es.shop.event.U.>", NULL);
	UNTIL(&place, place.listeners > before);
	uint64_t mark = asked(&place);
	cr_expect_eq(nc_interest_any(place.interest, mark), NC_LISTENING_MAYBE,
	             "while somebody listens to some, none can wait: they stay in order");
	uint64_t silent = place.silent;
	UNTIL(&place, absent(&place, mark, "es.shop.event.T.s"));
	cr_expect_eq(place.silent, silent, "somebody listens");
	before = place.listeners;
	nc_interest_follow(place.interest, NULL, NULL);
	cr_expect_gt(place.listeners, before);
	finish(&place);
}

Test(interest, who_listens_is_known_until_it_goes)
{
	static const char *const patterns[] = { ">", "es.*.event.T.>", "*.shop.event.T.s",
		                                "es.shop.event.T.s" };
	struct place place;
	begin(&place);
	uint64_t mark = silence(&place);
	for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
		subscribe(&place, patterns[i], i % 2 == 0 ? NULL : "workers");
		UNTIL(&place, !absent(&place, mark, "es.shop.event.T.s"));
		cr_expect_eq(nc_interest_any(place.interest, mark), NC_LISTENING_MAYBE);
		cr_expect_eq(absent(&place, mark, "es.shop.event.U.s"), i > 0, "%s", patterns[i]);
		nc_bus_unsubscribe(place.bus, &place.told);
		UNTIL(&place, absent(&place, mark, "es.shop.event.T.s"));
	}
	finish(&place);
}

Test(interest, what_cannot_meet_an_event_is_nobody)
{
	struct place place;
	begin(&place);
	uint64_t mark = silence(&place);
	subscribe(&place, "es.shop.append.>", NULL);
	subscribe(&place, "es.shop.event", NULL);
	subscribe(&place, "es.other.event.>", NULL);
	subscribe(&place, "es.shop.event.U.>", NULL); /* the server tells of it last */
	UNTIL(&place, !absent(&place, mark, "es.shop.event.U.s"));
	cr_expect(absent(&place, mark, "es.shop.event.T.s"));
	finish(&place);
}

Test(interest, is_not_known_without_the_bus_and_known_again_with_it)
{
	struct place place;
	begin(&place);
	uint64_t mark = silence(&place);
	nc_interest_follow(place.interest, NULL, NULL);
	cr_expect(!absent(&place, mark, "es.shop.event.T.s"));
	place.known = false;
	follow_bus(&place);
	UNTIL(&place, place.known);
	UNTIL(&place, absent(&place, mark, "es.shop.event.T.s"));
	finish(&place);
}

Test(interest, of_another_account_or_before_the_bus_has_subscribed_is_not_known)
{
	struct place place;
	loop_begin(&place);
	server_start(&place);
	bus_open(&place);
	interest_open(&place, nc_child_leaf_port(place.child));
	follow_bus(&place);
	UNTIL(&place, place.told > 0); /* after its patience */
	cr_expect(!place.known);
	cr_expect_not_null(strstr(place.detail, "another account"), "%s", place.detail);
	cr_assert_eq(nc_bus_subscribe(place.bus, OWN, NULL, &place), NC_OK);
	UNTIL(&place, place.known); /* tried again */
	finish(&place);
}

Test(interest, without_any_there_is_nothing_to_ask)
{
	cr_expect_eq(nc_interest_expect(NULL, MANY), 0);
	nc_interest_ask(NULL);
	nc_interest_follow(NULL, NULL, NULL);
	nc_interest_close(NULL);
	cr_expect(!nc_interest_absent(NULL, 1, nc_slice_str("es.shop.event.T.s")));
	cr_expect_eq(nc_interest_any(NULL, 1), NC_LISTENING_MAYBE);
}

/* ---- Beside a program that says what it is told to ------------------------------------------- */

#define INFO "INFO {\"server_id\":\"S\"}\r\n"

struct other {
	uv_tcp_t listener, line;
	bool taken;
	uv_write_t greeting;
	const char *says;
	unsigned times;
	bool leaves; /* when it has said it */
};

static void on_line_closed(uv_handle_t *handle)
{
	(void)handle;
}

static void on_said(uv_write_t *write, int status)
{
	struct other *other = write->data;
	if (status == 0 && other->times > 0) {
		uv_buf_t out = uv_buf_init((char *)other->says, (unsigned)strlen(other->says));
		other->times--;
		(void)uv_write(&other->greeting, (uv_stream_t *)&other->line, &out, 1, on_said);
	} else if (other->leaves) {
		uv_close((uv_handle_t *)&other->line, on_line_closed);
	}
}

static void on_visitor(uv_stream_t *listener, int status)
{
	struct other *other = listener->data;
	uv_buf_t out = uv_buf_init((char *)INFO, sizeof INFO - 1);
	if (status != 0 || other->taken)
		return;
	other->taken = true;
	cr_assert_eq(uv_tcp_init(listener->loop, &other->line), 0);
	cr_assert_eq(uv_accept(listener, (uv_stream_t *)&other->line), 0);
	other->greeting.data = other;
	cr_assert_eq(uv_write(&other->greeting, (uv_stream_t *)&other->line, &out, 1, on_said), 0);
}

static unsigned other_listen(struct other *other, uv_loop_t *loop)
{
	struct sockaddr_in at;
	int size = sizeof at;
	cr_assert_eq(uv_tcp_init(loop, &other->listener), 0);
	other->listener.data = other;
	cr_assert_eq(uv_ip4_addr("127.0.0.1", 0, &at), 0);
	cr_assert_eq(uv_tcp_bind(&other->listener, (struct sockaddr *)&at, 0), 0);
	cr_assert_eq(uv_listen((uv_stream_t *)&other->listener, 8, on_visitor), 0);
	cr_assert_eq(uv_tcp_getsockname(&other->listener, (struct sockaddr *)&at, &size), 0);
	return ntohs(at.sin_port);
}

/* What becomes known of one that says this, so often. */
static void hear(const char *says, unsigned times, const char *detail)
{
	struct place place;
	struct other other = { .says = says, .times = times };
	loop_begin(&place);
	interest_open(&place, other_listen(&other, &place.loop));
	nc_interest_follow(place.interest, "127.0.0.1", "S");
	UNTIL(&place, place.told > 0);
	cr_expect_eq(place.known, detail == NULL, "%.40s: %s", says, place.detail);
	if (detail != NULL) {
		cr_expect_not_null(strstr(place.detail, detail), "%.40s: %s", says, place.detail);
	}
	uv_close((uv_handle_t *)&other.listener, NULL);
	uv_close((uv_handle_t *)&other.line, on_line_closed);
	loop_end(&place);
}

Test(interest, is_known_from_whoever_speaks_the_protocol)
{
	hear("+OK\r\nPING\r\nLS+ " OWN "\r\nLS- nobody.has.it\r\nPONG\r\n", 1, NULL);
	hear("PONG\r\nPONG\r\nLS+ " OWN "\r\n", 1, NULL);
}

Test(interest, is_not_known_from_who_does_not)
{
	hear("HTTP/1.1 400 Bad Request\r\n", 1, "does not speak");
	hear("\r\n", 1, "does not speak");
	hear("LMSG es.shop.event.T.s 1\r\nx\r\n", 1, "does not speak");
	hear("LS+ ", 20000, "no end");
	hear("INFO {\"server_id\":\r\n", 1, "not understood");
	hear("INFO []\r\n", 1, "not understood");
}

Test(interest, is_not_known_where_the_server_does_not_let_us)
{
	hear("-ERR 'Authorization Violation'\r\n", 1, "Authorization Violation");
	hear("INFO {\"tls_required\":true}\r\n", 1, "TLS");
	hear("INFO {\"server_id\":\"T\"}\r\nLS+ " OWN "\r\nPONG\r\n", 1, "another server");
	hear("INFO {\"export\":{\"allow\":[\"es.>\"]}}\r\nLS+ " OWN "\r\nPONG\r\n", 1,
	     "permissions");
}

Test(interest, of_very_many_is_as_if_all_were_heard)
{
	struct nc_buf says = { 0 };
	nc_buf_put_str(&says, "LS+ " OWN "\r\n");
	for (unsigned i = 0; i < 5000; i++)
		nc_buf_printf(&says, "LS+ es.shop.event.T.s%u q 1\r\n", i);
	nc_buf_put_u8(&says, 0);
	hear((const char *)says.data, 1, "too many");
	nc_buf_release(&says);
}

static uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Of pieces of the protocol in any order; known is it, if at all, until the line ends. */
static void hear_any(uint64_t seed)
{
	static const char *const pieces[] = { "LS+ ",     "LS- ",  "es.shop.event.T.s",
		                              "es.>",     " ",     "q",
		                              "4",        "\r\n",  "\r\n",
		                              "\n",       "PONG",  "PING",
		                              "INFO ",    "{",     "}",
		                              OWN,        "-ERR ", "\"export\":",
		                              "\x01\xff", "+OK" };
	struct place place;
	struct nc_buf says = { 0 };
	for (unsigned i = 0; i < 60; i++)
		nc_buf_put_str(&says,
		               pieces[random_next(&seed) % (sizeof pieces / sizeof pieces[0])]);
	nc_buf_put_u8(&says, 0);
	struct other other = { .says = (const char *)says.data, .times = 1, .leaves = true };
	loop_begin(&place);
	interest_open(&place, other_listen(&other, &place.loop));
	nc_interest_follow(place.interest, "127.0.0.1", "S");
	UNTIL(&place, place.told > 0 && !place.known);
	uv_close((uv_handle_t *)&other.listener, NULL);
	UNTIL(&place, uv_is_closing((uv_handle_t *)&other.line));
	loop_end(&place);
	nc_buf_release(&says);
}

Test(interest, is_not_known_any_more_after_whatever_ends_the_line)
{
	(void)signal(SIGPIPE, SIG_IGN); /* as leaf.h asks */
	for (uint64_t seed = 1; seed <= 300; seed++)
		hear_any(seed * 0x9e3779b97f4a7c15u);
}
