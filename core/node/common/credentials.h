/* SPDX-License-Identifier: GPL-3.0-or-later */
/* credentials.h -- who the node is to NATS, from its settings: the same on both of its connections.
 */
#ifndef NC_CORE_NODE_COMMON_CREDENTIALS_H
#define NC_CORE_NODE_COMMON_CREDENTIALS_H

#include "core/node/common/config.h"
#include "transport/nats/bus.h"

/* Name, user, password, token, files. The strings are the settings'. */
void nc_credentials_fill(const struct nc_config *config, struct nc_bus_options *options);

#endif
