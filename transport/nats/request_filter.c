/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The member `filter` of reads and of R.filter.test (PROTOCOL.md section 9): {"plugin":NAME,
 * "selector":any JSON value}. The selector is the plugin's to understand; its bytes are kept. */
#include "core/base/json.h"
#include "core/engine/names.h"
#include "transport/nats/request_private.h"

static bool json_refuse(const struct nc_json *json, struct nc_refusal *refusal)
{
	return nc_refuse(refusal, NC_FAULT_REQUEST, "member 'filter': expected %s at byte %zu",
	                 json->expected == NULL ? "an object" : json->expected, json->offset);
}

static bool plugin_take(struct nc_decoder *decoder, const struct nc_json_token *value,
                        struct nc_request *request, struct nc_refusal *refusal)
{
	if (request->plugin.size > 0) {
		return nc_refuse(refusal, NC_FAULT_REQUEST,
		                 "member 'filter.plugin' is given twice");
	}
	if (value->type != NC_JSON_STRING) {
		return nc_refuse(refusal, NC_FAULT_REQUEST,
		                 "member 'filter.plugin' is not a string");
	}
	nc_buf_clear(&decoder->names);
	nc_json_unescape(value, &decoder->names);
	if (nc_buf_status(&decoder->names) != NC_OK)
		return nc_refuse(refusal, NC_FAULT_BUSY, "out of memory; try again");
	request->plugin = nc_buf_slice(&decoder->names);
	const char *why = nc_name_word_fault(request->plugin);
	return why == NULL ||
	       nc_refuse(refusal, NC_FAULT_REQUEST, "member 'filter.plugin' %s", why);
}

static bool selector_take(struct nc_json *json, const struct nc_json_token *value,
                          struct nc_request *request, struct nc_refusal *refusal)
{
	if (request->selector.size > 0) {
		return nc_refuse(refusal, NC_FAULT_REQUEST,
		                 "member 'filter.selector' is given twice");
	}
	return nc_json_value(json, value, &request->selector) == NC_OK ||
	       json_refuse(json, refusal);
}

static bool member_take(struct nc_decoder *decoder, struct nc_json *json,
                        const struct nc_json_token *key, struct nc_request *request,
                        struct nc_refusal *refusal)
{
	char room[NC_SHOWN_SIZE];
	struct nc_json_token value;
	if (nc_json_next(json, &value) != NC_OK)
		return json_refuse(json, refusal);
	if (nc_json_is(key, "plugin"))
		return plugin_take(decoder, &value, request, refusal);
	if (nc_json_is(key, "selector"))
		return selector_take(json, &value, request, refusal);
	return nc_refuse(refusal, NC_FAULT_REQUEST, "member 'filter.%s' is not known",
	                 nc_shown(key->raw, room));
}

bool nc_decode_filter(struct nc_decoder *decoder, struct nc_slice raw, struct nc_request *request,
                      struct nc_refusal *refusal)
{
	struct nc_json json;
	struct nc_json_token token;
	nc_json_init(&json, raw);
	if (nc_json_next(&json, &token) != NC_OK)
		return json_refuse(&json, refusal);
	if (token.type != NC_JSON_OBJECT)
		return nc_refuse(refusal, NC_FAULT_REQUEST, "member 'filter' is not an object");
	for (;;) {
		if (nc_json_next(&json, &token) != NC_OK)
			return json_refuse(&json, refusal);
		if (token.type == NC_JSON_OBJECT_END)
			break;
		if (!member_take(decoder, &json, &token, request, refusal))
			return false;
	}
	if (request->plugin.size == 0 || request->selector.size == 0) {
		return nc_refuse(refusal, NC_FAULT_REQUEST,
		                 "member 'filter': plugin and selector are required");
	}
	return true;
}
