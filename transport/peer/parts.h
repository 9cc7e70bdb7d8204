/* SPDX-License-Identifier: GPL-3.0-or-later */
/* parts.h -- messages that are larger than a frame may be: cut, and put together again.
 *
 *   part: [id, kind, place, count, bytes]    id: counts up at the sender; place from 0
 *
 * The parts of a message are sent one behind the other, and one connection of NATS keeps order: so
 * they come in order, or some are lost, and then the message is (consensus sends it again). A
 * receiver keeps one unfinished message a sender.
 */
#ifndef NC_TRANSPORT_PEER_PARTS_H
#define NC_TRANSPORT_PEER_PARTS_H

#include "core/base/buf.h"

struct nc_parts {
	uint64_t id;    /* of the message that is being put together */
	uint64_t count; /* 0: none is */
	uint64_t next;  /* place of the part that must come */
	uint8_t kind;
	struct nc_buf whole;
};

void nc_parts_release(struct nc_parts *parts);

/* Append the part to `buf`. */
void nc_part_put(struct nc_buf *buf, uint64_t id, uint8_t kind, uint64_t place, uint64_t count,
                 struct nc_slice bytes);

/* Take a part. NC_OK: the message is whole, parts->kind and parts->whole, until the next part
 * comes; NC_BUSY: more must come. Errors: NC_INVALID, not a part, or larger than `size_max` in all;
 * NC_NOTFOUND, one before it was lost; NC_NOMEM. */
int nc_parts_take(struct nc_parts *parts, struct nc_slice part, size_t size_max);

#endif
