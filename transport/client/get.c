/* SPDX-License-Identifier: Apache-2.0 */
/* R.get: one event. */
#include <stdlib.h>
#include <string.h>

#include "core/base/unconst.h"
#include "transport/client/client_private.h"

static int body_put(struct nc_buf *body, const struct nacre_get *get, struct nacre_error *error)
{
	bool by_pos = get->pos > 0, by_seq = get->seq > 0, by_id = get->id != NULL;
	bool stream_fits = get->stream == NULL ? !by_seq : !by_pos && (by_seq || by_id);
	if (by_pos + by_seq + by_id != 1 || !stream_fits) {
		return nc_client_fail(error, NACRE_INVALID,
		                      "get: pos; or stream and seq; or stream and id; or id alone");
	}
	nc_buf_put_u8(body, '{');
	if (get->stream != NULL) {
		nc_buf_put_str(body, "\"stream\":");
		nc_json_put_string(body, nc_slice_str(get->stream));
		nc_buf_put_u8(body, ',');
	}
	if (by_id) {
		nc_buf_put_str(body, "\"id\":");
		nc_json_put_string(body, nc_slice_str(get->id));
		nc_buf_put_u8(body, '}');
	} else {
		nc_buf_printf(body, "\"%s\":%llu}", by_pos ? "pos" : "seq",
		              (unsigned long long)(by_pos ? get->pos : get->seq));
	}
	return nc_buf_status(body) == NC_OK ? NACRE_OK : nc_client_fail_nomem(error);
}

static int event_new(natsMsg *msg, const struct nacre_event **event_out, struct nacre_error *error)
{
	struct nc_client_event *holder = calloc(1, sizeof *holder);
	if (holder == NULL) {
		natsMsg_Destroy(msg);
		return nc_client_fail_nomem(error);
	}
	int result = nc_client_event_take(holder, msg);
	if (result != NACRE_OK) {
		nacre_event_free(&holder->event);
		return nc_client_fail(error, result, "get: answer not understood");
	}
	*event_out = &holder->event;
	return NACRE_OK;
}

int nacre_get_sized(struct nacre_client *client, const struct nacre_get *given, size_t size,
                    const struct nacre_event **event_out, struct nacre_error *error)
{
	struct nacre_error unseen;
	struct nacre_get get;
	struct nc_buf body = { 0 };
	natsMsg *msg = NULL, *reply = NULL;
	error = error == NULL ? &unseen : error;
	if (!nc_client_take(&get, sizeof get, given, size))
		return nc_client_fail(error, NACRE_INVALID, "get: this library is too old");
	if (get.min_position > 0 && !get.direct)
		return nc_client_fail(error, NACRE_INVALID, "min_position: goes with direct");
	int result = body_put(&body, &get, error);
	if (result == NACRE_OK) {
		natsStatus status = nc_client_msg_new(client, get.direct ? "direct.get" : "get",
		                                      NULL, body.data, body.size, &msg);
		if (status == NATS_OK)
			status = nc_client_min_position(msg, get.min_position);
		if (status != NATS_OK)
			result = nc_client_fail_nats(error, status, "get");
	}
	nc_buf_release(&body);
	if (result == NACRE_OK)
		result = nc_client_ask(client, msg, &reply, error);
	natsMsg_Destroy(msg);
	if (result == NACRE_OK)
		return event_new(reply, event_out, error);
	natsMsg_Destroy(reply);
	return result;
}

/* The event is the first member of what was allocated for it. */
void nacre_event_free(const struct nacre_event *event)
{
	if (event == NULL)
		return;
	struct nc_client_event *holder = nc_unconst(event);
	nc_client_event_release(holder);
	free(holder);
}
