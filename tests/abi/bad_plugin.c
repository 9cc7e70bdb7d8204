/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bad_plugin.c -- a plugin that matches streams whose name begins with the selector, and is bad in
 * one way, BAD; 0 is good. What nacre-plugin-check must catch. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plugins/nacre_filter.h"

struct bad {
	nacre_filter_slice prefix;
	uint64_t calls;
	uint8_t bytes[256];
};

static int bad_compile(const nacre_filter_host *host, const nacre_filter_selector *selector,
                       void **filter_out, nacre_filter_error *error)
{
	const nacre_filter_leaf *leaf = nacre_filter_leaf_at(selector->view, 0);
	(void)host;
	if (selector->view->root_kind != NACRE_FILTER_STRING || leaf->text.size == 0 ||
	    leaf->text.size > 255) {
		if (BAD != 4)
			(void)snprintf(error->message, sizeof error->message, "expected a name");
		if (BAD == 17)
			*filter_out = calloc(1, sizeof(struct bad));
		if (BAD == 18)
			error->source_offset = 1u << 30;
		return NACRE_FILTER_REFUSED;
	}
	struct bad *bad = calloc(1, sizeof *bad);
	if (bad == NULL)
		return NACRE_FILTER_NO_MEMORY;
	memcpy(bad->bytes, leaf->text.data, leaf->text.size);
	bad->prefix = leaf->text;
	if (BAD != 12) /* keeps what was lent */
		bad->prefix.data = bad->bytes;
	*filter_out = bad;
	return NACRE_FILTER_OK;
}

static void bad_destroy(void *filter)
{
	if (BAD != 14)
		free(filter);
}

static int begins(const struct bad *bad, const nacre_filter_event *event)
{
	return event->stream.size >= bad->prefix.size &&
	       memcmp(event->stream.data, bad->prefix.data, bad->prefix.size) == 0;
}

static int bad_hints(const void *filter, nacre_filter_emit_fn *emit, void *emit_ctx)
{
	const struct bad *bad = filter;
	const nacre_filter_hint hint = {
		.struct_size = sizeof hint,
		.stream_kind = BAD == 7 ? NACRE_FILTER_EXACT : NACRE_FILTER_PREFIX,
		.stream = BAD == 8 ? (nacre_filter_slice){ NULL, 0 } : bad->prefix,
	};
	emit(emit_ctx, &hint);
	return NACRE_FILTER_HINTS_FULL;
}

/* Once; it does not end. 27 lets go of all by which it might be known. */
static void start_another(void)
{
	static int started;
	if (started++ > 0 || fork() != 0)
		return;
	if (BAD == 27) {
		(void)setsid();
		if (fork() != 0)
			_exit(0);
		close_range(0, ~0u, 0);
	}
	for (;;)
		(void)pause();
}

static int bad_match(const void *filter, const nacre_filter_event *const *events,
                     uint64_t event_count, uint64_t *matched)
{
	const struct bad *bad = filter;
	static volatile uint64_t calls;
	if (BAD == 15 && event_count > 64)
		return NACRE_FILTER_FAILED;
	if (BAD == 24) /* right answers, and a race: what TSan is for */
		calls++;
	for (uint64_t i = 0; i < event_count; i++) {
		if (BAD == 21 && events[i]->data.size > 100000)
			abort();
		if (BAD == 25 && event_count == 65)
			close_range(3, ~0u, 0); /* whoever watches loses sight of it */
		while ((BAD == 22 || BAD == 25) && event_count == 65)
			(void)pause(); /* for ever, and no test beside misses the processor */
		if ((BAD == 26 || BAD == 27) && event_count == 65)
			start_another();
		if (BAD == 23 && events[i]->position % 50 == 7)
			exit(0);
		if (begins(bad, events[i]) || (BAD == 6 && i > 64) ||
		    (BAD == 13 && ++calls % 1000 == 0))
			matched[i / 64] |= (uint64_t)1 << (i % 64);
	}
	if (BAD == 5 && event_count % 64 != 0)
		matched[event_count / 64] |= (uint64_t)1 << (event_count % 64);
	return NACRE_FILTER_OK;
}

struct bad_set {
	uint64_t count;
	const struct bad *filters[64];
	uint32_t ids[64];
};

static int bad_set_build(const void *const *filters, const uint32_t *ids, uint64_t filter_count,
                         void **set_out)
{
	struct bad_set *set = calloc(1, sizeof *set);
	if (set == NULL)
		return NACRE_FILTER_NO_MEMORY;
	for (; set->count < filter_count; set->count++) {
		set->filters[set->count] = filters[set->count];
		set->ids[set->count] = BAD == 11 ? (uint32_t)set->count : ids[set->count];
	}
	*set_out = set;
	return NACRE_FILTER_OK;
}

static int bad_set_match(const void *built, const nacre_filter_event *event,
                         nacre_filter_emit_id_fn *emit, void *emit_ctx)
{
	const struct bad_set *set = built;
	for (uint64_t i = 0; i < set->count; i++) {
		if (!begins(set->filters[i], event) || (BAD == 9 && event->position % 50 == 7))
			continue;
		emit(emit_ctx, set->ids[i]);
		if (BAD == 10)
			emit(emit_ctx, set->ids[i]);
	}
	return NACRE_FILTER_OK;
}

static void bad_set_destroy(void *set)
{
	free(set);
}

static uint32_t bad_needs(const void *filter)
{
	(void)filter;
	return BAD == 19 ? 1u << 30 : 0;
}

#if BAD == 1
#define nacre_filter_plugin_v1 nacre_filter_plugin_v9
NACRE_FILTER_EXPORT const nacre_filter_plugin *
nacre_filter_plugin_v1(const nacre_filter_host *host);
#endif
const nacre_filter_plugin *nacre_filter_plugin_v1(const nacre_filter_host *host)
{
	static const nacre_filter_plugin plugin = {
		.struct_size = BAD == 2 ? 16 : sizeof plugin,
		.abi_minor = NACRE_FILTER_ABI_MINOR,
		.name = BAD == 3 ? "a bad name" : "bad_plugin",
		.build = "0",
		.compile = bad_compile,
		.destroy = bad_destroy,
		.needs = bad_needs,
		.hints = bad_hints,
		.match = bad_match,
		.set_build = BAD == 16 ? NULL : bad_set_build,
		.set_match = bad_set_match,
		.set_destroy = bad_set_destroy,
	};
	if (BAD == 20 && host->struct_size != sizeof *host)
		return NULL;
	return &plugin;
}
