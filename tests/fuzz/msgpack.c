/* SPDX-License-Identifier: GPL-3.0-or-later */
/* MessagePack to a view: leaves lie in the data, strings are UTF-8, trails are in order. */
#include "core/base/assert.h"
#include "core/base/json.h"
#include "plugins/host/view.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	struct nc_slice data = nc_slice(input, size);
	struct nc_view_builder builder = { 0 };
	struct nc_arena arena = { 0 };
	const nacre_filter_view *view =
	        nc_view_data(&builder, &arena, NC_SLICE("application/msgpack"), data);
	nc_assert(view != NULL);
	for (uint64_t i = 0; i < view->leaf_count; i++) {
		const nacre_filter_leaf *leaf = nacre_filter_leaf_at(view, i);
		nc_assert(leaf->raw.size > 0 && leaf->raw.data >= data.data &&
		          leaf->raw.data + leaf->raw.size <= data.data + data.size);
		if (leaf->kind == NACRE_FILTER_STRING)
			nc_assert(nc_utf8_valid(nc_slice(leaf->text.data, leaf->text.size)));
		nc_assert(nc_utf8_valid(nc_slice(leaf->path.data, leaf->path.size)));
	}
	nc_arena_release(&arena);
	nc_view_builder_release(&builder);
	return 0;
}
