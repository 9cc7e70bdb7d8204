/* SPDX-License-Identifier: GPL-3.0-or-later */
/* rows.h -- event rows of the tests: they hold their keys, as the engine's do, and padding. */
#ifndef NC_TESTS_UNIT_STATE_ROWS_H
#define NC_TESTS_UNIT_STATE_ROWS_H

#include "core/engine/state.h"

/* Append a row of `size` bytes (more if the keys need it). */
void row_write(struct nc_buf *row, const struct nc_event_keys *keys, size_t size);

/* An nc_state_keys_fn. */
int row_keys(struct nc_slice row, uint64_t *tag_ids, struct nc_event_keys *keys_out);

#endif
