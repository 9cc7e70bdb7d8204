/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where a subscription of this node's stands, for R.sub.info and list; and whether one lags. */
#include <stdio.h>

#include "core/base/json.h"
#include "core/node/common/say.h"
#include "core/node/spread/standings.h"
#include "core/node/subs/subs_ask.h"

static enum nc_standing_state state_of(const struct nc_subscription *sub,
                                       const struct nc_sub_info *info)
{
	if (sub->fault[0] != '\0' || info->halted)
		return NC_STANDING_HALTED;
	if (info->paused)
		return NC_STANDING_PAUSED;
	if (!info->at_head)
		return NC_STANDING_CATCHING_UP;
	return sub->definition.push && !info->interest ? NC_STANDING_WAITING : NC_STANDING_LIVE;
}

static void on_lag_event(void *ctx, const struct nc_event *event)
{
	*(uint64_t *)ctx = event->time_ns;
}

/* How old the oldest event is that is not done; 0 if none is known. Errors, which are said: those
 * of the state. */
static int lag_find(struct nc_subs *subs, const struct nc_subscription *sub,
                    const struct nc_sub_info *info, uint64_t *lag_ms_out)
{
	uint64_t time_ns = 0;
	if (info->in_flight == 0 && info->pending == 0 && info->at_head) {
		*lag_ms_out = 0;
		return NC_OK;
	}
	const struct nc_get_spec spec = { .kind = NC_GET_POSITION,
		                          .number = info->ack_floor + 1,
		                          .unseen = true };
	int err = nc_query_get(subs->reader, &spec, on_lag_event, &time_ns);
	if (err != NC_OK && err != NC_NOTFOUND) {
		nc_say_error("subscription %s: reading %llu failed: %s", sub->name,
		             (unsigned long long)spec.number, nc_err_name(err));
		return err;
	}
	uint64_t now_ns = nc_clock_wall_ns();
	*lag_ms_out = err == NC_OK && now_ns > time_ns ? (now_ns - time_ns) / 1000000 : 0;
	return NC_OK;
}

/* Events that are still to be delivered for the first time. */
static uint64_t pending_of(const struct nc_subscription *sub, const struct nc_sub_info *info)
{
	return info->pending + (info->at_head ? 0 : sub->unsearched);
}

static void put_number(struct nc_buf *out, const char *member, uint64_t value)
{
	nc_buf_printf(out, ",\"%s\":", member);
	nc_buf_put_decimal(out, value);
}

int nc_subs_standing(struct nc_subs *subs, const struct nc_subscription *sub,
                     enum nc_standing_form form, struct nc_standing *standing_out)
{
	struct nc_sub_info info;
	uint64_t lag_ms = 0;
	nc_sub_info(sub->machine, &info);
	int err = form == NC_STANDING_WIDE ? lag_find(subs, sub, &info, &lag_ms) : NC_OK;
	if (err != NC_OK)
		return err;
	*standing_out = (struct nc_standing){ .name = nc_slice_str(sub->name),
		                              .state = state_of(sub, &info),
		                              .epoch = info.epoch };
	if (form == NC_STANDING_SHORT)
		return NC_OK;
	standing_out->durable = sub->definition.durable;
	standing_out->push = sub->definition.push;
	standing_out->plugin = sub->definition.plugin;
	standing_out->node = nc_slice_str(subs->service->options.config->node_id);
	standing_out->pending = pending_of(sub, &info);
	standing_out->in_flight = info.in_flight;
	standing_out->redelivered = info.redelivered;
	standing_out->parked = info.parked - info.replaying;
	standing_out->ack_floor = info.ack_floor;
	standing_out->last_delivered = info.last_delivered;
	standing_out->lag_ms = lag_ms;
	return NC_OK;
}

/* The floor, of a start that lay ahead when the epoch began. */
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
	struct nc_standing standing;
	if (sub == NULL || !nc_subs_ask_bare(ask))
		return;
	int err = nc_subs_standing(subs, sub, NC_STANDING_WIDE, &standing);
	if (err != NC_OK) {
		nc_subs_ask_error(ask, NC_FAULT_UNAVAILABLE, nc_err_name(err));
		return;
	}
	nc_sub_info(sub->machine, &info);
	nc_buf_clear(out);
	nc_buf_printf(out, "{\"name\":\"%s\",", sub->name);
	nc_definition_put_json(out, &sub->definition);
	nc_standing_put_numbers(out, &standing);
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
	const char *reason = sub->fault[0] != '\0' ? sub->fault : info.halted_why;
	if (reason != NULL) {
		nc_buf_put_str(out, ",\"reason\":");
		nc_json_put_string(out, nc_slice_str(reason));
	}
	nc_buf_put_u8(out, '}');
	nc_subs_ask_answer_buf(ask, out);
}

/* ---- Lag ------------------------------------------------------------------------------------ */

void nc_subs_watch_lag(struct nc_subs *subs, struct nc_subscription *sub)
{
	struct nc_sub_info info;
	char text[96];
	uint64_t lag;
	nc_sub_info(sub->machine, &info);
	if (lag_find(subs, sub, &info, &lag) != NC_OK)
		return; /* not known: assume that nothing has changed */
	uint64_t bound = subs->service->options.config->sub_lag_s * 1000;
	bool lags = lag > bound && !info.paused;
	if (lags == sub->lagging)
		return;
	sub->lagging = lags;
	uint64_t behind = pending_of(sub, &info) + info.in_flight;
	(void)snprintf(text, sizeof text, "%llu events and %llu ms behind",
	               (unsigned long long)behind, (unsigned long long)lag);
	nc_subs_advise(subs, sub, lags ? "lagging" : "caught_up", info.ack_floor, text);
}

/* ---- All of them ---------------------------------------------------------------------------- */

void nc_subs_views_add(struct nc_filter_views *sum, struct nc_filter_views more)
{
	sum->flattened += more.flattened;
	sum->opaque += more.opaque;
	sum->malformed += more.malformed;
	sum->too_large += more.too_large;
}

void nc_subs_put_counters(const struct nc_subs *subs, struct nc_buf *out)
{
	struct nc_filter_views views = subs->views;
	nc_subs_views_add(&views, nc_filter_batch_views(subs->batch));
	nc_buf_printf(out,
	              ",\"ignored_answers\":%llu,\"foreign_acks\":%llu,\"data_opaque\":%llu,"
	              "\"data_malformed\":%llu,\"data_too_large\":%llu",
	              (unsigned long long)subs->ignored_answers,
	              (unsigned long long)subs->foreign_acks, (unsigned long long)views.opaque,
	              (unsigned long long)views.malformed, (unsigned long long)views.too_large);
}
