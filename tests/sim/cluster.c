/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One run: from a seed, event after event, to the end or to the first thing that does not hold. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/store_private.h"

uint64_t sim_random(struct sim *sim)
{
	uint64_t z = sim->rng += 0x9e3779b97f4a7c15u;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

uint64_t sim_below(struct sim *sim, uint64_t bound)
{
	return bound == 0 ? 0 : sim_random(sim) % bound;
}

bool sim_chance(struct sim *sim, uint32_t permyriad)
{
	return permyriad > 0 && sim_below(sim, 10000) < permyriad;
}

void sim_schedule(struct sim *sim, uint64_t in, enum sim_event_type type, uint32_t slot)
{
	struct sim_event *event = sim_event_new(&sim->heap);
	event->at = sim->now + in;
	event->type = (uint8_t)type;
	event->slot = (uint8_t)slot;
	event->life = type == SIM_RESTART ? 0 : sim->nodes[slot].life;
	sim_event_put(&sim->heap, event);
}

void sim_schedule_sub(struct sim *sim, uint64_t in, enum sim_event_type type, uint32_t slot,
                      uint32_t sub)
{
	struct sim_event *event = sim_event_new(&sim->heap);
	event->at = sim->now + in;
	event->type = (uint8_t)type;
	event->slot = (uint8_t)slot;
	event->life = sim->nodes[slot].life;
	event->sub = (uint8_t)sub;
	sim_event_put(&sim->heap, event);
}

void sim_trace(struct sim *sim, const char *format, ...)
{
	if (!sim->options.trace)
		return;
	va_list list;
	va_start(list, format);
	printf("%4llu.%06llu ", (unsigned long long)(sim->now / SIM_S),
	       (unsigned long long)(sim->now % SIM_S));
	vprintf(format, list);
	putchar('\n');
	va_end(list);
}

void sim_violation(struct sim *sim, const char *format, ...)
{
	if (sim->violation[0] != '\0')
		return; /* the first one says most */
	va_list list;
	va_start(list, format);
	(void)vsnprintf(sim->violation, sizeof sim->violation, format, list);
	va_end(list);
	sim_trace(sim, "VIOLATION %s", sim->violation);
	for (uint32_t i = 0; sim->options.trace && i < sim->node_count; i++) {
		struct nc_buf line = { 0 };
		if (sim->nodes[i].raft != NULL)
			nc_raft_describe(sim->nodes[i].raft, &line);
		sim_trace(sim, "  %.*s", (int)line.size, (const char *)line.data);
		nc_buf_release(&line);
	}
}

const struct nc_raft_members *sim_keep_members(struct sim *sim,
                                               const struct nc_raft_members *members)
{
	if (sim->arena_count == sim->arena_room) {
		sim->arena_room = sim->arena_room * 2 + 16;
		sim->arena = realloc(sim->arena, sim->arena_room * sizeof *sim->arena);
		nc_assert(sim->arena != NULL);
	}
	struct nc_raft_members *kept = malloc(sizeof *kept);
	nc_assert(kept != NULL);
	*kept = *members;
	sim->arena[sim->arena_count++] = kept;
	return kept;
}

static void draw_options(struct sim *sim)
{
	static const uint32_t bytes[] = { 1, 700, 5000, 1u << 20 };
	static const uint32_t few[] = { 1, 2, 8, 64 };
	static const uint32_t windows[] = { 4, 32, 1024, 16384 };
	struct nc_raft_options options = nc_raft_options_default(1, 1);
	if (!sim->options.faultless) {
		options.append_bytes_max = bytes[sim_below(sim, 4)];
		options.append_entries_max = few[sim_below(sim, 4)];
		options.inflight_max = few[sim_below(sim, 4)];
		options.inflight_bytes_max = bytes[1 + sim_below(sim, 3)];
		options.inflight_bytes_behind_max = bytes[1 + sim_below(sim, 3)];
		options.window_entries = windows[sim_below(sim, 4)];
		options.uncommitted_entries_max = 16 + (uint32_t)sim_below(sim, 1000);
	}
	options.heartbeat_ticks = 1 + (uint32_t)sim_below(sim, 3);
	options.reads_max = 64;
	options.offer_elections = 1 + (uint32_t)(sim->options.seed % 8);
	sim->raft_options = options;
	sim->checkpoint_entries = 20 + sim_below(sim, 500);
	sim->tail_entries = sim_below(sim, 200);
	uint64_t rate = sim->options.rate != 0 ? sim->options.rate : 5 + sim_below(sim, 150);
	sim->client_us = SIM_S / rate;
	sim->read_permyriad = sim->options.faultless ? 0 : sim_below(sim, 5000);
}

static void found(struct sim *sim)
{
	struct nc_raft_members members = { .count = sim->node_count };
	for (uint32_t i = 0; i < sim->node_count; i++)
		members.at[i] = (struct nc_raft_member){ i + 1, true };
	sim->committed_members = members;
	sim->op_count = 0;
	sim_log_reset(&sim->committed, 0, 0, &members);
	for (uint32_t i = 0; i < sim->node_count; i++) {
		struct sim_node *node = &sim->nodes[i];
		node->id = i + 1;
		if (sim->options.files)
			sim_files_new(sim, node);
		sim_log_reset(&node->disk, 0, 0, &members);
		sim_node_start(sim, node);
	}
}

/* A paused node hears of things later; the order stays. */
static bool put_off(struct sim *sim, struct sim_event *event)
{
	if (event->type >= SIM_RESTART)
		return false;
	const struct sim_node *node = &sim->nodes[event->slot];
	if (!node->up || node->paused_until <= sim->now)
		return false;
	event->at = node->paused_until;
	sim_event_put(&sim->heap, event);
	return true;
}

static void happen(struct sim *sim, struct sim_event *event)
{
	if (sim->store != NULL && store_event(sim, event))
		return;
	if (event->type == SIM_CLIENT) {
		sim_client(sim);
	} else if (event->type == SIM_CONTROL) {
		sim_control(sim);
	} else if (event->type == SIM_NEMESIS) {
		sim_nemesis(sim);
	} else if (event->type == SIM_HEAL) {
		sim_heal(sim);
	} else if (event->type == SIM_END) {
		if (event->life == sim->nodes[event->slot].life)
			sim_end(sim, &sim->nodes[event->slot]);
	} else {
		sim_node_event(sim, &sim->nodes[event->slot], event);
	}
}

void sim_run(struct sim *sim, const struct sim_options *options)
{
	memset(sim, 0, sizeof *sim);
	sim->options = *options;
	sim->rng = options->seed * 0x9e3779b97f4a7c15u + 1;
	sim->node_count = options->nodes != 0 ? options->nodes : sim_chance(sim, 7000) ? 3 : 5;
	sim->ops = calloc(1, sizeof *sim->ops);
	nc_assert(sim->ops != NULL);
	sim->op_room = 1;
	sim_faults_draw(sim);
	draw_options(sim);
	sim->options.files |= options->store && !options->faultless && sim_chance(sim, 2500);
	if (options->store)
		store_new(sim);
	found(sim);
	sim->op_count = 1; /* 0 means none */
	sim_schedule(sim, SIM_S, SIM_CLIENT, 0);
	sim_schedule(sim, SIM_S, SIM_CONTROL, 0);
	sim_schedule(sim, 2 * SIM_S, SIM_NEMESIS, 0);
	sim_schedule(sim, options->seconds * SIM_S, SIM_HEAL, 0);
	struct sim_event *event;
	while (sim->violation[0] == '\0' && sim->healed_at != UINT64_MAX &&
	       (event = sim_event_take(&sim->heap)) != NULL) {
		sim->now = event->at;
		if (put_off(sim, event))
			continue;
		sim->counters.events++;
		sim->hash = (sim->hash ^ event->at ^ (uint64_t)event->type << 56) * 0x100000001b3u;
		happen(sim, event);
		sim_event_free(&sim->heap, event);
	}
}

void sim_release(struct sim *sim)
{
	store_free(sim);
	for (uint32_t i = 0; i < sim->node_count; i++) {
		struct sim_node *node = &sim->nodes[i];
		nc_raft_free(node->raft);
		sim_disk_clear(node);
		sim_files_free(node);
		free(node->memory.at);
		free(node->disk.at);
	}
	for (size_t i = 0; i < sim->arena_count; i++)
		free(sim->arena[i]);
	free(sim->arena);
	free(sim->committed.at);
	free(sim->chains);
	free(sim->leaders);
	free(sim->seen);
	free(sim->ops);
	free(sim->reads);
	sim_heap_release(&sim->heap);
}
