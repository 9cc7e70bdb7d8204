/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/node/common/pace.h"

#include <criterion/criterion.h>

Test(pace, has_room_until_as_much_is_under_way_as_may_be)
{
	struct nc_pace pace = { 0 };
	cr_expect(nc_pace_has_room(&pace));
	(void)nc_pace_put(&pace, NC_PACE_ROOM - 1);
	cr_expect(nc_pace_has_room(&pace));
	(void)nc_pace_put(&pace, 1);
	cr_expect_not(nc_pace_has_room(&pace));
}

Test(pace, asks_every_so_many_bytes_and_has_room_again_when_it_hears)
{
	struct nc_pace pace = { 0 };
	cr_expect_not(nc_pace_put(&pace, NC_PACE_EVERY - 1));
	cr_expect(nc_pace_put(&pace, 1));
	uint64_t asked = pace.put;
	cr_expect_not(nc_pace_put(&pace, NC_PACE_EVERY - 1));
	(void)nc_pace_put(&pace, NC_PACE_ROOM);
	cr_expect_not(nc_pace_has_room(&pace));
	nc_pace_heard(&pace, asked);
	cr_expect_not(nc_pace_has_room(&pace), "more than that is under way");
	nc_pace_heard(&pace, pace.put);
	cr_expect(nc_pace_has_room(&pace));
}

Test(pace, believes_no_number_that_cannot_be)
{
	struct nc_pace pace = { 0 };
	(void)nc_pace_put(&pace, NC_PACE_ROOM);
	nc_pace_heard(&pace, pace.put + 1);
	nc_pace_heard(&pace, UINT64_MAX);
	cr_expect_not(nc_pace_has_room(&pace));
	nc_pace_heard(&pace, pace.put);
	nc_pace_heard(&pace, 1);
	cr_expect(nc_pace_has_room(&pace), "an older one takes nothing back");
}

Test(pace, forgets_what_was_under_way_on_another_connection)
{
	struct nc_pace pace = { 0 };
	(void)nc_pace_put(&pace, NC_PACE_ROOM);
	nc_pace_reset(&pace);
	cr_expect(nc_pace_has_room(&pace));
	cr_expect_not(nc_pace_put(&pace, 1));
}
