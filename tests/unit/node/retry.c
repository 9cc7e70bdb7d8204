/* SPDX-License-Identifier: GPL-3.0-or-later */
/* core/node/common/retry.h: pauses that grow, and end when there is hope. */
#include <criterion/criterion.h>

#include "core/node/common/retry.h"

Test(retry, waits_twice_as_long_each_time_up_to_a_longest)
{
	static const uint64_t pauses_ms[] = { 20, 40, 80, 160, 320, 320, 320 };
	struct nc_retry retry = { 0 };
	uint64_t now_ms = 1000;
	cr_expect(nc_retry_is_due(&retry, 0), "the first time at once");
	for (size_t i = 0; i < sizeof pauses_ms / sizeof pauses_ms[0]; i++) {
		nc_retry_later(&retry, now_ms);
		cr_expect(!nc_retry_is_due(&retry, now_ms + pauses_ms[i] - 1), "%zu: early", i);
		now_ms += pauses_ms[i];
		cr_expect(nc_retry_is_due(&retry, now_ms), "%zu: late", i);
	}
}

Test(retry, begins_anew_when_something_has_happened)
{
	struct nc_retry retry = { 0 };
	for (int i = 0; i < 5; i++)
		nc_retry_later(&retry, 1000);
	nc_retry_now(&retry);
	cr_expect(nc_retry_is_due(&retry, 0));
	nc_retry_later(&retry, 2000);
	cr_expect(nc_retry_is_due(&retry, 2020) && !nc_retry_is_due(&retry, 2019));
}
