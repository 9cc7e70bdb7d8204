/* SPDX-License-Identifier: Apache-2.0 */
/* Sending a batch, and reading where its events were put. */
#include <stdlib.h>
#include <string.h>

#include "transport/client/batch_private.h"

static void body_put(struct nc_buf *body, const struct nacre_batch *batch)
{
	nc_pack_map(body, 1u + (batch->check_count > 0) + batch->has_condition + batch->has_ack);
	nc_pack_text(body, "events");
	nc_pack_array(body, batch->event_count);
	nc_buf_put_slice(body, nc_buf_slice(&batch->events));
	if (batch->check_count > 0) {
		nc_pack_text(body, "check");
		nc_pack_array(body, batch->check_count);
		nc_buf_put_slice(body, nc_buf_slice(&batch->checks));
	}
	nc_buf_put_slice(body, nc_buf_slice(&batch->condition));
	nc_buf_put_slice(body, nc_buf_slice(&batch->ack));
}

static natsStatus msg_make(const struct nacre_client *client, const struct nacre_batch *batch,
                           natsMsg **msg_out)
{
	struct nc_buf body = { 0 };
	natsStatus status = NATS_NO_MEMORY;
	body_put(&body, batch);
	bool whole = nc_buf_status(&body) == NC_OK && nc_buf_status(&batch->events) == NC_OK &&
	             nc_buf_status(&batch->checks) == NC_OK &&
	             nc_buf_status(&batch->condition) == NC_OK &&
	             nc_buf_status(&batch->ack) == NC_OK;
	if (whole && body.size > NC_CLIENT_DATA_SIZE_MAX) {
		status = NATS_MAX_PAYLOAD;
	} else if (whole) {
		status = nc_client_msg_new(client, "batch", NULL, body.data, body.size, msg_out);
	}
	nc_buf_release(&body);
	if (status == NATS_OK)
		status = natsMsgHeader_Set(*msg_out, "Content-Type", "application/msgpack");
	return status;
}

/* Read an element of `results`; `key` is its first token. */
static int result_read(struct nc_json *json, struct nacre_appended *appended)
{
	struct nc_json_token key, value;
	struct nc_slice raw;
	while (nc_json_next(json, &key) == NC_OK && key.type == NC_JSON_KEY) {
		if (nc_json_next(json, &value) != NC_OK)
			return NACRE_PROTOCOL;
		if (nc_json_is(&key, "seq")) {
			(void)nc_json_u64(&value, &appended->seq);
		} else if (nc_json_is(&key, "pos")) {
			(void)nc_json_u64(&value, &appended->pos);
		}
		if (nc_json_value(json, &value, &raw) != NC_OK)
			return NACRE_PROTOCOL;
	}
	return json->expected == NULL && appended->seq > 0 && appended->pos > 0 ? NACRE_OK
	                                                                        : NACRE_PROTOCOL;
}

static int results_read(struct nc_json *json, struct nacre_appended *appended, uint32_t count)
{
	struct nc_json_token token;
	uint32_t at = 0;
	if (nc_json_next(json, &token) != NC_OK || token.type != NC_JSON_ARRAY)
		return NACRE_PROTOCOL;
	while (nc_json_next(json, &token) == NC_OK && token.type == NC_JSON_OBJECT) {
		if (at == count || result_read(json, &appended[at++]) != NACRE_OK)
			return NACRE_PROTOCOL;
	}
	return at == count && json->expected == NULL && token.type == NC_JSON_ARRAY_END
	               ? NACRE_OK
	               : NACRE_PROTOCOL;
}

struct answer {
	struct nacre_appended *appended; /* [count] */
	uint32_t count;
	bool results, duplicate;
};

static int member_read(struct nc_json *json, const struct nc_json_token *key, struct answer *answer)
{
	struct nc_json_token value;
	struct nc_slice raw;
	if (nc_json_is(key, "results")) {
		if (answer->results)
			return NACRE_PROTOCOL;
		answer->results = true;
		return results_read(json, answer->appended, answer->count);
	}
	if (nc_json_next(json, &value) != NC_OK)
		return NACRE_PROTOCOL;
	if (nc_json_is(key, "duplicate"))
		answer->duplicate = value.type == NC_JSON_TRUE;
	return nc_json_value(json, &value, &raw) == NC_OK ? NACRE_OK : NACRE_PROTOCOL;
}

static int answer_read(natsMsg *msg, struct nacre_appended *appended, uint32_t count)
{
	struct nc_json json;
	struct nc_json_token key;
	struct answer answer = { .appended = appended, .count = count };
	nc_json_init(&json, nc_slice(natsMsg_GetData(msg), (size_t)natsMsg_GetDataLength(msg)));
	if (nc_json_next(&json, &key) != NC_OK || key.type != NC_JSON_OBJECT)
		return NACRE_PROTOCOL;
	while (nc_json_next(&json, &key) == NC_OK && key.type == NC_JSON_KEY) {
		if (member_read(&json, &key, &answer) != NACRE_OK)
			return NACRE_PROTOCOL;
	}
	if (!answer.results || !nc_client_json_ended(&json, &key))
		return NACRE_PROTOCOL;
	for (uint32_t i = 0; i < count; i++)
		appended[i].duplicate = answer.duplicate;
	return NACRE_OK;
}

int nacre_batch_send(struct nacre_client *client, struct nacre_batch *batch,
                     struct nacre_appended *appended_out, struct nacre_error *error)
{
	struct nacre_error unseen;
	natsMsg *msg = NULL, *reply = NULL;
	error = error == NULL ? &unseen : error;
	/* One more, so that a batch of checks or of an acknowledgement alone has room too. */
	struct nacre_appended *appended = calloc((size_t)batch->event_count + 1, sizeof *appended);
	if (appended == NULL)
		return nc_client_fail_nomem(error);
	natsStatus status = msg_make(client, batch, &msg);
	int result = status == NATS_OK ? nc_client_ask(client, msg, &reply, error)
	                               : nc_client_fail_nats(error, status, "batch");
	natsMsg_Destroy(msg);
	if (result == NACRE_OK && answer_read(reply, appended, batch->event_count) != NACRE_OK)
		result = nc_client_fail(error, NACRE_PROTOCOL, "batch: answer not understood");
	natsMsg_Destroy(reply);
	if (result == NACRE_OK && appended_out != NULL)
		memcpy(appended_out, appended, batch->event_count * sizeof *appended);
	free(appended);
	return result;
}
