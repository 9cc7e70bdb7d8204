/* SPDX-License-Identifier: Apache-2.0 */
/* by_tag -- events that bear a tag: selector "customer:7", or a list, of which one is enough. */
#include <nacre/nacre_filter.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A compiled filter: the tags, copied, since the selector is only lent to compile(). */
struct by_tag {
	uint64_t count;
	nacre_filter_slice tags[];
};

static int refuse(nacre_filter_error *error, uint32_t offset, const char *expected)
{
	error->source_offset = offset;
	(void)snprintf(error->message, sizeof error->message, "expected %s", expected);
	return NACRE_FILTER_REFUSED;
}

static void by_tag_destroy(void *compiled)
{
	free(compiled);
}

static int by_tag_compile(const nacre_filter_host *host, const nacre_filter_selector *selector,
                          void **filter_out, nacre_filter_error *error)
{
	const nacre_filter_view *view = selector->view;
	size_t size = sizeof(struct by_tag);
	(void)host;
	*filter_out = NULL;
	for (uint64_t i = 0; i < view->leaf_count; i++) {
		const nacre_filter_leaf *leaf = nacre_filter_leaf_at(view, i);
		if (leaf->kind != NACRE_FILTER_STRING || leaf->depth > 0 || leaf->text.size == 0) {
			return refuse(error, (uint32_t)(leaf->raw.data - selector->source.data),
			              "a tag or a list of tags");
		}
		size += sizeof(nacre_filter_slice) + leaf->text.size;
	}

	struct by_tag *filter = malloc(size);
	if (filter == NULL) {
		(void)refuse(error, NACRE_FILTER_NO_OFFSET, "more memory");
		return NACRE_FILTER_NO_MEMORY;
	}
	filter->count = view->leaf_count;
	uint8_t *bytes = (uint8_t *)(filter->tags + filter->count); /* behind the slices */
	for (uint64_t i = 0; i < view->leaf_count; i++) {
		const nacre_filter_leaf *leaf = nacre_filter_leaf_at(view, i);
		memcpy(bytes, leaf->text.data, leaf->text.size);
		filter->tags[i] = (nacre_filter_slice){ bytes, leaf->text.size };
		bytes += leaf->text.size;
	}
	*filter_out = filter;
	return NACRE_FILTER_OK;
}

/* The host finds events by their tags: say so, and it asks us about no others, or not at all. */
static int by_tag_hints(const void *compiled, nacre_filter_emit_fn *emit, void *emit_ctx)
{
	const struct by_tag *filter = compiled;
	for (uint64_t i = 0; i < filter->count; i++) {
		const nacre_filter_hint hint = {
			.struct_size = sizeof hint,
			.tag_kind = NACRE_FILTER_EXACT,
			.tag = filter->tags[i],
		};
		emit(emit_ctx, &hint);
	}
	return NACRE_FILTER_HINTS_FULL;
}

static int bears(const nacre_filter_event *event, nacre_filter_slice tag)
{
	for (uint64_t i = 0; i < event->tag_count; i++) {
		if (event->tags[i].size == tag.size &&
		    memcmp(event->tags[i].data, tag.data, tag.size) == 0)
			return 1;
	}
	return 0;
}

static int by_tag_match(const void *compiled, const nacre_filter_event *const *events,
                        uint64_t event_count, uint64_t *matched)
{
	const struct by_tag *filter = compiled;
	for (uint64_t i = 0; i < event_count; i++) {
		for (uint64_t k = 0; k < filter->count; k++) {
			if (bears(events[i], filter->tags[k]))
				matched[i / 64] |= (uint64_t)1 << (i % 64);
		}
	}
	return NACRE_FILTER_OK;
}

const nacre_filter_plugin *nacre_filter_plugin_v1(const nacre_filter_host *host)
{
	static const nacre_filter_plugin plugin = {
		.struct_size = sizeof plugin,
		.abi_minor = NACRE_FILTER_ABI_MINOR,
		.name = "by_tag",
		.build = "1.0.0",
		.summary = "events that bear a tag, or one of a list",
		.compile = by_tag_compile,
		.destroy = by_tag_destroy,
		.hints = by_tag_hints,
		.match = by_tag_match,
	};
	(void)host;
	return &plugin;
}
