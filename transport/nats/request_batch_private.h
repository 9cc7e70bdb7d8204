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

/* An element of the member `events`, with its number from 0. False with the refusal. */
bool nc_batch_event_take(struct nc_batch_decode *batch, const struct nc_wire_token *token,
                         size_t number);

#endif
