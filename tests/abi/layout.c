/* SPDX-License-Identifier: GPL-3.0-or-later */
/* layout.c -- the published layout of nacre_filter.h 1.0, frozen: compiled as C99, C11 and C++17 by
 * header.sh, and never run. Lines may be added when a struct grows at its end; a line that is here
 * stays as it is, whatever the header would like. LP64 (the 64-bit machines that Nacre runs on).
 */
#include "nacre_filter.h"

#define GLUE_(a, b)          a##b
#define GLUE(a, b)           GLUE_(a, b)
/* C99 has no static assertion: an array of -1 elements does as well. */
#define HOLDS(claim)         typedef char GLUE(holds_, __LINE__)[(claim) ? 1 : -1]
/* A struct that never changes; one that may grow; a member. */
#define SIZE(type, bytes)    HOLDS(sizeof(type) == (bytes))
#define ATLEAST(type, bytes) HOLDS(sizeof(type) >= (bytes))
#define PLACE(type, member, offset, bytes) \
	HOLDS(offsetof(type, member) == (offset) && sizeof(((type *)0)->member) == (bytes))
#define NUMBER(name, value) HOLDS((name) == (value))

SIZE(nacre_filter_slice, 16);
PLACE(nacre_filter_slice, data, 0, 8);
PLACE(nacre_filter_slice, size, 8, 8);
SIZE(nacre_filter_number, 8);
SIZE(nacre_filter_step, 8);
PLACE(nacre_filter_step, array, 0, 4);
PLACE(nacre_filter_step, index, 4, 4);
SIZE(nacre_filter_pair, 32);
PLACE(nacre_filter_pair, name, 0, 16);
PLACE(nacre_filter_pair, value, 16, 16);
PLACE(nacre_filter_leaf, path, 0, 16);
PLACE(nacre_filter_leaf, text, 16, 16);
PLACE(nacre_filter_leaf, raw, 32, 16);
PLACE(nacre_filter_leaf, number, 48, 8);
PLACE(nacre_filter_leaf, path_hash, 56, 8);
PLACE(nacre_filter_leaf, trail, 64, 8);
PLACE(nacre_filter_leaf, trail_count, 72, 4);
PLACE(nacre_filter_leaf, depth, 76, 4);
PLACE(nacre_filter_leaf, kind, 80, 4);
PLACE(nacre_filter_leaf, number_kind, 84, 4);
PLACE(nacre_filter_view, struct_size, 0, 4);
PLACE(nacre_filter_view, state, 4, 4);
PLACE(nacre_filter_view, root_kind, 8, 4);
PLACE(nacre_filter_view, leaf_size, 12, 4);
PLACE(nacre_filter_view, leaves, 16, 8);
PLACE(nacre_filter_view, leaf_count, 24, 8);
PLACE(nacre_filter_view, array_count, 32, 8);
PLACE(nacre_filter_event, struct_size, 0, 4);
PLACE(nacre_filter_event, flags, 4, 4);
PLACE(nacre_filter_event, stream, 8, 16);
PLACE(nacre_filter_event, type, 24, 16);
PLACE(nacre_filter_event, id, 40, 16);
PLACE(nacre_filter_event, content_type, 56, 16);
PLACE(nacre_filter_event, data, 72, 16);
PLACE(nacre_filter_event, position, 88, 8);
PLACE(nacre_filter_event, version, 96, 8);
PLACE(nacre_filter_event, time_ns, 104, 8);
PLACE(nacre_filter_event, tags, 112, 8);
PLACE(nacre_filter_event, tag_count, 120, 8);
PLACE(nacre_filter_event, meta, 128, 8);
PLACE(nacre_filter_event, meta_count, 136, 8);
PLACE(nacre_filter_event, view, 144, 8);
PLACE(nacre_filter_selector, struct_size, 0, 4);
PLACE(nacre_filter_selector, flags, 4, 4);
PLACE(nacre_filter_selector, source, 8, 16);
PLACE(nacre_filter_selector, view, 24, 8);
PLACE(nacre_filter_error, struct_size, 0, 4);
PLACE(nacre_filter_error, source_offset, 4, 4);
PLACE(nacre_filter_error, message, 8, 240);
PLACE(nacre_filter_hint, struct_size, 0, 4);
PLACE(nacre_filter_hint, stream_kind, 4, 2);
PLACE(nacre_filter_hint, type_kind, 6, 2);
PLACE(nacre_filter_hint, tag_kind, 8, 2);
PLACE(nacre_filter_hint, flags, 10, 2);
PLACE(nacre_filter_hint, stream, 16, 16);
PLACE(nacre_filter_hint, type, 32, 16);
PLACE(nacre_filter_hint, tag, 48, 16);
PLACE(nacre_filter_host, struct_size, 0, 4);
PLACE(nacre_filter_host, abi_minor, 4, 4);
PLACE(nacre_filter_host, host_ctx, 8, 8);
PLACE(nacre_filter_host, log, 16, 8);
PLACE(nacre_filter_plugin, struct_size, 0, 4);
PLACE(nacre_filter_plugin, abi_minor, 4, 4);
PLACE(nacre_filter_plugin, name, 8, 8);
PLACE(nacre_filter_plugin, build, 16, 8);
PLACE(nacre_filter_plugin, summary, 24, 8);
PLACE(nacre_filter_plugin, compile, 32, 8);
PLACE(nacre_filter_plugin, destroy, 40, 8);
PLACE(nacre_filter_plugin, needs, 48, 8);
PLACE(nacre_filter_plugin, hints, 56, 8);
PLACE(nacre_filter_plugin, match, 64, 8);
PLACE(nacre_filter_plugin, set_build, 72, 8);
PLACE(nacre_filter_plugin, set_match, 80, 8);
PLACE(nacre_filter_plugin, set_destroy, 88, 8);

ATLEAST(nacre_filter_leaf, 88);
ATLEAST(nacre_filter_view, 40);
ATLEAST(nacre_filter_event, 152);
ATLEAST(nacre_filter_selector, 32);
ATLEAST(nacre_filter_error, 248);
ATLEAST(nacre_filter_hint, 64);
ATLEAST(nacre_filter_host, 24);
ATLEAST(nacre_filter_plugin, 96);

NUMBER(NACRE_FILTER_ABI_MAJOR, 1);
NUMBER(NACRE_FILTER_OK, 0);
NUMBER(NACRE_FILTER_REFUSED, -1);
NUMBER(NACRE_FILTER_NO_MEMORY, -2);
NUMBER(NACRE_FILTER_FAILED, -3);
NUMBER(NACRE_FILTER_NULL, 1);
NUMBER(NACRE_FILTER_FALSE, 2);
NUMBER(NACRE_FILTER_TRUE, 3);
NUMBER(NACRE_FILTER_NUMBER, 4);
NUMBER(NACRE_FILTER_STRING, 5);
NUMBER(NACRE_FILTER_BYTES, 6);
NUMBER(NACRE_FILTER_ARRAY, 7);
NUMBER(NACRE_FILTER_OBJECT, 8);
NUMBER(NACRE_FILTER_I64, 1);
NUMBER(NACRE_FILTER_U64, 2);
NUMBER(NACRE_FILTER_F64, 3);
NUMBER(NACRE_FILTER_VIEW_JSON, 1);
NUMBER(NACRE_FILTER_VIEW_MSGPACK, 2);
NUMBER(NACRE_FILTER_VIEW_OPAQUE, -1);
NUMBER(NACRE_FILTER_VIEW_MALFORMED, -2);
NUMBER(NACRE_FILTER_VIEW_TOO_LARGE, -3);
NUMBER(NACRE_FILTER_NO_OFFSET, 0xffffffffu);
NUMBER(NACRE_FILTER_ANY, 0);
NUMBER(NACRE_FILTER_EXACT, 1);
NUMBER(NACRE_FILTER_PREFIX, 2);
NUMBER(NACRE_FILTER_HINTS_LOOSE, 0);
NUMBER(NACRE_FILTER_HINTS_FULL, 1);
NUMBER(NACRE_FILTER_NEEDS_VIEW, 1);

/* The symbol's name and the functions' types. */
HOLDS(sizeof(NACRE_FILTER_SYMBOL) == sizeof("nacre_filter_plugin_v1"));
nacre_filter_plugin_fn *layout_hello(void);
nacre_filter_plugin_fn *layout_hello(void)
{
	return nacre_filter_plugin_v1;
}
void layout_calls(const nacre_filter_plugin *plugin, const nacre_filter_host *host,
                  const nacre_filter_selector *selector, nacre_filter_emit_fn *emit,
                  nacre_filter_emit_id_fn *emit_id);
void layout_calls(const nacre_filter_plugin *plugin, const nacre_filter_host *host,
                  const nacre_filter_selector *selector, nacre_filter_emit_fn *emit,
                  nacre_filter_emit_id_fn *emit_id)
{
	void *filter;
	void *set;
	nacre_filter_error error;
	const void *filters[1];
	const nacre_filter_event *events[1];
	const uint32_t ids[1] = { 1 };
	uint64_t matched[1] = { 0 };
	int answer = plugin->compile(host, selector, &filter, &error);
	uint32_t needs = plugin->needs(filter);
	events[0] = NULL;
	filters[0] = filter;
	answer |= plugin->hints(filter, emit, NULL);
	answer |= plugin->match(filter, events, 1, matched);
	answer |= plugin->set_build(filters, ids, 1, &set);
	answer |= plugin->set_match(set, events[0], emit_id, NULL);
	plugin->set_destroy(set);
	plugin->destroy(filter);
	host->log(host->host_ctx, plugin->name + (answer + (int)needs) * 0);
	(void)NACRE_FILTER_HAS(nacre_filter_plugin, plugin, set_destroy);
	(void)nacre_filter_leaf_at(selector->view, 0);
}
