/* SPDX-License-Identifier: GPL-3.0-or-later */
/* wire.h -- a request's body, JSON or MessagePack, a token at a time: the same shape either way, so
 * that what understands it is written once.
 *
 * A map's keys come as tokens of type KEY, each before its value. MessagePack's `bin` is BIN, other
 * keys than strings are an error. JSON has no BIN.
 *
 * Ownership: tokens point into the body, unescaped strings into `text`, which the caller lends and
 * which must not be written to while tokens are in use. Threads: a cursor belongs to one.
 * Errors: NC_INVALID; then `offset` is the byte at fault and `expected` says what should have stood
 * there. NC_NOMEM.
 */
#ifndef NC_TRANSPORT_NATS_WIRE_H
#define NC_TRANSPORT_NATS_WIRE_H

#include "core/base/json.h"

#define NC_WIRE_DEPTH_MAX 16 /* of MessagePack that is looked into; values may be deeper */

enum nc_wire_type {
	NC_WIRE_MAP,
	NC_WIRE_MAP_END,
	NC_WIRE_ARRAY,
	NC_WIRE_ARRAY_END,
	NC_WIRE_KEY,
	NC_WIRE_TEXT,
	NC_WIRE_BIN,
	NC_WIRE_NUMBER, /* whole, from 0 on, of 64 bits */
	NC_WIRE_OTHER,  /* null, booleans, other numbers, extensions */
	NC_WIRE_END     /* after the one value */
};

struct nc_wire_token {
	enum nc_wire_type type;
	struct nc_slice bytes; /* of KEY, TEXT and BIN; of the others as written, for people */
	uint64_t number;
};

struct nc_wire_level {
	uint64_t left; /* tokens that still come, keys counted */
	bool map;
};

struct nc_wire {
	bool msgpack;
	struct nc_buf *text;
	struct nc_json json;
	struct nc_json_token json_token; /* the last */
	/* MessagePack */
	struct nc_slice body;
	size_t at, start; /* `start` of the last token */
	size_t depth;
	struct nc_wire_level levels[NC_WIRE_DEPTH_MAX];
	bool begun;
	/* of an error */
	size_t offset;
	const char *expected;
};

/* Errors: NC_NOMEM. */
int nc_wire_init_json(struct nc_wire *wire, struct nc_slice body, struct nc_buf *text);
void nc_wire_init_msgpack(struct nc_wire *wire, struct nc_slice body, struct nc_buf *text);

int nc_wire_next(struct nc_wire *wire, struct nc_wire_token *token_out);

/* Having read `token`, the first of a value, go past the rest of it and give its own bytes. */
int nc_wire_value(struct nc_wire *wire, const struct nc_wire_token *token,
                  struct nc_slice *raw_out);

#endif
