/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From times to positions, and from positions to versions: binary searches, since none of them ever
 * decreases along the others. */
#include "core/engine/query_private.h"

struct probe {
	uint64_t position;
	uint64_t time_ns;
	bool found;
	int err;
};

static bool probe_event(void *ctx, uint64_t position, struct nc_slice row)
{
	struct probe *probe = ctx;
	struct nc_event event;
	probe->err = nc_event_row_get(position, row, &event);
	probe->position = position;
	probe->time_ns = event.time_ns;
	probe->found = probe->err == NC_OK;
	return false;
}

int nc_query_position_at(struct nc_state_reader *reader, uint64_t head, uint64_t time_ns,
                         uint64_t *position_out)
{
	uint64_t low = 1, high = head + 1; /* the answer lies in low..high */
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		struct probe probe = { 0 };
		int err = nc_state_events(reader, middle, NC_FORWARD, probe_event, &probe);
		if (err == NC_OK)
			err = probe.err;
		if (err != NC_OK)
			return err;
		if (!probe.found || probe.position > head || probe.time_ns >= time_ns) {
			high = middle;
		} else {
			low = probe.position + 1; /* rows may be missing in between */
		}
	}
	*position_out = low;
	return NC_OK;
}

static bool probe_index(void *ctx, uint64_t ordinal, uint64_t position)
{
	struct probe *probe = ctx;
	(void)ordinal;
	probe->position = position;
	probe->found = true;
	return false;
}

int nc_query_version_at(struct nc_state_reader *reader, const struct nc_stream *stream,
                        uint64_t position, uint64_t *version_out)
{
	uint64_t low = stream->first, high = stream->head + 1;
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		struct probe probe = { 0 };
		int err = nc_state_index(
		        reader,
		        (struct nc_index_walk){ NC_INDEX_STREAM, stream->id, middle, false },
		        probe_index, &probe);
		if (err != NC_OK)
			return err;
		if (!probe.found || probe.position >= position) {
			high = middle;
		} else {
			low = middle + 1;
		}
	}
	*version_out = low;
	return NC_OK;
}

int nc_query_place_of(struct nc_state_reader *reader, const struct nc_stream *stream, uint64_t head,
                      uint64_t version, uint64_t *position_out)
{
	struct probe probe = { 0 };
	int err = nc_state_index(
	        reader, (struct nc_index_walk){ NC_INDEX_STREAM, stream->id, version, false },
	        probe_index, &probe);
	if (!probe.found)
		probe.position = head + 1; /* behind its last event */
	if (err == NC_OK)
		*position_out = probe.position;
	return err;
}
