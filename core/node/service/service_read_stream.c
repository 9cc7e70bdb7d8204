/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Looking at streams, on a reader's thread. */
#include "core/base/json.h"
#include "core/engine/names.h"
#include "core/node/service/service_read_private.h"
#include "transport/nats/reply.h"

void nc_service_read_stream(struct read *read, struct nc_state_reader *reader)
{
	struct nc_stream stream;
	int err = nc_streams_get(reader, read->stream, &stream);
	if (err == NC_NOTFOUND) {
		nc_service_read_fail(read, NC_FAULT_NO_STREAM, nc_fault_text(NC_FAULT_NO_STREAM));
		return;
	}
	if (err != NC_OK) {
		nc_service_read_broken(read, err);
		return;
	}
	nc_buf_clear(&read->out);
	nc_reply_stream(&read->out, read->stream, &stream);
	nc_service_read_post(read, 0);
}

/* The most that the end of a page takes, with a name of which each byte needs a backslash. */
#define CLOSING_SIZE (sizeof "],\"next\":\"\"}" + 2 * NC_NAME_SIZE_MAX)

struct page {
	struct nc_buf *out;
	size_t size_max;
	bool any;
};

static bool on_stream(void *ctx, struct nc_slice name, const struct nc_stream *stream)
{
	struct page *page = ctx;
	size_t before = page->out->size;
	if (page->any)
		nc_buf_put_u8(page->out, ',');
	nc_reply_stream_brief(page->out, name, stream);
	if (page->any && page->out->size > page->size_max) {
		page->out->size = before;
		return false;
	}
	page->any = true;
	return true;
}

void nc_service_read_streams(struct read *read, struct nc_state_reader *reader)
{
	struct nc_buf next = { 0 };
	size_t payload_max = nc_bus_max_payload(read->service->bus);
	struct page page = { .out = &read->out };
	page.size_max = payload_max > CLOSING_SIZE ? payload_max - CLOSING_SIZE : 0;
	nc_buf_clear(page.out);
	nc_buf_put_str(page.out, "{\"streams\":[");
	int err = nc_streams_list(reader, &read->streams, on_stream, &page, &next);
	nc_buf_put_u8(page.out, ']');
	if (next.size > 0) {
		nc_buf_put_str(page.out, ",\"next\":");
		nc_json_put_string(page.out, nc_buf_slice(&next));
	}
	nc_buf_put_u8(page.out, '}');
	nc_buf_release(&next);
	if (err == NC_OK) {
		nc_service_read_post(read, 0);
	} else {
		nc_service_read_broken(read, err);
	}
}
