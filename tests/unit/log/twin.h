/* SPDX-License-Identifier: GPL-3.0-or-later */
/* twin.h -- the log under test, whichever fills the port; each program links one. */
#ifndef NC_TESTS_UNIT_LOG_TWIN_H
#define NC_TESTS_UNIT_LOG_TWIN_H

#include "core/raft/log.h"

extern const bool twin_is_durable; /* a reopened one still has what was written */

/* The first call makes a place for the log, later ones (after nc_log_close()) open it again. */
int twin_open(struct nc_log_recovery *recovery_out, struct nc_log **log_out);
void twin_remove(void);

#endif
