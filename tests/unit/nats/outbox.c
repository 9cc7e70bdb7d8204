/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Commands as they stand one behind the other, and an outbox that may not send any more. Nothing
 * reaches the bus, which is none here. */
#include <criterion/criterion.h>

#include "transport/nats/outbox.h"

#define ROOM 4096u /* bytes that leave together: no server is asked */

static bool says(void *ctx)
{
	return *(const bool *)ctx;
}

static int put(struct nc_outbox *outbox, size_t size)
{
	static const uint8_t bytes[2 * NC_OUTBOX_MESSAGE_MAX];
	outbox->room = ROOM;
	return nc_outbox_put(outbox, NULL, NC_SLICE("work.s"), NC_SLICE("es.shop.ack.s.1.1.1"),
	                     nc_slice(bytes, size), 0);
}

Test(outbox, drops_what_waits_when_it_may_not_send)
{
	bool may = false;
	struct nc_outbox outbox = { .may_send = says, .ctx = &may };
	cr_expect_eq(nc_outbox_send(&outbox, NULL), NC_OK, "of nothing, nothing is lost");
	cr_expect_eq(put(&outbox, 100), NC_OK);
	cr_expect_eq(put(&outbox, 100), NC_OK);
	cr_expect_eq(nc_outbox_send(&outbox, NULL), NC_CONFLICT);
	cr_expect(outbox.lost == 2 && outbox.count == 0 && outbox.bytes.size == 0);
	nc_outbox_release(&outbox);
}

/* It fills while it is written to, and would send by itself what was put when it still might. */
Test(outbox, drops_what_it_would_send_by_itself)
{
	bool may = false;
	struct nc_outbox outbox = { .may_send = says, .ctx = &may };
	cr_expect_eq(put(&outbox, 2000), NC_OK);
	cr_expect_eq(put(&outbox, 1000), NC_OK);
	cr_expect_eq(put(&outbox, 2000), NC_CONFLICT);
	cr_expect(outbox.lost == 2 && outbox.count == 1, "it has room for what came");
	nc_outbox_release(&outbox);
}

Test(outbox, drops_what_goes_alone)
{
	bool may = false;
	struct nc_outbox outbox = { .may_send = says, .ctx = &may };
	cr_expect_eq(put(&outbox, 100), NC_OK);
	cr_expect_eq(put(&outbox, 2 * NC_OUTBOX_MESSAGE_MAX), NC_CONFLICT);
	cr_expect(outbox.lost == 2 && outbox.count == 0);
	nc_outbox_release(&outbox);
}

Test(outbox, writes_commands_one_behind_the_other)
{
	struct nc_outbox outbox = { 0 };
	const struct nc_slice pieces[] = { NC_SLICE("NATS/1.0\r\nA: "), NC_SLICE("1\r\n\r\n"),
		                           nc_slice(NULL, 0), NC_SLICE("data") };
	const struct nc_outbox_message message = { .subject = NC_SLICE("to"),
		                                   .reply = NC_SLICE("back.here"),
		                                   .pieces = pieces,
		                                   .piece_count = 4,
		                                   .header_size = 18 };
	cr_assert_eq(nc_outbox_put(&outbox, NULL, NC_SLICE("a.b"), nc_slice(NULL, 0),
	                           NC_SLICE("0123456789"), 0),
	             NC_OK);
	cr_assert_eq(nc_outbox_put_pieces(&outbox, NULL, &message), NC_OK);
	cr_assert_eq(
	        nc_outbox_put(&outbox, NULL, NC_SLICE("c"), NC_SLICE("r"), nc_slice(NULL, 0), 0),
	        NC_OK);
	cr_expect(nc_slice_is(nc_buf_slice(&outbox.bytes),
	                      "PUB a.b 10\r\n0123456789\r\n"
	                      "HPUB to back.here 18 22\r\nNATS/1.0\r\nA: 1\r\n\r\ndata\r\n"
	                      "PUB c r 0\r\n"));
	cr_expect_eq(outbox.count, 3);
	cr_expect_eq(outbox.lost, 0);
	nc_outbox_release(&outbox);
}
