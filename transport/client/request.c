/* SPDX-License-Identifier: Apache-2.0 */
/* A request with its retries, and what is in the answer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transport/client/client_private.h"

natsStatus nc_client_msg_new(const struct nacre_client *client, const char *subject,
                             const char *reply, const void *body, size_t size, natsMsg **msg_out)
{
	struct nc_buf full = { 0 };
	natsStatus status = NATS_NO_MEMORY;
	nc_buf_printf(&full, "%s.%s", client->root, subject);
	nc_buf_put_u8(&full, '\0');
	if (nc_buf_status(&full) == NC_OK)
		status = natsMsg_Create(msg_out, (char *)full.data, reply, body, (int)size);
	nc_buf_release(&full);
	return status;
}

natsStatus nc_client_min_position(natsMsg *msg, uint64_t position)
{
	char number[24];
	if (position == 0)
		return NATS_OK;
	(void)snprintf(number, sizeof number, "%llu", (unsigned long long)position);
	return natsMsgHeader_Set(msg, "Es-Min-Position", number);
}

bool nc_client_not_sent(natsStatus status)
{
	return status == NATS_NO_RESPONDERS || status == NATS_INSUFFICIENT_BUFFER;
}

bool nc_client_unknown(natsStatus status)
{
	return status == NATS_TIMEOUT || status == NATS_IO_ERROR ||
	       status == NATS_CONNECTION_DISCONNECTED;
}

/* One try of a request. */
struct attempt {
	int64_t patience_ms;
	bool repeatable;
	bool again; /* another may be made */
};

static int ask_once(struct nacre_client *client, natsMsg *msg, struct attempt *attempt,
                    natsMsg **reply_out, struct nacre_error *error)
{
	int64_t try_ms = attempt->patience_ms;
	natsMsg *reply = NULL;
	natsStatus status = natsConnection_RequestMsg(&reply, nc_client_line(client), msg,
	                                              try_ms < 1 ? 1 : try_ms);
	if (status == NATS_TIMEOUT && !nc_client_connected(client->nc))
		status = NATS_CONNECTION_DISCONNECTED; /* which says more */
	if (status != NATS_OK) {
		attempt->again = nc_client_not_sent(status) ||
		                 (nc_client_unknown(status) && attempt->repeatable);
		return nc_client_fail_nats(error, status, "request");
	}
	int result = nc_client_judge(reply, error);
	if (result == NACRE_REFUSED) {
		attempt->again = error->code == 429;
	} else {
		attempt->again = result == NACRE_UNAVAILABLE && attempt->repeatable;
	}
	if (result == NACRE_OK || result == NACRE_REFUSED) {
		natsMsg_Destroy(*reply_out);
		*reply_out = reply;
	} else {
		natsMsg_Destroy(reply);
	}
	return result;
}

/* Ask until there is an answer, or the time is over. If the outcome of a try is unknown, the
 * request is only repeated if it is `repeatable`. */
static int ask(struct nacre_client *client, natsMsg *msg, int64_t timeout_ms, bool repeatable,
               natsMsg **reply_out, struct nacre_error *error)
{
	int64_t deadline_ms = nc_client_now_ms() + timeout_ms;
	natsMsg *reply = NULL;
	for (unsigned tries = 0;; tries++) {
		struct attempt attempt = { .patience_ms = deadline_ms - nc_client_now_ms(),
			                   .repeatable = repeatable };
		if (repeatable && attempt.patience_ms > NC_CLIENT_TRY_MS)
			attempt.patience_ms = NC_CLIENT_TRY_MS;
		int result = ask_once(client, msg, &attempt, &reply, error);
		if (attempt.again && nc_client_pause(tries, deadline_ms))
			continue;
		if (result == NACRE_OK || result == NACRE_REFUSED) {
			*reply_out = reply;
		} else {
			natsMsg_Destroy(reply);
		}
		return result;
	}
}

int nc_client_ask(struct nacre_client *client, natsMsg *msg, natsMsg **reply_out,
                  struct nacre_error *error)
{
	return ask(client, msg, client->timeout_ms, true, reply_out, error);
}

static natsStatus headers_add(natsMsg *msg, const struct nacre_request *request)
{
	natsStatus status = NATS_OK;
	for (size_t i = 0; i < request->header_count && status == NATS_OK; i++) {
		status =
		        natsMsgHeader_Add(msg, request->headers[i].name, request->headers[i].value);
	}
	return status;
}

static int reply_give(natsMsg *msg, struct nacre_reply **reply_out, struct nacre_error *error)
{
	if (reply_out == NULL || msg == NULL) {
		natsMsg_Destroy(msg);
		return NACRE_OK;
	}
	struct nacre_reply *reply = calloc(1, sizeof *reply);
	if (reply == NULL) {
		natsMsg_Destroy(msg);
		return nc_client_fail_nomem(error);
	}
	reply->msg = msg;
	int result = nc_client_headers_copy(msg, &reply->headers);
	if (result != NACRE_OK) {
		nacre_reply_free(reply);
		return nc_client_fail(error, result, "an answer's headers cannot be read");
	}
	*reply_out = reply;
	return NACRE_OK;
}

int nc_client_request_take(const struct nacre_request *given, size_t size,
                           struct nacre_request *request_out, struct nacre_error *error)
{
	if (!nc_client_take(request_out, sizeof *request_out, given, size))
		return nc_client_fail(error, NACRE_INVALID, "request: this library is too old");
	if (!nc_client_subject_valid(request_out->subject))
		return nc_client_fail(error, NACRE_INVALID, "subject: missing or malformed");
	if (request_out->size > NC_CLIENT_DATA_SIZE_MAX || request_out->timeout_ms < 0)
		return nc_client_fail(error, NACRE_INVALID, "size or timeout_ms: out of range");
	return NACRE_OK;
}

int nc_client_request_msg(const struct nacre_client *client, const struct nacre_request *request,
                          const char *reply, natsMsg **msg_out, struct nacre_error *error)
{
	natsMsg *msg = NULL;
	natsStatus status = nc_client_msg_new(client, request->subject, reply, request->body,
	                                      request->size, &msg);
	if (status == NATS_OK)
		status = headers_add(msg, request);
	if (status != NATS_OK) {
		natsMsg_Destroy(msg);
		return nc_client_fail_nats(error, status, "request");
	}
	*msg_out = msg;
	return NACRE_OK;
}

int nacre_request_sized(struct nacre_client *client, const struct nacre_request *given, size_t size,
                        struct nacre_reply **reply_out, struct nacre_error *error)
{
	struct nacre_error unseen;
	struct nacre_request request;
	natsMsg *msg = NULL, *reply = NULL;
	error = error == NULL ? &unseen : error;
	int result = nc_client_request_take(given, size, &request, error);
	if (result == NACRE_OK)
		result = nc_client_request_msg(client, &request, NULL, &msg, error);
	if (result != NACRE_OK)
		return result;
	int64_t timeout_ms = request.timeout_ms == 0 ? client->timeout_ms : request.timeout_ms;
	result = ask(client, msg, timeout_ms, request.repeatable, &reply, error);
	natsMsg_Destroy(msg);
	int given_out = reply_give(reply, reply_out, error);
	return given_out == NACRE_OK ? result : given_out;
}

const void *nacre_reply_data(const struct nacre_reply *reply, size_t *size_out)
{
	if (size_out != NULL)
		*size_out = (size_t)natsMsg_GetDataLength(reply->msg);
	return natsMsg_GetData(reply->msg);
}

const char *nacre_reply_header(const struct nacre_reply *reply, const char *name)
{
	return nc_client_headers_find(&reply->headers, name);
}

/* Find a member of the outermost object, and read the first token of its value. */
static bool member_find(const struct nacre_reply *reply, const char *member,
                        struct nc_json_token *value_out)
{
	struct nc_json json;
	struct nc_json_token key, value;
	struct nc_slice raw;
	nc_json_init(&json, nc_slice(natsMsg_GetData(reply->msg),
	                             (size_t)natsMsg_GetDataLength(reply->msg)));
	if (nc_json_next(&json, &key) != NC_OK || key.type != NC_JSON_OBJECT)
		return false;
	while (nc_json_next(&json, &key) == NC_OK && key.type == NC_JSON_KEY) {
		if (nc_json_next(&json, &value) != NC_OK)
			return false;
		if (nc_json_is(&key, member)) {
			*value_out = value;
			return true;
		}
		if (nc_json_value(&json, &value, &raw) != NC_OK)
			return false;
	}
	return false;
}

bool nacre_reply_number(const struct nacre_reply *reply, const char *member, uint64_t *number_out)
{
	struct nc_json_token value;
	return member_find(reply, member, &value) && nc_json_u64(&value, number_out) == NC_OK;
}

bool nacre_reply_text(const struct nacre_reply *reply, const char *member, char *text_out,
                      size_t size)
{
	struct nc_json_token value;
	struct nc_buf text = { 0 };
	if (!member_find(reply, member, &value) || value.type != NC_JSON_STRING)
		return false;
	nc_json_unescape(&value, &text);
	bool fine = nc_buf_status(&text) == NC_OK;
	if (fine)
		(void)snprintf(text_out, size, "%.*s", (int)text.size, (char *)text.data);
	nc_buf_release(&text);
	return fine;
}

void nacre_reply_free(struct nacre_reply *reply)
{
	if (reply == NULL)
		return;
	natsMsg_Destroy(reply->msg);
	nc_buf_release(&reply->headers);
	free(reply);
}
