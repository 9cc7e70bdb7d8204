/* SPDX-License-Identifier: GPL-3.0-or-later */
/* reply.h -- the answers (PROTOCOL.md sections 3, 4 and 6), as bytes for the bus.
 *
 * Each call writes into `out`, which it clears first unless it appends, and says where the headers
 * end; 0: there are none.
 */
#ifndef NC_TRANSPORT_NATS_REPLY_H
#define NC_TRANSPORT_NATS_REPLY_H

#include "core/engine/engine.h"
#include "core/engine/query.h"
#include "core/engine/stream.h"

/* {"stream":"orders.42","seq":3,"pos":1042}, with "duplicate":true for a retry; no headers. */
void nc_reply_append(struct nc_buf *out, const struct nc_outcome *outcome);

/* {"results":[{"stream":"orders.42","seq":1,"pos":1043},…],"pos":1044}, with "duplicate":true. */
void nc_reply_batch(struct nc_buf *out, const struct nc_outcome *outcome);

/* What stands beside `error` where a batch is refused: ,"failed":[…] or ,"pos":N; or nothing. */
void nc_reply_batch_more(struct nc_buf *out, const struct nc_outcome *outcome);

/* Append what R.stream.info says of a stream, as an object. */
void nc_reply_stream(struct nc_buf *out, struct nc_slice name, const struct nc_stream *stream);
/* Append what a list says of a stream, as an object: the same without its limits. */
void nc_reply_stream_brief(struct nc_buf *out, struct nc_slice name,
                           const struct nc_stream *stream);

/* What R.stream.delete and R.stream.meta (`meta`) answer:
 * {"stream":"orders.42","seq":3,"first_seq":4,"state":"deleted"}, with "meta":{…} of the latter,
 * and "duplicate":true where it was deleted before. */
void nc_reply_stream_change(struct nc_buf *out, const struct nc_outcome *outcome, bool meta);

/* An error: headers and body. `extra` is further header lines, each with its CRLF. */
size_t nc_reply_error(struct nc_buf *out, struct nc_fault fault, const char *text,
                      struct nc_slice extra);

/* Likewise, with members beside `error`: each with its comma before it. */
size_t nc_reply_error_more(struct nc_buf *out, struct nc_fault fault, const char *text,
                           struct nc_slice extra, struct nc_slice more);

/* What `fault` says where nothing more is known: "stream tombstoned". */
const char *nc_fault_text(struct nc_fault fault);

/* The closing message of a read: status 204 EOB, no data. */
size_t nc_reply_end(struct nc_buf *out, const struct nc_query_end *end, struct nc_slice extra);

#endif
