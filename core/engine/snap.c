/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Commands on snapshots. */
#include "core/engine/engine_private.h"
#include "core/engine/snap_private.h"

/* Collects the heads of snapshots to be removed, as versions and sizes (varints) in `list`. */
struct going {
	struct nc_buf *list;
	uint64_t before; /* versions below it */
	size_t left;     /* that may still be taken */
	size_t count;
	uint64_t bytes; /* of their data */
	uint64_t last;  /* the highest taken */
	bool more;      /* there are others that were to go */
};

static bool on_going(void *ctx, const struct nc_snap_head *head)
{
	struct going *going = ctx;
	if (head->version >= going->before)
		return false;
	going->more = going->left == 0;
	if (going->more)
		return false;
	going->left--;
	going->count++;
	going->bytes += head->size;
	going->last = head->version;
	nc_buf_put_varint(going->list, head->version);
	return true;
}

static int rows_del(struct nc_engine *engine, struct nc_slice stream, uint64_t version)
{
	uint8_t room[NC_SNAP_KEY_ROOM];
	int err = nc_state_del(engine->state, NC_SPACE_SNAPSHOTS,
	                       nc_snap_key(NC_SNAP_ROW_HEAD, stream, version, room));
	return err == NC_OK ? nc_state_del(engine->state, NC_SPACE_SNAPSHOTS,
	                                   nc_snap_key(NC_SNAP_ROW_DATA, stream, version, room))
	                    : err;
}

static bool on_newest(void *ctx, const struct nc_snap_head *head)
{
	*(uint64_t *)ctx = head->version;
	return false;
}

/* Bring the summary up to date when snapshots are removed: the lowest ones from `from` on. */
static int summary_less(struct nc_engine *engine, struct nc_slice stream, uint64_t from,
                        const struct going *going, struct nc_snap_summary *summary)
{
	summary->count -= going->count;
	summary->bytes -= going->bytes;
	if (from <= summary->oldest)
		summary->oldest = going->last + 1;
	if (summary->count == 0 || going->last != summary->newest)
		return NC_OK;
	return nc_snap_heads_scan(engine->reader, stream, going->last, NC_BACKWARD, on_newest,
	                          &summary->newest);
}

/* Remove snapshots, the lowest ones from `from` on: those of versions below going->before, and at
 * most going->left of them. */
static int remove_some(struct nc_engine *engine, struct nc_slice stream, uint64_t from,
                       struct going *going, struct nc_snap_summary *summary)
{
	nc_buf_clear(&engine->row);
	going->list = &engine->row;
	from = from < summary->oldest ? summary->oldest : from;
	int err = nc_snap_heads_scan(engine->reader, stream, from, NC_FORWARD, on_going, going);
	if (err == NC_OK)
		err = nc_buf_status(&engine->row);
	if (err != NC_OK || going->count == 0)
		return err;
	struct nc_reader list = nc_reader(nc_buf_slice(&engine->row));
	while (err == NC_OK && nc_reader_left(&list) > 0)
		err = rows_del(engine, stream, nc_reader_varint(&list));
	return err == NC_OK ? summary_less(engine, stream, from, going, summary) : err;
}

/* ---- Put ------------------------------------------------------------------------------------ */

/* The head of this version that is there already; zeros if there is none. */
static int head_before(struct nc_engine *engine, const struct nc_snap *snap,
                       struct nc_snap_head *head_out, bool *there_out)
{
	uint8_t room[NC_SNAP_KEY_ROOM];
	nc_buf_clear(&engine->scratch);
	int err = nc_state_get(engine->reader, NC_SPACE_SNAPSHOTS,
	                       nc_snap_key(NC_SNAP_ROW_HEAD, snap->stream, snap->version, room),
	                       &engine->scratch);
	*there_out = err == NC_OK;
	if (err == NC_NOTFOUND)
		return NC_OK;
	return err == NC_OK ? nc_snap_head_get(nc_buf_slice(&engine->scratch), head_out) : err;
}

static int rows_put(struct nc_engine *engine, uint64_t time_ns, const struct nc_snap *snap,
                    struct nc_slice record)
{
	uint8_t room[NC_SNAP_KEY_ROOM];
	const struct nc_snap_head head = { .time_ns = time_ns,
		                           .size = snap->data.size,
		                           .content_type = snap->content_type };
	nc_buf_clear(&engine->row);
	nc_snap_head_put(&engine->row, &head);
	int err = nc_buf_status(&engine->row);
	if (err == NC_OK) {
		err = nc_state_put(engine->state, NC_SPACE_SNAPSHOTS,
		                   nc_snap_key(NC_SNAP_ROW_HEAD, snap->stream, snap->version, room),
		                   nc_buf_slice(&engine->row));
	}
	if (err == NC_OK) {
		err = nc_state_put(engine->state, NC_SPACE_SNAPSHOTS,
		                   nc_snap_key(NC_SNAP_ROW_DATA, snap->stream, snap->version, room),
		                   record);
	}
	return err;
}

static void summary_more(const struct nc_snap *snap, const struct nc_snap_head *before, bool there,
                         struct nc_snap_summary *summary)
{
	bool first = summary->count == 0;
	summary->count += !there || NC_ENGINE_MUTANT(SNAP_COUNTED_TWICE);
	summary->bytes += snap->data.size - (there ? before->size : 0);
	if (first || snap->version < summary->oldest)
		summary->oldest = snap->version;
	if (first || snap->version > summary->newest)
		summary->newest = snap->version;
}

/* The summary of the stream's present life. Snapshots of an earlier life stay, invisible, below its
 * floor, as its events do. */
static int summary_of(struct nc_engine *engine, struct nc_slice name,
                      const struct nc_stream *stream, struct nc_snap_summary *summary_out)
{
	struct nc_snap_summary summary = { 0 };
	int err = nc_snap_summary_get(engine->reader, name, &engine->scratch, &summary);
	if (err != NC_OK && err != NC_NOTFOUND)
		return err;
	if (err == NC_OK && summary.born_ns != stream->created_ns) {
		summary = (struct nc_snap_summary){ .floor = summary.count > 0 ? summary.newest + 1
			                                                       : summary.floor };
	}
	summary.born_ns = stream->created_ns;
	*summary_out = summary;
	return NC_OK;
}

/* Remove the lowest until `keep` are left; if there are many more, the following puts remove the
 * rest. */
static int keep_some(struct nc_engine *engine, const struct nc_snap *snap, uint64_t keep,
                     struct nc_snap_summary *summary, struct nc_outcome *outcome)
{
	if (keep == 0 || summary->count <= keep || NC_ENGINE_MUTANT(SNAP_KEEPS_ALL))
		return NC_OK;
	uint64_t many = summary->count - keep;
	struct going going = { .before = UINT64_MAX,
		               .left = many < NC_SNAP_DROP_MAX ? (size_t)many : NC_SNAP_DROP_MAX };
	int err = remove_some(engine, snap->stream, 0, &going, summary);
	outcome->removed = going.count;
	outcome->unkept = going.last >= snap->version;
	return err;
}

static int put_apply(struct nc_engine *engine, uint64_t time_ns, const struct nc_command *command,
                     const struct nc_snap *snap, struct nc_outcome *outcome)
{
	struct nc_stream stream = { 0 };
	struct nc_snap_summary summary = { 0 };
	struct nc_snap_head before = { 0 };
	bool there;
	int err = nc_stream_get(engine->reader, snap->stream, &engine->scratch, &stream);
	if (err != NC_OK && err != NC_NOTFOUND)
		return err;
	if (stream.state == NC_STREAM_TOMBSTONED) {
		outcome->fault = NC_FAULT_TOMBSTONED;
		return NC_OK;
	}
	uint64_t head = stream.state == NC_STREAM_LIVE ? stream.head : 0;
	if (snap->version > head && !NC_ENGINE_MUTANT(SNAP_ABOVE_STREAM)) {
		outcome->fault = NC_FAULT_REQUEST;
		outcome->version = head;
		return NC_OK;
	}
	err = summary_of(engine, snap->stream, &stream, &summary);
	if (err == NC_OK && snap->version < summary.floor) {
		outcome->fault = NC_FAULT_REQUEST;
		outcome->left_from = summary.floor;
		return NC_OK;
	}
	outcome->version = snap->version;
	if (err == NC_OK)
		err = head_before(engine, snap, &before, &there);
	if (err == NC_OK)
		err = rows_put(engine, time_ns, snap, command->record);
	if (err != NC_OK)
		return err;
	summary_more(snap, &before, there, &summary);
	err = keep_some(engine, snap, command->keep, &summary, outcome);
	return err == NC_OK ? nc_snap_summary_put(engine->state, snap->stream, &engine->scratch,
	                                          &summary)
	                    : err;
}

/* ---- Delete --------------------------------------------------------------------------------- */

static int delete_apply(struct nc_engine *engine, const struct nc_snap_range *range,
                        struct nc_outcome *outcome)
{
	struct nc_stream stream = { 0 };
	struct nc_snap_summary summary = { 0 };
	int err = nc_stream_get(engine->reader, range->stream, &engine->scratch, &stream);
	if (err == NC_OK && stream.state == NC_STREAM_TOMBSTONED) {
		outcome->fault = NC_FAULT_TOMBSTONED;
		return NC_OK;
	}
	if (err == NC_OK) {
		err = nc_snap_summary_get(engine->reader, range->stream, &engine->scratch,
		                          &summary);
	}
	if (err == NC_NOTFOUND || (err == NC_OK && !nc_snap_are_of(&summary, &stream)))
		return NC_OK; /* nothing there, nothing removed */
	if (err != NC_OK)
		return err;
	/* A delete that goes on must not remove what was put meanwhile. */
	uint64_t before = range->before > summary.newest ? summary.newest + 1 : range->before;
	struct going going = { .before = before, .left = NC_SNAP_DELETE_MAX };
	err = remove_some(engine, range->stream, range->from, &going, &summary);
	if (err != NC_OK || going.count == 0)
		return err;
	outcome->removed = going.count;
	if (going.more) {
		outcome->left_from = going.last + 1;
		outcome->left_before = before;
	}
	return nc_snap_summary_put(engine->state, range->stream, &engine->scratch, &summary);
}

/* ---- Either --------------------------------------------------------------------------------- */

static int put(struct nc_engine *engine, uint64_t leader_time_ns, const struct nc_command *command,
               struct nc_outcome *outcome)
{
	struct nc_snap snap;
	uint64_t least_ns = engine->head.time_ns; /* of an event, which it cannot be before */
	int err = nc_snap_record_get(command->record, &snap);
	if (err == NC_CORRUPT) { /* every replica has the same bytes, and refuses them alike */
		outcome->fault = NC_FAULT_REQUEST;
		return NC_OK;
	}
	if (err != NC_OK)
		return err;
	outcome->stream = snap.stream;
	return put_apply(engine, leader_time_ns > least_ns ? leader_time_ns : least_ns, command,
	                 &snap, outcome);
}

int nc_engine_snap(struct nc_engine *engine, uint64_t leader_time_ns,
                   const struct nc_command *command, nc_outcome_fn *fn, void *ctx)
{
	struct nc_outcome outcome = { .stream = command->range.stream };
	int err = NC_OK;
	if (engine->head.version < NC_ENGINE_VERSION_SNAP) {
		outcome.fault = NC_FAULT_VERSION;
	} else if (command->kind == NC_COMMAND_SNAP_PUT) {
		err = put(engine, leader_time_ns, command, &outcome);
	} else {
		err = delete_apply(engine, &command->range, &outcome);
	}
	if (err == NC_OK)
		fn(ctx, &outcome);
	return err;
}
