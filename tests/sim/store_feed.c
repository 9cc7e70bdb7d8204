/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What goes into a node's subscriptions: events found in history, live ones, replays. */
#include <stdlib.h>

#include "tests/sim/store_private.h"

/* ---- Events in ------------------------------------------------------------------------------- */

struct searching {
	struct store_machine *machine;
	uint32_t room;
	uint64_t through;
	bool stopped, found;
};

static void offer(struct searching *searching, const struct nc_event *event, bool live)
{
	const struct nc_sub_event offered = { .position = event->position,
		                              .key = store_key_of(&searching->machine->policy,
		                                                  event),
		                              .version = event->version,
		                              .time_ns = event->time_ns,
		                              .size = (uint32_t)event->data.size,
		                              .live = live };
	if (searching->stopped || nc_sub_offer(searching->machine->machine, &offered) != NC_OK) {
		searching->stopped = true;
	} else {
		searching->through = event->position;
	}
}

static void on_found(void *ctx, const struct nc_event *event)
{
	struct searching *searching = ctx;
	const struct store_policy *policy = &searching->machine->policy;
	uint8_t stream = (uint8_t)(event->stream.data[2] - '0');
	uint8_t type = (uint8_t)(event->type.data[1] - '0');
	bool matches = policy->filter == 0 || policy->what == (policy->filter == 1 ? stream : type);
	searching->found = true;
	if (matches) {
		offer(searching, event, false);
	} else if (!searching->stopped) {
		searching->through = event->position;
	}
}

static void scan(struct sim *sim, struct store_node *of, struct searching *searching, uint64_t from)
{
	const struct store_policy *policy = &searching->machine->policy;
	struct nc_query_spec spec = { .kind = NC_QUERY_ALL,
		                      .from_kind = NC_FROM_POSITION,
		                      .from = from,
		                      .limit = 1 + sim_below(sim, 256),
		                      .size_max = NC_QUERY_BYTES_MAX };
	struct nc_buf name = { 0 };
	if (policy->filter == 1 && sim_chance(sim, 5000)) {
		spec.kind = NC_QUERY_STREAM;
		store_stream_name(policy->what, &name);
	} else if (policy->filter == 2 && sim_chance(sim, 5000)) {
		spec.kind = NC_QUERY_TYPE;
		nc_buf_printf(&name, "T%u", policy->what);
	}
	spec.key = nc_buf_slice(&name);
	struct nc_engine_head head;
	struct nc_query *query = NULL;
	searching->through = from - 1;
	nc_assert(nc_engine_head_now(of->reader, &head) == NC_OK);
	nc_assert(nc_query_start(of->reader, &spec, &query) == NC_OK);
	for (bool done = false; !done;) {
		nc_assert(nc_query_step(query, of->reader, (struct nc_query_portion){ 64, 1 << 20 },
		                        on_found, searching, &done) == NC_OK);
	}
	bool ended = !searching->stopped && nc_query_end(query).next == 0;
	if (ended && head.position > searching->through)
		searching->through = head.position;
	if (ended) {
		nc_sub_scanned_to_head(searching->machine->machine, searching->through);
	} else {
		nc_sub_scanned(searching->machine->machine, searching->through);
	}
	nc_query_free(query);
	nc_buf_release(&name);
}

void store_subs_search(struct sim *sim, struct sim_node *node, uint32_t sub)
{
	struct store_node *of = store_of(sim, node);
	struct store_machine *machine = &of->machines[sub];
	struct searching searching = { .machine = machine };
	struct nc_sub_want want;
	machine->searching = false;
	if (machine->machine == NULL)
		return;
	nc_sub_want(machine->machine, &want);
	if (want.kind == NC_SUB_WANT_SCAN) {
		scan(sim, of, &searching, want.position);
	} else if (want.kind == NC_SUB_WANT_EVENT) {
		const struct nc_get_spec spec = { .kind = NC_GET_POSITION,
			                          .number = want.position };
		int err = nc_query_get(of->reader, &spec, on_found, &searching);
		nc_assert(err == NC_OK && searching.found); /* no event is ever deleted here */
	}
	store_subs_step(sim, node, sub);
}

struct live {
	struct store_node *of;
	bool offered[STORE_SUBS];
};

static void on_live(void *ctx, const struct nc_event *event)
{
	struct live *live = ctx;
	struct nc_slice tags[4], list = event->tags;
	size_t tag_count = 0, count;
	const uint32_t *subs;
	while (tag_count < 4 && nc_event_tag_next(&list, &tags[tag_count]))
		tag_count++;
	const struct nc_route_event routed = { event->stream, event->type, tags, tag_count };
	nc_router_match(live->of->router, &routed, &subs, &count);
	for (size_t i = 0; i < count; i++) {
		struct searching searching = { .machine = &live->of->machines[subs[i]] };
		if (event->position <= searching.machine->live_after)
			continue;
		offer(&searching, event, true);
		live->offered[subs[i]] = true;
	}
}

void store_subs_live(struct sim *sim, struct sim_node *node, uint64_t from, uint64_t to)
{
	struct store_node *of = store_of(sim, node);
	struct live live = { .of = of };
	if (of->router == NULL)
		return;
	for (uint64_t at = from; at <= to; at++)
		nc_assert(nc_query_events(of->reader, &at, 1, on_live, &live) == NC_OK);
	for (uint32_t i = 0; i < STORE_SUBS; i++) {
		struct nc_sub_info info = { 0 };
		if (of->machines[i].machine == NULL)
			continue;
		nc_sub_info(of->machines[i].machine, &info);
		/* Past what does not match, now and then. */
		if (info.at_head && sim_chance(sim, 1000))
			nc_sub_scanned_to_head(of->machines[i].machine, to);
		if (live.offered[i])
			store_subs_step_in(sim, node, i, 0);
	}
}

/* ---- The operator ---------------------------------------------------------------------------- */

struct replaying {
	struct store_machine *machine;
	int err;
};

static void on_replayed(void *ctx, const struct nc_event *event)
{
	struct replaying *replaying = ctx;
	const struct nc_sub_event offered = { .position = event->position,
		                              .key = store_key_of(&replaying->machine->policy,
		                                                  event),
		                              .size = (uint32_t)event->data.size };
	replaying->err = nc_sub_replay(replaying->machine->machine, &offered);
}

/* In ascending order, and not while what was said of rows is not in the log. */
static void replay(struct sim *sim, struct store_node *of, uint32_t sub)
{
	struct store_machine *machine = &of->machines[sub];
	struct store_positions parked = { 0 };
	struct replaying replaying = { machine, NC_OK };
	if (machine->parked.size > 0 || machine->unparked.size > 0)
		return;
	store_parked_of(of, sub, &parked);
	for (size_t i = 0; i < parked.count; i++) {
		const struct nc_get_spec spec = { .kind = NC_GET_POSITION, .number = parked.at[i] };
		nc_assert(nc_query_get(of->reader, &spec, on_replayed, &replaying) == NC_OK);
		if (replaying.err != NC_OK && replaying.err != NC_EXISTS)
			break;
		sim->counters.replays += replaying.err == NC_OK;
	}
	free(parked.at);
}

void store_subs_control(struct sim *sim, struct sim_node *node)
{
	struct store_node *of = store_of(sim, node);
	bool calm = sim->store->quiet;
	for (uint32_t i = 0; i < STORE_SUBS; i++) {
		struct store_machine *machine = &of->machines[i];
		if (!store_runs(sim, node, i) || (!machine->owned && of->serving == 0))
			continue;
		struct nc_sub_info info;
		nc_sub_info(machine->machine, &info);
		if ((info.halted || info.paused) && (calm || sim_chance(sim, 5000))) {
			nc_sub_resume(machine->machine);
		} else if (!calm && sim_chance(sim, 200)) {
			nc_sub_pause(machine->machine);
		}
		if (calm || sim_chance(sim, 3000))
			replay(sim, of, i);
		if (!calm && sim->store->version >= NC_ENGINE_VERSION_SUBS && sim_chance(sim, 100))
			store_subs_seek(sim, node, i);
		if (!calm && sim->store->version >= NC_ENGINE_VERSION_OWN && sim_chance(sim, 100))
			store_subs_place(sim, node, i);
		store_subs_step(sim, node, i);
	}
}
