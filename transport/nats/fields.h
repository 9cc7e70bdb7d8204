/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fields.h -- the members of one map of a request's body, one at a time. Each must be known, and
 * may come once. A refusal names the place: "member 'typ' of events[3] is not known".
 *
 * What is asked of subscriptions is read by another reader, that of core/delivery
 * (definition_private.h), which knows nothing of wires and refusals and says things differently:
 * "unknown member \"typ\" in deliver". Both texts are promised to clients, so there are two.
 *
 * Threads: a map belongs to one at a time. Ownership: names and texts are borrowed from the body,
 * or from the room given to the wire (wire.h).
 */
#ifndef NC_TRANSPORT_NATS_FIELDS_H
#define NC_TRANSPORT_NATS_FIELDS_H

#include "transport/nats/request_private.h"
#include "transport/nats/wire.h"

/* Where a map stands, as "condition", or "events[", 3 and "]". If `before` is NULL, it is the body
 * itself. The text is only put together when something is refused. */
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
	const char *within; /* shown before each name, as "filter."; NULL: nothing is */
};

/* Those below that return a bool return false when the refusal has been filled. */

/* Refuse a body that is not well-formed. Always returns false. */
bool nc_wire_refuse(const struct nc_wire *wire, struct nc_refusal *refusal);

/* Where the map stands, as text in `room`; empty if it is the body itself. */
const char *nc_fields_where(const struct nc_fields *fields, char room[NC_WHERE_SIZE]);

/* Begin the map whose first token is `token`; if it is no map, that is refused. */
bool nc_fields_begin(struct nc_fields *fields, const struct nc_wire_token *token);

/* The next member. Returns 1, and gives the index of its name and the first token of its value; 0
 * at the end; -1 if something was refused. */
int nc_fields_next(struct nc_fields *fields, size_t *index_out, struct nc_wire_token *value_out);

/* Refuse a member's value: "member 'x' of events[3] <why>". Always returns false. */
__attribute__((format(printf, 4, 5))) bool nc_fields_refuse(struct nc_fields *fields, size_t index,
                                                            struct nc_fault fault,
                                                            const char *format, ...);

/* Take the value as a text, or as a number. */
bool nc_fields_text(struct nc_fields *fields, size_t index, const struct nc_wire_token *value,
                    struct nc_slice *text_out);
bool nc_fields_number(struct nc_fields *fields, size_t index, const struct nc_wire_token *value,
                      uint64_t *number_out);

/* Take the value as a name or the beginning of one, of at most NC_NAME_SIZE_MAX bytes. It need not
 * be the name of a stream. */
bool nc_fields_name(struct nc_fields *fields, size_t index, const struct nc_wire_token *value,
                    struct nc_slice *name_out);

/* Take the value as the number behind which something is asked for. One that does not fit 64 bits
 * lies behind everything. */
bool nc_fields_after(struct nc_fields *fields, size_t index, const struct nc_wire_token *value,
                     uint64_t *number_out);

/* Take the value as how many of something are asked for: a whole number from 1 on. More than `most`
 * is taken as `most`. Every other value is refused, with a description of its own. */
bool nc_fields_limit(struct nc_fields *fields, size_t index, const struct nc_wire_token *value,
                     uint64_t most, uint64_t *limit_out);

/* Take the value as a position or a version, from 1 on. One that does not fit 64 bits lies behind
 * all that there are. */
bool nc_fields_ordinal(struct nc_fields *fields, size_t index, const struct nc_wire_token *value,
                       uint64_t *number_out);

/* Take the value as what is expected of a stream: a word, or its version (request_batch.c). */
bool nc_fields_expect(struct nc_fields *fields, size_t index, const struct nc_wire_token *value,
                      struct nc_expect *expect_out);

/* Begin the value, which must be an array; its elements follow. */
bool nc_fields_array(struct nc_fields *fields, size_t index, const struct nc_wire_token *value);
/* The next element: 1, and its first token; 0 at the end; -1 if something was refused. */
int nc_fields_element(struct nc_fields *fields, struct nc_wire_token *element_out);

/* Takes the whole value of a member; `ctx` is its caller's. */
typedef bool nc_fields_take_fn(void *ctx, struct nc_fields *fields, size_t index,
                               const struct nc_wire_token *value);

/* Read a body of JSON, which is one object, or empty, and give each member to `take`. fields->wire
 * begins here, and `text` is its room (wire.h). */
bool nc_fields_body(struct nc_fields *fields, struct nc_slice body, struct nc_buf *text,
                    nc_fields_take_fn *take, void *ctx);

/* Take the items of a condition or a query, an array of {"types":[...],"tags":[...]}, and append
 * them to `items`, packed (core/engine/batch.h). `room` is for one item. */
bool nc_fields_items(struct nc_fields *fields, size_t index, const struct nc_wire_token *value,
                     struct nc_buf *items, struct nc_buf room[2]);

/* Take a filter, {"plugin":NAME,"selector":any value} (fields_filter.c). The selector is given as
 * it was written. */
bool nc_fields_filter(struct nc_fields *fields, size_t index, const struct nc_wire_token *value,
                      struct nc_slice *plugin_out, struct nc_slice *selector_out);

#endif
