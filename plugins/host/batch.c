/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events as plugins see them: the envelope at once, the view of data when somebody asks. */
#include <stdlib.h>

#include "plugins/host/batch_private.h"

static nacre_filter_slice slice_out(struct nc_slice slice)
{
	return (nacre_filter_slice){ slice.data, slice.size };
}

int nc_filter_batch_new(struct nc_filter_batch **batch_out)
{
	struct nc_filter_batch *batch = calloc(1, sizeof *batch);
	if (batch == NULL)
		return NC_NOMEM;
	*batch_out = batch;
	return NC_OK;
}

void nc_filter_batch_free(struct nc_filter_batch *batch)
{
	if (batch == NULL)
		return;
	nc_arena_release(&batch->arena);
	nc_buf_release(&batch->pointers);
	nc_view_builder_release(&batch->builder);
	free(batch);
}

void nc_filter_batch_clear(struct nc_filter_batch *batch)
{
	nc_arena_clear(&batch->arena);
	nc_buf_clear(&batch->pointers);
	batch->viewed = 0;
}

size_t nc_filter_batch_count(const struct nc_filter_batch *batch)
{
	return batch->pointers.size / sizeof(nacre_filter_event *);
}

struct nc_filter_views nc_filter_batch_views(const struct nc_filter_batch *batch)
{
	return batch->views;
}

nacre_filter_event *const *nc_filter_batch_events(const struct nc_filter_batch *batch)
{
	return (nacre_filter_event *const *)(const void *)batch->pointers.data;
}

static int tags_add(struct nc_arena *arena, struct nc_slice list, nacre_filter_event *event)
{
	struct nc_slice tag;
	uint64_t count = 0;
	for (struct nc_slice rest = list; nc_event_tag_next(&rest, &tag);)
		count++;
	if (count == 0)
		return NC_OK;
	nacre_filter_slice *tags = nc_arena_take(arena, count * sizeof *tags);
	if (tags == NULL)
		return NC_NOMEM;
	event->tags = tags;
	event->tag_count = count;
	while (nc_event_tag_next(&list, &tag))
		*tags++ = slice_out(tag);
	return NC_OK;
}

static int meta_add(struct nc_arena *arena, struct nc_slice list, nacre_filter_event *event)
{
	struct nc_slice name, value;
	uint64_t count = 0;
	for (struct nc_slice rest = list; nc_event_meta_next(&rest, &name, &value);)
		count++;
	if (count == 0)
		return NC_OK;
	nacre_filter_pair *meta = nc_arena_take(arena, count * sizeof *meta);
	if (meta == NULL)
		return NC_NOMEM;
	event->meta = meta;
	event->meta_count = count;
	while (nc_event_meta_next(&list, &name, &value))
		*meta++ = (nacre_filter_pair){ slice_out(name), slice_out(value) };
	return NC_OK;
}

int nc_filter_batch_add(struct nc_filter_batch *batch, const struct nc_event *event)
{
	nacre_filter_event *shown = nc_arena_take(&batch->arena, sizeof *shown);
	if (shown == NULL)
		return NC_NOMEM;
	*shown = (nacre_filter_event){
		.struct_size = sizeof *shown,
		.stream = slice_out(event->stream),
		.type = slice_out(event->type),
		.id = slice_out(event->id),
		.content_type = slice_out(event->content_type),
		.data = slice_out(event->data),
		.position = event->position,
		.version = event->version,
		.time_ns = event->time_ns,
	};
	int err = tags_add(&batch->arena, event->tags, shown);
	if (err == NC_OK)
		err = meta_add(&batch->arena, event->meta, shown);
	if (err != NC_OK)
		return err;
	size_t size = batch->pointers.size;
	nc_buf_put(&batch->pointers, &shown, sizeof(const nacre_filter_event *));
	if (nc_buf_status(&batch->pointers) != NC_OK) {
		batch->pointers.size = size;
		batch->pointers.failed = false;
		return NC_NOMEM;
	}
	return NC_OK;
}

static void count_view(struct nc_filter_views *views, int32_t state)
{
	if (state >= 0) {
		views->flattened++;
	} else if (state == NACRE_FILTER_VIEW_OPAQUE) {
		views->opaque++;
	} else if (state == NACRE_FILTER_VIEW_TOO_LARGE) {
		views->too_large++;
	} else {
		views->malformed++;
	}
}

int nc_filter_batch_view(struct nc_filter_batch *batch)
{
	nacre_filter_event *const *events = nc_filter_batch_events(batch);
	size_t count = nc_filter_batch_count(batch);
	for (; batch->viewed < count; batch->viewed++) {
		nacre_filter_event *event = events[batch->viewed];
		event->view =
		        nc_view_data(&batch->builder, &batch->arena,
		                     nc_slice(event->content_type.data, event->content_type.size),
		                     nc_slice(event->data.data, event->data.size));
		if (event->view == NULL)
			return NC_NOMEM;
		count_view(&batch->views, event->view->state);
	}
	return NC_OK;
}
