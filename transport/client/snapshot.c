/* SPDX-License-Identifier: Apache-2.0 */
/* R.snap.…: snapshots of aggregates, put, got, listed, deleted. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/unconst.h"
#include "transport/client/client_private.h"

/* A snapshot that was given to the program, which sees the first member of this. */
struct held {
	struct nacre_snapshot snapshot;
	struct nc_client_event holder; /* its message and texts */
};

int nc_client_snapshot_new(natsMsg *msg, const struct nacre_snapshot **snapshot_out)
{
	uint64_t seq = 0;
	bool numbered = nc_client_header_number(msg, "Es-Snapshot-Seq", &seq) && seq > 0;
	struct held *held = calloc(1, sizeof *held);
	if (held == NULL) {
		natsMsg_Destroy(msg);
		return NACRE_NOMEM;
	}
	int result = nc_client_message_take(&held->holder, msg);
	const struct nacre_event *event = &held->holder.event;
	if (result == NACRE_OK && (!numbered || event->size == 0 || *event->stream == '\0'))
		result = NACRE_PROTOCOL;
	if (result != NACRE_OK) {
		nacre_snapshot_free(&held->snapshot);
		return result;
	}
	held->snapshot = (struct nacre_snapshot){ .stream = event->stream,
		                                  .time = event->time,
		                                  .content_type = event->content_type,
		                                  .seq = seq,
		                                  .data = event->data,
		                                  .size = event->size,
		                                  .meta = event->meta,
		                                  .meta_count = event->meta_count };
	*snapshot_out = &held->snapshot;
	return NACRE_OK;
}

void nacre_snapshot_free(const struct nacre_snapshot *snapshot)
{
	if (snapshot == NULL)
		return;
	struct held *held = nc_unconst(snapshot);
	nc_client_event_release(&held->holder);
	free(held);
}

/* Make the subject "snap.put.<stream…>", or the verb alone if `stream` is NULL. The caller releases
 * the buffer. */
static int subject_make(struct nc_buf *subject, const char *verb, const char *stream,
                        struct nacre_error *error)
{
	int result = stream == NULL ? NACRE_OK : nc_client_stream_check(stream, error);
	if (result != NACRE_OK)
		return result;
	nc_buf_put_str(subject, verb);
	if (stream != NULL) {
		nc_buf_put_u8(subject, '.');
		nc_client_put_stream(subject, stream);
	}
	nc_buf_put_u8(subject, '\0');
	return nc_buf_status(subject) == NC_OK ? NACRE_OK : nc_client_fail_nomem(error);
}

/* ---- Put ------------------------------------------------------------------------------------ */

static int put_check(const struct nacre_snapshot_put *put, struct nacre_error *error)
{
	if (put->seq == 0)
		return nc_client_fail(error, NACRE_INVALID, "seq: the version, from 1");
	if (put->data == NULL || put->size < 1 || put->size > NC_CLIENT_DATA_SIZE_MAX)
		return nc_client_fail(error, NACRE_INVALID, "data: empty or too large");
	for (size_t i = 0; i < put->meta_count; i++) {
		if (put->meta[i].name == NULL || put->meta[i].value == NULL ||
		    *put->meta[i].name == '\0')
			return nc_client_fail(error, NACRE_INVALID, "meta: without name or value");
	}
	return NACRE_OK;
}

/* Ask until there is an answer: to put the same snapshot once more changes nothing. */
static int put_ask(struct nacre_client *client, const struct nacre_snapshot_put *put,
                   const char *subject, struct nacre_error *error)
{
	char seq[24];
	size_t count = 0;
	uint64_t answered = 0;
	struct nacre_reply *reply = NULL;
	struct nacre_pair *headers = calloc(put->meta_count + 2, sizeof *headers);
	if (headers == NULL)
		return nc_client_fail_nomem(error);
	(void)snprintf(seq, sizeof seq, "%" PRIu64, put->seq);
	headers[count++] = (struct nacre_pair){ "Es-Snapshot-Seq", seq };
	if (put->content_type != NULL)
		headers[count++] = (struct nacre_pair){ "Content-Type", put->content_type };
	for (size_t i = 0; i < put->meta_count; i++)
		headers[count++] = put->meta[i];
	const struct nacre_request request = { .subject = subject,
		                               .body = put->data,
		                               .size = put->size,
		                               .headers = headers,
		                               .header_count = count,
		                               .repeatable = true };
	int result = nacre_request(client, &request, &reply, error);
	free(headers);
	if (result == NACRE_OK &&
	    (!nacre_reply_number(reply, "seq", &answered) || answered != put->seq))
		result = nc_client_fail(error, NACRE_PROTOCOL, "put: answer not understood");
	nacre_reply_free(reply);
	return result;
}

int nacre_snapshot_put_sized(struct nacre_client *client, const struct nacre_snapshot_put *given,
                             size_t size, struct nacre_error *error)
{
	struct nacre_snapshot_put put;
	struct nc_buf subject = { 0 };
	if (!nc_client_take(&put, sizeof put, given, size))
		return nc_client_fail(error, NACRE_INVALID, "put: this library is too old");
	int result = put_check(&put, error);
	if (result == NACRE_OK && put.stream == NULL)
		result = nc_client_fail(error, NACRE_INVALID, "stream: missing");
	if (result == NACRE_OK)
		result = subject_make(&subject, "snap.put", put.stream, error);
	if (result == NACRE_OK)
		result = put_ask(client, &put, (char *)subject.data, error);
	nc_buf_release(&subject);
	return result;
}

/* ---- Get ------------------------------------------------------------------------------------ */

static int get_check(const struct nacre_snapshot_get *get, struct nacre_error *error)
{
	if (get->stream == NULL)
		return nc_client_fail(error, NACRE_INVALID, "stream: missing");
	if (get->seq > 0 && get->at_most > 0)
		return nc_client_fail(error, NACRE_INVALID, "seq and at_most: one of them");
	if (get->min_position > 0 && !get->direct)
		return nc_client_fail(error, NACRE_INVALID, "min_position: goes with direct");
	return NACRE_OK;
}

static int get_ask(struct nacre_client *client, const struct nacre_snapshot_get *get,
                   const char *subject, natsMsg **reply_out, struct nacre_error *error)
{
	char body[48] = "";
	natsMsg *msg = NULL;
	if (get->seq > 0 || get->at_most > 0) {
		(void)snprintf(body, sizeof body, "{\"%s\":%" PRIu64 "}",
		               get->seq > 0 ? "seq" : "at_most",
		               get->seq > 0 ? get->seq : get->at_most);
	}
	natsStatus status = nc_client_msg_new(client, subject, NULL, body, strlen(body), &msg);
	if (status == NATS_OK)
		status = nc_client_min_position(msg, get->min_position);
	int result = status == NATS_OK ? nc_client_ask(client, msg, reply_out, error)
	                               : nc_client_fail_nats(error, status, "get");
	natsMsg_Destroy(msg);
	return result;
}

int nacre_snapshot_get_sized(struct nacre_client *client, const struct nacre_snapshot_get *given,
                             size_t size, const struct nacre_snapshot **snapshot_out,
                             struct nacre_error *error)
{
	struct nacre_error unseen;
	struct nacre_snapshot_get get;
	struct nc_buf subject = { 0 };
	natsMsg *reply = NULL;
	error = error == NULL ? &unseen : error;
	if (!nc_client_take(&get, sizeof get, given, size))
		return nc_client_fail(error, NACRE_INVALID, "get: this library is too old");
	int result = get_check(&get, error);
	if (result == NACRE_OK) {
		result = subject_make(&subject, get.direct ? "direct.snap.get" : "snap.get",
		                      get.stream, error);
	}
	if (result == NACRE_OK)
		result = get_ask(client, &get, (char *)subject.data, &reply, error);
	nc_buf_release(&subject);
	if (result != NACRE_OK) {
		natsMsg_Destroy(reply);
		return result;
	}
	result = nc_client_snapshot_new(reply, snapshot_out);
	return result == NACRE_OK ? NACRE_OK
	                          : nc_client_fail(error, result, "get: answer not understood");
}

/* ---- List and delete ------------------------------------------------------------------------ */

static int json_ask(struct nacre_client *client, const char *verb, const char *stream,
                    const char *body, struct nacre_reply **reply_out, struct nacre_error *error)
{
	struct nc_buf subject = { 0 };
	int result = subject_make(&subject, verb, stream, error);
	const struct nacre_request request = { .subject = (char *)subject.data,
		                               .body = body,
		                               .size = body == NULL ? 0 : strlen(body),
		                               .repeatable = true };
	if (result == NACRE_OK)
		result = nacre_request(client, &request, reply_out, error);
	nc_buf_release(&subject);
	return result;
}

int nacre_snapshot_list(struct nacre_client *client, const char *stream, const char *page,
                        struct nacre_reply **reply_out, struct nacre_error *error)
{
	return json_ask(client, "snap.list", stream, page, reply_out, error);
}

int nacre_snapshot_delete(struct nacre_client *client, const char *stream, const char *which,
                          struct nacre_reply **reply_out, struct nacre_error *error)
{
	if (stream == NULL)
		return nc_client_fail(error, NACRE_INVALID, "stream: missing");
	return json_ask(client, "snap.delete", stream, which, reply_out, error);
}
