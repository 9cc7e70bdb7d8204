/* SPDX-License-Identifier: GPL-3.0-or-later */
/* by_stream -- events of one stream, of some, or of all that are not the system's.
 *
 * Selector: "orders.42", ["orders.1","orders.2"], or "$all" (PROTOCOL.md section 9). */
#include <stdlib.h>

#include "plugins/pattern/names.h"

#define NAME_SIZE_MAX 255 /* bytes of a stream's name */

struct by_stream {
	bool all;              /* every stream that is not the system's, beside the names */
	struct nc_names names; /* of those, only the system's when `all` */
};

struct by_stream_set {
	struct nc_names_index *index;
	uint32_t *all; /* ids of the filters with `all` */
	size_t all_count;
};

static bool is_system(struct nc_slice stream)
{
	return stream.size > 0 && stream.data[0] == '$';
}

static int name_add(struct by_stream *filter, const nacre_filter_selector *selector,
                    const nacre_filter_leaf *leaf, nacre_filter_error *error)
{
	struct nc_slice name = nc_slice_in(leaf->text);
	if (nc_slice_is(name, "$all")) {
		filter->all = true;
		return NACRE_FILTER_OK;
	}
	if (name.size == 0) {
		return nc_selector_refuse(error, nc_selector_offset(selector, leaf),
		                          "expected a stream's name, not an empty one; "
		                          "\"$all\" is every stream");
	}
	if (name.size > NAME_SIZE_MAX) {
		return nc_selector_refuse(error, nc_selector_offset(selector, leaf),
		                          "expected a stream's name of at most %d bytes",
		                          NAME_SIZE_MAX);
	}
	for (size_t i = 0; i < name.size; i++) {
		if (name.data[i] == '*' || name.data[i] == '>') {
			return nc_selector_refuse(
			        error, nc_selector_text_offset(selector, leaf, i),
			        "expected a stream's name, literally, without '%c'; "
			        "for patterns use the plugin by_pattern",
			        name.data[i]);
		}
	}
	return nc_names_add(&filter->names, name) == NC_OK ? NACRE_FILTER_OK
	                                                   : nc_selector_no_memory(error);
}

/* Of names beside "$all" only the system's add something; kept, a stream would be met twice. */
static void names_drop(struct nc_names *names)
{
	size_t kept = 0;
	for (size_t i = 0; i < names->count; i++) {
		struct nc_name item = names->items[i];
		if (is_system(item.bytes)) {
			names->items[i] = names->items[kept];
			names->items[kept++] = item;
		}
	}
	nc_names_cut(names, kept);
}

static void by_stream_destroy(void *compiled)
{
	struct by_stream *filter = compiled;
	if (filter == NULL)
		return;
	nc_names_release(&filter->names);
	free(filter);
}

static int by_stream_compile(const nacre_filter_host *host, const nacre_filter_selector *selector,
                             void **filter_out, nacre_filter_error *error)
{
	(void)host;
	*filter_out = NULL;
	int answer = nc_selector_strings(selector, "a stream's name or a list of names", error);
	if (answer < 0)
		return answer;
	struct by_stream *filter = calloc(1, sizeof *filter);
	if (filter == NULL)
		return nc_selector_no_memory(error);
	for (uint64_t i = 0; answer >= 0 && i < selector->view->leaf_count; i++)
		answer = name_add(filter, selector, nacre_filter_leaf_at(selector->view, i), error);
	if (answer < 0) {
		by_stream_destroy(filter);
		return answer;
	}
	if (filter->all)
		names_drop(&filter->names);
	nc_names_seal(&filter->names);
	*filter_out = filter;
	return NACRE_FILTER_OK;
}

static int by_stream_hints(const void *compiled, nacre_filter_emit_fn *emit, void *emit_ctx)
{
	const struct by_stream *filter = compiled;
	if (filter->all)
		return NACRE_FILTER_HINTS_LOOSE; /* nothing says "not the system's" */
	for (size_t i = 0; i < filter->names.count; i++) {
		const nacre_filter_hint hint = {
			.struct_size = sizeof hint,
			.stream_kind = NACRE_FILTER_EXACT,
			.stream = nc_slice_out(filter->names.items[i].bytes),
		};
		emit(emit_ctx, &hint);
	}
	return NACRE_FILTER_HINTS_FULL;
}

static int by_stream_match(const void *compiled, const nacre_filter_event *const *events,
                           uint64_t event_count, uint64_t *matched)
{
	const struct by_stream *filter = compiled;
	for (uint64_t i = 0; i < event_count; i++) {
		struct nc_slice stream = nc_slice_in(events[i]->stream);
		if ((filter->all && !is_system(stream)) || nc_names_has(&filter->names, stream))
			matched[i / 64] |= 1ull << i % 64;
	}
	return NACRE_FILTER_OK;
}

static void by_stream_set_destroy(void *built)
{
	struct by_stream_set *set = built;
	if (set == NULL)
		return;
	nc_names_index_free(set->index);
	free(set->all);
	free(set);
}

static int by_stream_set_build(const void *const *filters, const uint32_t *ids,
                               uint64_t filter_count, void **set_out)
{
	*set_out = NULL;
	struct by_stream_set *set = calloc(1, sizeof *set);
	const struct nc_names **lists = calloc(filter_count + 1, sizeof(const struct nc_names *));
	if (set == NULL || lists == NULL)
		goto fail;
	set->all = calloc(filter_count + 1, sizeof *set->all);
	if (set->all == NULL)
		goto fail;
	for (uint64_t i = 0; i < filter_count; i++) {
		const struct by_stream *filter = filters[i];
		lists[i] = &filter->names;
		if (filter->all)
			set->all[set->all_count++] = ids[i];
	}
	if (nc_names_index_new(lists, ids, filter_count, &set->index) != NC_OK)
		goto fail;
	free(lists);
	*set_out = set;
	return NACRE_FILTER_OK;

fail:
	free(lists);
	by_stream_set_destroy(set);
	return NACRE_FILTER_NO_MEMORY;
}

static int by_stream_set_match(const void *built, const nacre_filter_event *event,
                               nacre_filter_emit_id_fn *emit, void *emit_ctx)
{
	const struct by_stream_set *set = built;
	struct nc_slice stream = nc_slice_in(event->stream);
	if (!is_system(stream)) {
		for (size_t i = 0; i < set->all_count; i++)
			emit(emit_ctx, set->all[i]);
	}
	nc_names_index_find(set->index, stream, emit, emit_ctx);
	return NACRE_FILTER_OK;
}

const nacre_filter_plugin *nacre_filter_plugin_v1(const nacre_filter_host *host)
{
	static const nacre_filter_plugin plugin = {
		.struct_size = sizeof plugin,
		.abi_minor = NACRE_FILTER_ABI_MINOR,
		.name = "by_stream",
		.build = NACRE_VERSION,
		.summary = "events of a stream, of a list of streams, or \"$all\"",
		.compile = by_stream_compile,
		.destroy = by_stream_destroy,
		.hints = by_stream_hints,
		.match = by_stream_match,
		.set_build = by_stream_set_build,
		.set_match = by_stream_set_match,
		.set_destroy = by_stream_set_destroy,
	};
	(void)host;
	return &plugin;
}
