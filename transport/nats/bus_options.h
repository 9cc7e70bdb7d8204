/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bus_options.h -- our options as nats.c's. */
#ifndef NC_TRANSPORT_NATS_BUS_OPTIONS_H
#define NC_TRANSPORT_NATS_BUS_OPTIONS_H

#include <nats/nats.h>

#include "transport/nats/bus.h"

/* Servers and credentials into `to`. Errors: NC_INVALID, with `fault`; NC_NOMEM. */
int nc_bus_options_fill(natsOptions *to, const struct nc_bus_options *from,
                        char fault[NC_BUS_FAULT_SIZE]);

/* What a connection that has ended knew of further servers, for the next: those of `url` stay the
 * first. */
void nc_bus_options_learn(natsOptions *to, const char *url, natsConnection *from);

#endif
