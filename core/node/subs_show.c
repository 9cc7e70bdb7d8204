/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What people ask about subscriptions: R.sub.info, list, parked. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/base/json.h"
#include "core/node/subs_ask.h"

static const char *state_name(const struct nc_subscription *sub, const struct nc_sub_info *info)
{
	if (sub->fault[0] != '\0' || info->halted)
		return "halted";
	if (info->paused)
		return "paused";
	if (!info->at_head)
		return "catching_up";
	return sub->definition.push && !info->interest ? "waiting" : "live";
}

static void on_lag_event(void *ctx, const struct nc_event *event)
{
	*(uint64_t *)ctx = event->time_ns;
}

/* How old the oldest event is that is not done; 0 if none is known. */
static uint64_t lag_ms(struct nc_subs *subs, const struct nc_sub_info *info)
{
	uint64_t time_ns = 0;
	if (info->in_flight == 0 && info->pending == 0 && info->at_head)
		return 0;
	const struct nc_get_spec spec = { .kind = NC_GET_POSITION, .number = info->ack_floor + 1 };
	if (nc_query_get(subs->reader, &spec, on_lag_event, &time_ns) != NC_OK)
		return 0;
	struct timespec now;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	uint64_t now_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	return now_ns > time_ns ? (now_ns - time_ns) / 1000000 : 0;
}

static void put_sub(struct nc_subs *subs, const struct nc_subscription *sub, struct nc_buf *out)
{
	struct nc_sub_info info;
	nc_sub_info(sub->machine, &info);
	nc_buf_printf(out, "{\"name\":\"%s\",", sub->name);
	nc_definition_put_json(out, &sub->definition);
	nc_buf_printf(out,
	              ",\"pending\":%llu,\"in_flight\":%llu,\"redelivered\":%llu,\"parked\":%llu,"
	              "\"ack_floor\":%llu,\"last_delivered\":%llu,\"lag_ms\":%llu,\"node\":\"%s\","
	              "\"epoch\":%llu,\"state\":\"%s\"",
	              (unsigned long long)info.pending, (unsigned long long)info.in_flight,
	              (unsigned long long)info.redelivered, (unsigned long long)info.parked,
	              (unsigned long long)info.ack_floor, (unsigned long long)info.last_delivered,
	              (unsigned long long)lag_ms(subs, &info),
	              subs->service->options.config->node_id, (unsigned long long)info.epoch,
	              state_name(sub, &info));
	if (sub->filter != NULL)
		nc_subs_put_plugin(out, sub);
	if (sub->fault[0] != '\0') {
		nc_buf_put_str(out, ",\"reason\":");
		nc_json_put_string(out, nc_slice_str(sub->fault));
	}
	nc_buf_put_u8(out, '}');
}

void nc_subs_show_info(const struct nc_subs_ask *ask)
{
	struct nc_subscription *sub = nc_subs_find(ask->subs, ask->name);
	if (sub == NULL) {
		nc_subs_ask_error(ask, NC_FAULT_NO_SUB, "no such subscription");
		return;
	}
	nc_buf_clear(&ask->subs->scratch);
	put_sub(ask->subs, sub, &ask->subs->scratch);
	nc_subs_ask_answer(ask, nc_buf_slice(&ask->subs->scratch));
}

void nc_subs_show_list(const struct nc_subs_ask *ask)
{
	struct nc_subs *subs = ask->subs;
	struct nc_buf *out = &subs->scratch;
	size_t room = nc_bus_max_payload(subs->service->bus) - 256;
	bool first = true, whole = true;
	nc_buf_clear(out);
	nc_buf_put_str(out, "{\"subscriptions\":[");
	for (uint32_t id = 0; id < subs->room; id++) {
		if (subs->slots[id] == NULL)
			continue;
		size_t before = out->size;
		if (!first)
			nc_buf_put_u8(out, ',');
		put_sub(subs, subs->slots[id], out);
		if (out->size > room) { /* the names alone: thousands fit */
			out->size = before;
			nc_buf_printf(out, "%s{\"name\":\"%s\"}", first ? "" : ",",
			              subs->slots[id]->name);
			whole = out->size <= room;
		}
		first = false;
		if (!whole) {
			out->size = before;
			break;
		}
	}
	nc_buf_printf(out, "],\"total\":%u}", subs->count);
	nc_subs_ask_answer(ask, nc_buf_slice(out));
}

/* ---- Parked --------------------------------------------------------------------------------- */

enum { PARKED_LIST_MAX = 1000 };

struct listing {
	struct nc_subs *subs;
	struct nc_parked parked[PARKED_LIST_MAX];
	struct nc_buf reasons;
	size_t count, total;
};

static bool on_parked(void *ctx, const struct nc_parked *parked)
{
	struct listing *listing = ctx;
	listing->total++;
	if (listing->count == PARKED_LIST_MAX)
		return true;
	struct nc_parked *kept = &listing->parked[listing->count++];
	*kept = *parked;
	kept->reason.data =
	        (const uint8_t *)(uintptr_t)listing->reasons.size; /* an offset, as yet */
	nc_buf_put_slice(&listing->reasons, parked->reason);
	return true;
}

struct shown {
	struct nc_buf *out;
	const struct nc_parked *parked;
	const struct nc_subscription *sub;
	struct nc_slice reason;
};

static void on_parked_event(void *ctx, const struct nc_event *event)
{
	struct shown *shown = ctx;
	char time[NC_TIME_TEXT_SIZE];
	struct nc_slice key = nc_subs_key(shown->sub, event);
	nc_time_format(shown->parked->time_ns, time);
	nc_buf_printf(shown->out,
	              "{\"pos\":%llu,\"seq\":%llu,\"stream\":", (unsigned long long)event->position,
	              (unsigned long long)event->version);
	nc_json_put_string(shown->out, event->stream);
	nc_buf_put_str(shown->out, ",\"type\":");
	nc_json_put_string(shown->out, event->type);
	nc_buf_put_str(shown->out, ",\"key\":");
	if (key.size == 0)
		nc_buf_put_str(shown->out, "null");
	else
		nc_json_put_string(shown->out, key);
	nc_buf_printf(shown->out, ",\"attempts\":%u,\"reason\":", shown->parked->attempts);
	nc_json_put_string(shown->out, shown->reason);
	nc_buf_printf(shown->out, ",\"time\":\"%s\"}", time);
}

void nc_subs_show_parked(const struct nc_subs_ask *ask)
{
	struct nc_subs *subs = ask->subs;
	struct nc_subscription *sub = nc_subs_find(subs, ask->name);
	if (sub == NULL) {
		nc_subs_ask_error(ask, NC_FAULT_NO_SUB, "no such subscription");
		return;
	}
	struct listing *listing = calloc(1, sizeof *listing);
	if (listing == NULL) {
		nc_subs_ask_error(ask, NC_FAULT_BUSY, "out of memory");
		return;
	}
	int err = nc_state_reader_begin(subs->reader);
	if (err == NC_OK) {
		err = nc_parked_each(subs->reader, ask->name, 0, on_parked, listing);
		nc_state_reader_end(subs->reader);
	}
	struct nc_buf *out = &subs->scratch;
	nc_buf_clear(out);
	nc_buf_put_str(out, "{\"parked\":[");
	for (size_t i = 0; i < listing->count && err == NC_OK; i++) {
		const struct nc_parked *at = &listing->parked[i];
		struct shown shown = { out,
			               at,
			               sub,
			               { listing->reasons.data + (uintptr_t)at->reason.data,
			                 at->reason.size } };
		const struct nc_get_spec spec = { .kind = NC_GET_POSITION, .number = at->position };
		if (i > 0)
			nc_buf_put_u8(out, ',');
		err = nc_query_get(subs->reader, &spec, on_parked_event, &shown);
	}
	nc_buf_printf(out, "],\"total\":%zu}", listing->total);
	if (err == NC_OK)
		nc_subs_ask_answer(ask, nc_buf_slice(out));
	else
		nc_subs_ask_error(ask, NC_FAULT_UNAVAILABLE, nc_err_name(err));
	nc_buf_release(&listing->reasons);
	free(listing);
}
