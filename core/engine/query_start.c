/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Starting a query: names become ids, `from` and `to` become bounds. */
#include <stdlib.h>

#include "core/base/assert.h"
#include "core/engine/query_private.h"

static uint64_t at_most(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t at_least(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* `from` as an ordinal, where it is a time. `stream` is NULL when the order is by position. */
static int from_time(struct nc_query *query, struct nc_state_reader *reader, uint64_t store_head,
                     const struct nc_stream *stream, uint64_t *from_out)
{
	/* Backward begins at the last event of that time or before: before the first later one. */
	uint64_t time_ns = query->spec.from;
	if (query->spec.backward && time_ns < UINT64_MAX)
		time_ns++;
	uint64_t from;
	int err = nc_query_position_at(reader, store_head, time_ns, &from);
	if (err == NC_OK && stream != NULL)
		err = nc_query_version_at(reader, stream, from, &from);
	if (err == NC_OK)
		*from_out = query->spec.backward ? from - 1 : from;
	return err;
}

/* The ordinal that the query begins at. `stream` is NULL when the order is by position. */
static int from_resolve(struct nc_query *query, struct nc_state_reader *reader, uint64_t store_head,
                        const struct nc_stream *stream, uint64_t *from_out)
{
	const struct nc_query_spec *spec = &query->spec;
	switch (spec->from_kind) {
	case NC_FROM_END:
		*from_out = spec->backward ? query->head : query->head + 1;
		return NC_OK;
	case NC_FROM_TIME:
		return from_time(query, reader, store_head, stream, from_out);
	case NC_FROM_POSITION:
		nc_assert(!spec->backward);
		if (stream != NULL)
			return nc_query_version_at(reader, stream, spec->from, from_out);
		*from_out = spec->from;
		return NC_OK;
	case NC_FROM_NUMBER:
		*from_out = spec->from;
		return NC_OK;
	case NC_FROM_DEFAULT:
		break;
	}
	*from_out = spec->backward ? query->head : stream == NULL ? 1 : stream->first;
	return NC_OK;
}

/* Set the bounds. In a stream, `stream->first` is the first visible version. */
static int bounds_set(struct nc_query *query, struct nc_state_reader *reader, uint64_t store_head,
                      const struct nc_stream *stream)
{
	const struct nc_query_spec *spec = &query->spec;
	uint64_t first = stream == NULL ? 1 : stream->first;
	uint64_t from;
	int err = from_resolve(query, reader, store_head, stream, &from);
	if (err != NC_OK)
		return err;
	if (spec->backward) {
		query->lowest = at_least(first, spec->to);
		query->highest = at_most(from, query->head);
	} else {
		query->lowest = at_least(first, from);
		query->highest = spec->to == 0 ? query->head : at_most(spec->to, query->head);
	}
	query->done = query->lowest > query->highest;
	query->at = spec->backward ? query->highest : query->lowest;
	return NC_OK;
}

static int stream_resolve(struct nc_query *query, struct nc_state_reader *reader,
                          uint64_t store_head, struct nc_buf *scratch)
{
	struct nc_stream stream;
	int err = nc_stream_get(reader, query->spec.key, scratch, &stream);
	if (err == NC_NOTFOUND) {
		query->done = true;
		return NC_OK;
	}
	if (err != NC_OK)
		return err;
	query->index = NC_INDEX_STREAM;
	query->id = stream.id;
	query->head = stream.head;
	if (stream.state != NC_STREAM_LIVE) {
		query->done = true;
		return NC_OK;
	}
	err = nc_seen_first(reader, store_head, query->sight.now_ns, &stream, &stream.first);
	return err == NC_OK ? bounds_set(query, reader, store_head, &stream) : err;
}

static int name_resolve(struct nc_query *query, struct nc_state_reader *reader, uint64_t store_head,
                        struct nc_buf *scratch)
{
	static const struct {
		enum nc_name_kind name;
		enum nc_index index;
	} by_kind[] = {
		[NC_QUERY_TYPE] = { NC_NAME_TYPE, NC_INDEX_TYPE },
		[NC_QUERY_CATEGORY] = { NC_NAME_CATEGORY, NC_INDEX_CATEGORY },
		[NC_QUERY_TAG] = { NC_NAME_TAG, NC_INDEX_TAG },
	};
	query->index = by_kind[query->spec.kind].index;
	int err = nc_name_id_get(reader, by_kind[query->spec.kind].name, query->spec.key, scratch,
	                         &query->id);
	if (err == NC_NOTFOUND) {
		query->done = true;
		return NC_OK;
	}
	return err == NC_OK ? bounds_set(query, reader, store_head, NULL) : err;
}

static int items_resolve(struct nc_query *query, struct nc_state_reader *reader,
                         uint64_t store_head, struct nc_buf *scratch)
{
	int err = bounds_set(query, reader, store_head, NULL);
	if (err != NC_OK)
		return err;
	query->match = malloc(sizeof *query->match);
	if (query->match == NULL)
		return NC_NOMEM;
	bool backward = query->spec.backward;
	struct nc_match_range range = { .from = query->at,
		                        .to = backward ? query->lowest : query->highest,
		                        .backward = backward };
	return nc_match_init(query->match, reader, query->spec.key, NULL, scratch, range);
}

static int resolve(struct nc_query *query, struct nc_state_reader *reader)
{
	struct nc_engine_head head;
	int err = nc_engine_head_read(reader, &head);
	if (err != NC_OK)
		return err;
	query->sight.now_ns = nc_seen_now(reader, &head);
	query->sifts = !nc_seen_all(reader);
	struct nc_buf scratch = { 0 };
	switch (query->spec.kind) {
	case NC_QUERY_STREAM:
		err = stream_resolve(query, reader, head.position, &scratch);
		break;
	case NC_QUERY_ALL:
		query->head = head.position;
		err = bounds_set(query, reader, head.position, NULL);
		break;
	case NC_QUERY_ITEMS:
		query->head = head.position;
		err = items_resolve(query, reader, head.position, &scratch);
		break;
	default:
		query->head = head.position;
		err = name_resolve(query, reader, head.position, &scratch);
	}
	nc_buf_release(&scratch);
	return err;
}

int nc_query_start_within(struct nc_state_reader *reader, const struct nc_query_spec *spec,
                          struct nc_query **query_out)
{
	nc_assert(spec->limit >= 1 && spec->limit <= NC_QUERY_LIMIT_MAX);
	struct nc_query *query = calloc(1, sizeof *query);
	if (query == NULL)
		return NC_NOMEM;
	query->spec = *spec;
	query->left = spec->limit;
	query->size_left = spec->size_max;

	int err = resolve(query, reader);
	query->spec.key = nc_slice(NULL, 0);
	if (err != NC_OK) {
		nc_query_free(query);
		return err;
	}
	*query_out = query;
	return NC_OK;
}

int nc_query_start(struct nc_state_reader *reader, const struct nc_query_spec *spec,
                   struct nc_query **query_out)
{
	int err = nc_state_reader_begin(reader);
	if (err != NC_OK)
		return err;
	err = nc_query_start_within(reader, spec, query_out);
	nc_state_reader_end(reader);
	return err;
}

void nc_query_free(struct nc_query *query)
{
	if (query == NULL)
		return;
	nc_buf_release(&query->rows);
	nc_sight_release(&query->sight);
	free(query->match);
	free(query->items);
	free(query->events);
	free(query->wanted);
	free(query);
}

struct nc_query_end nc_query_end(const struct nc_query *query)
{
	nc_assert(query->done);
	struct nc_query_end end = { .head = query->head, .next = query->next };
	/* In a stream, events that are not visible are below the bounds. */
	bool dense = query->spec.kind == NC_QUERY_STREAM ||
	             (query->spec.kind == NC_QUERY_ALL && !query->sifts);
	if (query->next == 0) {
		end.pending_known = true;
	} else if (dense && query->spec.wanted == NULL) {
		end.pending_known = true;
		end.pending = query->spec.backward ? query->next - query->lowest + 1
		                                   : query->highest - query->next + 1;
	}
	return end;
}

void nc_query_cut(struct nc_query *query)
{
	if (query->done)
		return;
	query->next = query->at;
	query->done = true;
}

uint64_t nc_query_unseen(const struct nc_query *query)
{
	return query->unseen;
}

uint64_t nc_query_looked(const struct nc_query *query)
{
	return query->looked;
}
