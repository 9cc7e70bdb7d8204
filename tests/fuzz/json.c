/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JSON: the cursor and the view agree on what is JSON; errors lie in the text; strings that are
 * written read back the same; numbers have one form. */
#include "core/base/json.h"

#include "core/base/assert.h"
#include "core/base/decimal.h"
#include "plugins/host/view.h"
#include "tests/fuzz/fuzz.h"

static void string_check(const struct nc_json_token *token)
{
	struct nc_buf text = { 0 };
	struct nc_buf written = { 0 };
	struct nc_buf again = { 0 };
	nc_json_unescape(token, &text);
	nc_assert(nc_utf8_valid(nc_buf_slice(&text)));
	nc_json_put_string(&written, nc_buf_slice(&text));
	struct nc_json json;
	struct nc_json_token reread;
	nc_json_init(&json, nc_buf_slice(&written));
	nc_assert(nc_json_next(&json, &reread) == NC_OK && reread.type == NC_JSON_STRING);
	nc_json_unescape(&reread, &again);
	nc_assert(nc_slice_eq(nc_buf_slice(&text), nc_buf_slice(&again)));
	nc_buf_release(&text);
	nc_buf_release(&written);
	nc_buf_release(&again);
}

static bool cursor_takes(struct nc_slice text)
{
	struct nc_json json;
	struct nc_json_token token;
	nc_json_init(&json, text);
	for (;;) {
		if (nc_json_next(&json, &token) != NC_OK) {
			nc_assert(json.offset <= text.size && json.expected != NULL);
			return false;
		}
		if (token.type == NC_JSON_END)
			return true;
		nc_assert(token.offset < text.size);
		if (token.type == NC_JSON_STRING || token.type == NC_JSON_KEY)
			string_check(&token);
	}
}

static void leaf_check(const nacre_filter_leaf *leaf, uint64_t array_count, struct nc_slice text)
{
	nc_assert(leaf->raw.data >= text.data &&
	          leaf->raw.data + leaf->raw.size <= text.data + text.size);
	for (uint32_t i = 0; i < leaf->trail_count; i++)
		nc_assert(leaf->trail[i].array < array_count);
	if (leaf->number_kind == NACRE_FILTER_F64)
		nc_assert(nc_decimal_from_f64(leaf->number.f64).kind == NC_DECIMAL_F64);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	struct nc_slice text = nc_slice(input, size);
	struct nc_view_builder builder = { 0 };
	struct nc_arena arena = { 0 };
	const nacre_filter_view *view = nc_view_json(&builder, &arena, text, NULL);
	nc_assert(view != NULL);
	bool taken = cursor_takes(text);
	nc_assert(taken == (view->state > 0) || view->state == NACRE_FILTER_VIEW_TOO_LARGE);
	for (uint64_t i = 0; i < view->leaf_count; i++)
		leaf_check(nacre_filter_leaf_at(view, i), view->array_count, text);
	nc_arena_release(&arena);
	nc_view_builder_release(&builder);
	return 0;
}
