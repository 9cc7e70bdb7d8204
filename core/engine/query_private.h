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
	uint64_t
	        ordinal; /* by which the query counts: the version in a stream, else the position */
	uint64_t position;
	size_t offset;
	size_t size; /* bytes; 0: the event has no row any more, and is passed over */
};

struct nc_query {
	struct nc_query_spec spec; /* its key is not kept */
	struct nc_match *match;    /* of NC_QUERY_ITEMS; else NULL */
	enum nc_index index;       /* of a kind that goes by one index */
	uint64_t id;               /* in that index */
	uint64_t lowest, highest;  /* ordinals, inclusive; if lowest > highest, there is nothing */
	uint64_t at;               /* the next ordinal to look at */
	uint64_t head;
	uint64_t next;                  /* where to go on; 0: it came to the end */
	uint64_t given, looked, unseen; /* how many events, so far */
	uint64_t left;                  /* how many events may still be given */
	uint64_t size_left;             /* how many bytes may still be given */
	bool done;
	bool sifts; /* some events may be hidden */
	struct nc_sight sight;
	struct nc_buf rows; /* of the batch */
	struct nc_query_item *items;
	size_t item_count, item_room;
	struct nc_event *events; /* [event_room], when the events of a batch are judged together */
	uint64_t *wanted;        /* one bit for each of them */
	size_t event_room;
};

/* All of these are called within a snapshot. Errors: those of the state. */

/* What nc_query_start() does once it has opened a snapshot. */
int nc_query_start_within(struct nc_state_reader *reader, const struct nc_query_spec *spec,
                          struct nc_query **query_out);

/* The first position whose event is not of a time before `time_ns`; head + 1 if there is none. */
int nc_query_position_at(struct nc_state_reader *reader, uint64_t head, uint64_t time_ns,
                         uint64_t *position_out);

/* The first version of a stream whose event does not stand before `position`; one above the
 * stream's head if there is none. */
int nc_query_version_at(struct nc_state_reader *reader, const struct nc_stream *stream,
                        uint64_t position, uint64_t *version_out);

/* The position of a stream's first event that is not of a version before `version`; beyond `head`,
 * the store's, if there is none. */
int nc_query_place_of(struct nc_state_reader *reader, const struct nc_stream *stream, uint64_t head,
                      uint64_t version, uint64_t *position_out);

#endif
