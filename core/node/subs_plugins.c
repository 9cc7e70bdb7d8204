/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What people ask about filter plugins: R.filter.list, R.filter.info.<plugin>. */
#include <stdio.h>

#include "core/base/json.h"
#include "core/node/subs_ask.h"

static void put_text(struct nc_buf *out, const char *member, const char *text)
{
	nc_buf_printf(out, ",\"%s\":", member);
	nc_json_put_string(out, nc_slice_str(text));
}

/* Without the closing brace. */
static void put_plugin(struct nc_buf *out, const struct nc_plugin_info *plugin)
{
	static const char *const states[] = { [NC_PLUGIN_LOADED] = "loaded",
		                              [NC_PLUGIN_REPLACED] = "replaced",
		                              [NC_PLUGIN_REMOVED] = "removed",
		                              [NC_PLUGIN_REFUSED] = "refused" };
	nc_buf_printf(out, "{\"state\":\"%s\",\"bundled\":%s,\"abi_minor\":%u",
	              states[plugin->state], plugin->bundled ? "true" : "false", plugin->abi_minor);
	put_text(out, "name", plugin->name);
	put_text(out, "build", plugin->build);
	put_text(out, "summary", plugin->summary);
	put_text(out, "sha256", plugin->sha256);
	put_text(out, "path", plugin->path);
	if (plugin->state == NC_PLUGIN_REFUSED)
		put_text(out, "reason", plugin->reason);
	nc_buf_printf(out, ",\"isolated\":%s", plugin->isolated ? "true" : "false");
	if (!plugin->isolated)
		return;
	nc_buf_printf(out, ",\"pid\":%llu,\"restarts\":%llu,\"pause_ms\":%llu",
	              (unsigned long long)plugin->pid, (unsigned long long)plugin->starts - 1,
	              (unsigned long long)plugin->pause_ms);
	if (plugin->trouble[0] != '\0')
		put_text(out, "trouble", plugin->trouble);
}

static void on_plugin(void *ctx, const struct nc_plugin_info *plugin)
{
	struct nc_buf *out = ctx;
	if (out->data[out->size - 1] == '}')
		nc_buf_put_u8(out, ',');
	put_plugin(out, plugin);
	nc_buf_put_u8(out, '}');
}

void nc_subs_show_plugins(const struct nc_subs_ask *ask)
{
	struct nc_buf *out = &ask->subs->scratch;
	nc_buf_clear(out);
	nc_buf_put_str(out, "{\"plugins\":[");
	nc_plugin_host_list(ask->subs->host, on_plugin, out);
	nc_buf_put_str(out, "]}");
	nc_subs_ask_answer(ask, nc_buf_slice(out));
}

/* The names of those whose filter is this plugin's, as many as fit. */
static void put_users(const struct nc_subs *subs, struct nc_slice plugin, struct nc_buf *out)
{
	size_t room = nc_bus_max_payload(subs->service->bus) / 2;
	uint64_t count = 0;
	nc_buf_put_str(out, ",\"subscriptions\":[");
	for (uint32_t id = 0; id < subs->room; id++) {
		const struct nc_subscription *sub = subs->slots[id];
		if (sub == NULL || !nc_slice_eq(sub->definition.plugin, plugin))
			continue;
		if (out->size < room)
			nc_buf_printf(out, "%s\"%s\"", count == 0 ? "" : ",", sub->name);
		count++;
	}
	nc_buf_printf(out, "],\"subscription_count\":%llu", (unsigned long long)count);
}

void nc_subs_show_plugin(const struct nc_subs_ask *ask)
{
	struct nc_plugin_info plugin;
	struct nc_buf *out = &ask->subs->scratch;
	if (nc_plugin_host_find(ask->subs->host, ask->name, &plugin) != NC_OK) {
		char text[160];
		(void)snprintf(text, sizeof text,
		               "plugin '%.*s' is not loaded; R.filter.list says why",
		               (int)(ask->name.size < 64 ? ask->name.size : 64),
		               (const char *)ask->name.data);
		nc_subs_ask_error(ask, NC_FAULT_NO_PLUGIN, text);
		return;
	}
	nc_buf_clear(out);
	put_plugin(out, &plugin);
	put_users(ask->subs, ask->name, out);
	nc_buf_put_u8(out, '}');
	nc_subs_ask_answer(ask, nc_buf_slice(out));
}
