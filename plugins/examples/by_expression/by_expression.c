/* SPDX-License-Identifier: Apache-2.0 */
/* by_expression -- events for which an expression holds: "type == 'OrderPlaced' && data.total >
 * 100". */
#include "expression.h"

#include <stdio.h>
#include <string.h>

/* Offsets in the expression are offsets in the selector only while nothing in it is escaped; else
 * the beginning is pointed at, which is still true. */
static int compile(const nacre_filter_host *host, const nacre_filter_selector *selector,
                   void **filter_out, nacre_filter_error *error)
{
	struct expression *made;
	(void)host;
	*filter_out = NULL;
	if (selector->view->root_kind != NACRE_FILTER_STRING) {
		error->source_offset = 0;
		(void)snprintf(error->message, sizeof error->message,
		               "expected an expression, as a string");
		return NACRE_FILTER_REFUSED;
	}
	const nacre_filter_leaf *leaf = nacre_filter_leaf_at(selector->view, 0);
	uint32_t begin = (uint32_t)(leaf->raw.data - selector->source.data);
	int plain = leaf->raw.size == leaf->text.size + 2;
	int answer = expression_parse(leaf->text, begin + 1, &made, error);
	if (answer != NACRE_FILTER_OK) {
		if (!plain)
			error->source_offset = begin;
		return answer;
	}
	*filter_out = made;
	return NACRE_FILTER_OK;
}

static uint32_t needs(const void *filter)
{
	const struct expression *expression = filter;
	return expression->needs_view ? NACRE_FILTER_NEEDS_VIEW : 0;
}

static int match(const void *filter, const nacre_filter_event *const *events, uint64_t event_count,
                 uint64_t *matched)
{
	for (uint64_t i = 0; i < event_count; i++) {
		if (expression_holds(filter, events[i]))
			matched[i / 64] |= (uint64_t)1 << (i % 64);
	}
	return NACRE_FILTER_OK;
}

const nacre_filter_plugin *nacre_filter_plugin_v1(const nacre_filter_host *host)
{
	static const nacre_filter_plugin plugin = {
		.struct_size = sizeof plugin,
		.abi_minor = NACRE_FILTER_ABI_MINOR,
		.name = "by_expression",
		.build = "1.0.0",
		.summary = "events for which an expression holds: data.total > 100 && tag == 'eu'",
		.compile = compile,
		.destroy = expression_free,
		.needs = needs,
		.match = match,
	};
	(void)host;
	return &plugin;
}
