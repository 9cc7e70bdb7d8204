/* SPDX-License-Identifier: GPL-3.0-or-later */
/* model.h -- entries that depend on their index and the state alone, as real ones do, and
 * everything a reader can see as text: states that applied the same entries must say the same.
 */
#ifndef NC_TESTS_UNIT_STATE_MODEL_H
#define NC_TESTS_UNIT_STATE_MODEL_H

#include "core/engine/state.h"

enum {
	MODEL_STREAMS = 11,
	MODEL_TYPES = 4,
	MODEL_CATEGORIES = 2,
	MODEL_TAGS = 6,
};

/* Apply entry `index`: some events, some rows, now and then a deletion of new and old events. */
int model_apply(struct nc_state *state, uint64_t index);

/* Append all that `reader`, which has begun, sees. Index entries without an event row are left out,
 * as the port lets them be there or not. */
int model_dump(struct nc_state_reader *reader, struct nc_buf *text);

#endif
