/* SPDX-License-Identifier: GPL-3.0-or-later */
/* halting.c -- a plugin that gives no answer for the stream "halt", matches all others, sets bits
 * behind the last event, hints in ways that 1.0 does not know, and asks for what the selector says.
 */
#include <stdlib.h>
#include <string.h>

#include "plugins/nacre_filter.h"

static int halting_compile(const nacre_filter_host *host, const nacre_filter_selector *selector,
                           void **filter_out, nacre_filter_error *error)
{
	host->log(host->host_ctx, "compiling");
	uint32_t *needs = malloc(sizeof *needs);
	*needs = 0;
	if (selector->view->root_kind == NACRE_FILTER_NUMBER)
		*needs = (uint32_t)nacre_filter_leaf_at(selector->view, 0)->number.u64;
	*filter_out = needs;
	if (selector->view->root_kind == NACRE_FILTER_NULL) { /* refused without a word */
		free(needs);
		*filter_out = NULL;
		memset(error->message, 'x', sizeof error->message);
		return NACRE_FILTER_REFUSED;
	}
	return NACRE_FILTER_OK;
}

static uint32_t halting_needs(const void *filter)
{
	const uint32_t *needs = filter;
	return *needs;
}

static int halting_hints(const void *filter, nacre_filter_emit_fn *emit, void *emit_ctx)
{
	(void)filter;
	const nacre_filter_hint hint = { .struct_size = sizeof hint,
		                         .stream_kind = 77,
		                         .stream = { (const uint8_t *)"x", 1 },
		                         .type_kind = NACRE_FILTER_PREFIX,
		                         .type = { (const uint8_t *)"T", 1 } };
	emit(emit_ctx, &hint);
	return NACRE_FILTER_HINTS_FULL;
}

static int halting_match(const void *filter, const nacre_filter_event *const *events,
                         uint64_t event_count, uint64_t *matched)
{
	(void)filter;
	for (uint64_t i = 0; i < event_count; i++) {
		if (events[i]->stream.size == 4 && memcmp(events[i]->stream.data, "halt", 4) == 0)
			return -77;
	}
	memset(matched, 0xff, (event_count + 63) / 64 * 8);
	return NACRE_FILTER_OK;
}

const nacre_filter_plugin *nacre_filter_plugin_v1(const nacre_filter_host *host)
{
	static const nacre_filter_plugin plugin = {
		.struct_size = sizeof plugin,
		.name = "halting",
		.build = "1",
		.compile = halting_compile,
		.destroy = free,
		.needs = halting_needs,
		.hints = halting_hints,
		.match = halting_match,
	};
	(void)host;
	return &plugin;
}
