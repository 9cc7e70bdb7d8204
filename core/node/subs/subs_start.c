/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where a subscription starts, as far as who leads has to know before the log says so. */
#include <stdio.h>

#include "core/node/subs/subs_ask.h"
#include "transport/nats/reply.h"

bool nc_subs_start_check(const struct nc_subscription *sub, struct nc_refusal *refusal)
{
	bool one = sub->hints.count == 1 && sub->hints.full &&
	           sub->hints.hints[0].stream_kind == NC_FILTER_EXACT;
	if (sub->definition.start != NC_START_SEQ || one)
		return true;
	refusal->fault = NC_FAULT_REQUEST;
	(void)snprintf(refusal->text, sizeof refusal->text,
	               "member 'start': seq goes with a by_stream filter of one stream");
	return false;
}

enum nc_sub_start nc_subs_start_kind(enum nc_start start)
{
	static const enum nc_sub_start starts[] = { [NC_START_FIRST] = NC_SUB_START_FIRST,
		                                    [NC_START_NEW] = NC_SUB_START_NEW,
		                                    [NC_START_POS] = NC_SUB_START_POSITION,
		                                    [NC_START_SEQ] = NC_SUB_START_VERSION,
		                                    [NC_START_TIME] = NC_SUB_START_TIME };
	return starts[start];
}

struct nc_sub_create nc_subs_start_of(const struct nc_definition *definition,
                                      const struct nc_filter_hints *hints)
{
	return (struct nc_sub_create){ .start = nc_subs_start_kind(definition->start),
		                       .start_value = definition->start_value,
		                       .stream = hints->count > 0 ? hints->hints[0].stream
		                                                  : nc_slice(NULL, 0) };
}

bool nc_subs_start_find(const struct nc_subs_ask *ask, const struct nc_sub_create *start,
                        struct nc_sub_place *place_out)
{
	struct nc_subs *subs = ask->subs;
	int err = nc_state_reader_begin(subs->reader);
	if (err == NC_OK) {
		err = nc_sub_start_resolve(subs->reader, start, place_out);
		nc_state_reader_end(subs->reader);
	}
	if (err != NC_OK)
		nc_subs_ask_error(ask, NC_FAULT_UNAVAILABLE, "the start could not be found");
	return err == NC_OK;
}

bool nc_subs_start_takes(const struct nc_subs_ask *ask, const struct nc_sub_create *start)
{
	struct nc_sub_place place;
	if (ask->subs->service->engine_version >= NC_ENGINE_VERSION_FLOOR)
		return true;
	if (!nc_subs_start_find(ask, start, &place))
		return false;
	if (nc_floor_is(&place.floor))
		nc_subs_ask_error(ask, NC_FAULT_VERSION, nc_fault_text(NC_FAULT_VERSION));
	return !nc_floor_is(&place.floor);
}

bool nc_subs_start_again(const struct nc_subs_ask *ask, const struct nc_sub_place *place,
                         struct nc_slice stream, struct nc_sub_create *start_out)
{
	struct nc_sub_create ahead = { .stream = stream };
	struct nc_sub_place now = { .cursor = place->cursor };
	if (nc_floor_is(&place->floor)) {
		bool by_version = place->floor.version > 0;
		ahead.start = by_version ? NC_SUB_START_VERSION : NC_SUB_START_TIME;
		ahead.start_value = by_version ? place->floor.version : place->floor.time_ns;
		if (!nc_subs_start_takes(ask, &ahead) || !nc_subs_start_find(ask, &ahead, &now))
			return false;
	}
	uint64_t cursor = now.cursor > place->cursor ? now.cursor : place->cursor;
	*start_out = nc_floor_is(&now.floor)
	                     ? ahead
	                     : (struct nc_sub_create){ .start = NC_SUB_START_POSITION,
		                                       .start_value = cursor + 1 };
	return true;
}
