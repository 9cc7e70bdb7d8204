/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Looking at streams. */
#include "core/engine/streams.h"

#include "core/engine/names.h"
#include "core/engine/query_private.h"

int nc_streams_get(struct nc_state_reader *reader, struct nc_slice name,
                   struct nc_stream *stream_out)
{
	struct nc_buf scratch = { 0 };
	struct nc_engine_head head;
	struct nc_stream stream;
	int err = nc_state_reader_begin(reader);
	if (err != NC_OK)
		return err;
	err = nc_stream_get(reader, name, &scratch, &stream);
	if (err == NC_OK)
		err = nc_engine_head_read(reader, &head);
	if (err == NC_OK) {
		err = nc_seen_first(reader, head.position, nc_seen_now(reader, &head), &stream,
		                    &stream.first);
	}
	nc_state_reader_end(reader);
	nc_buf_release(&scratch);
	if (err != NC_OK)
		return err;
	stream.events = stream.head + 1 - stream.first;
	if (stream.state != NC_STREAM_LIVE)
		stream.bytes = 0;
	*stream_out = stream;
	return NC_OK;
}

/* A page that is being filled. */
struct page {
	const struct nc_streams_spec *spec;
	nc_stream_fn *fn;
	void *ctx;
	uint64_t given, looked;
	struct nc_buf *last; /* the name that was looked at last */
	bool more;           /* it is not the last page */
	int err;
	struct nc_state_reader *reader;
	struct nc_engine_head head;
	/* of the last stream with an age: the position from which on events are young enough */
	uint64_t age_max_s, young;
};

static bool is_listed(const struct page *page, struct nc_slice name, const struct nc_stream *stream)
{
	return stream->state == NC_STREAM_LIVE &&
	       (!nc_name_is_system(name) || nc_name_is_system(page->spec->prefix));
}

/* Account for events that are too old. Most streams have the same age, so the last position found
 * is kept. */
static int page_age(struct page *page, struct nc_stream *stream)
{
	uint64_t age_max_s = stream->limits.age_max_s;
	int err = NC_OK;
	if (age_max_s != page->age_max_s) {
		err = nc_seen_young(page->reader, page->head.position,
		                    nc_seen_now(page->reader, &page->head), age_max_s,
		                    &page->young);
	}
	if (err != NC_OK)
		return err;
	page->age_max_s = age_max_s;
	err = nc_query_version_at(page->reader, stream, page->young, &stream->first);
	stream->events = stream->head + 1 - stream->first;
	return err;
}

/* Give a stream, if it is one to be given. False: the page ends before it, or an error. */
static bool page_give(struct page *page, struct nc_slice name, struct nc_stream *stream)
{
	if (!is_listed(page, name, stream))
		return true;
	if (page->given == page->spec->limit)
		return false;
	if (stream->limits.age_max_s > 0)
		page->err = page_age(page, stream);
	if (page->err != NC_OK || !page->fn(page->ctx, name, stream))
		return false;
	page->given++;
	return true;
}

static bool on_row(void *ctx, struct nc_slice name, struct nc_slice row)
{
	struct page *page = ctx;
	struct nc_stream stream;
	if (!nc_slice_starts(name, page->spec->prefix))
		return false;
	if (nc_slice_eq(name, page->spec->after))
		return true;
	page->err = nc_stream_read(row, &stream);
	if (page->err != NC_OK)
		return false;
	if (page->looked++ == NC_STREAMS_LOOK_MAX || !page_give(page, name, &stream)) {
		page->more = true;
		return false;
	}
	nc_buf_clear(page->last);
	nc_buf_put_slice(page->last, name);
	return true;
}

int nc_streams_list(struct nc_state_reader *reader, const struct nc_streams_spec *spec,
                    nc_stream_fn *fn, void *ctx, struct nc_buf *next)
{
	struct page page = { .spec = spec, .fn = fn, .ctx = ctx, .last = next, .reader = reader };
	bool begins_behind = nc_slice_cmp(spec->after, spec->prefix) > 0;
	nc_buf_clear(next);
	int err = nc_state_reader_begin(reader);
	if (err != NC_OK)
		return err;
	err = nc_engine_head_read(reader, &page.head);
	if (err == NC_OK) {
		err = nc_state_scan(reader, NC_SPACE_STREAMS,
		                    begins_behind ? spec->after : spec->prefix, NC_FORWARD, on_row,
		                    &page);
	}
	nc_state_reader_end(reader);
	if (err == NC_OK)
		err = page.err;
	if (err == NC_OK)
		err = nc_buf_status(next);
	if (!page.more)
		nc_buf_clear(next);
	return err;
}
