/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events packed into arrays. */
#include "transport/nats/packed.h"

#include <openssl/evp.h>

#include "core/base/assert.h"
#include "core/base/json.h"
#include "core/base/pack.h"

/* What a body takes beside its events: '[' and ']', or the head of an array with a length of 32
 * bits. */
#define BODY_EXTRA 5u

static bool is_json(struct nc_slice data)
{
	struct nc_json json;
	struct nc_json_token token;
	nc_json_init(&json, data);
	do {
		if (nc_json_next(&json, &token) != NC_OK)
			return false;
	} while (token.type != NC_JSON_END);
	return true;
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static void json_values(struct nc_buf *out, const struct nc_packed_name *name)
{
	bool list = name->count > 1;
	if (list)
		nc_buf_put_u8(out, '[');
	for (size_t i = 0; i < name->count; i++) {
		if (i > 0)
			nc_buf_put_u8(out, ',');
		nc_json_put_string(out, name->values[i].value);
	}
	if (list)
		nc_buf_put_u8(out, ']');
}

static void json_meta(struct nc_buf *out, const struct nc_packed_meta *meta)
{
	nc_buf_put_str(out, ",\"meta\":{");
	for (size_t i = 0; i < meta->count; i++) {
		if (i > 0)
			nc_buf_put_u8(out, ',');
		nc_json_put_string(out, meta->names[i].values[0].name);
		nc_buf_put_u8(out, ':');
		json_values(out, &meta->names[i]);
	}
	nc_buf_put_u8(out, '}');
}

static void json_tags(struct nc_buf *out, struct nc_slice tags)
{
	struct nc_slice tag;
	nc_buf_put_str(out, ",\"tags\":[");
	for (bool first = true; nc_event_tag_next(&tags, &tag); first = false) {
		if (!first)
			nc_buf_put_u8(out, ',');
		nc_json_put_string(out, tag);
	}
	nc_buf_put_u8(out, ']');
}

static void json_data(struct nc_buf *out, struct nc_slice data)
{
	if (is_json(data)) {
		nc_buf_put_str(out, ",\"data\":");
		nc_buf_put_slice(out, data);
		return;
	}
	nc_buf_put_str(out, ",\"data_base64\":\"");
	size_t size = (data.size + 2) / 3 * 4;
	uint8_t *room = nc_buf_extend(out, size + 1); /* and a NUL, taken back */
	if (room == NULL)
		return;
	(void)EVP_EncodeBlock(room, data.data, (int)data.size);
	out->size--;
	nc_buf_put_u8(out, '"');
}

static void json_event(struct nc_packed *packed, const struct nc_event *event,
                       const struct nc_packed_delivery *delivery)
{
	struct nc_buf *out = &packed->body;
	char time[NC_TIME_TEXT_SIZE];
	nc_time_format(event->time_ns, time);
	nc_buf_put_str(out, "{\"stream\":");
	nc_json_put_string(out, event->stream);
	nc_buf_put_str(out, ",\"type\":");
	nc_json_put_string(out, event->type);
	nc_buf_put_str(out, ",\"seq\":");
	nc_buf_put_decimal(out, event->version);
	nc_buf_put_str(out, ",\"pos\":");
	nc_buf_put_decimal(out, event->position);
	nc_buf_put_str(out, ",\"time\":\"");
	nc_buf_put_str(out, time);
	nc_buf_put_str(out, "\",\"id\":");
	nc_json_put_string(out, event->id);
	if (event->content_type.size > 0) {
		nc_buf_put_str(out, ",\"content_type\":");
		nc_json_put_string(out, event->content_type);
	}
	json_tags(out, event->tags);
	json_meta(out, &packed->meta);
	if (delivery != NULL) {
		nc_buf_put_str(out, ",\"delivery\":");
		nc_buf_put_decimal(out, delivery->attempt);
	}
	if (delivery != NULL && delivery->bare) {
		nc_buf_put_str(out, ",\"size\":");
		nc_buf_put_decimal(out, event->data.size);
	} else {
		json_data(out, event->data);
	}
	nc_buf_put_u8(out, '}');
}

/* ---- MessagePack ---------------------------------------------------------------------------- */

static void pack_meta(struct nc_buf *out, const struct nc_packed_meta *meta)
{
	nc_pack_map(out, (uint32_t)meta->count);
	for (size_t i = 0; i < meta->count; i++) {
		const struct nc_packed_name *name = &meta->names[i];
		nc_pack_str(out, name->values[0].name);
		if (name->count > 1)
			nc_pack_array(out, (uint32_t)name->count);
		for (size_t k = 0; k < name->count; k++)
			nc_pack_str(out, name->values[k].value);
	}
}

static void pack_event(struct nc_packed *packed, const struct nc_event *event,
                       const struct nc_packed_delivery *delivery)
{
	struct nc_buf *out = &packed->body;
	char time[NC_TIME_TEXT_SIZE];
	nc_time_format(event->time_ns, time);
	uint32_t members = 9;
	members += event->content_type.size > 0;
	members += delivery != NULL;
	nc_pack_map(out, members);
	nc_pack_str(out, NC_SLICE("stream"));
	nc_pack_str(out, event->stream);
	nc_pack_str(out, NC_SLICE("type"));
	nc_pack_str(out, event->type);
	nc_pack_str(out, NC_SLICE("seq"));
	nc_pack_uint(out, event->version);
	nc_pack_str(out, NC_SLICE("pos"));
	nc_pack_uint(out, event->position);
	nc_pack_str(out, NC_SLICE("time"));
	nc_pack_str(out, nc_slice(time, NC_TIME_TEXT_SIZE - 1));
	nc_pack_str(out, NC_SLICE("id"));
	nc_pack_str(out, event->id);
	if (event->content_type.size > 0) {
		nc_pack_str(out, NC_SLICE("content_type"));
		nc_pack_str(out, event->content_type);
	}
	nc_pack_str(out, NC_SLICE("tags"));
	nc_pack_array(out, (uint32_t)event->tag_count);
	struct nc_slice tags = event->tags, tag;
	while (nc_event_tag_next(&tags, &tag))
		nc_pack_str(out, tag);
	nc_pack_str(out, NC_SLICE("meta"));
	pack_meta(out, &packed->meta);
	if (delivery != NULL) {
		nc_pack_str(out, NC_SLICE("delivery"));
		nc_pack_uint(out, delivery->attempt);
	}
	if (delivery != NULL && delivery->bare) {
		nc_pack_str(out, NC_SLICE("size"));
		nc_pack_uint(out, event->data.size);
	} else {
		nc_pack_str(out, NC_SLICE("data"));
		nc_pack_bin(out, event->data);
	}
}

/* ---- Bodies --------------------------------------------------------------------------------- */

static void body_begin(struct nc_packed *packed)
{
	nc_buf_clear(&packed->body);
	if (packed->format == NC_FORMAT_JSON) {
		nc_buf_put_u8(&packed->body, '[');
	} else {
		nc_buf_put(&packed->body, "\xdd\0\0\0\0", 5); /* array 32; the count comes last */
	}
}

/* Take back what was put after `size`. */
static int take_back(struct nc_packed *packed, size_t size, int err)
{
	packed->body.size = size;
	packed->body.failed = false;
	return err;
}

int nc_packed_add(struct nc_packed *packed, const struct nc_event *event)
{
	return nc_packed_add_delivery(packed, event, NULL);
}

int nc_packed_add_delivery(struct nc_packed *packed, const struct nc_event *event,
                           const struct nc_packed_delivery *delivery)
{
	nc_assert(packed->format != NC_FORMAT_MESSAGES);
	struct nc_buf *body = &packed->body;
	int err = nc_packed_meta_set(&packed->meta, event->meta);
	if (err != NC_OK)
		return err;
	if (packed->count == 0)
		body_begin(packed);
	size_t before = body->size;
	if (packed->format == NC_FORMAT_JSON) {
		if (packed->count > 0)
			nc_buf_put_u8(body, ',');
		json_event(packed, event, delivery);
	} else {
		pack_event(packed, event, delivery);
	}
	if (nc_buf_status(body) != NC_OK)
		return take_back(packed, before, NC_NOMEM);
	size_t comma = packed->format == NC_FORMAT_JSON && packed->count > 0;
	size_t size = body->size - before - comma;
	if (size + BODY_EXTRA > packed->size_max)
		return take_back(packed, before, NC_TOOBIG);
	/* A comma before it, and what closes the array. */
	if (packed->count > 0 && before + size + 2 > packed->size_max)
		return take_back(packed, before, NC_FULL);
	packed->count++;
	return NC_OK;
}

struct nc_slice nc_packed_take(struct nc_packed *packed)
{
	if (packed->count == 0)
		return nc_slice(NULL, 0);
	if (packed->format == NC_FORMAT_JSON) {
		nc_buf_put_u8(&packed->body, ']');
	} else {
		uint32_t count = packed->count;
		for (int i = 4; i > 0; i--, count >>= 8)
			packed->body.data[i] = (uint8_t)count;
	}
	packed->count = 0;
	return nc_buf_slice(&packed->body);
}

void nc_packed_release(struct nc_packed *packed)
{
	nc_buf_release(&packed->body);
	nc_packed_meta_release(&packed->meta);
}
