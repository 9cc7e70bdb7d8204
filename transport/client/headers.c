/* SPDX-License-Identifier: Apache-2.0 */
/* Reading headers from the bytes of a message, as they came (core/base/header.h says why). */
#include "transport/client/client_private.h"

struct nc_slice nc_client_block(const natsMsg *msg)
{
	const char *reply = natsMsg_GetReply(msg);
	const char *before = reply == NULL ? natsMsg_GetSubject(msg) : reply;
	return nc_header_block(nc_slice_str(before), natsMsg_GetData(msg));
}

bool nc_client_number(struct nc_slice text, uint64_t *number_out)
{
	uint64_t number = 0;
	for (size_t i = 0; i < text.size; i++) {
		unsigned digit = (unsigned)text.data[i] - '0';
		if (digit > 9 || number > (UINT64_MAX - digit) / 10)
			return false;
		number = number * 10 + digit;
	}
	if (text.size > 0)
		*number_out = number;
	return text.size > 0;
}

struct nc_slice nc_client_header(const natsMsg *msg, const char *name)
{
	struct nc_slice value = { 0 };
	(void)nc_headers_find(nc_client_block(msg), name, &value);
	return value;
}

bool nc_client_header_number(const natsMsg *msg, const char *name, uint64_t *number_out)
{
	return nc_client_number(nc_client_header(msg, name), number_out);
}

/* ---- The status line ------------------------------------------------------------------------ */

static struct nc_headers first_line(const natsMsg *msg)
{
	struct nc_headers headers = { 0 };
	(void)nc_headers_begin(nc_client_block(msg), &headers);
	return headers;
}

bool nc_client_has_status(const natsMsg *msg)
{
	return first_line(msg).status.size > 0;
}

unsigned nc_client_status(const natsMsg *msg)
{
	uint64_t status;
	return nc_client_number(first_line(msg).status, &status) && status >= 100 && status <= 999
	               ? (unsigned)status
	               : 0;
}

struct nc_slice nc_client_description(const natsMsg *msg)
{
	return first_line(msg).description;
}

/* ---- For programs: with their NUL ----------------------------------------------------------- */

static void pair_put(struct nc_buf *texts, struct nc_slice name, struct nc_slice value)
{
	nc_buf_put_slice(texts, name);
	nc_buf_put_u8(texts, 0);
	nc_buf_put_slice(texts, value);
	nc_buf_put_u8(texts, 0);
}

static bool has_nul(struct nc_slice text)
{
	return text.size > 0 && memchr(text.data, 0, text.size) != NULL;
}

int nc_client_headers_copy(const natsMsg *msg, struct nc_buf *texts)
{
	struct nc_headers headers;
	struct nc_header header;
	nc_buf_clear(texts);
	int err = nc_headers_begin(nc_client_block(msg), &headers);
	if (err == NC_OK && headers.status.size > 0) {
		pair_put(texts, NC_SLICE("Status"), headers.status);
		pair_put(texts, NC_SLICE("Description"), headers.description);
	}
	while (err == NC_OK && (err = nc_headers_next(&headers, &header)) == NC_OK) {
		if (has_nul(header.name) || has_nul(header.value))
			return NACRE_PROTOCOL;
		pair_put(texts, header.name, header.value);
	}
	if (err != NC_NOTFOUND)
		return NACRE_PROTOCOL;
	return nc_buf_status(texts) == NC_OK ? NACRE_OK : NACRE_NOMEM;
}

bool nc_client_headers_next(const struct nc_buf *texts, size_t *at, struct nacre_pair *pair_out)
{
	if (*at >= texts->size)
		return false;
	pair_out->name = (const char *)texts->data + *at;
	*at += strlen(pair_out->name) + 1;
	pair_out->value = (const char *)texts->data + *at;
	*at += strlen(pair_out->value) + 1;
	return true;
}

const char *nc_client_headers_find(const struct nc_buf *texts, const char *name)
{
	struct nacre_pair pair;
	size_t at = 0;
	while (nc_client_headers_next(texts, &at, &pair)) {
		if (strcmp(pair.name, name) == 0)
			return pair.value;
	}
	return "";
}
