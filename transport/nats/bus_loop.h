/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bus_loop.h -- nats.c on a libuv loop. */
#ifndef NC_TRANSPORT_NATS_BUS_LOOP_H
#define NC_TRANSPORT_NATS_BUS_LOOP_H

#include <nats/nats.h>
#include <uv.h>

/* Say once, on the loop's thread, that it is the loop's. */
void nc_bus_loop_thread(uv_loop_t *loop);

/* Let a connection made with these options do its I/O on the loop. The connect itself must then be
 * made on the loop's thread. */
natsStatus nc_bus_loop_set(natsOptions *options, uv_loop_t *loop);

#endif
