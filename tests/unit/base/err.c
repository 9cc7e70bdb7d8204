/* SPDX-License-Identifier: GPL-3.0-or-later */
/* core/base/err.h: every error has a name of its own. */
#include <criterion/criterion.h>

#include "core/base/err.h"

#include <string.h>

Test(err, each_has_a_name_of_its_own)
{
	for (int err = NC_UNSUPPORTED; err <= NC_OK; err++) {
		cr_assert_not_null(nc_err_name(err));
		cr_expect_gt(strlen(nc_err_name(err)), 1);
		for (int other = NC_UNSUPPORTED; other < err; other++)
			cr_expect_str_neq(nc_err_name(err), nc_err_name(other));
	}
}

Test(err, a_number_that_is_none_has_a_name_too)
{
	cr_expect_not_null(nc_err_name(-9999));
	cr_expect_not_null(nc_err_name(1));
}
