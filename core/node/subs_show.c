/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What people ask about subscriptions: R.sub.info and list; and whether one lags. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/json.h"
#include "core/node/spread.h"
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

uint64_t nc_subs_pending(const struct nc_subscription *sub, const struct nc_sub_info *info)
{
	return info->pending + (info->at_head ? 0 : sub->unsearched);
}

static void put_number(struct nc_buf *out, const char *member, uint64_t value)
{
	nc_buf_printf(out, ",\"%s\":", member);
	nc_buf_put_decimal(out, value);
}

/* Where it stands: members, each with its comma. */
static void put_standing(struct nc_subs *subs, const struct nc_subscription *sub,
                         struct nc_buf *out)
{
	struct nc_sub_info info;
	nc_sub_info(sub->machine, &info);
	put_number(out, "pending", nc_subs_pending(sub, &info));
	put_number(out, "in_flight", info.in_flight);
	put_number(out, "redelivered", info.redelivered);
	put_number(out, "parked", info.parked);
	put_number(out, "ack_floor", info.ack_floor);
	put_number(out, "last_delivered", info.last_delivered);
	put_number(out, "lag_ms", lag_ms(subs, &info));
	nc_buf_printf(out, ",\"node\":\"%s\"", subs->service->options.config->node_id);
	put_number(out, "epoch", info.epoch);
	nc_buf_printf(out, ",\"state\":\"%s\"", state_name(sub, &info));
}

/* A start that lay ahead when the epoch began. */
static void put_floor(const struct nc_floor *floor, struct nc_buf *out)
{
	char time[NC_TIME_TEXT_SIZE];
	if (!nc_floor_is(floor))
		return;
	nc_buf_put_str(out, ",\"not_before\":{");
	if (floor->version > 0) {
		nc_buf_put_str(out, "\"seq\":");
		nc_buf_put_decimal(out, floor->version);
	} else {
		nc_time_format(floor->time_ns, time);
		nc_buf_put_str(out, "\"time\":");
		nc_json_put_string(out, nc_slice_str(time));
	}
	nc_buf_put_u8(out, '}');
}

void nc_subs_show_info(const struct nc_subs_ask *ask)
{
	struct nc_subs *subs = ask->subs;
	struct nc_subscription *sub = nc_subs_ask_find(ask);
	struct nc_buf *out = &subs->scratch;
	struct nc_sub_info info;
	if (sub == NULL || !nc_subs_ask_bare(ask))
		return;
	nc_sub_info(sub->machine, &info);
	nc_buf_clear(out);
	nc_buf_printf(out, "{\"name\":\"%s\",", sub->name);
	nc_definition_put_json(out, &sub->definition);
	put_standing(subs, sub, out);
	put_number(out, "delivered", info.delivered);
	put_number(out, "cursor", info.cursor);
	put_floor(&sub->floor, out);
	put_number(out, "parked_keys", info.parked_keys);
	put_number(out, "waiting_requests", info.requests);
	nc_buf_printf(out, ",\"listened\":%s", info.interest ? "true" : "false");
	if (sub->backfill != NULL)
		put_number(out, "backfill_through", sub->backfill->is.through);
	if (sub->filter != NULL)
		nc_subs_put_plugin(out, sub);
	if (sub->fault[0] != '\0') {
		nc_buf_put_str(out, ",\"reason\":");
		nc_json_put_string(out, nc_slice_str(sub->fault));
	}
	nc_buf_put_u8(out, '}');
	nc_subs_ask_answer(ask, nc_buf_slice(out));
}

/* ---- The list ------------------------------------------------------------------------------- */

#define LIST_WIDE_SIZE 420u /* bytes of an entry that says where it stands, about */

struct entry {
	const char *name;
	const struct nc_subscription *sub; /* NULL: another node runs it */
	struct nc_subs_elsewhere elsewhere;
};

static int by_name(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	return strcmp(x->name, y->name);
}

static void put_entry(struct nc_subs *subs, const struct entry *entry, bool wide,
                      struct nc_buf *out)
{
	const struct nc_subscription *sub = entry->sub;
	struct nc_sub_info info;
	if (sub == NULL) {
		nc_subs_put_elsewhere(subs, &entry->elsewhere, wide, out);
		return;
	}
	nc_buf_printf(out, "{\"name\":\"%s\"", sub->name);
	if (wide) {
		nc_buf_printf(out, ",\"durable\":%s,\"push\":%s,\"plugin\":",
		              sub->definition.durable ? "true" : "false",
		              sub->definition.push ? "true" : "false");
		nc_json_put_string(out, sub->definition.plugin);
		put_standing(subs, sub, out);
	} else {
		nc_sub_info(sub->machine, &info);
		nc_buf_printf(out, ",\"state\":\"%s\"", state_name(sub, &info));
	}
	nc_buf_put_u8(out, '}');
}

/* By name, as many as one message holds; `next` is what to put in `after` to go on. Many are told
 * by name and state alone. */
static void put_list(struct nc_subs *subs, const struct nc_list_ask *page, const struct entry *all,
                     size_t count, struct nc_buf *out)
{
	size_t room = nc_bus_max_payload(subs->service->bus) - 256, i = 0, given = 0;
	size_t asked = page->limit == 0 ? count : page->limit;
	bool wide = (asked < count ? asked : count) * LIST_WIDE_SIZE < room;
	while (i < count && strcmp(all[i].name, page->after) <= 0)
		i++;
	nc_buf_put_str(out, "{\"subscriptions\":[");
	for (; i < count && given < asked; i++, given++) {
		size_t before = out->size;
		if (given > 0)
			nc_buf_put_u8(out, ',');
		put_entry(subs, &all[i], wide, out);
		if (out->size > room) {
			out->size = before;
			break;
		}
	}
	nc_buf_printf(out, "],\"total\":%zu", count);
	if (i < count && i > 0)
		nc_buf_printf(out, ",\"next\":\"%s\"", all[i - 1].name);
	nc_buf_put_u8(out, '}');
}

struct collecting {
	struct entry *at;
	size_t count;
};

static void collect(void *ctx, const char *name, const char *node, uint64_t epoch)
{
	struct collecting *all = ctx;
	all->at[all->count++] = (struct entry){ .name = name, .elsewhere = { name, node, epoch } };
}

void nc_subs_show_list(const struct nc_subs_ask *ask)
{
	struct nc_subs *subs = ask->subs;
	struct nc_list_ask page;
	nc_buf_clear(&subs->scratch);
	int err = nc_list_parse(ask->body, &page, &subs->scratch);
	if (err != NC_OK) {
		nc_subs_ask_refuse(ask, err);
		return;
	}
	struct collecting all = { 0 };
	size_t room = subs->count + nc_spread_count(subs->service->spread) + 1;
	all.at = calloc(room, sizeof *all.at);
	if (all.at == NULL) {
		nc_subs_ask_error(ask, NC_FAULT_BUSY, "out of memory; try again");
		return;
	}
	for (uint32_t id = 0; id < subs->room; id++) {
		const struct nc_subscription *sub = subs->slots[id];
		if (sub != NULL)
			all.at[all.count++] = (struct entry){ .name = sub->name, .sub = sub };
	}
	nc_spread_each_elsewhere(subs->service->spread, collect, &all);
	qsort(all.at, all.count, sizeof *all.at, by_name);
	nc_buf_clear(&subs->scratch);
	put_list(subs, &page, all.at, all.count, &subs->scratch);
	free(all.at);
	nc_subs_ask_answer(ask, nc_buf_slice(&subs->scratch));
}

/* ---- Lag ------------------------------------------------------------------------------------ */

void nc_subs_watch_lag(struct nc_subs *subs, struct nc_subscription *sub)
{
	struct nc_sub_info info;
	char text[96];
	nc_sub_info(sub->machine, &info);
	uint64_t lag = lag_ms(subs, &info);
	uint64_t bound = subs->service->options.config->sub_lag_s * 1000;
	bool lags = lag > bound && !info.paused;
	if (lags == sub->lagging)
		return;
	sub->lagging = lags;
	uint64_t behind = nc_subs_pending(sub, &info) + info.in_flight;
	(void)snprintf(text, sizeof text, "%llu events and %llu ms behind",
	               (unsigned long long)behind, (unsigned long long)lag);
	nc_subs_advise(subs, sub, lags ? "lagging" : "caught_up", info.ack_floor, text);
}
