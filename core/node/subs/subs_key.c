/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The key of an event, by which a subscription keeps its order. */
#include <inttypes.h>
#include <stdio.h>

#include "core/node/subs/subs_private.h"

void nc_subs_keys_release(struct nc_sub_keys *keys)
{
	nc_view_builder_release(&keys->builder);
	nc_arena_release(&keys->arena);
}

static struct nc_slice slice_of(nacre_filter_slice from)
{
	return nc_slice(from.data, (size_t)from.size);
}

/* Equal numbers are one key, however they were written. */
static struct nc_slice number_key(struct nc_sub_keys *keys, const nacre_filter_leaf *leaf)
{
	char *text = keys->number;
	switch (leaf->number_kind) {
	case NACRE_FILTER_I64:
		(void)snprintf(text, sizeof keys->number, "%" PRId64, leaf->number.i64);
		break;
	case NACRE_FILTER_U64:
		(void)snprintf(text, sizeof keys->number, "%" PRIu64, leaf->number.u64);
		break;
	default:
		(void)snprintf(text, sizeof keys->number, "%.17g", leaf->number.f64);
	}
	return nc_slice_str(text);
}

static struct nc_slice leaf_key(struct nc_sub_keys *keys, const nacre_filter_leaf *leaf)
{
	switch (leaf->kind) {
	case NACRE_FILTER_STRING:
	case NACRE_FILTER_BYTES:
		return slice_of(leaf->text);
	case NACRE_FILTER_NUMBER:
		return number_key(keys, leaf);
	case NACRE_FILTER_TRUE:
		return NC_SLICE("true");
	case NACRE_FILTER_FALSE:
		return NC_SLICE("false");
	default: /* null, and what is empty */
		return nc_slice(NULL, 0);
	}
}

/* The first scalar at the path, not within an array. Data that are opaque or malformed have no key.
 * Errors: NC_NOMEM. */
static int payload_key(struct nc_sub_keys *keys, struct nc_slice path, const struct nc_event *event,
                       struct nc_slice *key_out)
{
	nc_arena_clear(&keys->arena);
	const nacre_filter_view *view =
	        nc_view_data(&keys->builder, &keys->arena, event->content_type, event->data);
	if (view == NULL)
		return NC_NOMEM;
	for (uint64_t i = 0; view->state > 0 && i < view->leaf_count; i++) {
		const nacre_filter_leaf *leaf = nacre_filter_leaf_at(view, i);
		if (leaf->trail_count == 0 && nc_slice_eq(slice_of(leaf->path), path)) {
			*key_out = leaf_key(keys, leaf);
			return NC_OK;
		}
	}
	return NC_OK;
}

/* The first tag with the prefix. */
static struct nc_slice tag_key(struct nc_slice prefix, const struct nc_event *event)
{
	struct nc_slice tags = event->tags, tag;
	while (nc_event_tag_next(&tags, &tag)) {
		if (nc_slice_starts(tag, prefix))
			return tag;
	}
	return nc_slice(NULL, 0);
}

int nc_subs_key(struct nc_sub_keys *keys, const struct nc_definition *definition,
                const struct nc_event *event, struct nc_slice *key_out)
{
	*key_out = nc_slice(NULL, 0);
	switch (definition->order) {
	case NC_ORDER_STREAM:
		*key_out = event->stream;
		return NC_OK;
	case NC_ORDER_TAG:
		*key_out = tag_key(definition->order_arg, event);
		return NC_OK;
	case NC_ORDER_PAYLOAD:
		return payload_key(keys, definition->order_arg, event, key_out);
	default:
		return NC_OK;
	}
}
