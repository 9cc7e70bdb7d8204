/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Looking into the store's answers. */
#include "transport/cli/json.h"

/* A member of an object by its name, without dots. */
static bool member_find(struct nc_slice object, const char *name, struct nc_slice *raw_out)
{
	struct nc_json json;
	struct nc_json_token token;
	nc_json_init(&json, object);
	if (nc_json_next(&json, &token) != NC_OK || token.type != NC_JSON_OBJECT)
		return false;
	while (nc_json_next(&json, &token) == NC_OK && token.type == NC_JSON_KEY) {
		bool found = nc_json_is(&token, name);
		struct nc_slice raw;
		if (nc_json_next(&json, &token) != NC_OK ||
		    nc_json_value(&json, &token, &raw) != NC_OK)
			return false;
		if (found) {
			*raw_out = raw;
			return true;
		}
	}
	return false;
}

bool nc_cli_member(struct nc_slice object, const char *path, struct nc_slice *raw_out)
{
	char name[64];
	for (;;) {
		size_t size = strcspn(path, ".");
		if (size >= sizeof name)
			return false;
		memcpy(name, path, size);
		name[size] = '\0';
		if (!member_find(object, name, &object))
			return false;
		if (path[size] == '\0')
			break;
		path += size + 1;
	}
	*raw_out = object;
	return true;
}

static bool first_token(struct nc_slice raw, struct nc_json_token *token_out)
{
	struct nc_json json;
	nc_json_init(&json, raw);
	return nc_json_next(&json, token_out) == NC_OK;
}

uint64_t nc_cli_member_number(struct nc_slice object, const char *path, uint64_t otherwise)
{
	struct nc_slice raw;
	struct nc_json_token token;
	if (nc_cli_member(object, path, &raw) && first_token(raw, &token))
		(void)nc_json_u64(&token, &otherwise);
	return otherwise;
}

void nc_cli_value_text(struct nc_slice raw, struct nc_buf *to)
{
	struct nc_json_token token;
	if (first_token(raw, &token) && token.type == NC_JSON_STRING) {
		nc_json_unescape(&token, to);
	} else {
		nc_buf_put_slice(to, raw);
	}
}

bool nc_cli_list_begin(struct nc_json *items, struct nc_slice list)
{
	struct nc_json_token token;
	nc_json_init(items, list);
	return nc_json_next(items, &token) == NC_OK && token.type == NC_JSON_ARRAY;
}

bool nc_cli_list_next(struct nc_json *items, struct nc_slice *raw_out)
{
	struct nc_json_token token;
	return nc_json_next(items, &token) == NC_OK && token.type != NC_JSON_ARRAY_END &&
	       nc_json_value(items, &token, raw_out) == NC_OK;
}

void nc_cli_page_add(struct nc_slice answer, const char *member, struct nc_buf *list,
                     struct nc_buf *after)
{
	struct nc_json items;
	struct nc_slice page, item, next;
	nc_buf_clear(after);
	if (!nc_cli_member(answer, member, &page) || !nc_cli_list_begin(&items, page))
		return;
	while (nc_cli_list_next(&items, &item)) {
		nc_buf_put_u8(list, list->size == 0 ? '[' : ',');
		nc_buf_put_slice(list, item);
	}
	if (nc_cli_member(answer, "next", &next))
		nc_buf_put_slice(after, next);
}

bool nc_cli_json_valid(struct nc_slice text, size_t *offset_out, const char **expected_out)
{
	struct nc_json json;
	struct nc_json_token token;
	nc_json_init(&json, text);
	do {
		if (nc_json_next(&json, &token) != NC_OK) {
			*offset_out = json.offset;
			*expected_out = json.expected;
			return false;
		}
	} while (token.type != NC_JSON_END);
	return true;
}

struct nc_slice nc_cli_reply_slice(const struct nacre_reply *reply)
{
	size_t size = 0;
	const void *data = nacre_reply_data(reply, &size);
	return nc_slice(data, size);
}
