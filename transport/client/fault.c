/* SPDX-License-Identifier: Apache-2.0 */
/* What went wrong, here or there. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "transport/client/client_private.h"

int nc_client_fail(struct nacre_error *error, int status, const char *format, ...)
{
	if (error == NULL)
		return status;
	va_list args;
	va_start(args, format);
	error->code = 0;
	error->err_code = 0;
	error->pos = 0;
	(void)vsnprintf(error->description, sizeof error->description, format, args);
	va_end(args);
	return status;
}

/* Of TLS nats.c knows which certificate is wrong, and how: "(conn.c:733): SSL handshake error: …";
 * of a file of credentials, what it lacks. That a server does not take the client's own it does
 * not: with TLS 1.3 the server just ends the connection. */
static const char *reason_of(natsStatus status)
{
	natsStatus last = NATS_OK;
	bool known = status == NATS_SSL_ERROR || status == NATS_ERR;
	const char *more = known ? nats_GetLastError(&last) : NULL;
	const char *from = more == NULL ? NULL : strstr(more, "): ");
	if (status == NATS_PROTOCOL_ERROR)
		return "the server ended the connection; if it asks for a certificate, it is to be "
		       "one that it trusts";
	return from != NULL && last == status ? from + 3 : natsStatus_GetText(status);
}

int nc_client_fail_nats(struct nacre_error *error, natsStatus status, const char *what)
{
	int mine = NACRE_CONNECTION;
	if (status == NATS_NO_MEMORY) {
		mine = NACRE_NOMEM;
	} else if (nc_client_unknown(status) || status == NATS_NO_RESPONDERS) {
		mine = NACRE_UNAVAILABLE;
	} else if (status == NATS_MAX_PAYLOAD || status == NATS_INVALID_ARG ||
	           status == NATS_INVALID_SUBJECT) {
		mine = NACRE_INVALID;
	}
	return nc_client_fail(error, mine, "%s: %s", what, reason_of(status));
}

int nc_client_fail_nomem(struct nacre_error *error)
{
	return nc_client_fail(error, NACRE_NOMEM, "out of memory");
}

bool nc_client_json_ended(struct nc_json *json, const struct nc_json_token *last)
{
	struct nc_json_token end;
	return json->expected == NULL && last->type == NC_JSON_OBJECT_END &&
	       nc_json_next(json, &end) == NC_OK && end.type == NC_JSON_END;
}

/* Read what the headers do not have, from a body like {"error":{…,"err_code":N,…},"pos":N}. */
static void error_body_read(struct nc_slice body, struct nacre_error *error)
{
	struct nc_json json;
	struct nc_json_token key, value;
	uint64_t number;
	nc_json_init(&json, body);
	while (nc_json_next(&json, &key) == NC_OK && key.type != NC_JSON_END) {
		bool is_pos = key.type == NC_JSON_KEY && json.depth == 1 && nc_json_is(&key, "pos");
		bool is_code = key.type == NC_JSON_KEY && nc_json_is(&key, "err_code");
		if (!is_pos && !is_code)
			continue;
		if (nc_json_next(&json, &value) != NC_OK || nc_json_u64(&value, &number) != NC_OK)
			return;
		if (is_pos) {
			error->pos = number;
		} else if (number <= INT32_MAX) {
			error->err_code = (int)number;
		}
	}
}

/* Judge an answer by its headers. NACRE_OK and an empty text if they tell of no error. */
static int error_headers_read(natsMsg *msg, struct nc_slice *text_out, uint64_t *code_out)
{
	struct nc_headers headers;
	struct nc_header header;
	bool coded = false;
	int err = nc_headers_begin(nc_client_block(msg), &headers);
	while (err == NC_OK && (err = nc_headers_next(&headers, &header)) == NC_OK) {
		if (nc_slice_is(header.name, "Nats-Service-Error")) {
			*text_out = header.value;
		} else if (nc_slice_is(header.name, "Nats-Service-Error-Code")) {
			coded = nc_client_number(header.value, code_out);
		}
	}
	if (err != NC_NOTFOUND)
		return NACRE_PROTOCOL;
	return text_out->size == 0 || (coded && *code_out >= 100 && *code_out <= 999)
	               ? NACRE_OK
	               : NACRE_INVALID;
}

int nc_client_judge(natsMsg *msg, struct nacre_error *error)
{
	uint64_t code = 0;
	struct nc_slice text = { 0 };
	int read = error_headers_read(msg, &text, &code);
	if (read == NACRE_PROTOCOL)
		return nc_client_fail(error, NACRE_PROTOCOL, "headers that cannot be read");
	unsigned said = nc_client_status(msg);
	if (said == 0 && nc_client_has_status(msg))
		return nc_client_fail(error, NACRE_PROTOCOL, "a status that is none");
	if (said == 503)
		return nc_client_fail_nats(error, NATS_NO_RESPONDERS, "request");
	if (read != NACRE_OK)
		return nc_client_fail(error, NACRE_PROTOCOL, "an error without its code");
	if (text.size == 0)
		return NACRE_OK;
	(void)nc_client_fail(error, NACRE_REFUSED, "%.*s", (int)text.size, (const char *)text.data);
	error->code = (int)code;
	error_body_read(nc_slice(natsMsg_GetData(msg), (size_t)natsMsg_GetDataLength(msg)), error);
	return code == 503 ? NACRE_UNAVAILABLE : NACRE_REFUSED;
}
