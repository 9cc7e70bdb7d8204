/* SPDX-License-Identifier: Apache-2.0 */
/* One event, asked for until the answer is known. */
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "core/base/json.h"
#include "transport/client/client_private.h"

#define ID_SIZE 33   /* 128 random bits in hex, and the NUL */
#define TRY_MS  5000 /* a node answers within 4 s; one that was deposed never does */

static bool id_make(char id[ID_SIZE])
{
	uint8_t random[(ID_SIZE - 1) / 2];
	if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
		return false;
	for (size_t i = 0; i < sizeof random; i++)
		(void)snprintf(id + 2 * i, 3, "%02x", random[i]);
	return true;
}

static natsStatus expect_add(natsMsg *msg, int64_t expect)
{
	char number[24];
	if (expect == NACRE_EXPECT_ANY)
		return NATS_OK;
	if (expect == NACRE_EXPECT_EXISTS)
		return natsMsgHeader_Add(msg, "Es-Expect", "exists");
	if (expect == NACRE_EXPECT_NONE)
		return natsMsgHeader_Add(msg, "Es-Expect", "none");
	(void)snprintf(number, sizeof number, "%lld", (long long)expect);
	return natsMsgHeader_Add(msg, "Es-Expect", number);
}

static natsStatus tags_add(natsMsg *msg, const struct nacre_append *event)
{
	struct nc_buf tags = { 0 };
	for (size_t i = 0; i < event->tag_count; i++) {
		if (i > 0)
			nc_buf_put_u8(&tags, ',');
		nc_buf_put_str(&tags, event->tags[i]);
	}
	nc_buf_put_u8(&tags, '\0');
	natsStatus status = nc_buf_status(&tags) != NC_OK
	                            ? NATS_NO_MEMORY
	                            : natsMsgHeader_Add(msg, "Es-Tags", (char *)tags.data);
	nc_buf_release(&tags);
	return status;
}

static natsStatus headers_add(natsMsg *msg, const struct nacre_append *event, const char *id)
{
	natsStatus status = natsMsgHeader_Add(msg, "Nats-Msg-Id", id);
	if (status == NATS_OK)
		status = expect_add(msg, event->expect);
	if (status == NATS_OK && event->content_type != NULL)
		status = natsMsgHeader_Add(msg, "Content-Type", event->content_type);
	if (status == NATS_OK && event->tag_count > 0)
		status = tags_add(msg, event);
	for (size_t i = 0; i < event->meta_count && status == NATS_OK; i++)
		status = natsMsgHeader_Add(msg, event->meta[i].name, event->meta[i].value);
	return status;
}

static natsStatus request_make(const struct nacre_client *client, const struct nacre_append *event,
                               const char *id, natsMsg **msg_out)
{
	struct nc_buf subject = { 0 };
	nc_buf_printf(&subject, "%s.append.", client->root);
	nc_client_put_name(&subject, event->type, false);
	nc_buf_put_u8(&subject, '.');
	nc_client_put_name(&subject, event->stream, true);
	nc_buf_put_u8(&subject, '\0');
	natsMsg *msg = NULL;
	natsStatus status = NATS_NO_MEMORY;
	if (nc_buf_status(&subject) == NC_OK)
		status = natsMsg_Create(&msg, (char *)subject.data, NULL, event->data,
		                        (int)event->size);
	if (status == NATS_OK)
		status = headers_add(msg, event, id);
	nc_buf_release(&subject);
	if (status == NATS_OK)
		*msg_out = msg;
	else
		natsMsg_Destroy(msg);
	return status;
}

static int answer_read(natsMsg *msg, struct nacre_appended *appended_out)
{
	struct nacre_appended appended = { 0 };
	struct nc_json json;
	struct nc_json_token key, value;
	nc_json_init(&json, nc_slice(natsMsg_GetData(msg), (size_t)natsMsg_GetDataLength(msg)));
	if (nc_json_next(&json, &key) != NC_OK || key.type != NC_JSON_OBJECT)
		return NACRE_PROTOCOL;
	while (nc_json_next(&json, &key) == NC_OK && key.type == NC_JSON_KEY) {
		struct nc_slice raw;
		if (nc_json_next(&json, &value) != NC_OK)
			break;
		if (nc_json_is(&key, "seq"))
			(void)nc_json_u64(&value, &appended.seq);
		else if (nc_json_is(&key, "pos"))
			(void)nc_json_u64(&value, &appended.pos);
		else if (nc_json_is(&key, "duplicate"))
			appended.duplicate = value.type == NC_JSON_TRUE;
		if (nc_json_value(&json, &value, &raw) != NC_OK)
			break;
	}
	if (appended.seq == 0 || appended.pos == 0)
		return NACRE_PROTOCOL;
	*appended_out = appended;
	return NACRE_OK;
}

static int ask(struct nacre_client *client, natsMsg *msg, struct nacre_appended *appended_out,
               struct nacre_error *error)
{
	int64_t deadline_ms = nc_client_now_ms() + client->timeout_ms;
	for (unsigned attempt = 0;; attempt++) {
		natsMsg *reply = NULL;
		int64_t left_ms = deadline_ms - nc_client_now_ms();
		int64_t try_ms = left_ms < TRY_MS ? left_ms : TRY_MS;
		natsStatus status =
		        natsConnection_RequestMsg(&reply, client->nc, msg, try_ms < 1 ? 1 : try_ms);
		int result;
		bool again = status == NATS_NO_RESPONDERS || status == NATS_TIMEOUT;
		if (status != NATS_OK) {
			result = nc_client_fail_nats(error, status, "append");
		} else if (nc_client_is_error(reply, error)) {
			again = nc_client_is_passing(error);
			result = error->code == 503 ? NACRE_UNAVAILABLE : NACRE_REFUSED;
		} else {
			result = answer_read(reply, appended_out);
			if (result != NACRE_OK)
				(void)nc_client_fail(error, result,
				                     "append: answer not understood");
		}
		natsMsg_Destroy(reply);
		if (!again || !nc_client_pause(attempt, deadline_ms))
			return result;
	}
}

int nacre_append(struct nacre_client *client, const struct nacre_append *event,
                 struct nacre_appended *appended_out, struct nacre_error *error)
{
	struct nacre_error unseen;
	char made[ID_SIZE];
	const char *id = event->id;
	if (error == NULL)
		error = &unseen;
	if (!nc_client_name_valid(event->stream) || !nc_client_name_valid(event->type))
		return nc_client_fail(error, NACRE_INVALID, "stream or type: 1 to 255 bytes");
	if (event->data == NULL || event->size < 1 || event->size > INT32_MAX)
		return nc_client_fail(error, NACRE_INVALID, "data: empty or too large");
	if (event->expect < NACRE_EXPECT_EXISTS)
		return nc_client_fail(error, NACRE_INVALID, "expect: not known");
	if (id == NULL && !id_make(made))
		return nc_client_fail(error, NACRE_CONNECTION, "id: no random bytes to be had");
	natsMsg *msg = NULL;
	natsStatus status = request_make(client, event, id == NULL ? made : id, &msg);
	if (status != NATS_OK)
		return nc_client_fail_nats(error, status, "append");
	int result = ask(client, msg, appended_out, error);
	natsMsg_Destroy(msg);
	return result;
}
