/* SPDX-License-Identifier: GPL-3.0-or-later */
/* stream.h -- the row of a stream in NC_SPACE_STREAMS, and ids of names in NC_SPACE_NAMES. */
#ifndef NC_CORE_ENGINE_STREAM_H
#define NC_CORE_ENGINE_STREAM_H

#include "core/engine/state.h"

enum nc_stream_state {
	NC_STREAM_LIVE = 1,
	NC_STREAM_DELETED = 2,   /* until the next append, which creates it anew */
	NC_STREAM_TOMBSTONED = 3 /* for ever: nothing can be appended any more */
};

/* The limits that R.stream.meta sets. 0: there is no such limit. */
struct nc_stream_limits {
	uint64_t count_max;       /* only so many events are seen, the newest */
	uint64_t age_max_s;       /* seconds, at most NC_STREAM_AGE_MAX_S */
	uint64_t truncate_before; /* versions below it are not seen */
};

#define NC_STREAM_AGE_MAX_S UINT64_C(9000000000) /* 285 years; in nanoseconds it fits 64 bits */

struct nc_stream {
	enum nc_stream_state state;
	uint64_t id;
	uint64_t category_id;
	uint64_t head;  /* version of the last event */
	uint64_t first; /* lowest version that is seen */
	uint64_t created_ns;
	uint64_t last_ns; /* time of the last event */
	uint64_t events;  /* how many are seen, if none are too old */
	uint64_t bytes;   /* of the data of all events since it was created, hidden ones too */
	struct nc_stream_limits limits;
	bool moved; /* not in the row: what is seen of it has changed since the row was read */
};

static inline bool nc_stream_is_limited(const struct nc_stream *stream)
{
	const struct nc_stream_limits *limits = &stream->limits;
	return limits->count_max > 0 || limits->age_max_s > 0 || limits->truncate_before > 0;
}

/* Decode a row. Errors: NC_CORRUPT; NC_UNSUPPORTED, a newer format. */
int nc_stream_read(struct nc_slice row, struct nc_stream *stream_out);

/* Read and write the row of the stream `name`; `scratch` is room for the row's bytes. Errors:
 * NC_NOTFOUND, there never was such a stream; NC_CORRUPT; NC_UNSUPPORTED; those of the state. */
int nc_stream_get(struct nc_state_reader *reader, struct nc_slice name, struct nc_buf *scratch,
                  struct nc_stream *stream_out);
int nc_stream_put(struct nc_state *state, struct nc_slice name, struct nc_buf *scratch,
                  const struct nc_stream *stream);

/* What a name is the name of. The value is the first byte of its key. */
enum nc_name_kind { NC_NAME_TYPE = 't', NC_NAME_CATEGORY = 'c', NC_NAME_TAG = 'g' };

/* The id of a name. Errors: NC_NOTFOUND, no event has this name; those of the state. */
int nc_name_id_get(struct nc_state_reader *reader, enum nc_name_kind kind, struct nc_slice name,
                   struct nc_buf *scratch, uint64_t *id_out);
int nc_name_id_put(struct nc_state *state, enum nc_name_kind kind, struct nc_slice name,
                   struct nc_buf *scratch, uint64_t id);

#endif
