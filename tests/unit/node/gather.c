/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is gathered while consensus takes no more: it becomes one entry, and the log must take it.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "core/node/replica/replica.h"
#include "core/raft/log.h"
#include "tests/unit/node/replica_quiet.h"
#include "tests/unit/node/run_until.h"

#define DATA_SIZE (8u << 20)

struct node {
	struct quiet quiet;
	size_t answered, refused;
};

static void on_outcome(void *ctx, void *ticket, const struct nc_outcome *outcome)
{
	struct node *node = ctx;
	(void)ticket;
	node->answered += outcome->fault.code == 0;
}

static void on_refused(void *ctx, void *ticket, int err)
{
	struct node *node = ctx;
	(void)ticket;
	(void)err;
	node->refused++;
}

static void node_open(struct node *node)
{
	*node = (struct node){ 0 };
	quiet_begin(&node->quiet);
	struct nc_replica_options options = quiet_options(&node->quiet);
	options.pending_bytes_max = 2 * (uint64_t)NC_LOG_PAYLOAD_SIZE_MAX + DATA_SIZE;
	options.on_outcome = on_outcome;
	options.on_refused = on_refused;
	options.ctx = node;
	cr_assert_eq(nc_replica_start(&options, &node->quiet.replica), NC_OK);
	RUN_UNTIL(&node->quiet.loop, nc_replica_leading(node->quiet.replica));
}

static int ask(struct node *node, size_t size)
{
	static int ticket;
	struct nc_buf record = { 0 };
	char *data = calloc(1, size);
	const struct nc_event event = { .stream = NC_SLICE("s"),
		                        .type = NC_SLICE("T"),
		                        .data = nc_slice(data, size) };
	nc_event_record_put(&record, &event);
	free(data);
	int err =
	        nc_replica_append(node->quiet.replica, (struct nc_expect){ .kind = NC_EXPECT_ANY },
	                          nc_buf_slice(&record), &ticket);
	nc_buf_release(&record);
	return err;
}

/* While the loop does not turn, nothing is committed: after 64 MiB consensus takes no more. */
Test(gather, takes_no_more_than_fits_into_an_entry, .timeout = 60)
{
	struct node node;
	node_open(&node);
	size_t count = 0;
	int err;
	while ((err = ask(&node, DATA_SIZE)) == NC_OK)
		count++;
	cr_expect_eq(err, NC_BUSY);
	cr_expect_gt(count, NC_LOG_PAYLOAD_SIZE_MAX / DATA_SIZE, "%zu", count);
	RUN_UNTIL(&node.quiet.loop, node.answered + node.refused == count);
	cr_expect_eq(node.refused, 0u, "%zu of %zu were refused", node.refused, count);
	cr_expect_eq(ask(&node, DATA_SIZE), NC_OK, "there is room again");
	nc_replica_flush(node.quiet.replica);
	RUN_UNTIL(&node.quiet.loop, node.answered == count + 1);
	quiet_end(&node.quiet);
}

Test(gather, refuses_what_fits_into_no_entry_before_it_is_taken, .timeout = 60)
{
	struct node node;
	node_open(&node);
	cr_expect_eq(ask(&node, NC_LOG_PAYLOAD_SIZE_MAX), NC_BUSY);
	nc_replica_flush(node.quiet.replica);
	cr_expect_eq(node.refused, 0u);
	quiet_end(&node.quiet);
}
