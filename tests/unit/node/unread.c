/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is said of subscriptions while the state cannot be read: that it cannot, and not what would
 * be true if nothing were there. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "core/node/spread/standings.h"
#include "core/node/subs/subs_ask.h"
#include "storage/state/memory_state.h"

/* A state that is empty, and that gives no answer while it is told so. */
static struct nc_state_ops failing;
static const struct nc_state_ops *ops;
static bool fails;

static int reader_begin(struct nc_state_reader *reader)
{
	return fails ? NC_IO : ops->reader_begin(reader);
}

/* Of a node only what these calls look at. */
struct node {
	struct nc_state *state;
	struct nc_config config;
	struct nc_service service;
	struct nc_subs subs;
	struct nc_subscription sub;
};

static struct node *node_open(void)
{
	struct node *node = calloc(1, sizeof *node);
	cr_assert_not_null(node);
	fails = false;
	cr_assert_eq(nc_memory_state_open(&node->state), NC_OK);
	ops = node->state->ops;
	failing = *ops;
	failing.reader_begin = reader_begin;
	node->state->ops = &failing;
	node->service.options.config = &node->config;
	node->service.options.self = 1;
	node->subs.service = &node->service;
	cr_assert_eq(nc_state_reader_open(node->state, &node->subs.reader), NC_OK);
	return node;
}

static void node_close(struct node *node)
{
	fails = false;
	nc_sub_free(node->sub.machine);
	nc_state_reader_close(node->subs.reader);
	nc_state_close(node->state);
	free(node);
}

/* One that has not searched its history yet, and so may lag. */
static struct nc_subscription *sub_make(struct node *node)
{
	struct nc_subscription *sub = &node->sub;
	(void)strcpy(sub->name, "billing");
	sub->definition = (struct nc_definition){ .max_in_flight = 10, .ack_wait_ms = 1000 };
	cr_assert_eq(nc_sub_new(&sub->definition, 1, 0, 1, &sub->machine), NC_OK);
	return sub;
}

Test(unread, of_one_that_runs_elsewhere_an_error_is_not_a_deletion)
{
	const struct nc_spread_elsewhere elsewhere = { .name = "billing",
		                                       .node = "n2",
		                                       .owner = 2 };
	struct node *node = node_open();
	struct nc_buf out = { 0 };
	cr_assert_eq(nc_subs_put_elsewhere(&node->subs, &elsewhere, NULL, true, &out), NC_OK,
	             "the log knows none: it was deleted just now");
	cr_expect(out.size > 0);
	nc_buf_clear(&out);
	fails = true;
	cr_expect_eq(nc_subs_put_elsewhere(&node->subs, &elsewhere, NULL, true, &out), NC_IO);
	cr_expect_eq(out.size, 0);
	nc_buf_release(&out);
	node_close(node);
}

Test(unread, an_own_one_is_not_said_to_keep_up)
{
	struct node *node = node_open();
	struct nc_subscription *sub = sub_make(node);
	struct nc_standing standing;
	cr_assert_eq(nc_subs_standing(&node->subs, sub, NC_STANDING_WIDE, &standing), NC_OK);
	cr_expect_eq(standing.lag_ms, 0, "there is nothing that it could lag behind");
	fails = true;
	cr_expect_eq(nc_subs_standing(&node->subs, sub, NC_STANDING_WIDE, &standing), NC_IO);
	cr_expect_eq(nc_subs_standing(&node->subs, sub, NC_STANDING_SHORT, &standing), NC_OK,
	             "nothing is read for it");
	node_close(node);
}

Test(unread, nor_to_have_caught_up)
{
	struct node *node = node_open();
	struct nc_subscription *sub = sub_make(node);
	sub->lagging = true;
	fails = true;
	nc_subs_watch_lag(&node->subs, sub); /* an advisory would need a connection */
	cr_expect(sub->lagging);
	node_close(node);
}

Test(unread, who_asks_is_refused_and_that_is_counted)
{
	struct node *node = node_open();
	struct nc_subscription *sub = sub_make(node);
	const struct nc_subs_ask ask = { .subs = &node->subs,
		                         .op = NC_OP_SUB_INFO,
		                         .name = NC_SLICE("billing"),
		                         .endpoint = 0 };
	node->service.srv.endpoints = calloc(1, sizeof *node->service.srv.endpoints);
	node->subs.found = sub;
	fails = true;
	nc_subs_show_info(&ask);
	cr_expect_eq(node->service.srv.endpoints[0].stats.errors, 1);
	free(node->service.srv.endpoints);
	nc_buf_release(&node->service.out);
	nc_buf_release(&node->subs.scratch);
	node_close(node);
}

/* What who asked for a change is told whose subscription the log did not know: the code. */
static uint16_t changed(struct node *node)
{
	struct nc_sub_pending *pending = calloc(1, sizeof *pending);
	struct nc_ticket *ticket = nc_ticket_new(&node->service.tickets, NC_SLICE("_INBOX.1"), 0);
	const struct nc_outcome outcome = { .fault = NC_FAULT_NO_SUB };
	cr_assert(pending != NULL && ticket != NULL);
	*pending = (struct nc_sub_pending){ .kind = NC_SUB_MOVING, .ticket = ticket };
	(void)strcpy(pending->name, "billing");
	ticket->of = NC_TICKET_SUB;
	ticket->pending = pending;
	ticket->reply_size = 0; /* there is no connection */
	ticket->reply[0] = '\0';
	node->subs.pending = pending;
	nc_subs_outcome(&node->subs, ticket, &outcome);
	nc_ticket_free(&node->service.tickets, ticket);
	const char *code = strstr((const char *)node->service.out.data, "\"code\":");
	cr_assert_not_null(code);
	return (uint16_t)strtoul(code + strlen("\"code\":"), NULL, 10);
}

Test(unread, what_may_be_elsewhere_is_not_said_to_be_nowhere)
{
	struct node *node = node_open();
	node->service.srv.endpoints = calloc(1, sizeof *node->service.srv.endpoints);
	cr_expect_eq(changed(node), 404);
	fails = true;
	cr_expect_eq(changed(node), 503);
	free(node->service.srv.endpoints);
	nc_buf_release(&node->service.out);
	node_close(node);
}
