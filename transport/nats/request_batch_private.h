/* SPDX-License-Identifier: GPL-3.0-or-later */
/* request_batch_private.h -- what the files of R.batch's decoder share. */
#ifndef NC_TRANSPORT_NATS_REQUEST_BATCH_PRIVATE_H
#define NC_TRANSPORT_NATS_REQUEST_BATCH_PRIVATE_H

#include "transport/nats/fields.h"

struct nc_batch_decode {
	struct nc_decoder *decoder;
	struct nc_wire *wire;
	struct nc_refusal *refusal;
	struct nc_batch made; /* its lists are in the decoder's rooms */
	struct nc_slice ack;
};

/* Of each event, in decoder->names. */
struct nc_batch_name {
	struct nc_slice stream, id;
};

/* The member `events`. */
bool nc_batch_events_take(struct nc_batch_decode *batch, struct nc_fields *fields, size_t index,
                          const struct nc_wire_token *value);

#endif
