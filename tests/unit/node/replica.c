/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Replicas on one loop, in memory, with a network that can be cut: elections, replication,
 * failover, followers that are far behind. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/engine/engine.h"
#include "core/node/replica/replica_private.h"
#include "storage/log/memory_log.h"
#include "storage/state/memory_state.h"
#include "tests/unit/node/run_until.h"

#define NODES_MAX 3

struct frame {
	struct frame *next;
	unsigned to;
	size_t size;
	uint8_t bytes[];
};

struct cluster;

struct node {
	struct cluster *cluster;
	unsigned slot;
	struct nc_log *log;
	struct nc_state *state;
	struct nc_engine *engine;
	struct nc_replica *replica; /* NULL: down */
	bool cut;                   /* hears and says nothing */
	size_t answered, refused, unknown, step_downs, foreign;
	bool lacks_room;
	uint64_t last_position;
};

struct cluster {
	uv_loop_t loop;
	uv_async_t deliver;
	struct node nodes[NODES_MAX];
	unsigned count;
	struct frame *first, *last;
	uint64_t to_all;
};

static void on_outcome(void *ctx, void *ticket, const struct nc_outcome *outcome)
{
	struct node *node = ctx;
	if (ticket == NULL) {
		node->foreign++;
		return;
	}
	node->answered += outcome->fault.code == 0;
	node->refused += outcome->fault.code != 0;
	node->last_position = outcome->position;
}

static void on_refused(void *ctx, void *ticket, int err)
{
	struct node *node = ctx;
	(void)ticket;
	(void)err;
	node->unknown++;
	node->lacks_room |= nc_replica_status(node->replica).lacks_room; /* the service asks, too */
}

static void on_applied(void *ctx, uint64_t applied)
{
	(void)ctx;
	(void)applied;
}

static void on_step_down(void *ctx)
{
	((struct node *)ctx)->step_downs++;
}

static void on_fatal(void *ctx, int err, const char *what)
{
	(void)ctx;
	cr_assert_fail("%s: %s", what, nc_err_name(err));
}

static void on_install(void *ctx, const struct nc_raft_install *install)
{
	(void)ctx;
	(void)install;
}

static void frame_put(struct cluster *cluster, unsigned to, struct nc_slice bytes)
{
	struct frame *frame = malloc(sizeof *frame + bytes.size);
	cr_assert_not_null(frame);
	*frame = (struct frame){ .to = to, .size = bytes.size };
	memcpy(frame->bytes, bytes.data, bytes.size);
	if (cluster->last == NULL) {
		cluster->first = frame;
	} else {
		cluster->last->next = frame;
	}
	cluster->last = frame;
	(void)uv_async_send(&cluster->deliver);
}

static void on_send(void *ctx, uint64_t to, struct nc_slice bytes)
{
	struct node *node = ctx;
	if (node->cut)
		return;
	node->cluster->to_all += to == 0;
	for (unsigned i = 0; i < node->cluster->count; i++) {
		if (i != node->slot && (to == 0 || to == i + 1))
			frame_put(node->cluster, i, bytes);
	}
}

static void on_deliver(uv_async_t *async)
{
	struct cluster *cluster = async->data;
	struct frame *frame = cluster->first;
	cluster->first = cluster->last = NULL;
	while (frame != NULL) {
		struct frame *next = frame->next;
		struct node *node = &cluster->nodes[frame->to];
		if (node->replica != NULL && !node->cut) {
			cr_expect_eq(
			        nc_replica_step(node->replica, nc_slice(frame->bytes, frame->size)),
			        NC_OK);
		}
		free(frame);
		frame = next;
	}
}

static void node_start(struct node *node)
{
	struct nc_replica_options options = {
		.loop = &node->cluster->loop,
		.log = node->log,
		.state = node->state,
		.engine = node->engine,
		.hard = nc_memory_log_hard(node->log),
		.self = node->slot + 1,
		.seed = node->slot + 77,
		.tick_ms = 5,
		.checkpoint_log_bytes = 1u << 30,
		.checkpoint_ms = 1u << 30,
		.pending_bytes_max = 64u << 20,
		.tail_bytes_max = 4096,
		.log_keep_bytes = 1u << 30,
		.on_outcome = on_outcome,
		.on_refused = on_refused,
		.on_applied = on_applied,
		.on_step_down = on_step_down,
		.on_fatal = on_fatal,
		.send = node->cluster->count > 1 ? on_send : NULL,
		.on_install = on_install,
		.ctx = node,
	};
	options.founders.count = node->cluster->count;
	for (unsigned i = 0; i < node->cluster->count; i++)
		options.founders.at[i] = (struct nc_raft_member){ .id = i + 1, .voter = true };
	cr_assert_eq(nc_replica_start(&options, &node->replica), NC_OK);
}

static void cluster_open(struct cluster *cluster, unsigned count)
{
	*cluster = (struct cluster){ .count = count };
	cr_assert_eq(uv_loop_init(&cluster->loop), 0);
	cr_assert_eq(uv_async_init(&cluster->loop, &cluster->deliver, on_deliver), 0);
	cluster->deliver.data = cluster;
	for (unsigned i = 0; i < count; i++) {
		struct node *node = &cluster->nodes[i];
		*node = (struct node){ .cluster = cluster, .slot = i };
		cr_assert_eq(nc_memory_log_open(&node->log), NC_OK);
		cr_assert_eq(nc_memory_state_open(&node->state), NC_OK);
		cr_assert_eq(nc_engine_open(node->state, &node->engine), NC_OK);
		node_start(node);
	}
}

static void node_stop(struct node *node)
{
	nc_replica_stop(node->replica);
	node->replica = NULL;
}

static void cluster_close(struct cluster *cluster)
{
	for (unsigned i = 0; i < cluster->count; i++)
		node_stop(&cluster->nodes[i]);
	uv_close((uv_handle_t *)&cluster->deliver, NULL);
	(void)uv_run(&cluster->loop, UV_RUN_DEFAULT);
	cr_assert_eq(uv_loop_close(&cluster->loop), 0);
	while (cluster->first != NULL) {
		struct frame *frame = cluster->first;
		cluster->first = frame->next;
		free(frame);
	}
	for (unsigned i = 0; i < cluster->count; i++) {
		nc_engine_close(cluster->nodes[i].engine);
		nc_state_close(cluster->nodes[i].state);
		nc_log_close(cluster->nodes[i].log);
	}
}

static struct node *leader(struct cluster *cluster)
{
	for (unsigned i = 0; i < cluster->count; i++) {
		struct node *node = &cluster->nodes[i];
		if (node->replica != NULL && !node->cut && nc_replica_leading(node->replica))
			return node;
	}
	return NULL;
}

static int append(struct node *node, const char *id)
{
	static int ticket;
	struct nc_buf record = { 0 };
	const struct nc_event event = { .stream = NC_SLICE("s"),
		                        .type = NC_SLICE("T"),
		                        .id = nc_slice_str(id),
		                        .data = NC_SLICE("{}") };
	nc_event_record_put(&record, &event);
	int err = nc_replica_append(node->replica, (struct nc_expect){ .kind = NC_EXPECT_ANY },
	                            nc_buf_slice(&record), &ticket);
	nc_buf_release(&record);
	return err;
}

/* Nodes that have a leader: which it is. */
static struct node *cluster_led(struct cluster *cluster, unsigned count)
{
	cluster_open(cluster, count);
	RUN_UNTIL(&cluster->loop, leader(cluster) != NULL);
	return leader(cluster);
}

static void append_many(struct cluster *cluster, struct node *node, unsigned from, unsigned count)
{
	size_t before = node->answered;
	for (unsigned i = from; i < from + count; i++) {
		char id[32];
		(void)snprintf(id, sizeof id, "e%u", i);
		cr_assert_eq(append(node, id), NC_OK);
		if (i % 7 == 0)
			nc_replica_flush(node->replica);
	}
	nc_replica_flush(node->replica);
	RUN_UNTIL(&cluster->loop, node->answered == before + count);
}

static uint64_t head(struct node *node)
{
	struct nc_state_reader *reader;
	struct nc_engine_head head;
	cr_assert_eq(nc_state_reader_open(node->state, &reader), NC_OK);
	cr_assert_eq(nc_engine_head_now(reader, &head), NC_OK);
	nc_state_reader_close(reader);
	return head.position;
}

static bool all_at(struct cluster *cluster, uint64_t position)
{
	for (unsigned i = 0; i < cluster->count; i++) {
		if (cluster->nodes[i].replica != NULL && head(&cluster->nodes[i]) != position)
			return false;
	}
	return true;
}

Test(replica, alone_leads_at_once_and_answers)
{
	struct cluster cluster;
	(void)cluster_led(&cluster, 1);
	append_many(&cluster, &cluster.nodes[0], 0, 100);
	cr_expect_eq(head(&cluster.nodes[0]), 100u);
	cluster_close(&cluster);
}

Test(replica, alone_a_restart_applies_what_the_log_has)
{
	struct cluster cluster;
	(void)cluster_led(&cluster, 1);
	append_many(&cluster, &cluster.nodes[0], 0, 2000);
	node_stop(&cluster.nodes[0]);
	nc_engine_close(cluster.nodes[0].engine);
	nc_memory_state_crash(cluster.nodes[0].state); /* back to nothing */
	cr_assert_eq(nc_engine_open(cluster.nodes[0].state, &cluster.nodes[0].engine), NC_OK);
	node_start(&cluster.nodes[0]);
	RUN_UNTIL(&cluster.loop, leader(&cluster) != NULL);
	cr_expect_eq(head(&cluster.nodes[0]), 2000u);
	cluster_close(&cluster);
}

Test(replica, who_is_told_that_it_ends_may_ask_how_it_is)
{
	struct cluster cluster;
	struct node *old = cluster_led(&cluster, 3);
	old->cut = true;
	cr_assert_eq(append(old, "lost"), NC_OK);
	nc_replica_flush(old->replica);
	node_stop(old);
	cr_expect_eq(old->unknown, 1u);
	cr_expect_not(old->lacks_room);
	cluster_close(&cluster);
}

Test(replica, three_agree)
{
	struct cluster cluster;
	(void)cluster_led(&cluster, 3);
	append_many(&cluster, leader(&cluster), 0, 500);
	RUN_UNTIL(&cluster.loop, all_at(&cluster, 500));
	cr_expect_gt(cluster.to_all, 0u, "what is the same for all goes out once");
	for (unsigned i = 0; i < 3; i++) {
		if (&cluster.nodes[i] != leader(&cluster)) {
			RUN_UNTIL(&cluster.loop,
			          cluster.nodes[i].foreign >= 500); /* told after it is applied */
			cr_expect_eq(cluster.nodes[i].foreign, 500u);
			cr_expect_eq(append(&cluster.nodes[i], "x"), NC_CONFLICT);
		}
	}
	cluster_close(&cluster);
}

Test(replica, an_isolated_leader_steps_down_and_its_successor_goes_on)
{
	struct cluster cluster;
	struct node *old = cluster_led(&cluster, 3);
	append_many(&cluster, old, 0, 50);
	RUN_UNTIL(&cluster.loop, all_at(&cluster, 50));
	old->cut = true;
	cr_assert_eq(append(old, "lost"), NC_OK); /* never gets a majority */
	nc_replica_flush(old->replica);
	RUN_UNTIL(&cluster.loop, leader(&cluster) != NULL);
	struct node *next = leader(&cluster);
	cr_expect_neq(next, old);
	RUN_UNTIL(&cluster.loop, old->step_downs == 1);
	append_many(&cluster, next, 100, 20);
	old->cut = false;
	RUN_UNTIL(&cluster.loop, all_at(&cluster, 70));
	cr_expect_eq(old->answered, 50u, "what it could not replicate was not answered");
	cr_expect_eq(old->unknown, 1u, "but said to be unknown");
	cluster_close(&cluster);
}

/* What is at its disk, at nobody's, and not even proposed: nobody hears of it any more. */
Test(replica, a_leader_that_is_stopped_says_of_all_that_is_pending_that_it_is_not_known)
{
	struct cluster cluster;
	struct node *old = cluster_led(&cluster, 3);
	append_many(&cluster, old, 0, 50);
	old->cut = true;
	for (int i = 0; i < 5; i++) {
		cr_assert_eq(append(old, "lost"), NC_OK);
		nc_replica_flush(old->replica);
	}
	RUN_UNTIL(&cluster.loop, old->step_downs == 1);
	cr_expect_eq(old->unknown, 0u, "another leader may yet commit it");
	node_stop(old);
	cr_expect_eq(old->unknown, 5u);
	cr_expect_eq(old->answered, 50u);
	struct node *next;
	RUN_UNTIL(&cluster.loop, (next = leader(&cluster)) != NULL);
	cr_assert_eq(append(next, "gathered"), NC_OK);
	node_stop(next);
	cr_expect_eq(next->unknown, 1u);
	cluster_close(&cluster);
}

Test(replica, a_log_and_a_state_that_do_not_fit_together_are_refused)
{
	struct cluster cluster;
	(void)cluster_led(&cluster, 1);
	struct node *node = &cluster.nodes[0];
	append_many(&cluster, node, 0, 10);
	node_stop(node);
	nc_log_close(node->log);
	cr_assert_eq(nc_memory_log_open(&node->log), NC_OK); /* one that begins anew */
	struct nc_replica_options options = { .loop = &cluster.loop,
		                              .log = node->log,
		                              .state = node->state,
		                              .engine = node->engine,
		                              .self = 1 };
	cr_expect_eq(nc_replica_start(&options, &node->replica), NC_CORRUPT);
	cluster_close(&cluster);
}

/* Its log ends with entries of its own that nobody else has, and none of them is in memory. */
Test(replica, a_restarted_leader_gives_up_what_only_its_log_has)
{
	struct cluster cluster;
	struct node *old = cluster_led(&cluster, 3);
	append_many(&cluster, old, 0, 50);
	RUN_UNTIL(&cluster.loop, all_at(&cluster, 50));
	old->cut = true;
	uint64_t last = nc_replica_status(old->replica).last;
	for (int i = 0; i < 5; i++) { /* an entry each */
		cr_assert_eq(append(old, "lost"), NC_OK);
		nc_replica_flush(old->replica);
		RUN_UNTIL(&cluster.loop,
		          nc_replica_status(old->replica).raft.stable == last + 1 + (unsigned)i);
	}
	node_stop(old);
	RUN_UNTIL(&cluster.loop, leader(&cluster) != NULL);
	append_many(&cluster, leader(&cluster), 100, 20);
	old->cut = false;
	node_start(old);
	RUN_UNTIL(&cluster.loop, all_at(&cluster, 70));
	cluster_close(&cluster);
}

Test(replica, a_follower_far_behind_gets_what_is_not_in_memory_from_the_log)
{
	struct cluster cluster;
	(void)cluster_led(&cluster, 3);
	struct node *behind =
	        leader(&cluster) == &cluster.nodes[0] ? &cluster.nodes[1] : &cluster.nodes[0];
	behind->cut = true;
	append_many(&cluster, leader(&cluster), 0, 3000);
	behind->cut = false;
	RUN_UNTIL(&cluster.loop, all_at(&cluster, 3000));
	cluster_close(&cluster);
}

Test(replica, a_node_that_was_down_catches_up_and_a_majority_is_enough)
{
	struct cluster cluster;
	(void)cluster_led(&cluster, 3);
	struct node *down =
	        leader(&cluster) == &cluster.nodes[2] ? &cluster.nodes[1] : &cluster.nodes[2];
	node_stop(down);
	append_many(&cluster, leader(&cluster), 0, 300);
	node_start(down);
	RUN_UNTIL(&cluster.loop, all_at(&cluster, 300));
	cluster_close(&cluster);
}

/* Entries from the leader of a high term, node 1, to node 3, as an append from `first` on. */
static void push(struct node *to, uint64_t first, uint32_t count, uint64_t commit)
{
	static uint8_t bytes[2000];
	struct nc_raft_entry entries[16];
	struct nc_slice payloads[16];
	struct nc_buf frame = { 0 };
	for (uint32_t i = 0; i < count; i++) {
		entries[i] = (struct nc_raft_entry){ .term = 1000,
			                             .size = sizeof bytes,
			                             .kind = NC_LOG_NOOP };
		payloads[i] = nc_slice(bytes, sizeof bytes);
	}
	const struct nc_raft_message message = { .type = NC_RAFT_APPEND,
		                                 .from = 1,
		                                 .to = to->slot + 1,
		                                 .term = 1000,
		                                 .index = first - 1,
		                                 .log_term = first > 1 ? 1000 : 0,
		                                 .commit = commit,
		                                 .entry_count = count,
		                                 .entries = entries };
	cr_assert_eq(nc_raft_frame_encode(&message, payloads, &frame), NC_OK);
	cr_assert_eq(nc_replica_step(to->replica, nc_buf_slice(&frame)), NC_OK);
	nc_buf_release(&frame);
}

/* It catches up: its log is quicker than its state, which may wait for the commit, too. */
Test(replica, a_follower_keeps_no_more_in_memory_than_its_tail)
{
	struct cluster cluster;
	cluster_open(&cluster, 3);
	struct node *node = &cluster.nodes[2];
	for (unsigned i = 0; i < 3; i++)
		cluster.nodes[i].cut = true;
	for (uint64_t first = 1; first <= 160; first += 16) {
		push(node, first, 16, 0);
		RUN_UNTIL(&cluster.loop,
		          nc_replica_status(node->replica).raft.stable == first + 15);
		cr_assert_leq(node->replica->tail.size, 4096, "%lu bytes",
		              node->replica->tail.size);
	}
	push(node, 161, 0, 160);
	RUN_UNTIL(&cluster.loop, nc_replica_status(node->replica).applied == 160);
	cluster_close(&cluster);
}

static size_t reads_done, reads_failed;

static void on_read(struct nc_replica_wait *wait, int err)
{
	(void)wait;
	reads_done += err == NC_OK;
	reads_failed += err != NC_OK;
}

Test(replica, reads_wait_for_what_was_taken_up_before_them)
{
	struct cluster cluster;
	struct nc_replica_wait waits[2];
	(void)cluster_led(&cluster, 3);
	struct node *node = leader(&cluster);
	cr_assert_eq(append(node, "a"), NC_OK);
	waits[0].fn = waits[1].fn = on_read;
	nc_replica_read(node->replica, &waits[0]);
	nc_replica_read(node->replica, &waits[1]);
	nc_replica_flush(node->replica);
	RUN_UNTIL(&cluster.loop, reads_done == 2);
	cr_expect_eq(head(node), 1u);
	cr_expect_eq(node->answered, 1u);
	cluster_close(&cluster);
}

Test(replica, reads_of_a_leader_that_is_deposed_fail)
{
	struct cluster cluster;
	struct nc_replica_wait wait = { .fn = on_read };
	(void)cluster_led(&cluster, 3);
	struct node *node = leader(&cluster);
	node->cut = true;
	nc_replica_read(node->replica, &wait);
	nc_replica_flush(node->replica);
	RUN_UNTIL(&cluster.loop, reads_failed == 1);
	cr_expect_eq(reads_done, 0u);
	cluster_close(&cluster);
}

Test(replica, leadership_is_handed_over)
{
	struct cluster cluster;
	struct node *old = cluster_led(&cluster, 3);
	unsigned to = old->slot == 0 ? 1 : 0;
	append_many(&cluster, old, 0, 10);
	cr_expect_eq(nc_replica_transfer(old->replica, to + 1), NC_OK);
	RUN_UNTIL(&cluster.loop, leader(&cluster) == &cluster.nodes[to]);
	cr_expect_eq(old->step_downs, 1u);
	append_many(&cluster, &cluster.nodes[to], 10, 10);
	RUN_UNTIL(&cluster.loop, all_at(&cluster, 20));
	cluster_close(&cluster);
}

Test(replica, garbage_is_refused_and_changes_nothing)
{
	struct cluster cluster;
	(void)cluster_led(&cluster, 3);
	struct node *node = leader(&cluster);
	uint64_t term = nc_replica_status(node->replica).term;
	cr_expect_eq(nc_replica_step(node->replica, NC_SLICE("")), NC_INVALID);
	cr_expect_eq(nc_replica_step(node->replica, NC_SLICE("\x93\x01\x02")), NC_INVALID);
	cr_expect_eq(nc_replica_step(node->replica, NC_SLICE("garbage, plain")), NC_INVALID);
	cr_expect_eq(nc_replica_status(node->replica).term, term);
	append_many(&cluster, node, 0, 3);
	cluster_close(&cluster);
}
