/* SPDX-License-Identifier: GPL-3.0-or-later */
/* by_payload -- events whose data matches an EventBridge pattern (PROTOCOL.md section 9). Data that
 * is opaque, malformed or no object never matches; the host counts it. */
#include "plugins/pattern/pattern.h"

#include <stdlib.h>

static int by_payload_compile(const nacre_filter_host *host, const nacre_filter_selector *selector,
                              void **filter_out, nacre_filter_error *error)
{
	(void)host;
	*filter_out = NULL;
	struct nc_pattern *pattern;
	int answer = nc_pattern_compile(nc_slice_in(selector->source), NULL, &pattern, error);
	if (answer >= 0)
		*filter_out = pattern;
	return answer;
}

static void by_payload_destroy(void *filter)
{
	nc_pattern_free(filter);
}

static uint32_t by_payload_needs(const void *filter)
{
	(void)filter;
	return NACRE_FILTER_NEEDS_VIEW;
}

static bool is_object(const nacre_filter_event *event)
{
	return event->view != NULL && event->view->state > 0 &&
	       event->view->root_kind == NACRE_FILTER_OBJECT;
}

static int by_payload_match(const void *filter, const nacre_filter_event *const *events,
                            uint64_t event_count, uint64_t *matched)
{
	for (uint64_t i = 0; i < event_count; i++) {
		int answer = is_object(events[i]) ? nc_pattern_match(filter, events[i]->view) : 0;
		if (answer < 0)
			return answer;
		matched[i / 64] |= (uint64_t)answer << i % 64;
	}
	return NACRE_FILTER_OK;
}

static int by_payload_set_build(const void *const *filters, const uint32_t *ids,
                                uint64_t filter_count, void **set_out)
{
	*set_out = NULL;
	const struct nc_pattern **patterns =
	        calloc(filter_count + 1, sizeof(const struct nc_pattern *));
	if (patterns == NULL)
		return NACRE_FILTER_NO_MEMORY;
	for (uint64_t i = 0; i < filter_count; i++)
		patterns[i] = filters[i];
	struct nc_pattern_set *set;
	int err = nc_pattern_set_new(patterns, ids, filter_count, &set);
	free(patterns);
	if (err != NC_OK)
		return NACRE_FILTER_NO_MEMORY;
	*set_out = set;
	return NACRE_FILTER_OK;
}

static int by_payload_set_match(const void *set, const nacre_filter_event *event,
                                nacre_filter_emit_id_fn *emit, void *emit_ctx)
{
	return is_object(event) ? nc_pattern_set_match(set, event->view, emit, emit_ctx)
	                        : NACRE_FILTER_OK;
}

static void by_payload_set_destroy(void *set)
{
	nc_pattern_set_free(set);
}

const nacre_filter_plugin *nacre_filter_plugin_v1(const nacre_filter_host *host)
{
	static const nacre_filter_plugin plugin = {
		.struct_size = sizeof plugin,
		.abi_minor = NACRE_FILTER_ABI_MINOR,
		.name = "by_payload",
		.build = NACRE_VERSION,
		.summary = "events whose data, JSON or MessagePack, matches an EventBridge pattern",
		.compile = by_payload_compile,
		.destroy = by_payload_destroy,
		.needs = by_payload_needs,
		.match = by_payload_match,
		.set_build = by_payload_set_build,
		.set_match = by_payload_set_match,
		.set_destroy = by_payload_set_destroy,
	};
	(void)host;
	return &plugin;
}
