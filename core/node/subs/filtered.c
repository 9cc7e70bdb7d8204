/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Filters of reads: compiled late, asked a batch at a time; dry runs. */
#include "core/node/subs/filtered.h"

#include <stdio.h>

#include "core/base/json.h"
#include "core/engine/names.h"
#include "core/node/common/clock.h"
#include "core/node/subs/members.h"

bool nc_filter_refuse(struct nc_refusal *refusal, struct nc_slice plugin, int err,
                      const struct nc_filter_error *error)
{
	int size = (int)(plugin.size < NC_PLUGIN_NAME_SIZE_MAX ? plugin.size
	                                                       : NC_PLUGIN_NAME_SIZE_MAX);
	char where[48] = "";
	if (error->offset != NC_FILTER_NO_OFFSET)
		(void)snprintf(where, sizeof where, " at byte %zu", error->offset);
	switch (err) {
	case NC_NOTFOUND:
		refusal->fault = NC_FAULT_NO_PLUGIN;
		(void)snprintf(refusal->text, sizeof refusal->text, "plugin '%.*s' is not loaded",
		               size, (const char *)plugin.data);
		break;
	case NC_NOMEM:
		refusal->fault = NC_FAULT_BUSY;
		(void)snprintf(refusal->text, sizeof refusal->text, "out of memory; try again");
		break;
	case NC_IO:
		refusal->fault = NC_FAULT_UNAVAILABLE;
		(void)snprintf(refusal->text, sizeof refusal->text, "plugin '%.*s' failed: %s",
		               size, (const char *)plugin.data, error->message);
		break;
	default:
		refusal->fault = NC_FAULT_SELECTOR;
		(void)snprintf(refusal->text, sizeof refusal->text, "selector refused%s: %s", where,
		               error->message);
	}
	return false;
}

/* The value of a member of the object that `text` is; false if it has none. */
static bool member_find(struct nc_slice text, const char *name, struct nc_json_token *first_out,
                        struct nc_slice *raw_out)
{
	struct nc_json json;
	struct nc_json_token token;
	nc_json_init(&json, text);
	if (nc_json_next(&json, &token) != NC_OK || token.type != NC_JSON_OBJECT)
		return false;
	while (nc_json_next(&json, &token) == NC_OK && token.type == NC_JSON_KEY) {
		bool it = nc_json_is(&token, name);
		if (nc_json_next(&json, first_out) != NC_OK ||
		    nc_json_value(&json, first_out, raw_out) != NC_OK)
			return false;
		if (it)
			return true;
	}
	return false;
}

bool nc_filter_named_find(struct nc_slice body, struct nc_buf *room,
                          struct nc_filter_named *named_out)
{
	struct nc_json_token token;
	struct nc_slice filter, plugin;
	if (!member_find(body, "filter", &token, &filter) ||
	    !member_find(filter, "selector", &token, &named_out->selector) ||
	    !member_find(filter, "plugin", &token, &plugin) || token.type != NC_JSON_STRING)
		return false;
	nc_buf_clear(room);
	nc_json_unescape(&token, room);
	named_out->plugin = nc_buf_slice(room);
	return nc_buf_status(room) == NC_OK && room->size > 0;
}

bool nc_filtered_begin(struct nc_filtered *filtered, struct nc_refusal *refusal_out)
{
	struct nc_filter_error error = { .offset = NC_FILTER_NO_OFFSET };
	int err = nc_filter_batch_new(&filtered->batch);
	if (err == NC_OK) {
		err = nc_filter_compile(filtered->host, filtered->plugin, filtered->selector,
		                        &filtered->filter, &error);
	}
	filtered->begun_ns = nc_clock_ns();
	return err == NC_OK || nc_filter_refuse(refusal_out, filtered->plugin, err, &error);
}

/* ---- Events --------------------------------------------------------------------------------- */

static void show(struct nc_filtered *filtered, const struct nc_event *event)
{
	char time[NC_TIME_TEXT_SIZE];
	struct nc_buf *out = &filtered->shown;
	nc_time_format(event->time_ns, time);
	nc_buf_put_str(out, out->size == 0 ? "{" : ",{");
	nc_members_event_put(out, event);
	nc_buf_put_str(out, ",\"id\":");
	nc_json_put_string(out, event->id);
	nc_buf_printf(out, ",\"time\":\"%s\"}", time);
}

static void count(struct nc_filtered *filtered, const struct nc_event *events, size_t count,
                  uint64_t *wanted)
{
	if (filtered->from == 0)
		filtered->from = events[0].position;
	filtered->last = events[count - 1].position;
	for (size_t i = 0; i < count; i++) {
		if ((wanted[i / 64] >> i % 64 & 1) == 0)
			continue;
		if (filtered->matched++ < filtered->show)
			show(filtered, &events[i]);
	}
	memset(wanted, 0, (count + 63) / 64 * sizeof *wanted);
}

int nc_filtered_wanted(void *ctx, const struct nc_event *events, size_t event_count,
                       uint64_t *wanted_out)
{
	struct nc_filtered *filtered = ctx;
	nc_filter_batch_clear(filtered->batch);
	int err = NC_OK;
	for (size_t i = 0; i < event_count && err == NC_OK; i++)
		err = nc_filter_batch_add(filtered->batch, &events[i]);
	if (err == NC_OK)
		err = nc_filter_match(filtered->filter, filtered->batch, wanted_out);
	if (err == NC_OK && filtered->dry)
		count(filtered, events, event_count, wanted_out);
	return err;
}

void nc_filtered_trouble(const struct nc_filtered *filtered, int err, char *text, size_t size)
{
	char why[200];
	nc_filter_trouble(filtered->filter, why, sizeof why);
	(void)snprintf(text, size, "filter plugin '%s' gave no answer: %s",
	               nc_filter_plugin(filtered->filter).name,
	               why[0] == '\0' ? nc_err_name(err) : why);
}

/* ---- What a dry run says -------------------------------------------------------------------- */

void nc_filtered_put(const struct nc_filtered *filtered, const struct nc_query *query,
                     struct nc_buf *out)
{
	struct nc_query_end end = nc_query_end(query);
	struct nc_filter_views views = nc_filter_batch_views(filtered->batch);
	uint64_t looked = nc_query_looked(query);
	uint64_t spent_ns = nc_clock_ns() - filtered->begun_ns;
	uint64_t rate = spent_ns == 0 ? 0 : looked * 1000000000 / spent_ns;
	nc_buf_put_str(out, "{\"plugin\":");
	nc_json_put_string(out, filtered->plugin);
	nc_buf_printf(out,
	              ",\"matched\":%llu,\"scanned\":%llu,\"complete\":%s,\"from\":%llu,"
	              "\"to\":%llu",
	              (unsigned long long)filtered->matched, (unsigned long long)looked,
	              end.next == 0 ? "true" : "false", (unsigned long long)filtered->from,
	              (unsigned long long)filtered->last);
	if (end.next != 0)
		nc_buf_printf(out, ",\"next\":%llu", (unsigned long long)filtered->last + 1);
	nc_buf_printf(out, ",\"elapsed_ms\":%llu,\"events_per_s\":%llu",
	              (unsigned long long)spent_ns / 1000000, (unsigned long long)rate);
	nc_buf_printf(out,
	              ",\"data\":{\"flattened\":%llu,\"opaque\":%llu,\"malformed\":%llu,"
	              "\"too_large\":%llu},\"events\":[",
	              (unsigned long long)views.flattened, (unsigned long long)views.opaque,
	              (unsigned long long)views.malformed, (unsigned long long)views.too_large);
	nc_buf_put_buf(out, &filtered->shown);
	nc_buf_put_str(out, "]}");
}

void nc_filtered_release(struct nc_filtered *filtered)
{
	nc_filter_batch_free(filtered->batch);
	nc_filter_unref(filtered->filter);
	nc_buf_release(&filtered->shown);
	nc_buf_release(&filtered->room);
}
