/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Plugins that come, go and are replaced while subscriptions use them; and what people ask about
 * them: R.filter.list, R.filter.info.<plugin>. */
#include <stdio.h>

#include "core/base/json.h"
#include "core/base/shown.h"
#include "core/node/common/say.h"
#include "core/node/spread/spread.h"
#include "core/node/subs/subs_ask.h"

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

void nc_subs_put_plugin(struct nc_buf *out, const struct nc_subscription *sub)
{
	struct nc_plugin_info plugin = nc_filter_plugin(sub->filter);
	nc_buf_put_str(out, ",\"plugin\":{\"name\":");
	nc_json_put_string(out, nc_slice_str(plugin.name));
	put_text(out, "build", plugin.build);
	put_text(out, "sha256", plugin.sha256);
	if (sub->plugin.judges_from > 0)
		nc_buf_printf(out, ",\"from\":%llu", (unsigned long long)sub->plugin.judges_from);
	if (!nc_slice_is(sub->definition.plugin_sha256, plugin.sha256)) {
		nc_buf_put_str(out, ",\"recorded\":{\"build\":");
		nc_json_put_string(out, sub->definition.plugin_build);
		nc_buf_put_str(out, ",\"sha256\":");
		nc_json_put_string(out, sub->definition.plugin_sha256);
		nc_buf_put_u8(out, '}');
	}
	nc_buf_put_u8(out, '}');
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
	nc_subs_ask_answer_buf(ask, out);
}

struct users {
	struct nc_slice plugin;
	struct nc_buf *out;
	size_t room; /* as many names as there is room for; all are counted */
	uint64_t count;
};

static void put_user(struct users *users, struct nc_slice plugin, const char *name)
{
	if (!nc_slice_eq(plugin, users->plugin))
		return;
	if (users->out->size < users->room)
		nc_buf_printf(users->out, "%s\"%s\"", users->count == 0 ? "" : ",", name);
	users->count++;
}

static void on_elsewhere(void *ctx, const struct nc_spread_elsewhere *elsewhere)
{
	put_user(ctx, nc_slice_str(elsewhere->plugin), elsewhere->name);
}

/* The names of those whose filter is this plugin's, whichever node runs them, as many as fit. */
static void put_users(const struct nc_subs *subs, struct nc_slice plugin, struct nc_buf *out)
{
	struct users users = { plugin, out, nc_bus_max_payload(subs->service->bus) / 2, 0 };
	nc_buf_put_str(out, ",\"subscriptions\":[");
	for (uint32_t id = 0; id < subs->room; id++) {
		const struct nc_subscription *sub = subs->slots[id];
		if (sub != NULL)
			put_user(&users, sub->definition.plugin, sub->name);
	}
	nc_spread_each_elsewhere(subs->service->spread, on_elsewhere, &users);
	nc_buf_printf(out, "],\"subscription_count\":%llu", (unsigned long long)users.count);
}

void nc_subs_show_plugin(const struct nc_subs_ask *ask)
{
	struct nc_plugin_info plugin;
	struct nc_buf *out = &ask->subs->scratch;
	if (!nc_subs_ask_bare(ask))
		return;
	if (nc_plugin_host_find(ask->subs->host, ask->name, &plugin) != NC_OK) {
		char text[160], shown[NC_SHOWN_SIZE];
		(void)snprintf(text, sizeof text,
		               "plugin '%s' is not loaded; R.filter.list says why",
		               nc_shown(ask->name, shown));
		nc_subs_ask_error(ask, NC_FAULT_NO_PLUGIN, text);
		return;
	}
	nc_buf_clear(out);
	put_plugin(out, &plugin);
	put_users(ask->subs, ask->name, out);
	nc_buf_put_u8(out, '}');
	nc_subs_ask_answer_buf(ask, out);
}

/* ---- While subscriptions use them ----------------------------------------------------------- */

void nc_subs_replugged(struct nc_subs *subs, struct nc_subscription *sub, uint64_t position)
{
	char text[NC_SUB_FAULT_SIZE + 100];
	struct nc_plugin_info plugin = nc_filter_plugin(sub->filter);
	sub->plugin.judges_from = position;
	(void)snprintf(text, sizeof text, "%s %.100s, SHA-256 %s, judges from this position on",
	               plugin.name, plugin.build, plugin.sha256);
	nc_subs_advise(subs, sub, "plugin_changed", position, text);
	nc_say_info("subscription %s: from position %llu on: %s", sub->name,
	            (unsigned long long)position, text);
}

void nc_subs_renew_refused(struct nc_subs *subs, struct nc_subscription *sub,
                           const struct nc_refusal *refusal)
{
	char text[NC_SUB_FAULT_SIZE + 100];
	struct nc_sub_info info;
	nc_sub_info(sub->machine, &info);
	(void)snprintf(text, sizeof text, "the new plugin cannot be taken: %.200s", refusal->text);
	nc_subs_advise(subs, sub, "plugin_refused", info.cursor + 1, text);
	nc_say_warning("subscription %s: %s", sub->name, text);
}

void nc_subs_renew_now(struct nc_subs *subs, struct nc_subscription *sub)
{
	struct nc_refusal refusal;
	if (!nc_subs_move_plugin(subs, sub, &refusal))
		nc_subs_renew_refused(subs, sub, &refusal);
}

void nc_subs_renew(struct nc_subs *subs, struct nc_subscription *sub)
{
	bool waits =
	        sub->move != NULL || sub->jobs.searching || sub->plugin.renewed ||
	        (sub->definition.durable && subs->service->engine_version < NC_ENGINE_VERSION_SUBS);
	if (waits)
		return; /* the next tick tries again */
	sub->plugin.renew = false;
	if (sub->filter == NULL || nc_filter_plugin(sub->filter).state != NC_PLUGIN_REPLACED)
		return; /* an update has taken the new one meanwhile */
	if (!nc_subs_prepare_renewal(subs, sub))
		nc_subs_renew_now(subs, sub);
}

void nc_subs_tell_other_build(const struct nc_subscription *sub)
{
	if (sub->filter == NULL)
		return;
	struct nc_plugin_info plugin = nc_filter_plugin(sub->filter);
	/* A bundled plugin changes with each version of the node: no warning, though R.sub.info
	 * shows it. */
	if (plugin.bundled || nc_slice_is(sub->definition.plugin_sha256, plugin.sha256))
		return;
	nc_say_warning("subscription %s was made with %s %.*s, SHA-256 %.*s; this node has %s, %s",
	               sub->name, plugin.name, (int)sub->definition.plugin_build.size,
	               (const char *)sub->definition.plugin_build.data,
	               (int)sub->definition.plugin_sha256.size,
	               (const char *)sub->definition.plugin_sha256.data, plugin.build,
	               plugin.sha256);
}

/* False: no memory; it halts, off the head, until plugins change again. */
static bool live_add(struct nc_subs *subs, struct nc_subscription *sub)
{
	if (nc_subs_live_add(subs, sub) == NC_OK)
		return true;
	(void)snprintf(sub->fault, sizeof sub->fault, "out of memory");
	nc_say_error("subscription %s halts: out of memory", sub->name);
	nc_filter_unref(sub->filter);
	nc_sub_leave_head(sub->machine);
	sub->filter = NULL;
	sub->hints = (struct nc_filter_hints){ 0 };
	return false;
}

void nc_subs_hints_take(struct nc_subs *subs, struct nc_subscription *sub)
{
	if (sub->filter == NULL || !nc_filter_hints_come(sub->filter))
		return;
	nc_subs_live_remove(subs, sub);
	sub->hints = nc_filter_hints(sub->filter);
	(void)live_add(subs, sub);
}

/* The plugin that it lacked is there: it goes on where it stands. */
static void take_up(struct nc_subs *subs, struct nc_subscription *sub)
{
	struct nc_refusal refusal;
	if (!nc_subs_filter_compile(subs, sub, nc_slice(NULL, 0), &refusal)) {
		(void)snprintf(sub->fault, sizeof sub->fault, "%.190s", refusal.text);
	} else if (live_add(subs, sub)) {
		nc_subs_fault_ends(subs, sub, "its filter answers again");
	}
}

void nc_subs_plugins_changed(struct nc_subs *subs)
{
	for (uint32_t id = 0; id < subs->room; id++) {
		struct nc_subscription *sub = subs->slots[id];
		if (sub == NULL)
			continue;
		if (sub->filter == NULL) {
			take_up(subs, sub);
		} else if (nc_filter_plugin(sub->filter).state == NC_PLUGIN_REPLACED) {
			sub->plugin.renew = subs->renewing = true;
			nc_subs_renew(subs, sub);
		}
	}
}
