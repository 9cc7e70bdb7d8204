/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A disk that gets full: what is appended leaves room for the state to be written down. */
#include <criterion/criterion.h>
#include <string.h>

#include "core/node/replica/replica_private.h"
#include "tests/unit/node/replica_quiet.h"
#include "tests/unit/node/run_until.h"

#define RESERVE 100000u
#define FULL    (5u << 20) /* with less the disk is full */

struct node {
	struct quiet quiet;
	size_t answered, measured;
	uint64_t disk_free; /* as on_room_used finds it */
};

static void on_outcome(void *ctx, void *ticket, const struct nc_outcome *outcome)
{
	struct node *node = ctx;
	(void)ticket;
	cr_expect_eq(outcome->fault.code, 0);
	node->answered++;
}

static void on_room_used(void *ctx)
{
	struct node *node = ctx;
	node->measured++;
	nc_replica_set_room(node->quiet.replica, node->disk_free, RESERVE);
}

static void node_open(struct node *node)
{
	*node = (struct node){ 0 };
	quiet_begin(&node->quiet);
	struct nc_replica_options options = quiet_options(&node->quiet);
	options.on_outcome = on_outcome;
	options.on_room_used = on_room_used;
	options.ctx = node;
	cr_assert_eq(nc_replica_start(&options, &node->quiet.replica), NC_OK);
	RUN_UNTIL(&node->quiet.loop, nc_replica_leading(node->quiet.replica));
}

static int ask(struct node *node)
{
	static int ticket;
	static char data[10000];
	struct nc_buf record = { 0 };
	memset(data, 'x', sizeof data);
	const struct nc_event event = { .stream = NC_SLICE("s"),
		                        .type = NC_SLICE("T"),
		                        .data = nc_slice(data, sizeof data) };
	nc_event_record_put(&record, &event);
	int err =
	        nc_replica_append(node->quiet.replica, (struct nc_expect){ .kind = NC_EXPECT_ANY },
	                          nc_buf_slice(&record), &ticket);
	nc_buf_release(&record);
	nc_replica_flush(node->quiet.replica);
	return err;
}

/* As many appends of 10,000 bytes as there is room for; all answered. */
static size_t fill(struct node *node)
{
	size_t count = 0, before = node->answered;
	int err;
	while ((err = ask(node)) == NC_OK)
		count++;
	cr_expect_eq(err, NC_FULL);
	RUN_UNTIL(&node->quiet.loop, node->answered == before + count);
	return count;
}

/* The checkpoints so far, once the loop has turned and time has passed. */
static uint64_t turn(struct node *node)
{
	nc_replica_tick(node->quiet.replica);
	(void)uv_run(&node->quiet.loop, UV_RUN_ONCE);
	return nc_replica_status(node->quiet.replica).checkpoints;
}

Test(room, is_taken_in_the_log_and_in_the_state, .timeout = 60)
{
	struct node node;
	node_open(&node);
	node.disk_free = 0;
	nc_replica_set_room(node.quiet.replica, RESERVE + FULL + 1000000, RESERVE);
	size_t count = fill(&node);
	cr_expect(count >= 18 && count <= 20, "%zu", count);
	cr_expect_eq(node.measured, 1u);
	quiet_end(&node.quiet);
}

Test(room, is_measured_again_when_it_is_used_up, .timeout = 60)
{
	struct node node;
	node_open(&node);
	node.disk_free = 1u << 30;
	nc_replica_set_room(node.quiet.replica, RESERVE + FULL + 30000, RESERVE);
	for (size_t i = 0; i < 10; i++)
		cr_expect_eq(ask(&node), NC_OK);
	RUN_UNTIL(&node.quiet.loop, node.answered == 10);
	cr_expect_eq(node.measured, 1u);
	quiet_end(&node.quiet);
}

Test(room, is_set_aside_for_what_no_checkpoint_has, .timeout = 60)
{
	struct node node;
	node_open(&node);
	for (size_t i = 0; i < 50; i++)
		cr_assert_eq(ask(&node), NC_OK);
	RUN_UNTIL(&node.quiet.loop, node.answered == 50);
	nc_replica_set_room(node.quiet.replica, RESERVE + FULL + 2000000, RESERVE);
	cr_expect(nc_replica_status(node.quiet.replica).full);
	nc_replica_set_room(node.quiet.replica, RESERVE + FULL + 2100000, RESERVE);
	cr_expect_not(nc_replica_status(node.quiet.replica).full);
	quiet_end(&node.quiet);
}

Test(room, is_given_back_by_a_checkpoint_that_fits, .timeout = 60)
{
	struct node node;
	node_open(&node);
	for (size_t i = 0; i < 150; i++)
		cr_assert_eq(ask(&node), NC_OK);
	RUN_UNTIL(&node.quiet.loop, node.answered == 150);
	nc_replica_set_room(node.quiet.replica, RESERVE + 1000, RESERVE);
	cr_expect(nc_replica_status(node.quiet.replica).full);
	for (int i = 0; i < 20; i++)
		turn(&node);
	cr_expect_eq(turn(&node), 0u, "it does not fit");
	nc_replica_set_room(node.quiet.replica, 6100000, RESERVE);
	cr_expect(nc_replica_status(node.quiet.replica).full);
	RUN_UNTIL(&node.quiet.loop, turn(&node) == 1);
	nc_replica_set_room(node.quiet.replica, RESERVE + FULL + 100000, RESERVE);
	cr_expect_not(nc_replica_status(node.quiet.replica).full, "the state has it now");
	quiet_end(&node.quiet);
}
