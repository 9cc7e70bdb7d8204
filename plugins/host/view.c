/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What views of JSON and of MessagePack have in common: paths, trails, leaves. */
#include "plugins/host/view.h"

#include "core/base/assert.h"
#include "plugins/host/view_private.h"

#define FNV_BASIS 14695981039346656037ull
#define FNV_PRIME 1099511628211ull

void nc_view_builder_release(struct nc_view_builder *builder)
{
	nc_buf_release(&builder->leaves);
	nc_buf_release(&builder->frames);
	nc_buf_release(&builder->text);
}

static uint64_t fnv(uint64_t hash, struct nc_slice bytes)
{
	for (size_t i = 0; i < bytes.size; i++)
		hash = (hash ^ bytes.data[i]) * FNV_PRIME;
	return hash;
}

void nc_view_begin(struct nc_view_work *work, struct nc_view_builder *builder,
                   struct nc_arena *arena, struct nc_slice source)
{
	nc_buf_clear(&builder->leaves);
	nc_buf_clear(&builder->frames);
	*work = (struct nc_view_work){ .builder = builder, .arena = arena, .source = source };
	work->here.hash = FNV_BASIS;
}

static struct nc_view_frame *frame_at(const struct nc_view_work *work, size_t level)
{
	/* The buffer is malloc's, and a frame its only tenant: aligned. */
	return (struct nc_view_frame *)(void *)work->builder->frames.data + level;
}

static bool out_of_memory(struct nc_view_work *work)
{
	work->no_memory = true;
	return false;
}

/* A value begins: count it in what holds it. */
static void value_begin(struct nc_view_work *work, uint32_t kind)
{
	if (work->depth > 0) {
		frame_at(work, work->depth - 1)->items++;
	} else {
		work->root_kind = kind;
	}
}

bool nc_view_open(struct nc_view_work *work, bool is_array, size_t begin)
{
	value_begin(work, is_array ? NACRE_FILTER_ARRAY : NACRE_FILTER_OBJECT);
	uint8_t *room = nc_buf_extend(&work->builder->frames, sizeof(struct nc_view_frame));
	if (room == NULL)
		return out_of_memory(work);
	*frame_at(work, work->depth++) = (struct nc_view_frame){
		.place = work->here,
		.begin = begin,
		.array = is_array ? work->array_count : 0,
		.is_array = is_array,
	};
	work->array_count += is_array;
	return true;
}

bool nc_view_key(struct nc_view_work *work, struct nc_slice key)
{
	nc_assert(work->depth > 0);
	const struct nc_view_place *above = &frame_at(work, work->depth - 1)->place;
	work->here.depth = above->depth + 1;
	if (above->depth == 0) {
		work->here.path = (nacre_filter_slice){ key.data, key.size };
		work->here.hash = fnv(FNV_BASIS, key);
		return true;
	}
	size_t size = (size_t)above->path.size + 1 + key.size;
	uint8_t *path = nc_arena_take(work->arena, size);
	if (path == NULL)
		return out_of_memory(work);
	if (above->path.size > 0)
		memcpy(path, above->path.data, above->path.size);
	path[above->path.size] = '.';
	if (key.size > 0)
		memcpy(path + above->path.size + 1, key.data, key.size);
	work->here.path = (nacre_filter_slice){ path, size };
	work->here.hash = fnv(above->hash, nc_slice(path + above->path.size, key.size + 1));
	return true;
}

/* Put the arrays that contain the present value. */
static bool trail_take(struct nc_view_work *work, nacre_filter_leaf *leaf)
{
	uint32_t count = 0;
	for (size_t i = 0; i < work->depth; i++)
		count += frame_at(work, i)->is_array;
	if (count == 0)
		return true;
	work->step_count += count;
	if (work->step_count > NC_VIEW_STEPS_MAX) {
		work->state = NACRE_FILTER_VIEW_TOO_LARGE;
		return false;
	}
	nacre_filter_step *trail = nc_arena_take(work->arena, count * sizeof *trail);
	if (trail == NULL)
		return out_of_memory(work);
	leaf->trail = trail;
	leaf->trail_count = count;
	for (size_t i = 0; i < work->depth; i++) {
		const struct nc_view_frame *frame = frame_at(work, i);
		if (frame->is_array)
			*trail++ = (nacre_filter_step){ frame->array, (uint32_t)frame->items - 1 };
	}
	return true;
}

static bool leaf_put(struct nc_view_work *work, uint32_t kind, struct nc_slice raw,
                     struct nc_slice text, const struct nc_decimal *number)
{
	nacre_filter_leaf leaf = {
		.path = work->here.path,
		.path_hash = work->here.hash,
		.depth = work->here.depth,
		.kind = kind,
		.raw = { raw.data, raw.size },
		.text = { text.data, text.size },
	};
	if (kind == NACRE_FILTER_NUMBER) {
		leaf.number_kind = (uint32_t)number->kind;
		if (number->kind == NC_DECIMAL_F64) {
			leaf.number.f64 = number->f64;
		} else {
			leaf.number.u64 = number->u64; /* the same bits as an i64 */
		}
	}
	if (!trail_take(work, &leaf))
		return false;
	if (++work->leaf_count > NC_VIEW_LEAVES_MAX) {
		work->state = NACRE_FILTER_VIEW_TOO_LARGE;
		return false;
	}
	uint8_t *room = nc_buf_extend(&work->builder->leaves, sizeof leaf);
	if (room == NULL)
		return out_of_memory(work);
	memcpy(room, &leaf, sizeof leaf);
	return true;
}

bool nc_view_leaf(struct nc_view_work *work, uint32_t kind, struct nc_slice raw,
                  struct nc_slice text, const struct nc_decimal *number)
{
	value_begin(work, kind);
	return leaf_put(work, kind, raw, text, number);
}

bool nc_view_close(struct nc_view_work *work, size_t end)
{
	nc_assert(work->depth > 0);
	struct nc_view_frame frame = *frame_at(work, --work->depth);
	work->builder->frames.size -= sizeof frame;
	work->here = frame.place;
	if (frame.items > 0)
		return true;
	struct nc_slice raw = nc_slice(work->source.data + frame.begin, end - frame.begin);
	return leaf_put(work, frame.is_array ? NACRE_FILTER_ARRAY : NACRE_FILTER_OBJECT, raw,
	                nc_slice(NULL, 0), NULL);
}

const nacre_filter_view *nc_view_end(struct nc_view_work *work, int32_t state)
{
	if (work->no_memory)
		return NULL;
	nacre_filter_view *view = nc_arena_take(work->arena, sizeof *view);
	if (view == NULL)
		return NULL;
	*view = (nacre_filter_view){ .struct_size = sizeof *view, .state = state };
	view->leaf_size = sizeof(nacre_filter_leaf);
	if (state < 0)
		return view;
	const struct nc_buf *leaves = &work->builder->leaves;
	nacre_filter_leaf *kept = nc_arena_take(work->arena, leaves->size);
	if (kept == NULL)
		return NULL;
	if (leaves->size > 0)
		memcpy(kept, leaves->data, leaves->size);
	view->root_kind = work->root_kind;
	view->leaves = kept;
	view->leaf_count = work->leaf_count;
	view->array_count = work->array_count;
	return view;
}

static uint8_t lower(uint8_t byte)
{
	return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + 32) : byte;
}

static bool is_one_of(uint8_t byte, const char *bytes)
{
	return byte != '\0' && strchr(bytes, byte) != NULL;
}

/* A media type is compared without case, and may be followed by parameters (RFC 9110, 8.3.1). */
static bool says_msgpack(struct nc_slice content_type)
{
	static const char name[] = "application/msgpack";
	size_t size = sizeof name - 1;
	if (content_type.size < size)
		return false;
	for (size_t i = 0; i < size; i++) {
		if (lower(content_type.data[i]) != (uint8_t)name[i])
			return false;
	}
	return content_type.size == size || is_one_of(content_type.data[size], "; \t");
}

static bool begins_like_json(struct nc_slice data)
{
	size_t at = 0;
	while (at < data.size && is_one_of(data.data[at], " \t\r\n"))
		at++;
	return at < data.size && is_one_of(data.data[at], "{[\"-0123456789tfn");
}

const nacre_filter_view *nc_view_data(struct nc_view_builder *builder, struct nc_arena *arena,
                                      struct nc_slice content_type, struct nc_slice data)
{
	if (says_msgpack(content_type))
		return nc_view_msgpack(builder, arena, data);
	if (begins_like_json(data))
		return nc_view_json(builder, arena, data, NULL);
	struct nc_view_work work;
	nc_view_begin(&work, builder, arena, data);
	return nc_view_end(&work, NACRE_FILTER_VIEW_OPAQUE);
}
