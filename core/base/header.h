/* SPDX-License-Identifier: Apache-2.0 */
/* header.h -- the header block of a NATS message (ADR-4), from its own bytes: a first line, perhaps
 * with a status, then "Name: value" lines and an empty one, each with CRLF. Names and values are
 * given in the order in which they stand, with their bytes as they are but for blanks around the
 * value. Slices point into the block.
 *
 * Why not nats.c (3.4.1): it takes the line after a header without a value for that value, cuts
 * values at a NUL, and forgets the order. It also writes into the block when it looks into it
 * itself, which it does where a message has no data: then NULs stand for colons and CRs. Such a
 * block is read alike; one that has not been written to is read strictly.
 */
#ifndef NC_CORE_BASE_HEADER_H
#define NC_CORE_BASE_HEADER_H

#include "core/base/err.h"
#include "core/base/slice.h"

struct nc_header {
	struct nc_slice name, value;
};

struct nc_headers {
	struct nc_slice rest;                /* what is still to be read */
	bool written_to;                     /* by nats.c */
	bool ended;                          /* with the empty line, or without any */
	struct nc_slice status, description; /* of the first line; empty if none */
};

/* Where nats.c keeps the block of a message that came in: in one piece with all else, after the NUL
 * behind `before`, its reply or, without one, its subject, and before the NUL that precedes `data`.
 * Empty: the message has no headers. */
struct nc_slice nc_header_block(struct nc_slice before, const void *data);

/* Begin to read; a block that is empty has no headers. Errors: NC_INVALID, it begins otherwise. */
int nc_headers_begin(struct nc_slice block, struct nc_headers *headers_out);

/* Errors: NC_NOTFOUND, there are no more; NC_INVALID, what follows is no header, nor is the rest
 * known. */
int nc_headers_next(struct nc_headers *headers, struct nc_header *header_out);

/* The first value of a name, spelled so; false: it has none, as far as it can be read. */
bool nc_headers_find(struct nc_slice block, const char *name, struct nc_slice *value_out);

#endif
