/* SPDX-License-Identifier: GPL-3.0-or-later */
/* twin.h -- which state a test program runs against: one of twin_*.c. */
#ifndef NC_TESTS_UNIT_STATE_TWIN_H
#define NC_TESTS_UNIT_STATE_TWIN_H

#include "core/engine/state.h"

/* An empty state of the twin; held entries are sealed every few, where the twin holds any. */
int twin_open(struct nc_state **state_out);

/* Remove what twin_open() left on disk. */
void twin_remove(void);

#endif
