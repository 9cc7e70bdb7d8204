/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Clients who read: what they are given is what the model has, and holds all that was acknowledged
 * before they asked. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/store_private.h"

#define ULL(value)  ((unsigned long long)(value))
#define READ_EVENTS 40u

uint64_t store_asked_new(struct sim *sim)
{
	struct sim_store *store = sim->store;
	if (store->asked_count >= store->asked_room) {
		store->asked_room = store->asked_room * 2 + 256;
		store->asked = realloc(store->asked, store->asked_room * sizeof *store->asked);
		nc_assert(store->asked != NULL);
	}
	store->asked[store->asked_count].letter = 0;
	return store->asked_count++;
}

void store_read_ask(struct sim *sim, struct sim_node *node)
{
	struct sim_store *store = sim->store;
	uint64_t ctx = store_asked_new(sim);
	struct store_asked *asked = &store->asked[ctx];
	asked->head = store->acked_position;
	memcpy(asked->versions, store->acked_versions, sizeof asked->versions);
	sim->counters.reads++;
	if (nc_raft_read_index(node->raft, ctx) != NC_OK)
		sim->counters.reads_failed++;
}

void store_read_index(struct sim *sim, struct sim_node *node, const struct nc_raft_read *read)
{
	struct store_node *of = store_of(sim, node);
	uint64_t letter = sim->store->asked[read->ctx].letter;
	if (letter != 0) {
		if (read->err == NC_OK)
			store_spread_confirmed(sim, node, letter, read->index);
		return;
	}
	if (read->err != NC_OK) {
		sim->counters.reads_failed++;
		return;
	}
	if (of->read_count == of->read_room) {
		of->read_room = of->read_room * 2 + 16;
		of->reads = realloc(of->reads, of->read_room * sizeof *of->reads);
		nc_assert(of->reads != NULL);
	}
	of->reads[of->read_count++] = (struct store_read){ read->index, read->ctx };
}

/* ---- What is given --------------------------------------------------------------------------- */

struct reading {
	struct sim *sim;
	const struct sim_node *node;
	const struct nc_query_spec *spec;
	uint32_t what;     /* stream, type or group */
	uint64_t expected; /* the position of the next event; 0: none */
	uint64_t head;
	uint64_t time_ns; /* of the last event */
};

static bool wanted(const struct reading *reading, uint64_t position)
{
	const struct store_row *row = &reading->sim->store->rows[position];
	if (row->gone_at != 0 && row->gone_at <= reading->node->applied)
		return false;
	return reading->spec->kind == NC_QUERY_ALL ||
	       (reading->spec->kind == NC_QUERY_STREAM && row->stream == reading->what) ||
	       (reading->spec->kind == NC_QUERY_TYPE && row->type == reading->what) ||
	       (reading->spec->kind == NC_QUERY_TAG && row->group == reading->what);
}

static uint64_t next_of(const struct reading *reading, uint64_t position)
{
	bool backward = reading->spec->backward;
	for (;;) {
		position = backward ? position - 1 : position + 1;
		if (position == 0 || position > reading->head)
			return 0;
		if (wanted(reading, position))
			return position;
	}
}

static void on_event(void *ctx, const struct nc_event *event)
{
	struct reading *reading = ctx;
	struct sim *sim = reading->sim;
	const struct store_row *row = &sim->store->rows[reading->expected];
	char content[64];
	int size = snprintf(content, sizeof content, "{\"op\":%llu,\"part\":%u,", ULL(row->op),
	                    row->part);
	if (reading->expected == 0 || event->position != reading->expected ||
	    event->version != row->version ||
	    !nc_slice_starts(event->data, nc_slice(content, (size_t)size))) {
		sim_violation(sim, "node %llu: a read gives position %llu, not %llu",
		              ULL(reading->node->id), ULL(event->position), ULL(reading->expected));
		return;
	}
	bool back = reading->spec->backward ? event->time_ns > reading->time_ns
	                                    : event->time_ns < reading->time_ns;
	if (back && reading->time_ns != 0) {
		sim_violation(sim, "node %llu: the time of %llu goes back", ULL(reading->node->id),
		              ULL(event->position));
	}
	reading->time_ns = event->time_ns;
	reading->expected = next_of(reading, event->position);
}

/* Hold a query's answer against the model; `limit` events, or all. */
static void query(struct sim *sim, struct sim_node *node, struct nc_query_spec *spec, uint32_t what,
                  uint64_t head)
{
	struct store_node *of = store_of(sim, node);
	struct nc_buf name = { 0 };
	struct reading reading = { sim, node, spec, what, 0, head, 0 };
	if (spec->kind == NC_QUERY_STREAM) {
		store_stream_name((uint8_t)what, &name);
	} else if (spec->kind == NC_QUERY_TYPE) {
		nc_buf_printf(&name, "T%u", what);
	} else if (spec->kind == NC_QUERY_TAG) {
		nc_buf_printf(&name, "group:%u", what);
	}
	spec->key = nc_buf_slice(&name);
	uint64_t before = spec->backward                        ? head + 1
	                  : spec->from_kind == NC_FROM_POSITION ? spec->from - 1
	                                                        : 0;
	reading.expected = next_of(&reading, before);
	struct nc_query *query = NULL;
	int err = nc_query_start(of->reader, spec, &query);
	for (bool done = false; err == NC_OK && !done;) {
		err = nc_query_step(query, of->reader,
		                    (struct nc_query_portion){ READ_EVENTS, 1 << 20 }, on_event,
		                    &reading, &done);
	}
	if (err != NC_OK) {
		sim_violation(sim, "node %llu: a read says %s", ULL(node->id), nc_err_name(err));
	} else if (reading.expected != 0 && nc_query_end(query).next == 0) {
		sim_violation(sim, "node %llu: a read ends before position %llu", ULL(node->id),
		              ULL(reading.expected));
	}
	nc_query_free(query);
	nc_buf_release(&name);
}

static void serve(struct sim *sim, struct sim_node *node, const struct store_asked *asked)
{
	struct sim_store *store = sim->store;
	struct nc_engine_head head;
	nc_assert(nc_engine_head_now(store_of(sim, node)->reader, &head) == NC_OK);
	sim->counters.reads_served++;
	if (head.position < asked->head || head.position > store->head) {
		sim_violation(sim,
		              "linearizability: a read sees %llu, %llu was acknowledged before",
		              ULL(head.position), ULL(asked->head));
		return;
	}
	static const enum nc_query_kind kinds[] = { NC_QUERY_ALL, NC_QUERY_STREAM, NC_QUERY_TYPE,
		                                    NC_QUERY_TAG };
	struct nc_query_spec spec = { .kind = kinds[sim_below(sim, 4)],
		                      .limit = 1 + sim_below(sim, READ_EVENTS),
		                      .size_max = NC_QUERY_BYTES_MAX,
		                      .backward = sim_chance(sim, 5000) };
	if (!spec.backward && head.position > 0) {
		spec.from_kind = NC_FROM_POSITION;
		spec.from = 1 + sim_below(sim, head.position);
	}
	uint32_t whats = spec.kind == NC_QUERY_STREAM ? STORE_STREAMS
	                 : spec.kind == NC_QUERY_TYPE ? STORE_TYPES
	                                              : STORE_GROUPS;
	uint32_t what = (uint32_t)sim_below(sim, whats) + (spec.kind == NC_QUERY_TAG);
	query(sim, node, &spec, what, head.position);
}

void store_reads_serve(struct sim *sim, struct sim_node *node)
{
	struct store_node *of = store_of(sim, node);
	size_t left = 0;
	for (size_t i = 0; i < of->read_count; i++) {
		if (of->reads[i].index > node->applied) {
			of->reads[left++] = of->reads[i];
		} else if (sim->violation[0] == '\0') {
			serve(sim, node, &sim->store->asked[of->reads[i].ctx]);
		}
	}
	of->read_count = left;
}

/* Everything, at the end. */
void store_read_whole(struct sim *sim, struct sim_node *node)
{
	struct nc_query_spec spec = { .kind = NC_QUERY_ALL,
		                      .from_kind = NC_FROM_POSITION,
		                      .from = 1 };
	spec.size_max = NC_QUERY_BYTES_MAX;
	spec.limit = NC_QUERY_LIMIT_MAX;
	query(sim, node, &spec, 0, sim->store->head);
}
