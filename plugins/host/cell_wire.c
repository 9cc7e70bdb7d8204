/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events and hints as bytes in shared memory. */
#include "plugins/host/cell_wire.h"

void nc_cell_put_text(struct nc_buf *buf, nacre_filter_slice text)
{
	nc_buf_put_u64(buf, text.size);
	nc_buf_put(buf, text.data, (size_t)text.size);
}

nacre_filter_slice nc_cell_get_text(struct nc_reader *reader)
{
	uint64_t size = nc_reader_u64(reader);
	if (size > nc_reader_left(reader))
		reader->failed = true;
	if (reader->failed)
		return (nacre_filter_slice){ NULL, 0 };
	struct nc_slice text = nc_reader_take(reader, (size_t)size);
	return (nacre_filter_slice){ text.data, text.size };
}

/* ---- Events --------------------------------------------------------------------------------- */

void nc_cell_put_event(struct nc_buf *buf, const nacre_filter_event *event)
{
	nc_buf_put_u32(buf, event->flags);
	nc_buf_put_u64(buf, event->position);
	nc_buf_put_u64(buf, event->version);
	nc_buf_put_u64(buf, event->time_ns);
	nc_cell_put_text(buf, event->stream);
	nc_cell_put_text(buf, event->type);
	nc_cell_put_text(buf, event->id);
	nc_cell_put_text(buf, event->content_type);
	nc_cell_put_text(buf, event->data);
	nc_buf_put_u64(buf, event->tag_count);
	for (uint64_t i = 0; i < event->tag_count; i++)
		nc_cell_put_text(buf, event->tags[i]);
	nc_buf_put_u64(buf, event->meta_count);
	for (uint64_t i = 0; i < event->meta_count; i++) {
		nc_cell_put_text(buf, event->meta[i].name);
		nc_cell_put_text(buf, event->meta[i].value);
	}
}

uint64_t nc_cell_event_size(const nacre_filter_event *event)
{
	uint64_t size = 96 + event->stream.size + event->type.size + event->id.size +
	                event->content_type.size + event->data.size;
	for (uint64_t i = 0; i < event->tag_count; i++)
		size += 8 + event->tags[i].size;
	for (uint64_t i = 0; i < event->meta_count; i++)
		size += 16 + event->meta[i].name.size + event->meta[i].value.size;
	return size;
}

/* Allocate a list, each of whose items takes at least `item` of the bytes that are left to read. */
static void *list_take(struct nc_reader *reader, struct nc_arena *arena, uint64_t count,
                       size_t item, size_t size)
{
	if (reader->failed || count > nc_reader_left(reader) / item) {
		reader->failed = true;
		return NULL;
	}
	void *list = nc_arena_take(arena, (size_t)count * size + 1);
	reader->failed = list == NULL;
	return list;
}

nacre_filter_event *nc_cell_get_event(struct nc_reader *reader, struct nc_arena *arena)
{
	nacre_filter_event *event = nc_arena_take(arena, sizeof *event);
	if (event == NULL)
		return NULL;
	*event = (nacre_filter_event){ .struct_size = sizeof *event };
	event->flags = nc_reader_u32(reader);
	event->position = nc_reader_u64(reader);
	event->version = nc_reader_u64(reader);
	event->time_ns = nc_reader_u64(reader);
	event->stream = nc_cell_get_text(reader);
	event->type = nc_cell_get_text(reader);
	event->id = nc_cell_get_text(reader);
	event->content_type = nc_cell_get_text(reader);
	event->data = nc_cell_get_text(reader);
	event->tag_count = nc_reader_u64(reader);
	nacre_filter_slice *tags = list_take(reader, arena, event->tag_count, 8, sizeof *tags);
	for (uint64_t i = 0; tags != NULL && i < event->tag_count; i++)
		tags[i] = nc_cell_get_text(reader);
	event->tags = tags;
	event->meta_count = nc_reader_u64(reader);
	nacre_filter_pair *meta = list_take(reader, arena, event->meta_count, 16, sizeof *meta);
	for (uint64_t i = 0; meta != NULL && i < event->meta_count; i++) {
		meta[i].name = nc_cell_get_text(reader);
		meta[i].value = nc_cell_get_text(reader);
	}
	event->meta = meta;
	return reader->failed ? NULL : event;
}

/* ---- Hints ---------------------------------------------------------------------------------- */

void nc_cell_put_hint(struct nc_buf *buf, const nacre_filter_hint *hint)
{
	const nacre_filter_slice none = { NULL, 0 };
	nc_buf_put_u32(buf, hint->struct_size);
	nc_buf_put_u16(buf, hint->stream_kind);
	nc_buf_put_u16(buf, hint->type_kind);
	nc_buf_put_u16(buf, hint->tag_kind);
	nc_cell_put_text(buf, hint->stream_kind == NACRE_FILTER_ANY ? none : hint->stream);
	nc_cell_put_text(buf, hint->type_kind == NACRE_FILTER_ANY ? none : hint->type);
	nc_cell_put_text(buf, hint->tag_kind == NACRE_FILTER_ANY ? none : hint->tag);
}

bool nc_cell_get_hint(struct nc_reader *reader, nacre_filter_hint *hint_out)
{
	*hint_out = (nacre_filter_hint){ .struct_size = nc_reader_u32(reader) };
	hint_out->stream_kind = nc_reader_u16(reader);
	hint_out->type_kind = nc_reader_u16(reader);
	hint_out->tag_kind = nc_reader_u16(reader);
	hint_out->stream = nc_cell_get_text(reader);
	hint_out->type = nc_cell_get_text(reader);
	hint_out->tag = nc_cell_get_text(reader);
	return !reader->failed;
}
