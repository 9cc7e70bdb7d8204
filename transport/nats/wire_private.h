/* SPDX-License-Identifier: GPL-3.0-or-later */
/* wire_private.h -- the MessagePack half of wire.h. */
#ifndef NC_TRANSPORT_NATS_WIRE_PRIVATE_H
#define NC_TRANSPORT_NATS_WIRE_PRIVATE_H

#include "transport/nats/wire.h"

int nc_wire_msgpack_next(struct nc_wire *wire, struct nc_wire_token *token_out);
int nc_wire_msgpack_value(struct nc_wire *wire, const struct nc_wire_token *token,
                          struct nc_slice *raw_out);

#endif
