/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events packed into arrays. */
#include "transport/nats/packed.h"

#include <msgpack.h>
#include <openssl/evp.h>

#include "core/base/assert.h"
#include "core/base/json.h"

/* Beside the events: '[' and ']', or the head of an array of 32 bits of length. */
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

/* Values of `name` in `meta`, from a place where it stands first. */
static size_t name_count(struct nc_slice meta, struct nc_slice name)
{
	struct nc_slice other, value;
	size_t count = 0;
	while (nc_event_meta_next(&meta, &other, &value))
		count += nc_slice_eq(other, name);
	return count;
}

static bool named_before(struct nc_slice meta, struct nc_slice name)
{
	struct nc_slice other, value;
	while (nc_event_meta_next(&meta, &other, &value)) {
		if (other.data == name.data)
			return false;
		if (nc_slice_eq(other, name))
			return true;
	}
	return false;
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static void json_meta_value(struct nc_buf *out, struct nc_slice meta, struct nc_slice name)
{
	bool list = name_count(meta, name) > 1;
	struct nc_slice other, value;
	bool first = true;
	if (list)
		nc_buf_put_u8(out, '[');
	while (nc_event_meta_next(&meta, &other, &value)) {
		if (!nc_slice_eq(other, name))
			continue;
		if (!first)
			nc_buf_put_u8(out, ',');
		first = false;
		nc_json_put_string(out, value);
	}
	if (list)
		nc_buf_put_u8(out, ']');
}

static void json_meta(struct nc_buf *out, struct nc_slice meta)
{
	struct nc_slice rest = meta, name, value;
	bool first = true;
	nc_buf_put_str(out, ",\"meta\":{");
	while (nc_event_meta_next(&rest, &name, &value)) {
		if (named_before(meta, name))
			continue;
		if (!first)
			nc_buf_put_u8(out, ',');
		first = false;
		nc_json_put_string(out, name);
		nc_buf_put_u8(out, ':');
		json_meta_value(out, meta, name);
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

static void json_event(struct nc_buf *out, const struct nc_event *event)
{
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
	json_meta(out, event->meta);
	json_data(out, event->data);
	nc_buf_put_u8(out, '}');
}

/* ---- MessagePack ---------------------------------------------------------------------------- */

static int on_bytes(void *data, const char *bytes, size_t size)
{
	nc_buf_put(data, bytes, size);
	return 0; /* out of memory is found out at the end */
}

static void pack_str(msgpack_packer *packer, struct nc_slice text)
{
	(void)msgpack_pack_str(packer, text.size);
	(void)msgpack_pack_str_body(packer, text.data, text.size);
}

static void pack_key(msgpack_packer *packer, const char *key)
{
	pack_str(packer, nc_slice_str(key));
}

static void pack_text(msgpack_packer *packer, const char *key, struct nc_slice text)
{
	pack_key(packer, key);
	pack_str(packer, text);
}

static void pack_number(msgpack_packer *packer, const char *key, uint64_t number)
{
	pack_key(packer, key);
	(void)msgpack_pack_uint64(packer, number);
}

static void pack_meta(msgpack_packer *packer, struct nc_slice meta)
{
	struct nc_slice rest = meta, name, value;
	size_t names = 0;
	while (nc_event_meta_next(&rest, &name, &value))
		names += !named_before(meta, name);
	pack_key(packer, "meta");
	(void)msgpack_pack_map(packer, names);
	rest = meta;
	while (nc_event_meta_next(&rest, &name, &value)) {
		if (named_before(meta, name))
			continue;
		pack_str(packer, name);
		size_t count = name_count(meta, name);
		if (count > 1)
			(void)msgpack_pack_array(packer, count);
		struct nc_slice again = meta, other;
		while (nc_event_meta_next(&again, &other, &value)) {
			if (nc_slice_eq(other, name))
				pack_str(packer, value);
		}
	}
}

static void pack_event(struct nc_buf *out, const struct nc_event *event)
{
	char time[NC_TIME_TEXT_SIZE];
	nc_time_format(event->time_ns, time);
	msgpack_packer packer;
	msgpack_packer_init(&packer, out, on_bytes);
	(void)msgpack_pack_map(&packer, event->content_type.size > 0 ? 10 : 9);
	pack_text(&packer, "stream", event->stream);
	pack_text(&packer, "type", event->type);
	pack_number(&packer, "seq", event->version);
	pack_number(&packer, "pos", event->position);
	pack_text(&packer, "time", nc_slice_str(time));
	pack_text(&packer, "id", event->id);
	if (event->content_type.size > 0)
		pack_text(&packer, "content_type", event->content_type);
	struct nc_slice tags = event->tags, tag;
	pack_key(&packer, "tags");
	(void)msgpack_pack_array(&packer, event->tag_count);
	while (nc_event_tag_next(&tags, &tag))
		pack_str(&packer, tag);
	pack_meta(&packer, event->meta);
	pack_key(&packer, "data");
	(void)msgpack_pack_bin(&packer, event->data.size);
	(void)msgpack_pack_bin_body(&packer, event->data.data, event->data.size);
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

int nc_packed_add(struct nc_packed *packed, const struct nc_event *event)
{
	nc_assert(packed->format != NC_FORMAT_MESSAGES);
	nc_buf_clear(&packed->one);
	if (packed->format == NC_FORMAT_JSON) {
		json_event(&packed->one, event);
	} else {
		pack_event(&packed->one, event);
	}
	if (nc_buf_status(&packed->one) != NC_OK)
		return NC_NOMEM;
	if (packed->one.size + BODY_EXTRA > packed->size_max)
		return NC_TOOBIG;
	if (packed->count == 0)
		body_begin(packed);
	/* A comma before it, and what closes the array. */
	if (packed->count > 0 && packed->body.size + packed->one.size + 2 > packed->size_max)
		return NC_FULL;
	if (packed->count > 0 && packed->format == NC_FORMAT_JSON)
		nc_buf_put_u8(&packed->body, ',');
	nc_buf_put_slice(&packed->body, nc_buf_slice(&packed->one));
	packed->count++;
	return nc_buf_status(&packed->body);
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
	nc_buf_release(&packed->one);
}
