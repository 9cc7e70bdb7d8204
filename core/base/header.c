/* SPDX-License-Identifier: Apache-2.0 */
/* A NATS message's header block. */
#include "core/base/header.h"

#define FIRST "NATS/1.0"

struct nc_slice nc_header_block(struct nc_slice before, const void *data)
{
	const uint8_t *begin = before.data + before.size + 1, *end = data;
	return end <= begin ? nc_slice(NULL, 0) : nc_slice(begin, (size_t)(end - begin) - 1);
}

/* The line that `rest` begins with, taken away with its end; false if none ends. */
static bool line_take(struct nc_headers *headers, struct nc_slice *line_out)
{
	struct nc_slice *rest = &headers->rest;
	for (size_t i = 0; i + 1 < rest->size; i++) {
		uint8_t c = rest->data[i];
		if (rest->data[i + 1] == '\n' &&
		    (c == '\r' || (c == '\0' && headers->written_to))) {
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

/* The word that `text` begins with, and what follows it. */
static struct nc_slice word_take(struct nc_slice *text)
{
	size_t size = 0;
	while (size < text->size && !is_blank(text->data[size]))
		size++;
	struct nc_slice word = nc_slice(text->data, size);
	*text = trimmed(nc_slice_from(*text, size));
	return word;
}

int nc_headers_begin(struct nc_slice block, struct nc_headers *headers_out)
{
	struct nc_headers headers = { .rest = block, .ended = block.size == 0 };
	struct nc_slice line;
	if (headers.ended) {
		*headers_out = headers;
		return NC_OK;
	}
	const uint8_t *end = memchr(block.data, '\n', block.size);
	headers.written_to = end != NULL && end > block.data && end[-1] == '\0';
	if (!line_take(&headers, &line))
		return NC_INVALID;
	line = trimmed(line);
	if (!nc_slice_is(word_take(&line), FIRST))
		return NC_INVALID;
	headers.status = word_take(&line);
	headers.description = line;
	*headers_out = headers;
	return NC_OK;
}

int nc_headers_next(struct nc_headers *headers, struct nc_header *header_out)
{
	struct nc_slice line;
	size_t size = 0;
	if (headers->ended)
		return NC_NOTFOUND;
	if (!line_take(headers, &line))
		return NC_INVALID;
	if (line.size == 0) {
		headers->ended = headers->rest.size == 0;
		return headers->ended ? NC_NOTFOUND : NC_INVALID;
	}
	while (size < line.size && line.data[size] != ':' &&
	       (line.data[size] != '\0' || !headers->written_to))
		size++;
	/* One that begins with a blank goes on from the line before: NATS has no such. */
	if (size == 0 || size == line.size || is_blank(line.data[0]))
		return NC_INVALID;
	*header_out = (struct nc_header){ nc_slice(line.data, size),
		                          trimmed(nc_slice_from(line, size + 1)) };
	return NC_OK;
}

bool nc_headers_find(struct nc_slice block, const char *name, struct nc_slice *value_out)
{
	struct nc_headers headers;
	struct nc_header header;
	int err = nc_headers_begin(block, &headers);
	while (err == NC_OK && (err = nc_headers_next(&headers, &header)) == NC_OK) {
		if (nc_slice_is(header.name, name)) {
			*value_out = header.value;
			return true;
		}
	}
	return false;
}
