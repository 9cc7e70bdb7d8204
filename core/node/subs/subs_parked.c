/* SPDX-License-Identifier: GPL-3.0-or-later */
/* R.sub.parked: a page of parked events. */
#include <stdlib.h>

#include "core/base/json.h"
#include "core/node/subs/members.h"
#include "core/node/subs/subs_ask.h"

struct listing {
	const struct nc_sub *machine;
	struct nc_parked *parked; /* [limit + 1] */
	size_t count, room;
	struct nc_buf reasons; /* one behind the other; parked[].reason has their sizes */
};

/* Whether a parked event is being replayed: then it is not listed, although it has a row. */
static bool is_on_its_way(const struct nc_sub *machine, uint64_t position)
{
	uint32_t attempts;
	switch (nc_sub_find(machine, position, &attempts)) {
	case NC_SUB_HELD:
	case NC_SUB_READY:
	case NC_SUB_FLYING:
	case NC_SUB_DELAYED:
		return true;
	default:
		return false;
	}
}

static void listing_add(struct listing *listing, const struct nc_parked *parked)
{
	if (is_on_its_way(listing->machine, parked->position))
		return;
	struct nc_parked *kept = &listing->parked[listing->count++];
	*kept = *parked;
	kept->reason.data = NULL; /* a scan's, and gone */
	nc_buf_put_slice(&listing->reasons, parked->reason);
}

static bool on_parked(void *ctx, const struct nc_parked *parked)
{
	struct listing *listing = ctx;
	listing_add(listing, parked);
	return listing->count < listing->room;
}

static int position_compare(const void *a, const void *b)
{
	const struct nc_parked *x = a, *y = b;
	return (x->position > y->position) - (x->position < y->position);
}

/* The rows of a transient subscription, from memory. */
static int memory_list(const struct nc_subscription *sub, uint64_t after, struct listing *listing)
{
	struct nc_slice list = nc_buf_slice(&sub->save.parked);
	struct nc_parked parked;
	size_t count = 0, kept = 0;
	while (nc_parked_next(&list, &parked))
		count++;
	struct nc_parked *all = calloc(count + 1, sizeof *all);
	if (all == NULL)
		return NC_NOMEM;
	list = nc_buf_slice(&sub->save.parked);
	while (kept < count && nc_parked_next(&list, &all[kept]))
		kept++;
	qsort(all, kept, sizeof *all, position_compare);
	for (size_t i = 0; i < kept && listing->count < listing->room; i++) {
		if (all[i].position > after)
			listing_add(listing, &all[i]);
	}
	free(all);
	return NC_OK;
}

static int rows_list(struct nc_subs *subs, const struct nc_subscription *sub, uint64_t after,
                     struct listing *listing)
{
	if (!sub->definition.durable)
		return memory_list(sub, after, listing);
	int err = nc_state_reader_begin(subs->reader);
	if (err != NC_OK)
		return err;
	err = nc_parked_each(subs->reader, nc_slice_str(sub->name), after + 1, on_parked, listing);
	nc_state_reader_end(subs->reader);
	return err;
}

/* ---- JSON ----------------------------------------------------------------------------------- */

struct shown {
	struct nc_subs *subs;
	const struct nc_parked *parked;
	const struct nc_subscription *sub;
	struct nc_slice reason;
};

static void on_parked_event(void *ctx, const struct nc_event *event)
{
	struct shown *shown = ctx;
	struct nc_buf *out = &shown->subs->scratch;
	char time[NC_TIME_TEXT_SIZE];
	struct nc_slice key;
	if (nc_subs_key(&shown->subs->keys, &shown->sub->definition, event, &key) != NC_OK)
		out->failed = true; /* the request is refused */
	nc_time_format(shown->parked->time_ns, time);
	nc_buf_put_u8(out, '{');
	nc_members_event_put(out, event);
	nc_buf_put_u8(out, ',');
	nc_members_key_put(out, key);
	nc_buf_printf(out, ",\"attempts\":%u,\"reason\":", shown->parked->attempts);
	nc_json_put_string(out, shown->reason);
	nc_buf_printf(out, ",\"time\":\"%s\"}", time);
}

/* How many are parked. Only rows that came after the request can be on their way to the log. */
static uint64_t total_of(const struct nc_subscription *sub, size_t listed)
{
	struct nc_sub_info info;
	nc_sub_info(sub->machine, &info);
	uint64_t total = info.parked - info.replaying;
	return total > listed ? total : listed;
}

/* As many as one message holds. */
static int page_put(struct nc_subs *subs, const struct nc_subscription *sub,
                    const struct listing *listing, size_t limit)
{
	struct nc_buf *out = &subs->scratch;
	size_t room = nc_subs_list_room(subs), i = 0;
	struct nc_slice reasons = nc_buf_slice(&listing->reasons);
	int err = NC_OK;
	nc_reader_look_now(subs->reader);
	nc_buf_clear(out);
	nc_buf_put_str(out, "{\"parked\":[");
	for (; i < listing->count && i < limit && err == NC_OK; i++) {
		const struct nc_parked *at = &listing->parked[i];
		struct shown shown = { subs, at, sub, nc_slice(reasons.data, at->reason.size) };
		reasons = nc_slice_from(reasons, at->reason.size);
		const struct nc_get_spec spec = { .kind = NC_GET_POSITION, .number = at->position };
		size_t before = out->size;
		if (out->data[before - 1] == '}')
			nc_buf_put_u8(out, ',');
		size_t comma = out->size;
		err = nc_query_get(subs->reader, &spec, on_parked_event, &shown);
		if (err == NC_NOTFOUND)
			err = NC_OK; /* it was deleted or has expired: only its row is left */
		if (out->size == comma)
			out->size = before;
		if (out->size > room) {
			out->size = before;
			break;
		}
	}
	nc_buf_printf(out, "],\"total\":%llu", (unsigned long long)total_of(sub, i));
	if (i < listing->count && i > 0) {
		nc_buf_printf(out, ",\"next\":%llu",
		              (unsigned long long)listing->parked[i - 1].position);
	}
	nc_buf_put_u8(out, '}');
	return err == NC_OK ? nc_buf_status(out) : err;
}

void nc_subs_show_parked(const struct nc_subs_ask *ask)
{
	struct nc_subs *subs = ask->subs;
	struct nc_subscription *sub = nc_subs_ask_find(ask);
	struct nc_page_ask page;
	if (sub == NULL || nc_subs_ask_later(ask, sub))
		return;
	nc_buf_clear(&subs->scratch);
	int err = nc_page_parse(ask->body, &page, &subs->scratch);
	if (err != NC_OK) {
		nc_subs_ask_refuse(ask, err);
		return;
	}
	struct listing listing = { .machine = sub->machine, .room = page.limit + 1u };
	listing.parked = calloc(listing.room, sizeof *listing.parked);
	err = listing.parked == NULL ? NC_NOMEM : rows_list(subs, sub, page.after, &listing);
	if (err == NC_OK)
		err = nc_buf_status(&listing.reasons);
	if (err == NC_OK)
		err = page_put(subs, sub, &listing, page.limit);
	if (err == NC_OK) {
		nc_subs_ask_answer_buf(ask, &subs->scratch);
	} else {
		nc_subs_ask_error(ask, NC_FAULT_UNAVAILABLE, nc_err_name(err));
	}
	nc_buf_release(&listing.reasons);
	free(listing.parked);
}
