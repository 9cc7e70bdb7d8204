/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which events are seen. */
#include "core/engine/seen.h"

#include "core/engine/query_private.h"

#define BOUNDS_FORMAT   1
#define BOUNDS_KEY      "seen" /* and its NUL, then the stream's id */
#define BOUNDS_KEY_SIZE (sizeof BOUNDS_KEY + 8)
#define SECOND          UINT64_C(1000000000)

static struct nc_slice key_of(uint64_t stream_id, uint8_t room[BOUNDS_KEY_SIZE])
{
	memcpy(room, BOUNDS_KEY, sizeof BOUNDS_KEY);
	nc_set_be64(room + sizeof BOUNDS_KEY, stream_id);
	return nc_slice(room, BOUNDS_KEY_SIZE);
}

int nc_bounds_put(struct nc_state *state, uint64_t stream_id, const struct nc_bounds *bounds,
                  struct nc_buf *scratch)
{
	uint8_t room[BOUNDS_KEY_SIZE];
	nc_buf_clear(scratch);
	nc_buf_put_u8(scratch, BOUNDS_FORMAT);
	nc_buf_put_varint(scratch, bounds->first);
	nc_buf_put_varint(scratch, bounds->age_max_s);
	int err = nc_buf_status(scratch);
	if (err != NC_OK)
		return err;
	/* Set before the row can be seen. */
	atomic_store_explicit(&state->sifted, true, memory_order_release);
	return nc_state_put(state, NC_SPACE_META, key_of(stream_id, room), nc_buf_slice(scratch));
}

void nc_hidden_tell(struct nc_state *state, uint64_t ages)
{
	atomic_store_explicit(&state->ages, ages, memory_order_release);
	atomic_fetch_add_explicit(&state->hidings, 1, memory_order_release);
}

static int bounds_read(struct nc_slice value, struct nc_bounds *bounds_out)
{
	struct nc_reader row = nc_reader(value);
	if (nc_reader_u8(&row) != BOUNDS_FORMAT)
		return row.failed ? NC_CORRUPT : NC_UNSUPPORTED;
	struct nc_bounds bounds = { .first = nc_reader_varint(&row) };
	bounds.age_max_s = nc_reader_varint(&row);
	if (row.failed || bounds.age_max_s > NC_STREAM_AGE_MAX_S)
		return NC_CORRUPT;
	*bounds_out = bounds;
	return NC_OK;
}

static int bounds_get(struct nc_sight *sight, uint64_t stream_id)
{
	uint8_t room[BOUNDS_KEY_SIZE];
	nc_buf_clear(&sight->row);
	int err = nc_state_get(sight->reader, NC_SPACE_META, key_of(stream_id, room), &sight->row);
	if (err != NC_OK && err != NC_NOTFOUND)
		return err;
	struct nc_bounds bounds = { 0 };
	if (err == NC_OK)
		err = bounds_read(nc_buf_slice(&sight->row), &bounds);
	if (err != NC_OK && err != NC_NOTFOUND)
		return err;
	sight->stream_id = stream_id;
	sight->bounds = bounds;
	return NC_OK;
}

struct rows {
	uint64_t count, ages;
	int err;
};

static bool on_row(void *ctx, struct nc_slice key, struct nc_slice value)
{
	struct rows *rows = ctx;
	struct nc_bounds bounds;
	if (key.size != BOUNDS_KEY_SIZE || memcmp(key.data, BOUNDS_KEY, sizeof BOUNDS_KEY) != 0)
		return false;
	rows->err = bounds_read(value, &bounds);
	if (rows->err != NC_OK)
		return false;
	rows->count++;
	rows->ages += bounds.age_max_s > 0;
	return true;
}

int nc_seen_open(struct nc_state *state, struct nc_state_reader *reader)
{
	uint8_t room[BOUNDS_KEY_SIZE];
	struct rows rows = { 0 };
	int err = nc_state_scan(reader, NC_SPACE_META, key_of(0, room), NC_FORWARD, on_row, &rows);
	if (err == NC_OK)
		err = rows.err;
	if (err != NC_OK)
		return err;
	if (rows.count > 0)
		atomic_store_explicit(&state->sifted, true, memory_order_release);
	atomic_store_explicit(&state->ages, rows.ages, memory_order_release);
	return NC_OK;
}

/* ---- Time ----------------------------------------------------------------------------------- */

uint64_t nc_seen_now(const struct nc_state_reader *reader, const struct nc_engine_head *head)
{
	return head->time_ns > reader->now_ns ? head->time_ns : reader->now_ns;
}

/* The time up to which events are too old; 0: none are. */
static uint64_t too_old(uint64_t now_ns, uint64_t age_max_s)
{
	uint64_t age_max_ns = age_max_s * SECOND;
	return age_max_s > 0 && now_ns > age_max_ns ? now_ns - age_max_ns : 0;
}

static int sight_now(struct nc_sight *sight)
{
	struct nc_engine_head head;
	if (sight->now_ns > 0)
		return NC_OK;
	int err = nc_engine_head_read(sight->reader, &head);
	if (err == NC_OK)
		sight->now_ns = nc_seen_now(sight->reader, &head);
	return err;
}

/* ---- Events --------------------------------------------------------------------------------- */

void nc_sight_begin(struct nc_sight *sight, struct nc_state_reader *reader)
{
	sight->reader = reader;
	sight->stream_id = 0;
}

void nc_sight_release(struct nc_sight *sight)
{
	nc_buf_release(&sight->row);
}

static int bounds_of(struct nc_sight *sight, uint64_t stream_id)
{
	return stream_id == sight->stream_id ? NC_OK : bounds_get(sight, stream_id);
}

int nc_sight_version(struct nc_sight *sight, uint64_t stream_id, uint64_t version, bool *may_out)
{
	if (nc_seen_all(sight->reader)) {
		*may_out = true;
		return NC_OK;
	}
	int err = bounds_of(sight, stream_id);
	if (err == NC_OK)
		*may_out = version >= sight->bounds.first;
	return err;
}

int nc_sight_row(struct nc_sight *sight, uint64_t position, struct nc_slice row, bool *seen_out)
{
	struct nc_event_place place;
	if (nc_seen_all(sight->reader)) {
		*seen_out = true;
		return NC_OK;
	}
	int err = nc_event_row_place(position, row, &place);
	if (err == NC_OK)
		err = bounds_of(sight, place.stream_id);
	if (err == NC_OK && sight->bounds.age_max_s > 0)
		err = sight_now(sight);
	if (err == NC_OK) {
		*seen_out = place.version >= sight->bounds.first &&
		            place.time_ns > too_old(sight->now_ns, sight->bounds.age_max_s);
	}
	return err;
}

int nc_seen_young(struct nc_state_reader *reader, uint64_t head, uint64_t now_ns,
                  uint64_t age_max_s, uint64_t *position_out)
{
	uint64_t limit_ns = too_old(now_ns, age_max_s);
	if (limit_ns > 0)
		return nc_query_position_at(reader, head, limit_ns + 1, position_out);
	*position_out = 1;
	return NC_OK;
}

int nc_seen_first(struct nc_state_reader *reader, uint64_t head, uint64_t now_ns,
                  const struct nc_stream *stream, uint64_t *first_out)
{
	uint64_t first = stream->state == NC_STREAM_LIVE ? stream->first : stream->head + 1;
	uint64_t position;
	if (stream->limits.age_max_s > 0 && first <= stream->head) {
		int err = nc_seen_young(reader, head, now_ns, stream->limits.age_max_s, &position);
		if (err == NC_OK)
			err = nc_query_version_at(reader, stream, position, &first);
		if (err != NC_OK)
			return err;
	}
	*first_out = first;
	return NC_OK;
}
