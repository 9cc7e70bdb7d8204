/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Each allocation fails in turn: a call says NC_NOMEM and has changed nothing, or a message is
 * lost; never more. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "core/raft/message_codec.h"
#include "core/raft/raft_private.h"

/* The linker leads core/raft's allocations here (--wrap). */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

static long fail_in; /* so many allocations from now; 0: never */

static bool fails(void)
{
	return fail_in > 0 && --fail_in == 0;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return fails() ? NULL : __real_realloc(old, size);
}

static const struct nc_raft_members alone = { .count = 1, .at = { { 1, true } } };
static const struct nc_raft_members pair = { .count = 2, .at = { { 1, true }, { 2, true } } };

/* Try again, once, when memory was short; whether it ever was. */
#define TWICE(call)                       \
	do {                              \
		int err = (call);         \
		if (err == NC_NOMEM)      \
			err = (call);     \
		cr_assert_eq(err, NC_OK); \
	} while (0)

static void persist(struct nc_raft *raft)
{
	struct nc_raft_ready ready;
	for (int i = 0; i < 4; i++) {
		nc_raft_ready(raft, &ready);
		TWICE(nc_raft_appended(raft, ready.mark));
	}
}

/* A follower's life, then a leader's. */
static void live(void)
{
	struct nc_raft_options options = nc_raft_options_default(2, 1);
	struct nc_raft *raft = NULL, *copy = NULL;
	TWICE(nc_raft_new(&options, &(struct nc_raft_start){ .members = pair }, &raft));
	for (uint64_t term = 1; term <= 20; term++) {
		TWICE(nc_raft_load(
		        raft, &(struct nc_raft_entry){ .term = term, .kind = NC_LOG_COMMAND }));
	}
	struct nc_raft_entry entries[12];
	for (uint64_t i = 0; i < 12; i++) {
		entries[i] = (struct nc_raft_entry){ .term = 21 + i,
			                             .kind = NC_LOG_CONFIG,
			                             .members = i == 11 ? &alone : &pair };
	}
	struct nc_raft_message append = { .type = NC_RAFT_APPEND,
		                          .from = 1,
		                          .to = 2,
		                          .term = 40,
		                          .index = 20,
		                          .log_term = 20,
		                          .entry_count = 12,
		                          .entries = entries };
	entries[11].members = &(struct nc_raft_members){ .count = 1, .at = { { 2, true } } };
	TWICE(nc_raft_step(raft, &append));
	persist(raft);
	TWICE(nc_raft_tick(raft));
	TWICE(nc_raft_campaign(raft));
	persist(raft);
	uint64_t index, term;
	TWICE(nc_raft_propose(raft, 1, &index, &term));
	persist(raft);
	TWICE(nc_raft_add_learner(raft, 3, &index));
	for (int i = 0; i < 40; i++)
		TWICE(nc_raft_tick(raft));
	TWICE(nc_raft_copy(raft, &copy));
	cr_expect_eq(nc_raft_hash(raft), nc_raft_hash(copy));
	cr_expect_null(nc_raft_check(raft));
	nc_raft_free(copy);
	nc_raft_free(raft);
}

static void frames(void)
{
	struct nc_buf payload = { 0 }, buf = { 0 };
	TWICE((nc_buf_clear(&payload), nc_raft_members_encode(&pair, &payload)));
	struct nc_slice slice = nc_buf_slice(&payload);
	struct nc_raft_entry entry = { 1, (uint32_t)payload.size, NC_LOG_CONFIG, &pair };
	struct nc_raft_message message = { .type = NC_RAFT_APPEND,
		                           .from = 1,
		                           .to = 2,
		                           .term = 1,
		                           .entry_count = 1,
		                           .entries = &entry };
	TWICE((nc_buf_clear(&buf), nc_raft_frame_encode(&message, &slice, &buf)));
	struct nc_raft_frame frame;
	TWICE(nc_raft_frame_decode(nc_buf_slice(&buf), &frame));
	nc_raft_frame_release(&frame);
	nc_buf_release(&payload);
	nc_buf_release(&buf);
}

Test(memory, each_allocation_may_fail)
{
	long nth = 1;
	for (bool reached = true; reached; nth++) {
		fail_in = nth;
		live();
		frames();
		reached = fail_in == 0;
		fail_in = 0;
	}
	cr_expect_gt(nth, 20);
}

/* Each call that may need memory for a term or a membership says that it has none. */
Test(memory, no_call_goes_on_without_room)
{
	struct nc_raft_options options = nc_raft_options_default(1, 1);
	struct nc_raft *raft = NULL;
	struct nc_raft_ready ready;
	uint64_t index, term;
	cr_assert_eq(nc_raft_new(&options, &(struct nc_raft_start){ .members = alone }, &raft),
	             NC_OK);
#define WITHOUT_ROOM(call)                                    \
	do {                                                  \
		raft->config_room = raft->config_count;       \
		raft->trail.run_room = raft->trail.run_count; \
		fail_in = 1;                                  \
		cr_expect_eq((call), NC_NOMEM);               \
		fail_in = 0;                                  \
		cr_assert_eq((call), NC_OK);                  \
	} while (0)
	WITHOUT_ROOM(nc_raft_tick(raft));
	WITHOUT_ROOM(nc_raft_campaign(raft));
	nc_raft_ready(raft, &ready);
	WITHOUT_ROOM(nc_raft_appended(raft, ready.mark));
	WITHOUT_ROOM(nc_raft_propose(raft, 1, &index, &term));
	nc_raft_ready(raft, &ready);
	WITHOUT_ROOM(nc_raft_appended(raft, ready.mark));
	raft->config_room = raft->config_count;
	fail_in = 1;
	cr_expect_eq(nc_raft_add_learner(raft, 2, &index), NC_NOMEM);
	fail_in = 0;
	cr_expect_eq(nc_raft_add_learner(raft, 2, &index), NC_OK);
	nc_raft_free(raft);
}

Test(memory, a_message_lost_for_lack_of_it_is_counted)
{
	struct nc_raft_options options = nc_raft_options_default(2, 1);
	struct nc_raft *raft = NULL;
	cr_assert_eq(nc_raft_new(&options, &(struct nc_raft_start){ .members = pair }, &raft),
	             NC_OK);
	fail_in = 1;
	struct nc_raft_message ask = { .type = NC_RAFT_PREVOTE, .from = 1, .to = 2, .term = 1 };
	cr_assert_eq(nc_raft_step(raft, &ask), NC_OK);
	fail_in = 0;
	struct nc_raft_status status;
	nc_raft_status(raft, &status);
	cr_expect_eq(status.dropped, 1);
	fail_in = 1;
	ask.type = NC_RAFT_VOTE; /* a promise that waits, lost too */
	cr_assert_eq(nc_raft_step(raft, &ask), NC_OK);
	fail_in = 0;
	nc_raft_status(raft, &status);
	cr_expect_eq(status.dropped, 2);
	cr_expect_eq(status.vote, 1);
	nc_raft_free(raft);
}
