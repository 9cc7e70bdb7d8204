/* SPDX-License-Identifier: GPL-3.0-or-later */
/* event_message.h -- an event as a NATS message: headers, then the data (PROTOCOL.md section 6). */
#ifndef NC_TRANSPORT_NATS_EVENT_MESSAGE_H
#define NC_TRANSPORT_NATS_EVENT_MESSAGE_H

#include "core/engine/event.h"

/* Append the header block of `event` but for its end: further lines and an empty one follow. `root`
 * is "<prefix>.<store>". */
void nc_event_head_put(struct nc_buf *message, const char *root, const struct nc_event *event);

/* Append the header block of `event` to `message` and then its data. `extra` is further header
 * lines, each with its CRLF. The block's size goes to `header_size_out`. */
void nc_event_message_put(struct nc_buf *message, const char *root, const struct nc_event *event,
                          struct nc_slice extra, size_t *header_size_out);

/* Append "<root>.<verb>.<type>.<stream…>", as the subject spells it. */
void nc_event_subject_put(struct nc_buf *buf, const char *root, const char *verb,
                          struct nc_slice type, struct nc_slice stream);

#endif
