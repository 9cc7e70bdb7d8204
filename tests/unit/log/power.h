/* SPDX-License-Identifier: GPL-3.0-or-later */
/* power.h -- the calls of storage/log/files.h on a disk that finds no room, does not sync, and
 * forgets, when the power goes, some of the sectors that were not synced. */
#ifndef NC_TESTS_UNIT_LOG_POWER_H
#define NC_TESTS_UNIT_LOG_POWER_H

#include <stdbool.h>

#include "storage/log/files.h"

struct power {
	uint64_t dice;         /* a seed: what follows from it is the same each time */
	bool direct;           /* whole pages can be written past the kernel's memory */
	int full_in;           /* 1: the next write finds no room, in the middle; 0: all do */
	int full_times;        /* so many of them, one after the other */
	_Atomic bool no_files; /* there is no room for another file */
	int gone_in;           /* 1: the power goes with the next write or sync; 0: it stays */
	bool gone;
	bool sync_fails; /* the next */
};

extern struct power power;
extern const struct nc_files power_files;

uint64_t power_dice(uint64_t bound); /* 0..bound - 1 */

/* Nothing was forgotten, or will be. */
void power_settle(void);

/* The power was gone, whenever that was: what was not synced is forgotten, sector by sector. The
 * log is closed. All goes well again. */
void power_back(void);

#endif
