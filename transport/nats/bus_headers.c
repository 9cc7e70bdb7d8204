/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Headers of what came in. They are read from the bytes as they came: nats.c 3.4.1 takes the line
 * after a header without a value for that value, so that an expectation or an id behind it would
 * be lost; it cuts values at a NUL and forgets the order (ADR 0006). */
#include <string.h>

#include "transport/nats/bus_private.h"

bool nc_bus_no_responders(const struct nc_bus_msg *msg)
{
	return natsMsg_IsNoResponders(msg->handle);
}

bool nc_bus_has_status(const struct nc_bus_msg *msg)
{
	const char *status = NULL;
	return natsMsgHeader_Get(msg->handle, "Status", &status) == NATS_OK;
}

/* nats.c keeps a message that came in in one piece: subject, reply, header block and data, a NUL
 * behind each; a reply or a block that is absent takes no room. */
static struct nc_slice block_of(const natsMsg *msg)
{
	const char *before = natsMsg_GetReply(msg);
	if (before == NULL)
		before = natsMsg_GetSubject(msg);
	const char *begin = before + strlen(before) + 1, *data = natsMsg_GetData(msg);
	return data <= begin ? nc_slice(NULL, 0) : nc_slice(begin, (size_t)(data - begin) - 1);
}

/* The line that `rest` begins with, taken away with its CRLF; false if none ends. */
static bool line_take(struct nc_slice *rest, struct nc_slice *line_out)
{
	for (size_t i = 0; i + 1 < rest->size; i++) {
		if (rest->data[i] == '\r' && rest->data[i + 1] == '\n') {
			*line_out = nc_slice(rest->data, i);
			*rest = nc_slice_from(*rest, i + 2);
			return true;
		}
	}
	return false;
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static struct nc_slice trimmed(struct nc_slice text)
{
	while (text.size > 0 && is_blank(text.data[0]))
		text = nc_slice_from(text, 1);
	while (text.size > 0 && is_blank(text.data[text.size - 1]))
		text.size--;
	return text;
}

/* "Name: value"; a line that goes on from the one before is none. */
static bool header_read(struct nc_slice line, struct nc_bus_header *header_out)
{
	const uint8_t *colon = memchr(line.data, ':', line.size);
	if (colon == NULL || colon == line.data || is_blank(line.data[0]))
		return false;
	size_t size = (size_t)(colon - line.data);
	*header_out = (struct nc_bus_header){ nc_slice(line.data, size),
		                              trimmed(nc_slice_from(line, size + 1)) };
	return true;
}

int nc_bus_headers(const struct nc_bus_msg *msg, struct nc_bus_header *headers_out, size_t max,
                   size_t *count_out)
{
	struct nc_slice rest = block_of(msg->handle), line;
	*count_out = 0;
	if (rest.size == 0)
		return NC_OK;
	if (!line_take(&rest, &line) || !nc_slice_is(trimmed(line), "NATS/1.0"))
		return NC_INVALID; /* a status line is no request's */
	for (;;) {
		struct nc_bus_header header;
		if (!line_take(&rest, &line))
			return NC_INVALID;
		if (line.size == 0)
			return rest.size == 0 ? NC_OK : NC_INVALID;
		if (!header_read(line, &header))
			return NC_INVALID;
		if (*count_out < max)
			headers_out[*count_out] = header;
		++*count_out;
	}
}
