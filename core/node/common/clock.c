/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The machine's clocks. */
#include "core/node/common/clock.h"

#include <time.h>

static uint64_t now_ns(clockid_t clock)
{
	struct timespec now;
	(void)clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t nc_clock_ns(void)
{
	return now_ns(CLOCK_MONOTONIC);
}

uint64_t nc_clock_ms(void)
{
	return nc_clock_ns() / 1000000;
}

uint64_t nc_clock_wall_ns(void)
{
	return now_ns(CLOCK_REALTIME);
}
