/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clock.h -- what time it is. Only core/node asks: what lies below it is told the time by its
 * caller. Any thread.
 */
#ifndef NC_CORE_NODE_COMMON_CLOCK_H
#define NC_CORE_NODE_COMMON_CLOCK_H

#include <stdint.h>

/* A clock that does not go back: for waits and durations. */
uint64_t nc_clock_ns(void);
uint64_t nc_clock_ms(void);

/* Nanoseconds since 1970, as the machine has it: for what people and other nodes are told. */
uint64_t nc_clock_wall_ns(void);

#endif
