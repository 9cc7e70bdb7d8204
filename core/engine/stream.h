/* SPDX-License-Identifier: GPL-3.0-or-later */
/* stream.h -- the row of a stream in NC_SPACE_STREAMS, and ids of names in NC_SPACE_NAMES. */
#ifndef NC_CORE_ENGINE_STREAM_H
#define NC_CORE_ENGINE_STREAM_H

#include "core/engine/state.h"

enum nc_stream_state {
	NC_STREAM_LIVE = 1,
	NC_STREAM_DELETED = 2,   /* soft: unseen until the next append */
	NC_STREAM_TOMBSTONED = 3 /* never again */
};

struct nc_stream {
	enum nc_stream_state state;
	uint64_t id;
	uint64_t category_id;
	uint64_t head;  /* version of the last event */
	uint64_t first; /* lowest version that is seen */
	uint64_t created_ns;
	uint64_t last_ns; /* time of the last event */
	uint64_t events;  /* seen */
	uint64_t bytes;   /* of their data */
};

/* Read a row. Errors: NC_CORRUPT; NC_UNSUPPORTED, a newer form. */
int nc_stream_read(struct nc_slice row, struct nc_stream *stream_out);

/* Errors: NC_NOTFOUND; NC_CORRUPT; NC_UNSUPPORTED; as the state. */
int nc_stream_get(struct nc_state_reader *reader, struct nc_slice name, struct nc_buf *scratch,
                  struct nc_stream *stream_out);
int nc_stream_put(struct nc_state *state, struct nc_slice name, struct nc_buf *scratch,
                  const struct nc_stream *stream);

/* What a name is the name of: the first byte of its key. */
enum nc_name_kind { NC_NAME_TYPE = 't', NC_NAME_CATEGORY = 'c', NC_NAME_TAG = 'g' };

/* The id of a name. Errors: NC_NOTFOUND: no event bears it; as the state. */
int nc_name_id_get(struct nc_state_reader *reader, enum nc_name_kind kind, struct nc_slice name,
                   struct nc_buf *scratch, uint64_t *id_out);
int nc_name_id_put(struct nc_state *state, enum nc_name_kind kind, struct nc_slice name,
                   struct nc_buf *scratch, uint64_t id);

#endif
