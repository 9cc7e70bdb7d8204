/* SPDX-License-Identifier: GPL-3.0-or-later */
/* request_private.h -- what the files of the decoder share. */
#ifndef NC_TRANSPORT_NATS_REQUEST_PRIVATE_H
#define NC_TRANSPORT_NATS_REQUEST_PRIVATE_H

#include "core/base/shown.h"
#include "transport/nats/request.h"

#define NC_ENVELOPE_SIZE  2048u /* bytes kept free for what a delivery adds, or more: see below */
#define NC_BATCH_META_MAX 128u  /* names of one event's metadata */

/* Fill the refusal; always false, so that a check can end with it. */
__attribute__((format(printf, 3, 4))) bool
nc_refuse(struct nc_refusal *refusal, struct nc_fault fault, const char *format, ...);

bool nc_decode_append(struct nc_decoder *decoder, const struct nc_message *message,
                      struct nc_request *request, struct nc_refusal *refusal);
bool nc_decode_batch(struct nc_decoder *decoder, const struct nc_message *message,
                     struct nc_request *request, struct nc_refusal *refusal);
bool nc_decode_read(struct nc_decoder *decoder, const struct nc_message *message,
                    struct nc_request *request, struct nc_refusal *refusal);
bool nc_decode_get(struct nc_decoder *decoder, const struct nc_message *message,
                   struct nc_request *request, struct nc_refusal *refusal);

bool nc_decode_stats(struct nc_decoder *decoder, const struct nc_message *message,
                     struct nc_request *request, struct nc_refusal *refusal);
bool nc_decode_stream_info(struct nc_decoder *decoder, const struct nc_message *message,
                           struct nc_request *request, struct nc_refusal *refusal);
bool nc_decode_stream_list(struct nc_decoder *decoder, const struct nc_message *message,
                           struct nc_request *request, struct nc_refusal *refusal);

/* R.stream.delete.<stream> and R.stream.meta.<stream> (request_stream_change.c). */
bool nc_decode_stream_change(struct nc_decoder *decoder, const struct nc_message *message,
                             struct nc_request *request, struct nc_refusal *refusal);

bool nc_decode_filter_test(struct nc_decoder *decoder, const struct nc_message *message,
                           struct nc_request *request, struct nc_refusal *refusal);

/* Headers of a request that is not an append: Es-Min-Position where direct, else none of ours. */
bool nc_decode_read_headers(const struct nc_message *message, struct nc_request *request,
                            struct nc_refusal *refusal);

/* Decode and check the stream that `tail` spells, into decoder->stream; likewise a type or
 * category, into decoder->type. */
bool nc_decode_stream(struct nc_decoder *decoder, struct nc_slice tail, struct nc_refusal *refusal);
/* Likewise one that is to be changed: not the system's. */
bool nc_decode_own_stream(struct nc_decoder *decoder, struct nc_slice tail,
                          struct nc_refusal *refusal);
/* A tag, likewise. */
bool nc_decode_tag(struct nc_decoder *decoder, struct nc_slice token, struct nc_refusal *refusal);
bool nc_decode_token(struct nc_decoder *decoder, struct nc_slice token, const char *what,
                     struct nc_fault fault, struct nc_refusal *refusal);

/* Snapshots (request_snap.c). */
bool nc_decode_snap_put(struct nc_decoder *decoder, const struct nc_message *message,
                        struct nc_request *request, struct nc_refusal *refusal);
bool nc_decode_snap_get(struct nc_decoder *decoder, const struct nc_message *message,
                        struct nc_request *request, struct nc_refusal *refusal);
bool nc_decode_snap_delete(struct nc_decoder *decoder, const struct nc_message *message,
                           struct nc_request *request, struct nc_refusal *refusal);
bool nc_decode_snap_list(struct nc_decoder *decoder, const struct nc_message *message,
                         struct nc_request *request, struct nc_refusal *refusal);

/* What is written has, whatever it is (request_append.c): the header Content-Type, once; metadata,
 * added to the decoder's; a header that is not known, which is refused, always false; whether one
 * is the server's own, and dropped; and whether data and metadata are as large as may be. */
bool nc_decode_content_type(struct nc_slice value, bool *seen, struct nc_slice *content_type_out,
                            struct nc_refusal *refusal);
bool nc_decode_meta(struct nc_decoder *decoder, struct nc_slice name, struct nc_slice value,
                    struct nc_refusal *refusal);
bool nc_refuse_header(struct nc_slice name, struct nc_refusal *refusal);
bool nc_header_is_servers(struct nc_slice name);
bool nc_decode_sizes(const struct nc_decoder *decoder, const struct nc_message *message,
                     size_t envelope, struct nc_refusal *refusal);

/* What a message adds to data, tags and metadata (the decoder's) of this event, whose names, id and
 * content type are set: 2 KiB, or more where names are long and mostly to be escaped. */
size_t nc_envelope_size(const struct nc_decoder *decoder, const struct nc_event *event);

/* Why this cannot be the name of metadata, or NULL: a header's name by RFC 9110, and none that may
 * be one of ours. */
const char *nc_meta_name_fault(struct nc_slice name);

/* Decimal digits alone, no sign, no leading zero but 0 itself, fits. */
bool nc_number_parse(struct nc_slice text, uint64_t *number_out);

#endif
