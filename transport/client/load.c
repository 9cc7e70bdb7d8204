/* SPDX-License-Identifier: Apache-2.0 */
/* R.load: a stream's newest snapshot, and a reader of the events behind it. */
#include "transport/client/read_private.h"

/* Take the first message of the answer, which tells whether there is a snapshot. If it is none, it
 * belongs to the reader. */
static int first_take(struct nacre_reader *reader, int64_t deadline_ms,
                      const struct nacre_snapshot **snapshot_out, struct nacre_error *error)
{
	natsMsg *msg = NULL;
	int result = nc_client_read_message(reader, deadline_ms, &msg, error);
	if (result != NACRE_OK)
		return result;
	if (nc_client_status(msg) != 0 || nc_client_header(msg, "Es-Snapshot-Seq").size == 0) {
		reader->first = msg;
		return NACRE_OK;
	}
	result = nc_client_snapshot_new(msg, snapshot_out);
	if (result != NACRE_OK)
		return nc_client_fail(error, result, "load: answer not understood");
	reader->next = (*snapshot_out)->seq + 1;
	return NACRE_OK;
}

/* Let the reader go on behind the snapshot, even if the answer breaks off. */
static int load(struct nacre_reader *reader, const struct nacre_snapshot **snapshot_out,
                struct nacre_error *error)
{
	int64_t deadline_ms = nc_client_now_ms() + reader->client->timeout_ms;
	for (unsigned attempt = 0;; attempt++) {
		int result = first_take(reader, deadline_ms, snapshot_out, error);
		if (result == NACRE_OK) {
			nc_buf_release(&reader->load);
			return NACRE_OK;
		}
		nc_client_pages_drop(reader);
		bool again = result == NACRE_UNAVAILABLE || error->code == 429;
		if (!again || !nc_client_pause(attempt, deadline_ms))
			return result;
	}
}

int nacre_load_sized(struct nacre_client *client, const struct nacre_load *given, size_t size,
                     const struct nacre_snapshot **snapshot_out, struct nacre_reader **reader_out,
                     struct nacre_error *error)
{
	struct nacre_error unseen;
	struct nacre_load ask;
	struct nacre_reader *reader;
	const struct nacre_snapshot *snapshot = NULL;
	error = error == NULL ? &unseen : error;
	if (!nc_client_take(&ask, sizeof ask, given, size))
		return nc_client_fail(error, NACRE_INVALID, "load: this library is too old");
	const struct nacre_read read = { .source = NACRE_STREAM,
		                         .name = ask.stream,
		                         .limit = ask.limit,
		                         .direct = ask.direct,
		                         .min_position = ask.min_position };
	int result = nacre_read_open(client, &read, &reader, error);
	if (result != NACRE_OK)
		return result;
	nc_buf_printf(&reader->load, "%s.%s.", client->root, ask.direct ? "direct.load" : "load");
	nc_client_put_stream(&reader->load, ask.stream);
	nc_buf_put_u8(&reader->load, '\0');
	result = nc_buf_status(&reader->load) == NC_OK ? load(reader, &snapshot, error)
	                                               : nc_client_fail_nomem(error);
	if (result != NACRE_OK) {
		nacre_read_close(reader);
		return result;
	}
	*snapshot_out = snapshot;
	*reader_out = reader;
	return NACRE_OK;
}
