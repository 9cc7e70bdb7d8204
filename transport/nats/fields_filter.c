/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The member `filter` of reads and of R.filter.test (PROTOCOL.md section 9): {"plugin":NAME,
 * "selector":any JSON value}. The selector is the plugin's to understand; its bytes are kept. */
#include "core/engine/names.h"
#include "transport/nats/fields.h"

enum { PLUGIN, SELECTOR, FILTER_MEMBERS };
static const char *const filter_names[] = { "plugin", "selector" };

static bool plugin_take(struct nc_fields *fields, const struct nc_wire_token *value,
                        struct nc_slice *plugin_out)
{
	if (!nc_fields_text(fields, PLUGIN, value, plugin_out))
		return false;
	const char *why = nc_name_word_fault(*plugin_out);
	return why == NULL || nc_fields_refuse(fields, PLUGIN, NC_FAULT_REQUEST, "%s", why);
}

static bool selector_take(struct nc_fields *fields, const struct nc_wire_token *value,
                          struct nc_slice *selector_out)
{
	return nc_wire_value(fields->wire, value, selector_out) == NC_OK ||
	       nc_wire_refuse(fields->wire, fields->refusal);
}

bool nc_fields_filter(struct nc_fields *outer, size_t index, const struct nc_wire_token *value,
                      struct nc_slice *plugin_out, struct nc_slice *selector_out)
{
	struct nc_fields fields = { .wire = outer->wire,
		                    .refusal = outer->refusal,
		                    .names = filter_names,
		                    .name_count = FILTER_MEMBERS,
		                    .within = "filter." };
	struct nc_wire_token token;
	size_t member;
	if (value->type != NC_WIRE_MAP)
		return nc_fields_refuse(outer, index, NC_FAULT_REQUEST, "is not an object");
	for (int more; (more = nc_fields_next(&fields, &member, &token)) != 0;) {
		if (more < 0 || !(member == PLUGIN ? plugin_take(&fields, &token, plugin_out)
		                                   : selector_take(&fields, &token, selector_out)))
			return false;
	}
	return fields.seen == (1u << PLUGIN | 1u << SELECTOR) ||
	       nc_refuse(fields.refusal, NC_FAULT_REQUEST,
	                 "member 'filter': plugin and selector are required");
}
