/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bus_options.h -- our options as nats.c's. */
#ifndef NC_TRANSPORT_NATS_BUS_OPTIONS_H
#define NC_TRANSPORT_NATS_BUS_OPTIONS_H

#include <nats/nats.h>

#include "transport/nats/bus.h"
#include "transport/nats/bus_servers.h"

/* Credentials into `to`. Errors: NC_INVALID, with `fault`; NC_NOMEM. */
int nc_bus_options_fill(natsOptions *to, const struct nc_bus_options *from,
                        char fault[NC_BUS_FAULT_SIZE]);

/* The one server that the next connection is tried at. */
natsStatus nc_bus_options_server(natsOptions *to, const struct nc_bus_options *from,
                                 const struct nc_bus_server *server);

#endif
