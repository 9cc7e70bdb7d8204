/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading snapshots. */
#include <stdio.h>

#include "core/engine/packed_private.h"
#include "core/engine/query_private.h"
#include "core/engine/snap_private.h"

/* ---- Heads ---------------------------------------------------------------------------------- */

struct heads {
	struct nc_slice stream;
	nc_snap_head_fn *fn;
	void *ctx;
	int err;
};

static bool on_head(void *ctx, struct nc_slice key, struct nc_slice value)
{
	struct heads *heads = ctx;
	struct nc_slice stream;
	struct nc_snap_head head;
	uint64_t version;
	if (!nc_snap_head_key_get(key, &stream, &version) || !nc_slice_eq(stream, heads->stream))
		return false;
	heads->err = nc_snap_head_get(value, &head);
	head.version = version;
	return heads->err == NC_OK && heads->fn(heads->ctx, &head);
}

int nc_snap_heads_scan(struct nc_state_reader *reader, struct nc_slice stream, uint64_t from,
                       enum nc_direction direction, nc_snap_head_fn *fn, void *ctx)
{
	uint8_t room[NC_SNAP_KEY_ROOM];
	struct heads heads = { .stream = stream, .fn = fn, .ctx = ctx };
	int err = nc_state_scan(reader, NC_SPACE_SNAPSHOTS,
	                        nc_snap_key(NC_SNAP_ROW_HEAD, stream, from, room), direction,
	                        on_head, &heads);
	return err == NC_OK ? heads.err : err;
}

bool nc_snap_are_of(const struct nc_snap_summary *summary, const struct nc_stream *stream)
{
	return summary->count > 0 && stream->state == NC_STREAM_LIVE &&
	       summary->born_ns == stream->created_ns;
}

/* The visible summary of a stream's snapshots; a stream that is not live has none. */
static int summary_seen(struct nc_state_reader *reader, struct nc_slice name,
                        struct nc_buf *scratch, struct nc_snap_summary *summary_out)
{
	struct nc_stream stream;
	int err = nc_stream_get(reader, name, scratch, &stream);
	if (err != NC_OK)
		return err;
	if (stream.state == NC_STREAM_TOMBSTONED)
		return NC_CLOSED;
	struct nc_snap_summary summary;
	err = nc_snap_summary_get(reader, name, scratch, &summary);
	if (err == NC_OK && !nc_snap_are_of(&summary, &stream))
		err = NC_NOTFOUND;
	if (err == NC_OK)
		*summary_out = summary;
	return err;
}

int nc_snap_heads(struct nc_state_reader *reader, struct nc_slice stream, uint64_t from,
                  nc_snap_head_fn *fn, void *ctx)
{
	struct nc_buf scratch = { 0 };
	struct nc_snap_summary summary;
	int err = summary_seen(reader, stream, &scratch, &summary);
	nc_buf_release(&scratch);
	if (err == NC_NOTFOUND)
		return NC_OK;
	if (err != NC_OK)
		return err;
	from = from < summary.oldest ? summary.oldest : from;
	return nc_snap_heads_scan(reader, stream, from, NC_FORWARD, fn, ctx);
}

/* ---- One ------------------------------------------------------------------------------------ */

static bool on_version(void *ctx, const struct nc_snap_head *head)
{
	*(uint64_t *)ctx = head->version;
	return false;
}

/* Rows of an earlier life of the stream stand before the oldest of this one. */
static int version_find(struct nc_state_reader *reader, const struct nc_snap_spec *spec,
                        const struct nc_snap_summary *summary, uint64_t *version_out)
{
	uint64_t version = 0;
	if (spec->which == NC_SNAP_NEWEST ||
	    (spec->which == NC_SNAP_AT_MOST && spec->version >= summary->newest)) {
		version = summary->newest;
	} else if (spec->which == NC_SNAP_EXACT) {
		version = spec->version;
	} else if (spec->version >= summary->oldest) {
		int err = nc_snap_heads_scan(reader, spec->stream, spec->version, NC_BACKWARD,
		                             on_version, &version);
		if (err != NC_OK)
			return err;
	}
	if (version == 0 || version < summary->oldest)
		return NC_NOTFOUND;
	*version_out = version;
	return NC_OK;
}

static int snap_get(struct nc_state_reader *reader, struct nc_slice stream, uint64_t version,
                    struct nc_buf *scratch, struct nc_snap *snap_out)
{
	uint8_t room[NC_SNAP_KEY_ROOM];
	struct nc_snap_head head;
	nc_buf_clear(scratch);
	int err = nc_state_get(reader, NC_SPACE_SNAPSHOTS,
	                       nc_snap_key(NC_SNAP_ROW_HEAD, stream, version, room), scratch);
	if (err == NC_OK)
		err = nc_snap_head_get(nc_buf_slice(scratch), &head);
	if (err != NC_OK)
		return err;
	nc_buf_clear(scratch);
	err = nc_state_get(reader, NC_SPACE_SNAPSHOTS,
	                   nc_snap_key(NC_SNAP_ROW_DATA, stream, version, room), scratch);
	if (err == NC_NOTFOUND)
		return NC_CORRUPT; /* what has a head is there */
	struct nc_snap snap;
	if (err == NC_OK)
		err = nc_snap_record_get(nc_buf_slice(scratch), &snap);
	if (err != NC_OK)
		return err;
	if (snap.version != version || !nc_slice_eq(snap.stream, stream) ||
	    snap.data.size != head.size)
		return NC_CORRUPT;
	snap.time_ns = head.time_ns;
	*snap_out = snap;
	return NC_OK;
}

int nc_snap_find(struct nc_state_reader *reader, const struct nc_snap_spec *spec,
                 struct nc_buf *scratch, struct nc_snap *snap_out)
{
	struct nc_snap_summary summary;
	uint64_t version;
	int err = summary_seen(reader, spec->stream, scratch, &summary);
	if (err == NC_OK)
		err = version_find(reader, spec, &summary, &version);
	return err == NC_OK ? snap_get(reader, spec->stream, version, scratch, snap_out) : err;
}

/* ---- A snapshot, and what follows ----------------------------------------------------------- */

/* Whether every event after the snapshot is visible. */
static int follows_on(struct nc_state_reader *reader, const struct nc_snap *snap, bool *follows_out)
{
	struct nc_buf scratch = { 0 };
	struct nc_stream stream;
	struct nc_engine_head head;
	int err = nc_stream_get(reader, snap->stream, &scratch, &stream);
	nc_buf_release(&scratch);
	if (err == NC_OK)
		err = nc_engine_head_read(reader, &head);
	if (err == NC_OK) {
		err = nc_seen_first(reader, head.position, nc_seen_now(reader, &head), &stream,
		                    &stream.first);
	}
	if (err == NC_OK)
		*follows_out = snap->version + 1 >= stream.first;
	return err;
}

static int load(struct nc_state_reader *reader, const struct nc_query_spec *spec,
                struct nc_buf *scratch, struct nc_snap *snap_out, bool *found_out,
                struct nc_query **query_out)
{
	const struct nc_snap_spec newest = { .stream = spec->key, .which = NC_SNAP_NEWEST };
	struct nc_query_spec after = *spec;
	struct nc_snap snap = { 0 };
	bool found = false;
	int err = nc_snap_find(reader, &newest, scratch, &snap);
	if (err == NC_OK)
		err = follows_on(reader, &snap, &found);
	if (err == NC_NOTFOUND || err == NC_CLOSED) /* the query says what there is of the stream */
		err = NC_OK;
	if (found) {
		after.from_kind = NC_FROM_NUMBER;
		after.from = snap.version + 1;
	}
	if (err == NC_OK)
		err = nc_query_start_within(reader, &after, query_out);
	if (err != NC_OK)
		return err;
	*snap_out = snap;
	*found_out = found;
	return NC_OK;
}

int nc_snap_load(struct nc_state_reader *reader, const struct nc_query_spec *spec,
                 struct nc_buf *scratch, struct nc_snap *snap_out, bool *found_out,
                 struct nc_query **query_out)
{
	int err = nc_state_reader_begin(reader);
	if (err != NC_OK)
		return err;
	err = load(reader, spec, scratch, snap_out, found_out, query_out);
	nc_state_reader_end(reader);
	return err;
}

/* ---- Whether they hold ---------------------------------------------------------------------- */

struct next_head {
	struct nc_buf *key;
	size_t left;           /* heads that are still wanted */
	struct nc_slice after; /* the one that was checked last */
	struct nc_buf found;   /* keys, each behind its size */
};

/* Collect keys: snapshots are read whole, and not while a cursor holds a page. */
static bool on_next(void *ctx, struct nc_slice key, struct nc_slice value)
{
	struct next_head *next = ctx;
	struct nc_slice stream;
	uint64_t version;
	(void)value;
	if (nc_slice_eq(key, next->after))
		return true;
	if (!nc_snap_head_key_get(key, &stream, &version))
		return false;
	nc_buf_put_u32(&next->found, (uint32_t)key.size);
	nc_buf_put_slice(&next->found, key);
	return --next->left > 0;
}

static int one_check(struct nc_state_reader *reader, struct nc_slice key, struct nc_buf *scratch,
                     const char **what_out)
{
	struct nc_slice stream = nc_slice(NULL, 0);
	struct nc_snap_summary summary;
	struct nc_snap snap;
	uint64_t version = 0;
	(void)nc_snap_head_key_get(key, &stream, &version);
	*what_out = "its bytes are not what was put";
	int err = snap_get(reader, stream, version, scratch, &snap);
	if (err != NC_OK)
		return err;
	*what_out = "the table of streams that have snapshots does not know it";
	err = nc_snap_summary_get(reader, stream, scratch, &summary);
	bool known = err == NC_OK && version >= summary.oldest && version <= summary.newest;
	bool earlier = err == NC_OK && version < summary.floor;
	if (err == NC_NOTFOUND || (err == NC_OK && !known && !earlier))
		err = NC_CORRUPT;
	return err;
}

static int found_check(struct nc_state_reader *reader, struct next_head *next, char *why,
                       size_t why_size)
{
	struct nc_buf scratch = { 0 };
	int err = nc_buf_status(&next->found);
	for (size_t at = 0; err == NC_OK && at < next->found.size;) {
		struct nc_slice key =
		        nc_slice(next->found.data + at + 4, nc_get_u32(next->found.data + at));
		const char *what;
		at += 4 + key.size;
		err = one_check(reader, key, &scratch, &what);
		if (err != NC_OK) {
			(void)snprintf(why, why_size, "the snapshot of '%.*s' at version %llu: %s",
			               (int)(key.size - 10), (const char *)key.data + 1,
			               (unsigned long long)nc_get_be64(key.data + key.size - 8),
			               what);
		}
		nc_buf_clear(next->key);
		nc_buf_put_slice(next->key, key);
	}
	nc_buf_release(&scratch);
	return err == NC_OK ? nc_buf_status(next->key) : err;
}

int nc_snap_check(struct nc_state_reader *reader, struct nc_buf *key, size_t count, char *why,
                  size_t why_size)
{
	struct next_head next = { .key = key, .left = count, .after = nc_buf_slice(key) };
	const uint8_t heads = NC_SNAP_ROW_HEAD;
	struct nc_slice from = key->size == 0 ? nc_slice(&heads, 1) : next.after;
	int err = nc_state_scan(reader, NC_SPACE_SNAPSHOTS, from, NC_FORWARD, on_next, &next);
	if (err == NC_OK)
		err = next.found.size == 0 ? nc_buf_status(&next.found) : NC_OK;
	bool none = err == NC_OK && next.found.size == 0;
	if (err == NC_OK && !none)
		err = found_check(reader, &next, why, why_size);
	nc_buf_release(&next.found);
	return none ? NC_NOTFOUND : err;
}
