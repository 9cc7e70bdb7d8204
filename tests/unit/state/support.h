/* SPDX-License-Identifier: GPL-3.0-or-later */
/* support.h -- what tests of the state on a disk share: a directory each, what the state said, and
 * all that can be seen of one. */
#ifndef NC_TESTS_UNIT_STATE_SUPPORT_H
#define NC_TESTS_UNIT_STATE_SUPPORT_H

#include <wiredtiger.h>

#include "core/engine/state.h"

/* Of a TestSuite: a directory of the test's own, which directory_remove() takes away. */
void directory_begin(void);
extern const char *directory;

/* nc_wt_state_options.message: each line that was said, one behind the other. */
void message(void *ctx, const char *text);
extern char messages[4096];

/* All that a reader that begins now sees, in place of what `text` had. */
void dump_now(struct nc_state *state, struct nc_buf *text);

/* The tables of a closed state, as WiredTiger has them: closing the connection ends the session. */
WT_SESSION *tables_open(WT_CONNECTION **connection_out);

#endif
