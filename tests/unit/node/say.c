/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/node/common/say.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>

/* Who says what went wrong looks at errno once more to decide what to do. */
Test(say, leaves_errno_as_it_was_also_where_nothing_can_be_written)
{
	cr_assert_not_null(freopen("/dev/full", "w", stderr));
	(void)setvbuf(stderr, NULL, _IONBF, 0);
	errno = EACCES;
	nc_say_error("%s", "nobody hears it");
	cr_expect_eq(errno, EACCES);
}
