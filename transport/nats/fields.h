/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fields.h -- the members of one map of a request's body, a member at a time: each known, each at
 * most once. What is refused is said with the place of it: "member 'typ' of events[3] is not
 * known".
 */
#ifndef NC_TRANSPORT_NATS_FIELDS_H
#define NC_TRANSPORT_NATS_FIELDS_H

#include "transport/nats/request_private.h"
#include "transport/nats/wire.h"

/* Where a map stands: "condition"; "events[" 3 "]"; before NULL: it is the body itself. Put
 * together when something is refused. */
struct nc_where {
	const char *before;
	size_t number;
	const char *after; /* NULL: there is no number */
};

#define NC_WHERE_SIZE 40 /* bytes, with the NUL */

struct nc_fields {
	struct nc_wire *wire;
	struct nc_refusal *refusal;
	const char *const *names;
	size_t name_count; /* at most 32 */
	uint32_t seen;     /* a bit for each name */
	struct nc_where where;
};

/* Say that the body is not well-formed; always false. */
bool nc_wire_refuse(const struct nc_wire *wire, struct nc_refusal *refusal);

/* Where the map stands, in `room`: empty, the body itself. */
const char *nc_fields_where(const struct nc_fields *fields, char room[NC_WHERE_SIZE]);

/* Begin the map whose first token is `token`. False with the refusal: it is none. */
bool nc_fields_begin(struct nc_fields *fields, const struct nc_wire_token *token);

/* 1 with the member's index and the first token of its value; 0 at the end; -1 refused. */
int nc_fields_next(struct nc_fields *fields, size_t *index_out, struct nc_wire_token *value_out);

/* Refuse a member's value: "member 'x' of events[3] <why>"; always false. */
__attribute__((format(printf, 4, 5))) bool nc_fields_refuse(struct nc_fields *fields, size_t index,
                                                            struct nc_fault fault,
                                                            const char *format, ...);

/* The value as a text, or a number. False with the refusal. */
bool nc_fields_text(struct nc_fields *fields, size_t index, const struct nc_wire_token *value,
                    struct nc_slice *text_out);
bool nc_fields_number(struct nc_fields *fields, size_t index, const struct nc_wire_token *value,
                      uint64_t *number_out);

/* The beginning of a name, or a whole one, which need not be a stream's; of at most
 * NC_NAME_SIZE_MAX bytes. */
bool nc_fields_name(struct nc_fields *fields, size_t index, const struct nc_wire_token *value,
                    struct nc_slice *name_out);

/* What comes behind this is asked for: likewise, but one that does not fit 64 bits is as far behind
 * everything. */
bool nc_fields_after(struct nc_fields *fields, size_t index, const struct nc_wire_token *value,
                     uint64_t *number_out);

/* How many of something are asked for: a whole number from 1 on, of which more than `most` is taken
 * as that. Each other value is refused by a description of its own. */
bool nc_fields_limit(struct nc_fields *fields, size_t index, const struct nc_wire_token *value,
                     uint64_t most, uint64_t *limit_out);

/* Likewise a position or a version; one that does not fit 64 bits is as far behind all there are.
 */
bool nc_fields_ordinal(struct nc_fields *fields, size_t index, const struct nc_wire_token *value,
                       uint64_t *number_out);

/* What is expected of a stream: a word or its version (request_batch.c). */
bool nc_fields_expect(struct nc_fields *fields, size_t index, const struct nc_wire_token *value,
                      struct nc_expect *expect_out);

/* The value as an array, whose elements then follow; likewise nc_fields_begin() for a map. */
bool nc_fields_array(struct nc_fields *fields, size_t index, const struct nc_wire_token *value);
/* 1 with the first token of the next element; 0 at the end; -1 refused. */
int nc_fields_element(struct nc_fields *fields, struct nc_wire_token *element_out);

/* Takes the value of a member, all of it; `ctx` is its caller's. False with the refusal. */
typedef bool nc_fields_take_fn(void *ctx, struct nc_fields *fields, size_t index,
                               const struct nc_wire_token *value);

/* A body of JSON that is one object, or empty: its members, each given to `take`. fields->wire
 * begins here; `text` is its room (wire.h). False with the refusal. */
bool nc_fields_body(struct nc_fields *fields, struct nc_slice body, struct nc_buf *text,
                    nc_fields_take_fn *take, void *ctx);

/* Items of a condition or a query: an array of {"types":[...],"tags":[...]}, into `items`, packed
 * (core/engine/batch.h). `room` is for one item. */
bool nc_fields_items(struct nc_fields *fields, size_t index, const struct nc_wire_token *value,
                     struct nc_buf *items, struct nc_buf room[2]);

#endif
