/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading the events at given positions, a group at a time. */
#include "core/engine/query.h"
#include "core/engine/seen.h"

enum { GROUP_EVENTS = 64, GROUP_BYTES = 256 << 10 };

/* The rows at some positions, copied, so that the snapshot is closed before anybody waits. */
struct group {
	struct nc_state_reader *reader;
	struct nc_sight *sight; /* NULL: events that are not visible, too */
	struct nc_buf rows;
	size_t ends[GROUP_EVENTS];
	size_t count;
};

/* Copy the row at one more position; nothing if there is none, or it is not seen. */
static int group_add(struct group *group, uint64_t position)
{
	size_t before = group->rows.size;
	bool seen = true;
	int err = nc_state_event_get(group->reader, position, &group->rows);
	if (err == NC_OK && group->sight != NULL) {
		err = nc_sight_row(group->sight, position,
		                   nc_slice(group->rows.data + before, group->rows.size - before),
		                   &seen);
	}
	if (!seen)
		group->rows.size = before;
	group->ends[group->count++] = group->rows.size;
	return err == NC_NOTFOUND ? NC_OK : err;
}

static int group_read(struct group *group, const uint64_t *positions, size_t count)
{
	group->count = 0;
	nc_buf_clear(&group->rows);
	int err = nc_state_reader_begin(group->reader);
	if (err != NC_OK)
		return err;
	if (group->sight != NULL)
		nc_sight_begin(group->sight, group->reader);
	for (size_t i = 0;
	     i < count && i < GROUP_EVENTS && group->rows.size < GROUP_BYTES && err == NC_OK; i++)
		err = group_add(group, positions[i]);
	nc_state_reader_end(group->reader);
	return err;
}

static int events_read(struct group *group, const uint64_t *positions, size_t count,
                       nc_event_fn *fn, void *ctx)
{
	const struct nc_buf *rows = &group->rows;
	const size_t *ends = group->ends;
	int err = NC_OK;
	for (size_t at = 0, got = 0; at < count && err == NC_OK; at += got) {
		err = group_read(group, positions + at, count - at);
		got = group->count;
		for (size_t i = 0, from = 0; i < got && err == NC_OK; from = ends[i++]) {
			struct nc_event event;
			if (ends[i] == from)
				continue;
			err = nc_event_row_get(positions[at + i],
			                       nc_slice(rows->data + from, ends[i] - from), &event);
			if (err == NC_OK)
				fn(ctx, &event);
		}
	}
	nc_buf_release(&group->rows);
	return err;
}

int nc_query_events(struct nc_state_reader *reader, const uint64_t *positions, size_t count,
                    nc_event_fn *fn, void *ctx)
{
	struct nc_sight sight = { 0 };
	struct group group = { .reader = reader, .sight = &sight };
	int err = events_read(&group, positions, count, fn, ctx);
	nc_sight_release(&sight);
	return err;
}

int nc_query_events_all(struct nc_state_reader *reader, const uint64_t *positions, size_t count,
                        nc_event_fn *fn, void *ctx)
{
	struct group group = { .reader = reader };
	return events_read(&group, positions, count, fn, ctx);
}
