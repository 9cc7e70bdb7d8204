/* SPDX-License-Identifier: Apache-2.0 */
/* What my_plugin matches and what it does not. The rules that every plugin keeps are
 * nacre-plugin-check's. */
#undef NDEBUG
#include "my_plugin.c"

#include <assert.h>

/* A view of one string, as the host makes it of JSON or MessagePack. */
static int matches(const char *selector, const char *path, const char *value)
{
	nacre_filter_leaf word = { .kind = NACRE_FILTER_STRING,
		                   .text = { (const uint8_t *)selector, strlen(selector) } };
	nacre_filter_leaf leaf = { .kind = NACRE_FILTER_STRING,
		                   .path = { (const uint8_t *)path, strlen(path) },
		                   .text = { (const uint8_t *)value, strlen(value) } };
	nacre_filter_view selector_view = { .struct_size = sizeof selector_view,
		                            .state = NACRE_FILTER_VIEW_JSON,
		                            .root_kind = NACRE_FILTER_STRING,
		                            .leaf_size = sizeof word,
		                            .leaves = &word,
		                            .leaf_count = 1 };
	nacre_filter_view view = { .struct_size = sizeof view,
		                   .state = NACRE_FILTER_VIEW_JSON,
		                   .root_kind = NACRE_FILTER_OBJECT,
		                   .leaf_size = sizeof leaf,
		                   .leaves = &leaf,
		                   .leaf_count = 1 };
	nacre_filter_selector source = { .struct_size = sizeof source, .view = &selector_view };
	nacre_filter_event event = { .struct_size = sizeof event, .view = &view };
	const nacre_filter_event *events[] = { &event };
	nacre_filter_error error = { .struct_size = sizeof error };
	void *filter;
	uint64_t matched = 0;
	assert(compile(NULL, &source, &filter, &error) == NACRE_FILTER_OK);
	assert(match(filter, events, 1, &matched) == NACRE_FILTER_OK);
	free(filter);
	return matched == 1;
}

int main(void)
{
	assert(matches("urgent", "kind", "urgent"));
	assert(!matches("urgent", "kind", "urgently"));
	assert(!matches("urgent", "other", "urgent"));
	assert(matches("", "kind", ""));
	puts("ok");
	return 0;
}
