/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads of snapshots, on a reader's thread. */
#include "core/base/json.h"
#include "core/engine/names.h"
#include "core/node/service/service_read_private.h"
#include "transport/nats/reply.h"
#include "transport/nats/snap_message.h"

/* The most that the end of a list takes, with a name of which each byte needs a backslash. */
#define TAIL_ROOM (sizeof "],\"next\":\"\"}" + (size_t)2 * NC_NAME_SIZE_MAX)

static void send_snap(struct read *read, const struct nc_snap *snap, struct nc_slice extra)
{
	size_t header_size;
	nc_buf_clear(&read->out);
	nc_snap_message_put(&read->out, snap, extra, &header_size);
	nc_service_read_post(read, header_size);
}

static void fail(struct read *read, int err)
{
	struct nc_fault fault = err == NC_CLOSED ? NC_FAULT_TOMBSTONED : NC_FAULT_NO_SNAPSHOT;
	if (err == NC_CLOSED || err == NC_NOTFOUND) {
		nc_service_read_fail(read, fault, nc_fault_text(fault));
	} else {
		nc_service_read_broken(read, err);
	}
}

void nc_service_snap_get_step(struct read *read, struct nc_state_reader *reader)
{
	char room[NC_DIRECT_SIZE];
	struct nc_buf scratch = { 0 };
	struct nc_snap snap;
	int err = nc_state_reader_begin(reader);
	if (err == NC_OK) {
		err = nc_snap_find(reader, &read->snap_spec, &scratch, &snap);
		nc_state_reader_end(reader);
	}
	if (err == NC_OK) {
		send_snap(read, &snap, nc_service_direct(read->service, read->endpoint, room));
	} else {
		fail(read, err);
	}
	nc_buf_release(&scratch);
}

int nc_service_load_begin(struct read *read, struct nc_state_reader *reader)
{
	struct nc_buf scratch = { 0 };
	struct nc_snap snap;
	bool found = false;
	int err = nc_snap_load(reader, &read->query_spec, &scratch, &snap, &found, &read->query);
	if (err == NC_OK && found)
		send_snap(read, &snap, nc_slice(NULL, 0));
	nc_buf_release(&scratch);
	return err;
}

/* ---- Lists ---------------------------------------------------------------------------------- */

struct listing {
	struct read *read;
	size_t size_max; /* bytes of the answer */
	uint64_t left;
	bool more;
	struct nc_buf last; /* the name that was put, or looked at, last */
	uint64_t last_version;
};

/* Whether there is room for what was put after `before`; if not, it is taken back, and the list
 * ends. */
static bool takes(struct listing *listing, size_t before)
{
	struct nc_buf *out = &listing->read->out;
	bool first = out->data != NULL && before > 0 && out->data[before - 1] == '[';
	listing->more = listing->left == 0 || (out->size + TAIL_ROOM > listing->size_max && !first);
	if (listing->more && nc_buf_status(out) == NC_OK) {
		out->size = before;
		return false;
	}
	listing->left--;
	return nc_buf_status(out) == NC_OK;
}

static void comma(struct nc_buf *out)
{
	if (out->size > 0 && out->data[out->size - 1] != '[')
		nc_buf_put_u8(out, ',');
}

static bool on_head(void *ctx, const struct nc_snap_head *head)
{
	struct listing *listing = ctx;
	size_t before = listing->read->out.size;
	comma(&listing->read->out);
	nc_snap_head_json(&listing->read->out, head);
	if (!takes(listing, before))
		return false;
	listing->last_version = head->version;
	return true;
}

static bool on_summary(void *ctx, const struct nc_snap_summary *summary)
{
	struct listing *listing = ctx;
	size_t before = listing->read->out.size;
	comma(&listing->read->out);
	nc_snap_summary_json(&listing->read->out, summary);
	if (!takes(listing, before))
		return false;
	nc_buf_clear(&listing->last);
	nc_buf_put_slice(&listing->last, summary->stream);
	return true;
}

/* Streams, a page of them. */
static int streams_put(struct listing *listing, struct nc_state_reader *reader)
{
	const struct nc_snap_list *list = &listing->read->snap_list;
	const struct nc_snap_streams streams = { .prefix = list->prefix,
		                                 .after = list->after_name };
	struct nc_buf next = { 0 };
	nc_buf_put_str(&listing->read->out, "{\"streams\":[");
	int err = nc_snap_summaries(reader, &streams, on_summary, listing, &next);
	if (err == NC_OK && next.size > 0) {
		listing->more = true;
		nc_buf_clear(&listing->last);
		nc_buf_put_slice(&listing->last, nc_buf_slice(&next));
	}
	nc_buf_release(&next);
	return err;
}

/* Within a snapshot. */
static int list_put(struct listing *listing, struct nc_state_reader *reader)
{
	const struct nc_snap_list *list = &listing->read->snap_list;
	struct nc_buf *out = &listing->read->out;
	nc_buf_clear(out);
	if (list->stream.size == 0)
		return streams_put(listing, reader);
	nc_buf_put_str(out, "{\"stream\":");
	nc_json_put_string(out, list->stream);
	nc_buf_put_str(out, ",\"snapshots\":[");
	if (list->after == UINT64_MAX)
		return NC_OK;
	return nc_snap_heads(reader, list->stream, list->after + 1, on_head, listing);
}

static void list_end(struct listing *listing)
{
	struct nc_buf *out = &listing->read->out;
	nc_buf_put_u8(out, ']');
	if (listing->more) {
		nc_buf_put_str(out, ",\"next\":");
		if (listing->read->snap_list.stream.size == 0) {
			nc_json_put_string(out, nc_buf_slice(&listing->last));
		} else {
			nc_buf_put_decimal(out, listing->last_version);
		}
	}
	nc_buf_put_u8(out, '}');
}

void nc_service_snap_list_step(struct read *read, struct nc_state_reader *reader)
{
	struct listing listing = { .read = read,
		                   .size_max = nc_bus_max_payload(read->service->bus),
		                   .left = read->snap_list.limit };
	int err = nc_state_reader_begin(reader);
	if (err == NC_OK) {
		err = list_put(&listing, reader);
		nc_state_reader_end(reader);
	}
	if (err == NC_OK)
		err = nc_buf_status(&listing.last);
	if (err == NC_OK) {
		list_end(&listing);
		nc_service_read_post(read, 0);
	} else {
		fail(read, err);
	}
	nc_buf_release(&listing.last);
}
