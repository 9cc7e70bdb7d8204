/* SPDX-License-Identifier: GPL-3.0-or-later */
/* run_until.h -- tests that wait for what a loop brings. */
#ifndef NC_TESTS_UNIT_NODE_RUN_UNTIL_H
#define NC_TESTS_UNIT_NODE_RUN_UNTIL_H

#include <criterion/criterion.h>
#include <time.h>
#include <uv.h>

/* Run the loop until the condition holds; 20 s at most. */
#define RUN_UNTIL(uv_loop, condition)                                              \
	do {                                                                       \
		time_t end_ = time(NULL) + 20;                                     \
		while (!(condition)) {                                             \
			cr_assert(time(NULL) <= end_, "not in time: " #condition); \
			(void)uv_run((uv_loop), UV_RUN_ONCE);                      \
		}                                                                  \
	} while (0)

#endif
