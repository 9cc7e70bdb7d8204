/* SPDX-License-Identifier: Apache-2.0 */
/* What went wrong, here or there; and what an answer's headers say. */
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

int nc_client_fail_nats(struct nacre_error *error, natsStatus status, const char *what)
{
	int mine = NACRE_CONNECTION;
	if (status == NATS_NO_MEMORY) {
		mine = NACRE_NOMEM;
	} else if (status == NATS_TIMEOUT || status == NATS_NO_RESPONDERS) {
		mine = NACRE_UNAVAILABLE;
	} else if (status == NATS_MAX_PAYLOAD || status == NATS_INVALID_ARG ||
	           status == NATS_INVALID_SUBJECT) {
		mine = NACRE_INVALID;
	}
	return nc_client_fail(error, mine, "%s: %s", what, natsStatus_GetText(status));
}

int nc_client_fail_nomem(struct nacre_error *error)
{
	return nc_client_fail(error, NACRE_NOMEM, "out of memory");
}

const char *nc_client_header(natsMsg *msg, const char *name)
{
	const char *value = NULL;
	return natsMsgHeader_Get(msg, name, &value) == NATS_OK && value != NULL ? value : "";
}

bool nc_client_header_number(natsMsg *msg, const char *name, uint64_t *number_out)
{
	const char *text = nc_client_header(msg, name);
	uint64_t number = 0;
	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++) {
		unsigned digit = (unsigned)(*text - '0');
		if (digit > 9 || number > (UINT64_MAX - digit) / 10)
			return false;
		number = number * 10 + digit;
	}
	*number_out = number;
	return true;
}

unsigned nc_client_status(natsMsg *msg)
{
	uint64_t status;
	return nc_client_header_number(msg, "Status", &status) && status >= 100 && status <= 999
	               ? (unsigned)status
	               : 0;
}

bool nc_client_json_ended(struct nc_json *json, const struct nc_json_token *last)
{
	struct nc_json_token end;
	return json->expected == NULL && last->type == NC_JSON_OBJECT_END &&
	       nc_json_next(json, &end) == NC_OK && end.type == NC_JSON_END;
}

/* From {"error":{…,"err_code":N,…},"pos":N}: what the headers do not have. */
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

int nc_client_judge(natsMsg *msg, struct nacre_error *error)
{
	uint64_t code;
	unsigned said = nc_client_status(msg);
	if (said == 0 && *nc_client_header(msg, "Status") != '\0')
		return nc_client_fail(error, NACRE_PROTOCOL, "a status that is none");
	if (said == 503)
		return nc_client_fail_nats(error, NATS_NO_RESPONDERS, "request");
	const char *text = NULL;
	natsStatus status = natsMsgHeader_Get(msg, "Nats-Service-Error", &text);
	if (status == NATS_NO_MEMORY)
		return nc_client_fail_nomem(error);
	if (status != NATS_OK && status != NATS_NOT_FOUND)
		return nc_client_fail(error, NACRE_PROTOCOL, "headers that cannot be read");
	if (text == NULL || *text == '\0')
		return NACRE_OK;
	if (!nc_client_header_number(msg, "Nats-Service-Error-Code", &code) || code < 100 ||
	    code > 999)
		return nc_client_fail(error, NACRE_PROTOCOL, "an error without its code");
	(void)nc_client_fail(error, NACRE_REFUSED, "%s", text);
	error->code = (int)code;
	error_body_read(nc_slice(natsMsg_GetData(msg), (size_t)natsMsg_GetDataLength(msg)), error);
	return code == 503 ? NACRE_UNAVAILABLE : NACRE_REFUSED;
}
