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

/* Why a call of nats.c failed, for people, without secrets. Call it on the thread that made the
 * call, before another. */
#define NC_BUS_REASON_SIZE 192
void nc_bus_reason(natsStatus status, bool tls, char reason_out[NC_BUS_REASON_SIZE]);

/* Whether connections are made with TLS. One URL with tls:// is enough: a server that cannot is not
 * to be sent credentials in the clear. */
bool nc_bus_options_tls(const struct nc_bus_options *from);

/* The one server that the next connection is tried at. */
natsStatus nc_bus_options_server(natsOptions *to, bool tls, const struct nc_bus_server *server);

#endif
