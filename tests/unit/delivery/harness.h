/* SPDX-License-Identifier: GPL-3.0-or-later */
/* harness.h -- a subscription on a clock of the test's own, and its actions as a line of text:
 * "3/1" a delivery of position 3, attempt 1; "P3" parked, "U3" unparked, "S3" skipped ("S3-": its
 * row with it), "H3" halted, "E7:404" request 7 ended, "B" heartbeat, "F3" flow control, "stall",
 * "flows", "gone". */
#ifndef NC_TESTS_UNIT_DELIVERY_HARNESS_H
#define NC_TESTS_UNIT_DELIVERY_HARNESS_H

#include <criterion/criterion.h>

#include "core/delivery/subscription.h"

#include <stdio.h>

#define MS UINT64_C(1000000)

struct harness {
	struct nc_definition definition;
	struct nc_sub *sub;
	uint64_t now;
	uint64_t flights[64]; /* of the last delivery of positions below 64 */
	char line[8192];
	char reason[512];
};

static inline void harness_open(struct harness *h)
{
	h->now = 1000 * MS;
	h->sub = NULL;
	cr_assert_eq(nc_sub_new(&h->definition, 1, 0, h->now, &h->sub), NC_OK);
}

/* Defaults, pushed, to be changed before it is opened. */
static inline struct harness harness_push(void)
{
	struct harness h = { 0 };
	nc_definition_init(&h.definition);
	h.definition.push = true;
	return h;
}

/* The same, open. */
static inline struct harness harness_opened(void)
{
	struct harness h = harness_push();
	harness_open(&h);
	return h;
}

/* Likewise, acknowledged in that way. */
static inline struct harness harness_acking(enum nc_ack_policy how)
{
	struct harness h = harness_push();
	h.definition.ack = how;
	harness_open(&h);
	return h;
}

/* Likewise, in order by key. */
static inline struct harness harness_ordered(void)
{
	struct harness h = harness_push();
	h.definition.order = NC_ORDER_STREAM;
	harness_open(&h);
	return h;
}

static inline int harness_offer_key(struct harness *h, uint64_t position, const char *key)
{
	struct nc_sub_event event = { .position = position, .key = nc_slice_str(key), .size = 100 };
	return nc_sub_offer(h->sub, &event);
}

static inline void harness_offer(struct harness *h, uint64_t from, uint64_t to)
{
	for (uint64_t position = from; position <= to; position++)
		cr_assert_eq(harness_offer_key(h, position, NULL), NC_OK);
}

/* Events from the position `from` on: of each its key, a letter, '-' for none. */
static inline void harness_offer_keys(struct harness *h, uint64_t from, const char *keys)
{
	for (; *keys != '\0'; keys++, from++) {
		const char key[] = { *keys, '\0' };
		cr_assert_eq(harness_offer_key(h, from, *keys == '-' ? NULL : key), NC_OK);
	}
}

/* An action as a word. */
static inline void harness_word(const struct nc_sub_action *a, char *word, size_t size)
{
	unsigned long position = (unsigned long)a->position, request = (unsigned long)a->request;
	switch (a->kind) {
	case NC_SUB_DELIVER:
		if (request != 0) {
			(void)snprintf(word, size, "%lu/%u>%lu", position, a->attempt, request);
		} else {
			(void)snprintf(word, size, "%lu/%u", position, a->attempt);
		}
		return;
	case NC_SUB_END:
		(void)snprintf(word, size, "E%lu:%u", request, a->status);
		return;
	case NC_SUB_HEARTBEAT:
		(void)snprintf(word, size, "B");
		return;
	case NC_SUB_STALLED:
		(void)snprintf(word, size, "stall");
		return;
	case NC_SUB_FLOWS:
		(void)snprintf(word, size, "flows");
		return;
	case NC_SUB_INACTIVE:
		(void)snprintf(word, size, "gone");
		return;
	default:
		(void)snprintf(word, size, "%c%lu%s",
		               a->kind == NC_SUB_PARK     ? 'P'
		               : a->kind == NC_SUB_UNPARK ? 'U'
		               : a->kind == NC_SUB_SKIP   ? 'S'
		               : a->kind == NC_SUB_HALTED ? 'H'
		                                          : 'F',
		               position, a->kind == NC_SUB_SKIP && a->replay ? "-" : "");
	}
}

/* All that is to be done now. */
static inline const char *harness_step(struct harness *h)
{
	struct nc_sub_action a;
	size_t size = 0;
	h->line[0] = '\0';
	while (nc_sub_step(h->sub, h->now, &a)) {
		char word[64];
		harness_word(&a, word, sizeof word);
		if (a.kind == NC_SUB_DELIVER && a.position < 64)
			h->flights[a.position] = a.flight;
		if (a.reason != NULL)
			(void)snprintf(h->reason, sizeof h->reason, "%s", a.reason);
		cr_assert_lt(size + sizeof word + 1, sizeof h->line);
		size += (size_t)snprintf(h->line + size, sizeof h->line - size, "%s%s",
		                         size == 0 ? "" : " ", word);
	}
	return h->line;
}

static inline const char *harness_after(struct harness *h, uint64_t ms)
{
	h->now += ms * MS;
	return harness_step(h);
}

static inline struct nc_sub_info harness_info(const struct harness *h)
{
	struct nc_sub_info info;
	nc_sub_info(h->sub, &info);
	return info;
}

/* Open, with the positions from 1 to `count` delivered and not answered. */
static inline struct harness harness_delivered(uint64_t count)
{
	struct harness h = harness_opened();
	harness_offer(&h, 1, count);
	(void)harness_step(&h);
	cr_assert_eq(harness_info(&h).in_flight, count);
	return h;
}

#define expect_step(h, want)      cr_expect_str_eq(harness_step(h), want)
#define expect_after(h, ms, want) cr_expect_str_eq(harness_after(h, ms), want)
#define ack(h, position)          nc_sub_ack((h)->sub, 1, position, (h)->now)
#define nak(h, position, attempt) nc_sub_nak((h)->sub, 1, position, attempt, (h)->now)
#define term(h, position)         nc_sub_term((h)->sub, 1, position, NC_SLICE("why"), (h)->now)

#endif
