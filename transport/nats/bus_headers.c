/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Headers of what came in, from the bytes as they came (core/base/header.h, decision 0006). */
#include "transport/nats/bus_private.h"

static struct nc_slice block_of(const struct nc_bus_msg *msg)
{
	struct nc_slice before = msg->reply.data == NULL ? msg->subject : msg->reply;
	return nc_header_block(before, msg->data.data);
}

/* The status. Clients that pass a message on send its status line as a header of that name. */
static struct nc_slice status_of(const struct nc_bus_msg *msg)
{
	struct nc_slice block = block_of(msg), status = { 0 };
	struct nc_headers headers;
	if (block.size == 0 || nc_headers_begin(block, &headers) != NC_OK)
		return status;
	if (headers.status.size > 0)
		return headers.status;
	(void)nc_headers_find(block, "Status", &status);
	return status;
}

bool nc_bus_no_responders(const struct nc_bus_msg *msg)
{
	return msg->data.size == 0 && nc_slice_is(status_of(msg), "503");
}

bool nc_bus_has_status(const struct nc_bus_msg *msg)
{
	return status_of(msg).size > 0;
}

int nc_bus_headers(const struct nc_bus_msg *msg, struct nc_header *headers_out, size_t max,
                   size_t *count_out)
{
	struct nc_headers headers;
	struct nc_header header;
	*count_out = 0;
	int err = nc_headers_begin(block_of(msg), &headers);
	if (err != NC_OK || headers.status.size > 0)
		return NC_INVALID; /* a request has no status line */
	while ((err = nc_headers_next(&headers, &header)) == NC_OK) {
		if (*count_out < max)
			headers_out[*count_out] = header;
		++*count_out;
	}
	return err == NC_NOTFOUND ? NC_OK : err;
}
