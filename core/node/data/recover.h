/* SPDX-License-Identifier: GPL-3.0-or-later */
/* recover.h -- a majority of a cluster is gone for good: make a new cluster, of one, out of a node
 * that stands still (docs/clustering.md). Nothing else can: whatever a majority may have
 * acknowledged without this node is lost with it, so a person has to say that it shall be.
 *
 *   nacred recover [settings] [--yes]
 *
 * Without --yes it says what may be lost, and changes nothing.
 *
 * Threads: before there are others. Errors: NC_CONFLICT, this is no member of a cluster;
 * NC_INVALID, settings; those of nc_store_open().
 */
#ifndef NC_CORE_NODE_DATA_RECOVER_H
#define NC_CORE_NODE_DATA_RECOVER_H

#include "core/node/common/config.h"

#define NC_RECOVER_WORD "recover"

/* What is found is said on stdout, errors on stderr. */
int nc_recover(const struct nc_config *config, bool yes);

#endif
