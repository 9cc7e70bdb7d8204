/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tokens of a body in JSON; MessagePack has a file of its own. */
#include "transport/nats/wire.h"

#include "transport/nats/wire_private.h"

void nc_wire_init_msgpack(struct nc_wire *wire, struct nc_slice body, struct nc_buf *text)
{
	*wire = (struct nc_wire){ .msgpack = true, .text = text, .body = body };
	nc_buf_clear(text);
}

int nc_wire_init_json(struct nc_wire *wire, struct nc_slice body, struct nc_buf *text)
{
	*wire = (struct nc_wire){ .text = text, .body = body };
	nc_buf_clear(text);
	nc_json_init(&wire->json, body);
	if (body.size == 0 || memchr(body.data, '\\', body.size) == NULL)
		return NC_OK;
	/* Room for all that may be unescaped, so that it does not move. */
	if (nc_buf_extend(text, body.size) == NULL)
		return NC_NOMEM;
	nc_buf_clear(text);
	return NC_OK;
}

static struct nc_slice unescaped(struct nc_wire *wire, const struct nc_json_token *token)
{
	if (!token->escaped)
		return token->raw;
	size_t before = wire->text->size;
	nc_json_unescape(token, wire->text);
	return nc_slice(wire->text->data + before, wire->text->size - before);
}

static int json_err(struct nc_wire *wire, int err)
{
	wire->offset = wire->json.offset;
	wire->expected = wire->json.expected;
	return err;
}

static int json_next(struct nc_wire *wire, struct nc_wire_token *token_out)
{
	static const enum nc_wire_type types[] = {
		[NC_JSON_OBJECT] = NC_WIRE_MAP,   [NC_JSON_OBJECT_END] = NC_WIRE_MAP_END,
		[NC_JSON_ARRAY] = NC_WIRE_ARRAY,  [NC_JSON_ARRAY_END] = NC_WIRE_ARRAY_END,
		[NC_JSON_KEY] = NC_WIRE_KEY,      [NC_JSON_STRING] = NC_WIRE_TEXT,
		[NC_JSON_NUMBER] = NC_WIRE_OTHER, [NC_JSON_TRUE] = NC_WIRE_OTHER,
		[NC_JSON_FALSE] = NC_WIRE_OTHER,  [NC_JSON_NULL] = NC_WIRE_OTHER,
		[NC_JSON_END] = NC_WIRE_END,
	};
	struct nc_json_token *json = &wire->json_token;
	int err = nc_json_next(&wire->json, json);
	if (err != NC_OK)
		return json_err(wire, err);
	/* Put where it belongs piece by piece: a token that is made first and then copied is read
	 * in larger pieces than it was written in, and the processor waits for that to reach its
	 * cache. */
	bool text = json->type == NC_JSON_KEY || json->type == NC_JSON_STRING;
	bool number =
	        json->type == NC_JSON_NUMBER && nc_json_u64(json, &token_out->number) == NC_OK;
	token_out->type = number ? NC_WIRE_NUMBER : types[json->type];
	token_out->bytes = text ? unescaped(wire, json) : json->raw;
	return NC_OK;
}

int nc_wire_next(struct nc_wire *wire, struct nc_wire_token *token_out)
{
	return wire->msgpack ? nc_wire_msgpack_next(wire, token_out) : json_next(wire, token_out);
}

int nc_wire_value(struct nc_wire *wire, const struct nc_wire_token *token, struct nc_slice *raw_out)
{
	if (wire->msgpack)
		return nc_wire_msgpack_value(wire, token, raw_out);
	int err = nc_json_value(&wire->json, &wire->json_token, raw_out);
	return err == NC_OK ? NC_OK : json_err(wire, err);
}
