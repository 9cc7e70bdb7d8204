/* SPDX-License-Identifier: Apache-2.0 */
/* Faults, headers, names, pauses. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/json.h"
#include "transport/client/client_private.h"

#define NAME_SIZE_MAX 255 /* bytes */

int64_t nc_client_now_ms(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool nc_client_pause(unsigned attempt, int64_t deadline_ms)
{
	int64_t pause_ms = attempt < 6 ? INT64_C(20) << attempt : 1000;
	if (nc_client_now_ms() + pause_ms >= deadline_ms)
		return false;
	nats_Sleep(pause_ms);
	return true;
}

int nc_client_fail(struct nacre_error *error, int status, const char *format, ...)
{
	if (error == NULL)
		return status;
	va_list args;
	va_start(args, format);
	error->code = 0;
	error->err_code = 0;
	(void)vsnprintf(error->description, sizeof error->description, format, args);
	va_end(args);
	return status;
}

int nc_client_fail_nats(struct nacre_error *error, natsStatus status, const char *what)
{
	int mine = NACRE_CONNECTION;
	if (status == NATS_NO_MEMORY)
		mine = NACRE_NOMEM;
	else if (status == NATS_TIMEOUT || status == NATS_NO_RESPONDERS)
		mine = NACRE_UNAVAILABLE;
	else if (status == NATS_MAX_PAYLOAD || status == NATS_INVALID_ARG)
		mine = NACRE_INVALID;
	return nc_client_fail(error, mine, "%s: %s", what, natsStatus_GetText(status));
}

/* The members of {"error":{…}}, which the headers do not all have. */
static void error_read(struct nc_slice body, struct nacre_error *error)
{
	struct nc_json json;
	struct nc_json_token key, value;
	nc_json_init(&json, body);
	while (nc_json_next(&json, &key) == NC_OK && key.type != NC_JSON_END) {
		if (key.type != NC_JSON_KEY || !nc_json_is(&key, "err_code"))
			continue;
		uint64_t number;
		if (nc_json_next(&json, &value) == NC_OK && nc_json_u64(&value, &number) == NC_OK &&
		    number <= INT32_MAX)
			error->err_code = (int)number;
		return;
	}
}

bool nc_client_is_error(natsMsg *msg, struct nacre_error *error)
{
	/* A success has no headers: that is cheap to see. */
	const char *text = nc_client_header(msg, "Nats-Service-Error");
	if (*text == '\0')
		return false;
	(void)nc_client_fail(error, NACRE_REFUSED, "%s", text);
	error->code = (int)nc_client_header_u64(msg, "Nats-Service-Error-Code");
	error_read(nc_slice(natsMsg_GetData(msg), (size_t)natsMsg_GetDataLength(msg)), error);
	return true;
}

bool nc_client_is_passing(const struct nacre_error *error)
{
	return error->code == 503 || error->code == 429;
}

const char *nc_client_header(natsMsg *msg, const char *name)
{
	const char *value = NULL;
	return natsMsgHeader_Get(msg, name, &value) == NATS_OK && value != NULL ? value : "";
}

uint64_t nc_client_header_u64(natsMsg *msg, const char *name)
{
	return strtoull(nc_client_header(msg, name), NULL, 10);
}

bool nc_client_name_valid(const char *name)
{
	return name != NULL && *name != '\0' && strlen(name) <= NAME_SIZE_MAX;
}

void nc_client_put_name(struct nc_buf *subject, const char *name, bool dots_stay)
{
	static const char hex[] = "0123456789ABCDEF";
	for (; *name != '\0'; name++) {
		unsigned char c = (unsigned char)*name;
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		             (c >= '0' && c <= '9') || c == '_' || c == '/' || c == '-';
		if (plain || (c == '.' && dots_stay)) {
			nc_buf_put_u8(subject, c);
		} else {
			const char escape[] = { '=', hex[c >> 4], hex[c & 15] };
			nc_buf_put(subject, escape, sizeof escape);
		}
	}
}
