/* SPDX-License-Identifier: Apache-2.0 */
/* One event: its request, its answer. */
#include <stdio.h>
#include <string.h>

#include "transport/client/client_private.h"

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

static natsStatus headers_add(natsMsg *msg, const struct nacre_append *event)
{
	natsStatus status = natsMsgHeader_Add(msg, "Nats-Msg-Id", event->id);
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

natsStatus nc_client_append_msg(const struct nacre_client *client, const struct nacre_append *event,
                                const char *reply, natsMsg **msg_out)
{
	struct nc_buf subject = { 0 };
	natsMsg *msg = NULL;
	natsStatus status = NATS_NO_MEMORY;
	nc_buf_put_str(&subject, "append.");
	nc_client_put_token(&subject, event->type);
	nc_buf_put_u8(&subject, '.');
	nc_client_put_stream(&subject, event->stream);
	nc_buf_put_u8(&subject, '\0');
	if (nc_buf_status(&subject) == NC_OK) {
		status = nc_client_msg_new(client, (char *)subject.data, reply, event->data,
		                           event->size, &msg);
	}
	if (status == NATS_OK)
		status = headers_add(msg, event);
	nc_buf_release(&subject);
	if (status == NATS_OK) {
		*msg_out = msg;
	} else {
		natsMsg_Destroy(msg);
	}
	return status;
}

int nc_client_appended_read(natsMsg *msg, struct nacre_appended *appended_out)
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
			return NACRE_PROTOCOL;
		if (nc_json_is(&key, "seq")) {
			(void)nc_json_u64(&value, &appended.seq);
		} else if (nc_json_is(&key, "pos")) {
			(void)nc_json_u64(&value, &appended.pos);
		} else if (nc_json_is(&key, "duplicate")) {
			appended.duplicate = value.type == NC_JSON_TRUE;
		}
		if (nc_json_value(&json, &value, &raw) != NC_OK)
			return NACRE_PROTOCOL;
	}
	if (!nc_client_json_ended(&json, &key) || appended.seq == 0 || appended.pos == 0)
		return NACRE_PROTOCOL;
	*appended_out = appended;
	return NACRE_OK;
}

static int event_check(const struct nacre_append *event, struct nacre_error *error)
{
	int result = nc_client_stream_check(event->stream, error);
	if (result != NACRE_OK)
		return result;
	if (!nc_client_name_valid(event->type))
		return nc_client_fail(error, NACRE_INVALID, "type: 1 to 255 bytes");
	if (event->data == NULL || event->size < 1 || event->size > NC_CLIENT_DATA_SIZE_MAX)
		return nc_client_fail(error, NACRE_INVALID, "data: empty or too large");
	if (event->expect < NACRE_EXPECT_EXISTS)
		return nc_client_fail(error, NACRE_INVALID, "expect: not known");
	if (event->id != NULL && *event->id == '\0')
		return nc_client_fail(error, NACRE_INVALID, "id: empty");
	for (size_t i = 0; i < event->tag_count; i++) {
		if (event->tags[i] == NULL || *event->tags[i] == '\0' ||
		    strpbrk(event->tags[i], ", \t\r\n") != NULL) {
			return nc_client_fail(error, NACRE_INVALID,
			                      "tags: one is empty or holds a comma or a space");
		}
	}
	for (size_t i = 0; i < event->meta_count; i++) {
		if (event->meta[i].name == NULL || event->meta[i].value == NULL ||
		    *event->meta[i].name == '\0')
			return nc_client_fail(error, NACRE_INVALID, "meta: without name or value");
	}
	return NACRE_OK;
}

int nc_client_append_take(struct nc_client_append *append, const struct nacre_append *given,
                          size_t size, struct nacre_error *error)
{
	if (!nc_client_take(&append->is, sizeof append->is, given, size))
		return nc_client_fail(error, NACRE_INVALID, "event: this library is too old");
	int result = event_check(&append->is, error);
	if (result != NACRE_OK || append->is.id != NULL)
		return result;
	if (!nc_client_id_make(append->made))
		return nc_client_fail(error, NACRE_CONNECTION, "id: no random bytes to be had");
	append->is.id = append->made;
	return NACRE_OK;
}

int nacre_append_sized(struct nacre_client *client, const struct nacre_append *given, size_t size,
                       struct nacre_appended *appended_out, struct nacre_error *error)
{
	struct nacre_error unseen;
	struct nc_client_append append;
	natsMsg *msg = NULL, *reply = NULL;
	error = error == NULL ? &unseen : error;
	int result = nc_client_append_take(&append, given, size, error);
	if (result != NACRE_OK)
		return result;
	natsStatus status = nc_client_append_msg(client, &append.is, NULL, &msg);
	if (status != NATS_OK)
		return nc_client_fail_nats(error, status, "append");
	result = nc_client_ask(client, msg, &reply, error);
	natsMsg_Destroy(msg);
	struct nacre_appended appended;
	if (result == NACRE_OK && nc_client_appended_read(reply, &appended) != NACRE_OK)
		result = nc_client_fail(error, NACRE_PROTOCOL, "append: answer not understood");
	natsMsg_Destroy(reply);
	if (result == NACRE_OK && appended_out != NULL)
		*appended_out = appended;
	return result;
}
