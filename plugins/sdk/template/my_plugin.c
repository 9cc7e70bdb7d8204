/* SPDX-License-Identifier: Apache-2.0 */
/* my_plugin -- events whose data has a string "kind" that is the selector's: "urgent". Make it your
 * own. */
#include <nacre/nacre_filter.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a selector is compiled to. It never changes: many threads read it at once. */
struct filter {
	uint64_t size;
	char kind[];
};

static int compile(const nacre_filter_host *host, const nacre_filter_selector *selector,
                   void **filter_out, nacre_filter_error *error)
{
	(void)host;
	*filter_out = NULL;
	if (selector->view->root_kind != NACRE_FILTER_STRING) {
		error->source_offset = 0; /* the byte of the selector that is at fault */
		(void)snprintf(error->message, sizeof error->message, "expected a string");
		return NACRE_FILTER_REFUSED;
	}
	/* The selector is lent: copy what is kept. */
	nacre_filter_slice text = nacre_filter_leaf_at(selector->view, 0)->text;
	struct filter *filter = malloc(sizeof *filter + text.size);
	if (filter == NULL)
		return NACRE_FILTER_NO_MEMORY;
	filter->size = text.size;
	if (text.size > 0)
		memcpy(filter->kind, text.data, text.size);
	*filter_out = filter;
	return NACRE_FILTER_OK;
}

/* The data, taken apart: JSON and MessagePack alike. */
static uint32_t needs(const void *filter)
{
	(void)filter;
	return NACRE_FILTER_NEEDS_VIEW;
}

static int is(nacre_filter_slice slice, const char *text, uint64_t size)
{
	return slice.size == size && (size == 0 || memcmp(slice.data, text, size) == 0);
}

static int holds(const struct filter *filter, const nacre_filter_view *view)
{
	for (uint64_t i = 0; i < view->leaf_count; i++) {
		const nacre_filter_leaf *leaf = nacre_filter_leaf_at(view, i);
		if (leaf->kind == NACRE_FILTER_STRING && is(leaf->path, "kind", 4) &&
		    is(leaf->text, filter->kind, filter->size))
			return 1;
	}
	return 0;
}

static int match(const void *filter, const nacre_filter_event *const *events, uint64_t event_count,
                 uint64_t *matched)
{
	for (uint64_t i = 0; i < event_count; i++) {
		if (holds(filter, events[i]->view))
			matched[i / 64] |= (uint64_t)1 << (i % 64);
	}
	return NACRE_FILTER_OK;
}

const nacre_filter_plugin *nacre_filter_plugin_v1(const nacre_filter_host *host)
{
	static const nacre_filter_plugin plugin = {
		.struct_size = sizeof plugin,
		.abi_minor = NACRE_FILTER_ABI_MINOR,
		.name = "my_plugin",
		.build = "0.1.0",
		.summary = "events whose data is of a kind",
		.compile = compile,
		.destroy = free,
		.needs = needs,
		.match = match,
	};
	(void)host;
	return &plugin;
}
