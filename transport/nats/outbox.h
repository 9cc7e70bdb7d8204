/* SPDX-License-Identifier: GPL-3.0-or-later */
/* outbox.h -- many messages given to NATS with one call.
 *
 * A call of nats.c's for each message costs the node a lock and a copy and, where the message has
 * headers, the server one more command to read (decision 0006). An outbox gathers whole commands of
 * the NATS protocol and publishes them together (decision 0072).
 *
 * Life:      `= {0}` is an empty one; nc_outbox_release() frees it.
 * Threads:   an outbox belongs to one thread at a time; several may share a bus. What one outbox
 *            was given leaves in that order.
 * Errors:    those of nc_bus_publish(), and NC_CONFLICT where it may not send. Messages that are
 *            lost with one are added to `lost`.
 */
#ifndef NC_TRANSPORT_NATS_OUTBOX_H
#define NC_TRANSPORT_NATS_OUTBOX_H

#include "transport/nats/bus.h"

#define NC_OUTBOX_SIZE_MAX    65536u /* bytes gathered before they are sent by themselves */
#define NC_OUTBOX_LITTLE      1024u  /* bytes; a server's max_payload is no less */
#define NC_OUTBOX_MESSAGE_MAX 16384u /* bytes of a message; a larger one is published by itself */

struct nc_outbox {
	/* Asked whenever something is about to leave, also by itself: false, it is dropped. NULL:
	 * nobody is. */
	bool (*may_send)(void *ctx);
	void *ctx;
	struct nc_buf bytes;
	size_t size_max; /* bytes that are gathered; 0: NC_OUTBOX_SIZE_MAX; a server's max_payload
	                    at most */
	uint64_t count;  /* messages in `bytes` */
	size_t room;     /* bytes that may leave together; 0: not asked since the last send */
	uint64_t lost;   /* since the owner last set it to 0 */
};

/* Put a message; sends what is there when it is much. `subject` and `reply` (may be empty) hold no
 * white space and no control characters; `message` begins with a header block of `header_size`
 * bytes, 0: none. */
int nc_outbox_put(struct nc_outbox *outbox, struct nc_bus *bus, struct nc_slice subject,
                  struct nc_slice reply, struct nc_slice message, size_t header_size);

/* The same of a message in pieces, one behind the other. */
struct nc_outbox_message {
	struct nc_slice subject, reply;
	const struct nc_slice *pieces; /* [piece_count] */
	size_t piece_count;
	size_t header_size; /* of the pieces together */
};
int nc_outbox_put_pieces(struct nc_outbox *outbox, struct nc_bus *bus,
                         const struct nc_outbox_message *message);

/* Send what is there. An empty one is NC_OK. Errors: NC_CONFLICT, it was dropped; those of
 * nc_bus_publish(). */
int nc_outbox_send(struct nc_outbox *outbox, struct nc_bus *bus);

void nc_outbox_release(struct nc_outbox *outbox);

#endif
