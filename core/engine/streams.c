/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Looking at streams. */
#include "core/engine/streams.h"

#include "core/engine/names.h"

int nc_streams_get(struct nc_state_reader *reader, struct nc_slice name,
                   struct nc_stream *stream_out)
{
	struct nc_buf scratch = { 0 };
	struct nc_stream stream;
	int err = nc_state_reader_begin(reader);
	if (err != NC_OK)
		return err;
	err = nc_stream_get(reader, name, &scratch, &stream);
	nc_state_reader_end(reader);
	nc_buf_release(&scratch);
	if (err != NC_OK)
		return err;
	if (stream.state != NC_STREAM_LIVE) {
		stream.first = stream.head + 1;
		stream.events = 0;
		stream.bytes = 0;
	}
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
};

static bool is_listed(const struct page *page, struct nc_slice name, const struct nc_stream *stream)
{
	return stream->state == NC_STREAM_LIVE &&
	       (!nc_name_is_system(name) || nc_name_is_system(page->spec->prefix));
}

/* Give a stream, if it is one to be given. False: the page ends before it. */
static bool page_give(struct page *page, struct nc_slice name, const struct nc_stream *stream)
{
	if (!is_listed(page, name, stream))
		return true;
	if (page->given == page->spec->limit || !page->fn(page->ctx, name, stream))
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
	struct page page = { .spec = spec, .fn = fn, .ctx = ctx, .last = next };
	bool begins_behind = nc_slice_cmp(spec->after, spec->prefix) > 0;
	nc_buf_clear(next);
	int err = nc_state_reader_begin(reader);
	if (err != NC_OK)
		return err;
	err = nc_state_scan(reader, NC_SPACE_STREAMS, begins_behind ? spec->after : spec->prefix,
	                    false, on_row, &page);
	nc_state_reader_end(reader);
	if (err == NC_OK)
		err = page.err;
	if (err == NC_OK)
		err = nc_buf_status(next);
	if (!page.more)
		nc_buf_clear(next);
	return err;
}
