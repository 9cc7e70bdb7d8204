/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which requests were answered lately. */
#include "core/node/spread/answered.h"

#include <criterion/criterion.h>

#define NOW UINT64_C(1000000000)

static uint64_t hash_of(const char *rest, const char *reply, const char *body)
{
	return nc_answered_hash(nc_slice_str(rest), nc_slice_str(reply), nc_slice_str(body));
}

Test(answered, tells_requests_apart_by_each_of_their_parts)
{
	uint64_t one = hash_of("a.1.2.3", "_INBOX.x", "+ACK");
	cr_expect_eq(one, hash_of("a.1.2.3", "_INBOX.x", "+ACK"));
	cr_expect_neq(one, hash_of("a.1.2.4", "_INBOX.x", "+ACK"));
	cr_expect_neq(one, hash_of("a.1.2.3", "_INBOX.y", "+ACK"));
	cr_expect_neq(one, hash_of("a.1.2.3", "_INBOX.x", ""));
	cr_expect_neq(one, hash_of("_INBOX.x", "a.1.2.3", "+ACK"));
	cr_expect_neq(hash_of("a", "a", "a"), hash_of("b", "b", "a"));
}

Test(answered, has_what_was_noted_until_it_is_old)
{
	struct nc_answered answered = { 0 };
	cr_expect_not(nc_answered_has(&answered, 7, NOW));
	nc_answered_note(&answered, 7, NOW);
	nc_answered_note(&answered, 0, NOW);
	cr_expect(nc_answered_has(&answered, 7, NOW));
	cr_expect(nc_answered_has(&answered, 0, NOW));
	cr_expect_not(nc_answered_has(&answered, 8, NOW));
	cr_expect(nc_answered_has(&answered, 7, NOW + NC_ANSWERED_NS));
	cr_expect_not(nc_answered_has(&answered, 7, NOW + NC_ANSWERED_NS + 1));
	nc_answered_release(&answered);
	cr_expect_not(nc_answered_has(&answered, 7, NOW), "an empty one again");
}

Test(answered, has_the_last_of_many_and_no_others)
{
	struct nc_answered answered = { 0 };
	uint64_t all = 3u * NC_ANSWERED_MAX + 5;
	for (uint64_t i = 0; i < all; i++)
		nc_answered_note(&answered, nc_hash_u64(i), NOW);
	for (uint64_t i = 0; i < all; i++)
		cr_expect_eq(nc_answered_has(&answered, nc_hash_u64(i), NOW),
		             i >= all - NC_ANSWERED_MAX);
	nc_answered_release(&answered);
}
