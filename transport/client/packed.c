/* SPDX-License-Identifier: Apache-2.0 */
/* A message of many deliveries, given one at a time.
 *
 * Its reply subject is that of its last event, and an answer there is about all of them. Each other
 * event is given a subject of its own, which is made from that one, since the protocol fixes its
 * tokens. With `ack` `all`, an acknowledgement there is about the events up to it. So a program may
 * answer each event by itself, as it does with unpacked ones, or wait for the last and answer once.
 */
#include <string.h>

#include "transport/client/subscription_private.h"

/* The last two tokens of a reply subject, a position and an attempt, and the size of what stands
 * before them. */
static bool reply_split(const char *reply, size_t *prefix_out, uint64_t *position_out,
                        uint64_t *attempt_out)
{
	struct nc_slice whole = nc_slice_str(reply);
	size_t second = whole.size;
	while (second > 0 && whole.data[second - 1] != '.')
		second--;
	size_t first = second > 0 ? second - 1 : 0;
	while (first > 0 && whole.data[first - 1] != '.')
		first--;
	*prefix_out = first;
	return first > 0 &&
	       nc_client_number(nc_slice(whole.data + first, second - 1 - first), position_out) &&
	       nc_client_number(nc_slice(whole.data + second, whole.size - second), attempt_out);
}

/* How many events there are; the cursor then stands behind the bracket. The whole is first found to
 * be JSON. 0 if it is malformed, or empty. */
static uint32_t json_begin(struct nc_json *json, struct nc_slice text)
{
	struct nc_json_token token;
	uint32_t count = 0;
	nc_json_init(json, text);
	int err = nc_json_next(json, &token);
	bool array = err == NC_OK && token.type == NC_JSON_ARRAY;
	while (array && (err = nc_json_next(json, &token)) == NC_OK && token.type != NC_JSON_END)
		count += token.type == NC_JSON_OBJECT && json->depth == 2;
	nc_json_init(json, text);
	return array && err == NC_OK && nc_json_next(json, &token) == NC_OK ? count : 0;
}

static uint32_t msgpack_begin(struct nc_unpack *array, struct nc_slice bytes)
{
	uint32_t count;
	*array = nc_unpack(bytes);
	return nc_unpack_array(array, &count) && count <= bytes.size ? count : 0;
}

bool nc_client_packed_is(const natsMsg *msg)
{
	return nc_client_header(msg, "Es-Stream").size == 0 &&
	       nc_client_header(msg, "Es-Delivery").size == 0;
}

int nc_client_packed_begin(struct nc_client_packed *packed, natsMsg *msg)
{
	struct nc_slice type = nc_client_header(msg, "Content-Type");
	struct nc_slice body = nc_slice(natsMsg_GetData(msg), (size_t)natsMsg_GetDataLength(msg));
	const char *reply = natsMsg_GetReply(msg);
	packed->msg = msg;
	packed->json = nc_slice_is(type, "application/json");
	if (packed->json) {
		packed->left = json_begin(&packed->objects, body);
	} else if (nc_slice_is(type, "application/msgpack")) {
		packed->left = msgpack_begin(&packed->maps, body);
	} else {
		packed->left = 0;
	}
	packed->pending_known = nc_client_header_number(msg, "Es-Pending", &packed->pending);
	bool fine = packed->left > 0 && reply != NULL &&
	            reply_split(reply, &packed->prefix_size, &packed->last_position,
	                        &packed->last_attempt);
	int result = fine ? nc_client_headers_copy(msg, &packed->headers) : NACRE_PROTOCOL;
	if (result != NACRE_OK)
		nc_client_packed_end(packed);
	return result;
}

/* Make the subject on which an event is answered by itself; the last one has the message's. */
static int reply_make(struct nc_client_packed *packed, const struct nc_client_event *holder)
{
	struct nc_buf *reply = &packed->reply;
	nc_buf_clear(reply);
	nc_buf_put(reply, natsMsg_GetReply(packed->msg), packed->prefix_size);
	nc_buf_put_decimal(reply, holder->event.pos);
	nc_buf_put_u8(reply, '.');
	nc_buf_put_decimal(reply, holder->attempt);
	nc_buf_put_u8(reply, '\0');
	return nc_buf_status(reply) == NC_OK ? NACRE_OK : NACRE_NOMEM;
}

int nc_client_packed_next(struct nc_client_packed *packed, struct nc_client_event *holder,
                          struct nacre_delivery *delivery_out)
{
	int result = packed->json ? nc_client_event_json(holder, &packed->objects)
	                          : nc_client_event_unpack(holder, &packed->maps);
	packed->left--;
	bool last = packed->left == 0;
	bool fine = holder->attempt > 0 && holder->attempt <= UINT32_MAX &&
	            (!last || (holder->event.pos == packed->last_position &&
	                       holder->attempt == packed->last_attempt));
	if (result == NACRE_OK)
		result = fine ? reply_make(packed, holder) : NACRE_PROTOCOL;
	if (result != NACRE_OK) {
		nc_client_packed_end(packed);
		return result;
	}
	*delivery_out = (struct nacre_delivery){
		.event = &holder->event,
		.subject = natsMsg_GetSubject(packed->msg),
		.reply = (const char *)packed->reply.data,
		.attempt = (uint32_t)holder->attempt,
		.pending_known = packed->pending_known,
		.pending = packed->pending + packed->left,
		.stored_size = holder->bare_size > 0 ? holder->bare_size : holder->event.size,
		.left = packed->left,
	};
	return NACRE_OK;
}

void nc_client_packed_end(struct nc_client_packed *packed)
{
	natsMsg_Destroy(packed->msg);
	packed->msg = NULL;
	packed->left = 0;
}

void nc_client_packed_release(struct nc_client_packed *packed)
{
	nc_client_packed_end(packed);
	nc_buf_release(&packed->headers);
	nc_buf_release(&packed->reply);
}
