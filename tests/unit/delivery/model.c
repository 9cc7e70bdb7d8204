/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A subscription under chance, from a seed: consumers that answer, refuse, dawdle and vanish;
 * owners that crash and go on from what was replicated. Always: at least once, in order per key,
 * none that does not match, the floor never back, memory within the window. */
#include <criterion/criterion.h>

#include "core/delivery/subscription.h"

#include <stdio.h>
#include <stdlib.h>

#define MS     UINT64_C(1000000)
#define EVENTS 6000u
#define KEYS   9u /* the last: none */
#define FLYING 4096u

struct delivery {
	uint64_t position, epoch;
	uint32_t attempt;
};

struct model {
	struct nc_definition definition;
	struct nc_sub *sub;
	uint64_t seed, now, head, floor, life_floor, request;
	bool acked[EVENTS + 1];   /* at any time */
	bool done[EVENTS + 1];    /* since it was last delivered */
	bool row[EVENTS + 1];     /* parked, as replicated */
	bool row_now[EVENTS + 1]; /* with what awaits replication */
	struct delivery flying[FLYING];
	size_t flying_count;
	struct nc_buf progress; /* replicated */
	size_t delivered, restarts, parks, memory_most;
};

static uint32_t roll(struct model *m, uint32_t below)
{
	m->seed = m->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(m->seed >> 33) % below;
}

static bool matches(uint64_t position)
{
	return position % 5 != 0;
}

static uint64_t key_of(const struct model *m, uint64_t position)
{
	if (m->definition.order == NC_ORDER_GLOBAL)
		return 0;
	return m->definition.order == NC_ORDER_NONE ? KEYS - 1 : position * 7919 / 13 % KEYS;
}

static bool keyed(const struct model *m, uint64_t position)
{
	return key_of(m, position) != KEYS - 1;
}

static struct nc_sub_event event_at(const struct model *m, uint64_t position, bool live)
{
	static const char names[] = "abcdefghi";
	uint64_t key = key_of(m, position);
	return (struct nc_sub_event){ .position = position,
		                      .key = keyed(m, position) ? nc_slice(&names[key], 1)
		                                                : nc_slice(NULL, 0),
		                      .size = 100,
		                      .live = live };
}

static void feed(struct model *m)
{
	struct nc_sub_want want;
	for (;;) {
		nc_sub_want(m->sub, &want);
		if (want.kind == NC_SUB_WANT_NOTHING)
			return;
		uint64_t position = want.position;
		if (want.kind == NC_SUB_WANT_EVENT) {
			struct nc_sub_event event = event_at(m, position, false);
			cr_assert(matches(position));
			cr_assert_eq(nc_sub_offer(m->sub, &event), NC_OK);
			continue;
		}
		int err = NC_OK;
		uint64_t to = position + roll(m, 200);
		for (; position <= m->head && position < to && err == NC_OK; position++) {
			struct nc_sub_event event = event_at(m, position, false);
			if (matches(position))
				err = nc_sub_offer(m->sub, &event);
		}
		if (err == NC_FULL)
			return;
		cr_assert_eq(err, NC_OK);
		if (position > m->head) {
			nc_sub_scanned_to_head(m->sub, position - 1);
		} else {
			nc_sub_scanned(m->sub, position - 1);
		}
		if (roll(m, 2) == 0)
			return;
	}
}

static void append(struct model *m)
{
	for (uint32_t count = roll(m, 30); count > 0 && m->head < EVENTS; count--) {
		m->head++;
		struct nc_sub_event event = event_at(m, m->head, true);
		if (!matches(m->head))
			continue;
		int err = nc_sub_offer(m->sub, &event);
		cr_assert(err == NC_OK || err == NC_BUSY || err == NC_FULL, "%d", err);
	}
}

static void delivered(struct model *m, const struct nc_sub_action *action)
{
	uint64_t position = action->position;
	cr_assert(position <= m->head && matches(position), "%lu does not match", position);
	if (keyed(m, position)) {
		for (uint64_t older = 1; older < position; older++) {
			cr_assert(!matches(older) || key_of(m, older) != key_of(m, position) ||
			                  m->done[older],
			          "%lu before %lu was done", position, older);
		}
	}
	m->done[position] = false;
	m->delivered++;
	if (m->flying_count == FLYING) /* a consumer that forgets */
		m->flying_count = 0;
	struct nc_sub_info info;
	nc_sub_info(m->sub, &info);
	m->flying[m->flying_count++] = (struct delivery){ position, info.epoch, action->attempt };
}

static void check(struct model *m)
{
	struct nc_sub_info info;
	nc_sub_info(m->sub, &info);
	if (info.at_head) /* what came live and was not offered did not match */
		nc_sub_scanned_to_head(m->sub, m->head);
	cr_assert_geq(info.ack_floor, m->life_floor, "the floor went back");
	m->life_floor = info.ack_floor;
	cr_assert_leq(info.in_flight, m->definition.max_in_flight);
	size_t memory = nc_sub_memory(m->sub);
	m->memory_most = memory > m->memory_most ? memory : m->memory_most;
}

static void step(struct model *m)
{
	struct nc_sub_action action;
	while (nc_sub_step(m->sub, m->now, &action)) {
		switch (action.kind) {
		case NC_SUB_DELIVER:
			delivered(m, &action);
			break;
		case NC_SUB_PARK:
			m->row_now[action.position] = true;
			m->parks++;
			break;
		case NC_SUB_UNPARK:
			cr_assert(m->row_now[action.position]);
			m->row_now[action.position] = false;
			break;
		case NC_SUB_SKIP:
			cr_assert_eq(m->row_now[action.position], action.replay);
			m->row_now[action.position] = false;
			m->acked[action.position] = m->done[action.position] = true;
			break;
		case NC_SUB_HALTED:
			nc_sub_resume(m->sub);
			break;
		default:
			break;
		}
	}
	check(m);
}

static void replicate(struct model *m)
{
	struct nc_sub_progress progress;
	nc_buf_clear(&m->progress);
	nc_sub_progress_take(m->sub, &m->progress);
	cr_assert_eq(nc_sub_progress_read(nc_buf_slice(&m->progress), &progress), NC_OK);
	cr_assert_geq(progress.floor, m->floor, "the replicated floor went back");
	m->floor = progress.floor;
	memcpy(m->row, m->row_now, sizeof m->row);
}

/* The owner is gone; the next one knows what was replicated. */
static void crash(struct model *m)
{
	nc_sub_free(m->sub);
	cr_assert_eq(nc_sub_restore(&m->definition, nc_buf_slice(&m->progress), m->now, &m->sub),
	             NC_OK);
	memcpy(m->row_now, m->row, sizeof m->row);
	for (uint64_t position = 1; position <= EVENTS; position++) {
		struct nc_sub_event event = event_at(m, position, false);
		if (m->row[position])
			cr_assert_eq(nc_sub_restore_parked(m->sub, position, event.key), NC_OK);
	}
	m->life_floor = m->floor;
	m->restarts++;
}

static void answer(struct model *m, bool kind)
{
	if (m->flying_count == 0)
		return;
	uint32_t at = roll(m, (uint32_t)m->flying_count);
	struct delivery d = m->flying[at];
	m->flying[at] = m->flying[--m->flying_count];
	uint32_t how = kind ? 0 : roll(m, 100);
	if (how < 60) {
		/* Who is parked meanwhile stays so: the answer came too late. */
		if (nc_sub_ack(m->sub, d.epoch, d.position, m->now) == NC_OK &&
		    !m->row_now[d.position]) {
			uint32_t attempts;
			m->acked[d.position] = m->done[d.position] = true;
			cr_assert_eq(nc_sub_find(m->sub, d.position, &attempts) == NC_SUB_FLYING,
			             false);
		} else if (m->row_now[d.position]) {
			uint32_t attempts;
			enum nc_sub_entry_state state = nc_sub_find(m->sub, d.position, &attempts);
			/* A replay whose key is still to be found is done all the same. */
			if (state == NC_SUB_LEAVING || state == NC_SUB_RECALLED)
				m->acked[d.position] = m->done[d.position] = true;
		}
	} else if (how < 75) {
		nc_sub_nak(m->sub, d.epoch, d.position, d.attempt, m->now);
	} else if (how < 78) {
		nc_sub_term(m->sub, d.epoch, d.position, NC_SLICE("no"), m->now);
	} else if (how < 83) {
		nc_sub_wpi(m->sub, d.epoch, d.position, d.attempt, m->now);
		m->flying[m->flying_count++] = d;
	} else if (how < 88) {
		nc_sub_no_responders(m->sub, d.epoch, d.position, d.attempt, m->now);
	}
}

/* Of each key from its oldest on; some of them, or all. */
static void replay(struct model *m, bool all)
{
	bool left_out[KEYS] = { false };
	for (uint64_t position = 1; position <= EVENTS; position++) {
		if (!m->row[position] || !m->row_now[position])
			continue;
		uint64_t key = key_of(m, position);
		if (left_out[key] && keyed(m, position))
			continue;
		struct nc_sub_event event = event_at(m, position, false);
		int err = all || roll(m, 3) > 0 ? nc_sub_replay(m->sub, &event) : NC_FULL;
		left_out[key] |= err != NC_OK && err != NC_EXISTS;
	}
}

static void ask(struct model *m)
{
	struct nc_sub_request request = { ++m->request, 1 + roll(m, 20), 0,
		                          m->now + (1 + roll(m, 500)) * MS, roll(m, 2) == 0 };
	if (!m->definition.push)
		(void)nc_sub_request(m->sub, &request, m->now);
}

static void turn(struct model *m, bool calm)
{
	m->now += roll(m, 20) * MS;
	if (!calm && roll(m, 8) == 0)
		append(m);
	if (roll(m, 3) == 0)
		feed(m);
	if (roll(m, 5) == 0)
		ask(m);
	step(m);
	for (uint32_t count = roll(m, 12); count > 0; count--)
		answer(m, calm);
	step(m);
	if (nc_sub_progress_due(m->sub, m->now))
		replicate(m);
	if (!calm && roll(m, 200) == 0)
		crash(m);
	if (roll(m, calm ? 5 : 100) == 0)
		replay(m, calm);
	step(m);
}

static bool finished(struct model *m)
{
	for (uint64_t position = 1; position <= EVENTS; position++) {
		if (matches(position) && (!m->acked[position] || m->row_now[position]))
			return false;
	}
	struct nc_sub_info info;
	nc_sub_info(m->sub, &info);
	return info.ack_floor == EVENTS;
}

static void run(struct nc_definition definition, uint64_t seed)
{
	struct model *m = calloc(1, sizeof *m);
	m->definition = definition;
	m->seed = seed;
	m->now = 1000 * MS;
	cr_assert_eq(nc_sub_new(&definition, 1, 0, m->now, &m->sub), NC_OK);
	replicate(m);
	while (m->head < EVENTS)
		turn(m, false);
	size_t turns = 0;
	while (!finished(m)) {
		turn(m, true);
		cr_assert_lt(++turns, 100000, "seed %lu: it never ends", seed);
	}
	struct nc_sub_info info;
	nc_sub_info(m->sub, &info);
	cr_expect_eq(info.parked, 0);
	cr_expect_eq(info.in_flight, 0);
	cr_expect_gt(m->restarts, 3);
	if (definition.ack == NC_ACK_EXPLICIT && definition.on_exhausted == NC_EXHAUSTED_PARK)
		cr_expect_gt(m->parks, 10);
	/* An entry is some 100 bytes in rooms that double; hash and heaps included. */
	size_t window = definition.max_in_flight +
	                (definition.order == NC_ORDER_NONE ? NC_SUB_AHEAD : NC_SUB_AHEAD_KEYED);
	cr_expect_leq(m->memory_most, window * 2 * 200 + 65536);
	nc_sub_free(m->sub);
	nc_buf_release(&m->progress);
	free(m);
}

static struct nc_definition base(void)
{
	struct nc_definition definition;
	nc_definition_init(&definition);
	definition.push = true;
	definition.ack_wait_ms = 80;
	definition.max_deliver = 3;
	definition.backoff_ms[0] = 5;
	definition.backoff_ms[1] = 40;
	definition.backoff_count = 2;
	definition.max_in_flight = 16;
	return definition;
}

Test(model, no_order)
{
	for (uint64_t seed = 1; seed <= 4; seed++)
		run(base(), seed);
}

Test(model, order_by_key)
{
	struct nc_definition definition = base();
	definition.order = NC_ORDER_STREAM;
	for (uint64_t seed = 1; seed <= 6; seed++)
		run(definition, seed);
}

Test(model, order_by_key_pulled)
{
	struct nc_definition definition = base();
	definition.order = NC_ORDER_TAG;
	definition.push = false;
	for (uint64_t seed = 1; seed <= 4; seed++)
		run(definition, seed);
}

Test(model, global_order)
{
	struct nc_definition definition = base();
	definition.order = NC_ORDER_GLOBAL;
	for (uint64_t seed = 1; seed <= 2; seed++)
		run(definition, seed);
}

Test(model, skip_and_stop)
{
	struct nc_definition definition = base();
	definition.order = NC_ORDER_STREAM;
	for (uint64_t seed = 1; seed <= 4; seed++) {
		definition.on_exhausted = seed % 2 ? NC_EXHAUSTED_SKIP : NC_EXHAUSTED_STOP;
		run(definition, seed);
	}
}
