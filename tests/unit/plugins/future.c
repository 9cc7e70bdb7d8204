/* SPDX-License-Identifier: GPL-3.0-or-later */
/* future.c -- a plugin as a later minor's header would make it: its table, and its hints, have
 * members that 1.0 does not know. It matches streams that begin with 's' and have an even position;
 * its hints say both, and FULL. */
#include <stdlib.h>

#include "plugins/nacre_filter.h"

struct future_hint {
	nacre_filter_hint hint;
	uint64_t even_position;
};

struct future_plugin {
	nacre_filter_plugin plugin;
	void (*something_new)(void);
};

static int future_compile(const nacre_filter_host *host, const nacre_filter_selector *selector,
                          void **filter_out, nacre_filter_error *error)
{
	(void)host;
	(void)selector;
	(void)error;
	*filter_out = malloc(1);
	return *filter_out == NULL ? NACRE_FILTER_NO_MEMORY : NACRE_FILTER_OK;
}

static int future_hints(const void *filter, nacre_filter_emit_fn *emit, void *emit_ctx)
{
	(void)filter;
	const struct future_hint hint = { .hint = { .struct_size = sizeof hint,
		                                    .stream_kind = NACRE_FILTER_PREFIX,
		                                    .stream = { (const uint8_t *)"s", 1 } },
		                          .even_position = 1 };
	emit(emit_ctx, &hint.hint);
	return NACRE_FILTER_HINTS_FULL;
}

static int future_match(const void *filter, const nacre_filter_event *const *events,
                        uint64_t event_count, uint64_t *matched)
{
	(void)filter;
	for (uint64_t i = 0; i < event_count; i++) {
		if (events[i]->stream.size > 0 && events[i]->stream.data[0] == 's' &&
		    events[i]->position % 2 == 0)
			matched[i / 64] |= (uint64_t)1 << (i % 64);
	}
	return NACRE_FILTER_OK;
}

const nacre_filter_plugin *nacre_filter_plugin_v1(const nacre_filter_host *host)
{
	static const struct future_plugin future = {
		.plugin = {
			.struct_size = sizeof future,
			.abi_minor = NACRE_FILTER_ABI_MINOR + 1,
			.name = "future",
			.build = "2",
			.compile = future_compile,
			.destroy = free,
			.hints = future_hints,
			.match = future_match,
		},
	};
	(void)host;
	return &future.plugin;
}
