/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Filters of subscriptions. */
#include <stdio.h>

#include "core/node/subs/filtered.h"
#include "core/node/subs/subs_private.h"

/* Record which plugin judges a subscription that is being made; what was recorded before stays. The
 * texts live as long as the node's plugins. */
static void plugin_record(struct nc_subscription *sub)
{
	struct nc_plugin_info plugin = nc_filter_plugin(sub->filter);
	if (sub->definition.plugin_sha256.size > 0)
		return;
	sub->definition.plugin_build = nc_slice_str(plugin.build);
	sub->definition.plugin_sha256 = nc_slice_str(plugin.sha256);
}

bool nc_subs_filter_compile(struct nc_subs *subs, struct nc_subscription *sub, struct nc_slice body,
                            struct nc_refusal *refusal)
{
	struct nc_filter_named asked = { .selector = sub->definition.selector };
	if (body.size > 0)
		(void)nc_filter_named_find(body, &subs->scratch, &asked);
	struct nc_filter_error error = { .offset = NC_FILTER_NO_OFFSET };
	int err = NC_OK;
	if (subs->prepared != NULL) {
		sub->filter = nc_filter_ref(subs->prepared);
	} else {
		err = nc_filter_compile_later(subs->host, sub->definition.plugin, asked.selector,
		                              &sub->filter, &error);
	}
	if (err == NC_OK) {
		sub->hints = nc_filter_hints(sub->filter);
		plugin_record(sub);
		return true;
	}
	sub->filter = NULL;
	return nc_filter_refuse(refusal, sub->definition.plugin, err, &error);
}
