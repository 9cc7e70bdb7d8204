/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is kept of subscriptions, as a check finds it. */
#include <stdio.h>

#include "core/engine/progress.h"
#include "core/engine/subs_private.h"
#include "core/engine/verify.h"
#include "tests/unit/engine/store.h"

static struct store store;

static void save(struct nc_slice name, uint64_t position)
{
	struct nc_buf payload = { 0 }, parked = { 0 }, progress = { 0 };
	const struct nc_sub_progress head = { .epoch = 1, .cursor = 8 };
	nc_parked_put(&parked, &(struct nc_parked){ .position = position, .attempts = 5 });
	nc_progress_head_put(&progress, &head);
	nc_entry_begin(&payload, store.time_ns);
	nc_command_put_sub_progress(&payload,
	                            &(struct nc_sub_change){ .name = name,
	                                                     .epoch = 1,
	                                                     .progress = nc_buf_slice(&progress),
	                                                     .parked = nc_buf_slice(&parked) });
	cr_assert_eq(store_apply(&store, nc_buf_slice(&payload)).fault.code, 0);
	nc_buf_release(&payload);
	nc_buf_release(&parked);
	nc_buf_release(&progress);
}

static void own(void)
{
	struct nc_buf payload = { 0 };
	nc_entry_begin(&payload, store.time_ns);
	nc_command_put_sub_own(&payload, &(struct nc_sub_own){ NC_SLICE("w"), 1, { 7, 2 } });
	cr_assert_eq(store_apply(&store, nc_buf_slice(&payload)).fault.code, 0);
	nc_buf_release(&payload);
}

static void setup(void)
{
	store_open_with_sub(&store, NC_ENGINE_VERSION);
	APPEND(&store, .stream = "in");
	save(NC_SLICE("w"), 3);
	(void)store_acknowledge(&store, (struct ask_ack){ .ack = { .epoch = 1, .position = 9 } });
	own();
}

static void teardown(void)
{
	store_close(&store);
}

TestSuite(sub_check, .init = setup, .fini = teardown);

static int verify(char why[NC_VERIFY_WHY_SIZE])
{
	struct nc_verify *verify;
	bool done = false;
	int err = nc_verify_new(store.reader, &verify);
	cr_assert_eq(err, NC_OK);
	while (err == NC_OK && !done)
		err = nc_verify_step(verify, store.reader, 100, &done);
	(void)snprintf(why, NC_VERIFY_WHY_SIZE, "%s", nc_verify_status(verify)->why);
	nc_verify_free(verify);
	return err;
}

static void put(enum nc_space space, struct nc_slice key, struct nc_slice value)
{
	cr_assert_eq(nc_state_begin(store.state), NC_OK);
	cr_assert_eq(nc_state_put(store.state, space, key, value), NC_OK);
	cr_assert_eq(nc_state_commit(store.state, (struct nc_state_applied){ ++store.index, 1 }),
	             NC_OK);
}

static int there(enum nc_space space, struct nc_slice key)
{
	struct nc_buf value = { 0 };
	cr_assert_eq(nc_state_reader_begin(store.reader), NC_OK);
	int err = nc_state_get(store.reader, space, key, &value);
	nc_state_reader_end(store.reader);
	nc_buf_release(&value);
	return err;
}

Test(sub_check, passes_what_is_whole_in_steps)
{
	char why[NC_VERIFY_WHY_SIZE];
	struct nc_buf at = { 0 };
	size_t steps = 0;
	cr_expect_eq(verify(why), NC_OK, "%s", why);
	cr_assert_eq(nc_state_reader_begin(store.reader), NC_OK);
	while (nc_subs_check(store.reader, &at, 1, why, sizeof why) == NC_OK)
		steps++;
	nc_state_reader_end(store.reader);
	cr_expect_eq(steps, 5u, "acked, definition, owner, progress, parked: %zu", steps);
	nc_buf_release(&at);
}

Test(sub_check, names_the_subscription_of_which_a_row_cannot_be_read)
{
	uint8_t room[NC_SUB_KEY_ROOM] = { 0 };
	const struct nc_slice keys[] = { NC_SLICE("aw\0\0\0\0\0\0\0\0\11"), NC_SLICE("dw"),
		                         NC_SLICE("ow"), NC_SLICE("pw"),
		                         nc_sub_parked_key(NC_SLICE("w"), 3, room) };
	char why[NC_VERIFY_WHY_SIZE];
	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
		enum nc_space space = i < 4 ? NC_SPACE_SUBS : NC_SPACE_PARKED;
		cr_assert_eq(there(space, keys[i]), NC_OK, "%zu", i);
		put(space, keys[i], NC_SLICE("\1"));
		int err = verify(why);
		cr_expect(err == NC_CORRUPT || err == NC_UNSUPPORTED, "%zu: %s", i,
		          nc_err_name(err));
		cr_expect_not_null(strstr(why, "of the subscription 'w' cannot be read"), "%s",
		                   why);
		store_close(&store);
		setup();
	}
}

Test(sub_check, names_what_is_of_no_kind_or_of_another_position)
{
	char why[NC_VERIFY_WHY_SIZE];
	struct nc_buf parked = { 0 };
	uint8_t room[NC_SUB_KEY_ROOM];
	put(NC_SPACE_SUBS, NC_SLICE("xw"), NC_SLICE("\1"));
	cr_expect_eq(verify(why), NC_CORRUPT);
	store_close(&store);
	setup();
	nc_parked_put(&parked, &(struct nc_parked){ .position = 4 });
	put(NC_SPACE_PARKED, nc_sub_parked_key(NC_SLICE("w"), 5, room), nc_buf_slice(&parked));
	cr_expect_eq(verify(why), NC_CORRUPT);
	nc_buf_release(&parked);
}
