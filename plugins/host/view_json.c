/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JSON to a view. */
#include "core/base/json.h"
#include "plugins/host/view_private.h"

/* The characters of a key or string. They lie in the source, or in the arena if they were escaped.
 */
static bool characters(struct nc_view_work *work, const struct nc_json_token *token,
                       struct nc_slice *text_out)
{
	*text_out = token->raw;
	if (!token->escaped)
		return true;
	struct nc_buf *text = &work->builder->text;
	nc_buf_clear(text);
	nc_json_unescape(token, text);
	uint8_t *kept =
	        nc_buf_status(text) == NC_OK ? nc_arena_take(work->arena, text->size) : NULL;
	if (kept == NULL) {
		work->no_memory = true;
		return false;
	}
	if (text->size > 0)
		memcpy(kept, text->data, text->size);
	*text_out = nc_slice(kept, text->size);
	return true;
}

static bool string(struct nc_view_work *work, const struct nc_json_token *token)
{
	struct nc_slice text;
	if (!characters(work, token, &text))
		return false;
	struct nc_slice raw = nc_slice(work->source.data + token->offset, token->raw.size + 2);
	return nc_view_leaf(work, NACRE_FILTER_STRING, raw, text, NULL);
}

/* Take the next token. False at the end of the text, or if the view ends early. */
static bool token_take(struct nc_view_work *work, const struct nc_json_token *token)
{
	struct nc_slice none = nc_slice(NULL, 0);
	struct nc_slice key;
	struct nc_decimal number;
	switch (token->type) {
	case NC_JSON_OBJECT:
	case NC_JSON_ARRAY:
		return nc_view_open(work, token->type == NC_JSON_ARRAY, token->offset);
	case NC_JSON_OBJECT_END:
	case NC_JSON_ARRAY_END:
		return nc_view_close(work, token->offset + 1);
	case NC_JSON_KEY:
		return characters(work, token, &key) && nc_view_key(work, key);
	case NC_JSON_STRING:
		return string(work, token);
	case NC_JSON_NUMBER:
		number = nc_decimal_read(token->raw);
		return nc_view_leaf(work, NACRE_FILTER_NUMBER, token->raw, none, &number);
	case NC_JSON_TRUE:
		return nc_view_leaf(work, NACRE_FILTER_TRUE, token->raw, none, NULL);
	case NC_JSON_FALSE:
		return nc_view_leaf(work, NACRE_FILTER_FALSE, token->raw, none, NULL);
	case NC_JSON_NULL:
		return nc_view_leaf(work, NACRE_FILTER_NULL, token->raw, none, NULL);
	case NC_JSON_END:
		break;
	}
	work->state = NACRE_FILTER_VIEW_JSON;
	return false;
}

const nacre_filter_view *nc_view_json(struct nc_view_builder *builder, struct nc_arena *arena,
                                      struct nc_slice text, struct nc_view_fault *fault_out)
{
	struct nc_view_work work;
	nc_view_begin(&work, builder, arena, text);
	struct nc_json json;
	nc_json_init(&json, text);
	struct nc_json_token token;
	int err;
	do {
		err = nc_json_next(&json, &token);
	} while (err == NC_OK && token_take(&work, &token));
	if (err == NC_OK)
		return nc_view_end(&work, work.state);
	if (fault_out != NULL)
		*fault_out = (struct nc_view_fault){ json.offset, json.expected };
	/* At the limit of depth the text may be valid, but nested too deeply. */
	bool deep = json.depth == NC_JSON_DEPTH_MAX;
	return nc_view_end(&work, deep ? NACRE_FILTER_VIEW_TOO_LARGE : NACRE_FILTER_VIEW_MALFORMED);
}
