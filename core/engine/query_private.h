/* SPDX-License-Identifier: GPL-3.0-or-later */
/* query_private.h -- what the files of queries share. */
#ifndef NC_CORE_ENGINE_QUERY_PRIVATE_H
#define NC_CORE_ENGINE_QUERY_PRIVATE_H

#include "core/engine/match_private.h"
#include "core/engine/query.h"
#include "core/engine/seen.h"
#include "core/engine/stream.h"

/* One event found: where its row lies in the batch's buffer. */
struct nc_query_item {
	uint64_t ordinal; /* version or position, the order's own */
	uint64_t position;
	size_t offset;
	size_t size; /* bytes; 0: no row (any more), pass on */
};

struct nc_query {
	struct nc_query_spec spec; /* its key is not kept */
	struct nc_match *match;    /* of NC_QUERY_ITEMS */
	enum nc_index index;       /* of the kinds that are one index */
	uint64_t id;               /* in that index */
	uint64_t lowest, highest;  /* inclusive bounds; lowest > highest: nothing */
	uint64_t at;               /* the next ordinal to look at */
	uint64_t head;
	uint64_t next; /* 0: came to the end */
	uint64_t given, looked, unseen;
	uint64_t left;      /* events that may still be given */
	uint64_t size_left; /* bytes, likewise */
	bool done;
	bool sifts; /* some events may not be seen */
	struct nc_sight sight;
	struct nc_buf rows; /* of the batch */
	struct nc_query_item *items;
	size_t item_count, item_room;
	struct nc_event *events; /* [event_room], of a batch whose events are judged together */
	uint64_t *wanted;        /* a bit for each */
	size_t event_room;
};

/* nc_query_start(), within a snapshot that is open. */
int nc_query_start_within(struct nc_state_reader *reader, const struct nc_query_spec *spec,
                          struct nc_query **query_out);

/* The first position whose event is of time >= `time_ns`; head + 1 if none. Within a snapshot. */
int nc_query_position_at(struct nc_state_reader *reader, uint64_t head, uint64_t time_ns,
                         uint64_t *position_out);

/* The first version of a stream whose event stands at a position >= `position`; head + 1 if none.
 * Within a snapshot. */
int nc_query_version_at(struct nc_state_reader *reader, const struct nc_stream *stream,
                        uint64_t position, uint64_t *version_out);

/* The position of a stream's first event of a version >= `version`; beyond the store's head if
 * none. Within a snapshot. */
int nc_query_place_of(struct nc_state_reader *reader, const struct nc_stream *stream, uint64_t head,
                      uint64_t version, uint64_t *position_out);

#endif
