/* SPDX-License-Identifier: GPL-3.0-or-later */
/* by_event_type -- events of one type or of some, whole or by their beginning.
 *
 * Selector: "OrderPlaced", "Order*" (a star at the end only, "\*" is a star itself), or a list of
 * these (PROTOCOL.md section 9). */
#include <stdlib.h>

#include "plugins/pattern/names.h"

#define NAME_SIZE_MAX 255 /* bytes of a type */

struct by_event_type {
	struct nc_names names;
};

static int name_add(struct nc_names *names, const nacre_filter_selector *selector,
                    const nacre_filter_leaf *leaf, nacre_filter_error *error)
{
	struct nc_slice text = nc_slice_in(leaf->text);
	uint8_t name[NAME_SIZE_MAX];
	size_t size = 0;
	bool prefix = false;
	if (text.size == 0) {
		return nc_selector_refuse(error, nc_selector_offset(selector, leaf),
		                          "expected an event type, not an empty one");
	}
	for (size_t i = 0; i < text.size; i++) {
		if (text.data[i] == '*' && i + 1 < text.size) {
			return nc_selector_refuse(error, nc_selector_text_offset(selector, leaf, i),
			                          "expected '*' at the end only; "
			                          "a star itself is '\\*'");
		}
		if (text.data[i] == '*') {
			prefix = true;
			break;
		}
		if (text.data[i] == '\\' && i + 1 < text.size && text.data[i + 1] == '*')
			i++;
		if (size == NAME_SIZE_MAX) {
			return nc_selector_refuse(error, nc_selector_offset(selector, leaf),
			                          "expected an event type of at most %d bytes",
			                          NAME_SIZE_MAX);
		}
		name[size++] = text.data[i];
	}
	int err = prefix ? nc_names_add_prefix(names, nc_slice(name, size))
	                 : nc_names_add(names, nc_slice(name, size));
	return err == NC_OK ? NACRE_FILTER_OK : nc_selector_no_memory(error);
}

static void by_event_type_destroy(void *compiled)
{
	struct by_event_type *filter = compiled;
	if (filter == NULL)
		return;
	nc_names_release(&filter->names);
	free(filter);
}

static int by_event_type_compile(const nacre_filter_host *host,
                                 const nacre_filter_selector *selector, void **filter_out,
                                 nacre_filter_error *error)
{
	(void)host;
	*filter_out = NULL;
	int answer = nc_selector_strings(selector, "an event type or a list of types", error);
	if (answer < 0)
		return answer;
	struct by_event_type *filter = calloc(1, sizeof *filter);
	if (filter == NULL)
		return nc_selector_no_memory(error);
	for (uint64_t i = 0; answer >= 0 && i < selector->view->leaf_count; i++) {
		answer = name_add(&filter->names, selector, nacre_filter_leaf_at(selector->view, i),
		                  error);
	}
	if (answer < 0) {
		by_event_type_destroy(filter);
		return answer;
	}
	nc_names_seal(&filter->names);
	*filter_out = filter;
	return NACRE_FILTER_OK;
}

static int by_event_type_hints(const void *compiled, nacre_filter_emit_fn *emit, void *emit_ctx)
{
	const struct by_event_type *filter = compiled;
	for (size_t i = 0; i < filter->names.count; i++) {
		const struct nc_name *name = &filter->names.items[i];
		const nacre_filter_hint hint = {
			.struct_size = sizeof hint,
			.type_kind = name->prefix ? NACRE_FILTER_PREFIX : NACRE_FILTER_EXACT,
			.type = nc_slice_out(name->bytes),
		};
		emit(emit_ctx, &hint);
	}
	return NACRE_FILTER_HINTS_FULL;
}

static int by_event_type_match(const void *compiled, const nacre_filter_event *const *events,
                               uint64_t event_count, uint64_t *matched)
{
	const struct by_event_type *filter = compiled;
	for (uint64_t i = 0; i < event_count; i++) {
		if (nc_names_has(&filter->names, nc_slice_in(events[i]->type)))
			matched[i / 64] |= 1ull << i % 64;
	}
	return NACRE_FILTER_OK;
}

static int by_event_type_set_build(const void *const *filters, const uint32_t *ids,
                                   uint64_t filter_count, void **set_out)
{
	*set_out = NULL;
	const struct nc_names **lists = calloc(filter_count + 1, sizeof(const struct nc_names *));
	if (lists == NULL)
		return NACRE_FILTER_NO_MEMORY;
	for (uint64_t i = 0; i < filter_count; i++) {
		const struct by_event_type *filter = filters[i];
		lists[i] = &filter->names;
	}
	struct nc_names_index *index;
	int err = nc_names_index_new(lists, ids, filter_count, &index);
	free(lists);
	if (err != NC_OK)
		return NACRE_FILTER_NO_MEMORY;
	*set_out = index;
	return NACRE_FILTER_OK;
}

static int by_event_type_set_match(const void *set, const nacre_filter_event *event,
                                   nacre_filter_emit_id_fn *emit, void *emit_ctx)
{
	nc_names_index_find(set, nc_slice_in(event->type), emit, emit_ctx);
	return NACRE_FILTER_OK;
}

static void by_event_type_set_destroy(void *set)
{
	nc_names_index_free(set);
}

const nacre_filter_plugin *nacre_filter_plugin_v1(const nacre_filter_host *host)
{
	static const nacre_filter_plugin plugin = {
		.struct_size = sizeof plugin,
		.abi_minor = NACRE_FILTER_ABI_MINOR,
		.name = "by_event_type",
		.build = NACRE_VERSION,
		.summary =
		        "events of a type, or of types that begin alike (\"Order*\"), or of a list",
		.compile = by_event_type_compile,
		.destroy = by_event_type_destroy,
		.hints = by_event_type_hints,
		.match = by_event_type_match,
		.set_build = by_event_type_set_build,
		.set_match = by_event_type_set_match,
		.set_destroy = by_event_type_set_destroy,
	};
	(void)host;
	return &plugin;
}
