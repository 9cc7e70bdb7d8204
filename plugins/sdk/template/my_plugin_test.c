/* SPDX-License-Identifier: Apache-2.0 */
/* What my_plugin matches and what it does not, asked as the host asks. The rules that every plugin
 * keeps are nacre-plugin-check's. */
#undef NDEBUG
#include <assert.h>
#include <nacre/nacre_filter.h>
#include <stdio.h>
#include <string.h>

/* A view of one string, as the host makes it of JSON or MessagePack. */
static int matches(const char *selector, const char *path, const char *value)
{
	const nacre_filter_host host = { .struct_size = sizeof host,
		                         .abi_minor = NACRE_FILTER_ABI_MINOR };
	const nacre_filter_plugin *plugin = nacre_filter_plugin_v1(&host);
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
	assert(plugin->compile(&host, &source, &filter, &error) == NACRE_FILTER_OK);
	assert(plugin->match(filter, events, 1, &matched) == NACRE_FILTER_OK);
	plugin->destroy(filter);
	return matched == 1;
}

int main(void)
{
	assert(matches("urgent", "kind", "urgent"));
	assert(!matches("urgent", "kind", "urgently"));
	assert(!matches("urgent", "other", "urgent"));
	assert(matches("", "kind", ""));
	(void)puts("ok");
	return 0;
}
