/* SPDX-License-Identifier: GPL-3.0-or-later */
/* snap_message.h -- a snapshot as a NATS message, and what is told of some (PROTOCOL.md section
 * 10). */
#ifndef NC_TRANSPORT_NATS_SNAP_MESSAGE_H
#define NC_TRANSPORT_NATS_SNAP_MESSAGE_H

#include "core/engine/snap.h"

/* Append the header block of `snap` to `message` and then its data. `extra` is further header
 * lines, each with its CRLF. The block's size goes to `header_size_out`. */
void nc_snap_message_put(struct nc_buf *message, const struct nc_snap *snap, struct nc_slice extra,
                         size_t *header_size_out);

/* One object of a list. */
void nc_snap_head_json(struct nc_buf *out, const struct nc_snap_head *head);
void nc_snap_summary_json(struct nc_buf *out, const struct nc_snap_summary *summary);

/* Answers to what changes something; cleared first. Of a put: {"stream":"orders.42","seq":3}, and
 * "dropped":N where older ones went, "kept":false where it went itself. Of a delete:
 * {"stream":"orders.42","deleted":N}. */
void nc_reply_snap_put(struct nc_buf *out, const struct nc_outcome *outcome);
void nc_reply_snap_delete(struct nc_buf *out, struct nc_slice stream, uint64_t deleted);

#endif
