/* SPDX-License-Identifier: GPL-3.0-or-later */
/* install.h -- a state that was fetched from a peer takes the place of the node's own (decision
 * 0050). In the data directory:
 *
 *   incoming/   a stage that is being filled (storage/state/snapshot.h)
 *   install/    one that is whole and verified; the next start swaps it in
 *
 * The renaming of one to the other is the moment: before it a start finds the old state and the old
 * log, after it the new state, and a log that fits. Identity, term and vote stay what they were.
 * Consensus hears of it by finding log and state so when it is loaded, and not before.
 *
 * Threads: the loop's, or before there are others. Errors: NC_OK or a negative enum nc_err.
 */
#ifndef NC_CORE_NODE_DATA_INSTALL_H
#define NC_CORE_NODE_DATA_INSTALL_H

#include "core/raft/log.h"
#include "storage/log/identity.h"
#include "storage/state/snapshot.h"

#define NC_INSTALL_INCOMING "incoming"
#define NC_INSTALL_READY    "install"

/* Rename incoming/ to install/. Errors: NC_NOTFOUND, incoming/ is not adopted; NC_IO, NC_FULL. */
int nc_install_commit(const char *data_dir);

/* Whether an installation has been committed and not finished; then the old state does not
 * count. */
bool nc_install_pending(const char *data_dir);

/* At a start, with the log open and the state not: finish what was committed, if anything was. If
 * the log does not hold the entry at which the new state stands, it is reset to it: what it has was
 * replaced, or never reached that far. A state older than the log's beginning is thrown away. It
 * may be interrupted anywhere and is taken up again. `applied_out`: where the new state stands;
 * index 0: there was none. Errors: those of the log and of the identity; NC_IO. */
int nc_install_finish(const char *data_dir, struct nc_identity_file *identity, struct nc_log *log,
                      struct nc_state_applied *applied_out);

#endif
