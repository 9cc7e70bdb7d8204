/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Streams that have snapshots, a page at a time. */
#include "core/engine/packed_private.h"
#include "core/engine/snap_private.h"

#define SUMMARIES_A_SCAN 256u

struct summaries {
	struct nc_slice prefix; /* of their keys */
	struct nc_buf rows;     /* sizes and keys, sizes and values */
	size_t left;
	bool more;
};

/* Collect rows. They are looked up and given after the scan, when its cursor holds no page any
 * more. */
static bool on_summary(void *ctx, struct nc_slice key, struct nc_slice value)
{
	struct summaries *summaries = ctx;
	if (!nc_slice_starts(key, summaries->prefix))
		return false;
	nc_sized_put(&summaries->rows, key);
	nc_sized_put(&summaries->rows, value);
	summaries->more = --summaries->left == 0;
	return !summaries->more;
}

/* What it takes to give the summaries of a scan to the caller. */
struct giving {
	const struct nc_snap_streams *streams;
	nc_snap_summary_fn *fn;
	void *ctx;
	struct nc_buf at, scratch; /* the key that was looked at last; a row that is being read */
	uint64_t looked;
	bool goes_on;
};

/* Give one summary, if it is visible. */
static int summary_give(struct giving *giving, struct nc_state_reader *reader, struct nc_slice name,
                        struct nc_slice row)
{
	struct nc_snap_summary summary;
	struct nc_stream stream;
	if (nc_slice_eq(name, giving->streams->after))
		return NC_OK;
	int err = nc_snap_summary_decode(row, &summary);
	if (err == NC_OK)
		err = nc_stream_get(reader, name, &giving->scratch, &stream);
	if (err == NC_NOTFOUND)
		return NC_CORRUPT; /* snapshots are of streams that there are */
	summary.stream = name;
	if (err == NC_OK && nc_snap_are_of(&summary, &stream))
		giving->goes_on = giving->fn(giving->ctx, &summary);
	return err;
}

/* Give the summaries of one scan, as many as may still be looked at. */
static int summaries_give(struct giving *giving, struct nc_state_reader *reader,
                          const struct summaries *summaries)
{
	struct nc_reader rows = nc_reader(nc_buf_slice(&summaries->rows));
	int err = nc_buf_status(&summaries->rows);
	while (err == NC_OK && giving->goes_on && nc_reader_left(&rows) > 0 &&
	       giving->looked < NC_SNAP_LOOK_MAX) {
		struct nc_slice key = nc_sized_get(&rows), value = nc_sized_get(&rows);
		giving->looked++;
		nc_buf_clear(&giving->at);
		nc_buf_put_slice(&giving->at, key);
		err = summary_give(giving, reader, nc_slice_from(key, 1), value);
	}
	giving->goes_on = giving->goes_on && (summaries->more || nc_reader_left(&rows) > 0);
	return err == NC_OK ? nc_buf_status(&giving->at) : err;
}

/* Where the first scan begins. */
static struct nc_slice first_of(const struct nc_snap_streams *streams, uint8_t *room)
{
	bool behind = nc_slice_cmp(streams->after, streams->prefix) > 0;
	return nc_snap_summary_key(behind ? streams->after : streams->prefix, room);
}

int nc_snap_summaries(struct nc_state_reader *reader, const struct nc_snap_streams *streams,
                      nc_snap_summary_fn *fn, void *ctx, struct nc_buf *next)
{
	uint8_t room[NC_SNAP_KEY_ROOM], prefix[NC_SNAP_KEY_ROOM];
	struct summaries summaries = { .prefix = nc_snap_summary_key(streams->prefix, prefix) };
	struct giving giving = { .streams = streams, .fn = fn, .ctx = ctx, .goes_on = true };
	struct nc_slice from = first_of(streams, room);
	int err = NC_OK;
	nc_buf_clear(next);
	while (err == NC_OK && giving.goes_on && giving.looked < NC_SNAP_LOOK_MAX) {
		nc_buf_clear(&summaries.rows);
		summaries.left = SUMMARIES_A_SCAN;
		summaries.more = false;
		err = nc_state_scan(reader, NC_SPACE_SNAPSHOTS, from, NC_FORWARD, on_summary,
		                    &summaries);
		if (err == NC_OK)
			err = summaries_give(&giving, reader, &summaries);
		if (err == NC_OK && giving.goes_on) {
			nc_buf_clear(next);
			nc_buf_put_slice(next, nc_slice_from(nc_buf_slice(&giving.at), 1));
			nc_buf_put_u8(&giving.at, 0); /* the next key there can be */
			from = nc_buf_slice(&giving.at);
			err = nc_buf_status(&giving.at);
		}
	}
	if (!giving.goes_on)
		nc_buf_clear(next);
	nc_buf_release(&summaries.rows);
	nc_buf_release(&giving.at);
	nc_buf_release(&giving.scratch);
	return err == NC_OK ? nc_buf_status(next) : err;
}
