/* SPDX-License-Identifier: Apache-2.0 */
/* An event of an answer packed in JSON: an object, whose texts are unescaped into the holder's. A
 * member whose name is written with escapes is not one that we know. */
#include <stdlib.h>
#include <string.h>

#include "core/base/base64.h"
#include "transport/client/client_private.h"

/* Make room for the texts of `size` bytes of JSON, so that they can stay where they are put.
 * Unescaped they are shorter, and with a NUL not longer than with their quotes. Base64 is unescaped
 * before it is decoded. */
static bool texts_begin(struct nc_buf *texts, size_t size)
{
	nc_buf_clear(texts);
	bool fine = nc_buf_extend(texts, size * 2) != NULL;
	texts->size = 0;
	return fine;
}

/* Read a string, and put a NUL behind it. NULL if it is none, or has a NUL in it. */
static const char *text_put(struct nc_buf *texts, const struct nc_json_token *token)
{
	size_t at = texts->size;
	if (token->type != NC_JSON_STRING)
		return NULL;
	nc_json_unescape(token, texts);
	size_t size = texts->size - at;
	nc_buf_put_u8(texts, '\0');
	const char *text = (const char *)texts->data + at;
	return strlen(text) == size ? text : NULL;
}

static bool text_take(struct nc_json *json, struct nc_buf *texts, const char **text_out)
{
	struct nc_json_token token;
	if (nc_json_next(json, &token) != NC_OK)
		return false;
	*text_out = text_put(texts, &token);
	return *text_out != NULL;
}

static bool number_take(struct nc_json *json, uint64_t *number_out)
{
	struct nc_json_token token;
	return nc_json_next(json, &token) == NC_OK && nc_json_u64(&token, number_out) == NC_OK;
}

/* Read an array of texts, as one text with commas between them. */
static bool tags_take(struct nc_json *json, struct nc_buf *texts, const char **tags_out)
{
	struct nc_json_token token;
	size_t at = texts->size;
	if (nc_json_next(json, &token) != NC_OK || token.type != NC_JSON_ARRAY)
		return false;
	while (nc_json_next(json, &token) == NC_OK && token.type != NC_JSON_ARRAY_END) {
		if (texts->size > at)
			texts->data[texts->size - 1] = ',';
		if (text_put(texts, &token) == NULL)
			return false;
	}
	*tags_out = texts->size == at ? "" : (const char *)texts->data + at;
	return json->expected == NULL;
}

/* Read the values of a name of metadata: a text, or an array of texts. */
static int meta_values_take(struct nc_json *json, struct nc_client_event *holder, const char *name)
{
	struct nc_json_token token;
	int result = nc_json_next(json, &token) == NC_OK ? NACRE_OK : NACRE_PROTOCOL;
	bool list = result == NACRE_OK && token.type == NC_JSON_ARRAY;
	if (list && nc_json_next(json, &token) != NC_OK)
		return NACRE_PROTOCOL;
	while (result == NACRE_OK && !(list && token.type == NC_JSON_ARRAY_END)) {
		const char *value = text_put(&holder->text, &token);
		result = value == NULL ? NACRE_PROTOCOL : nc_client_event_meta(holder, name, value);
		if (!list)
			break;
		if (result == NACRE_OK && nc_json_next(json, &token) != NC_OK)
			result = NACRE_PROTOCOL;
	}
	return result;
}

static int meta_take(struct nc_json *json, struct nc_client_event *holder)
{
	struct nc_json_token token;
	int result = NACRE_OK;
	if (nc_json_next(json, &token) != NC_OK || token.type != NC_JSON_OBJECT)
		return NACRE_PROTOCOL;
	while (result == NACRE_OK && nc_json_next(json, &token) == NC_OK &&
	       token.type == NC_JSON_KEY) {
		token.type = NC_JSON_STRING; /* it is one, as far as its bytes go */
		const char *name = text_put(&holder->text, &token);
		result = name == NULL ? NACRE_PROTOCOL : meta_values_take(json, holder, name);
	}
	return json->expected == NULL ? result : NACRE_PROTOCOL;
}

static bool data_take(struct nc_json *json, struct nacre_event *event)
{
	struct nc_json_token token;
	struct nc_slice raw;
	if (nc_json_next(json, &token) != NC_OK || nc_json_value(json, &token, &raw) != NC_OK)
		return false;
	event->data = raw.data;
	event->size = raw.size;
	return true;
}

static bool base64_take(struct nc_json *json, struct nc_buf *texts, struct nacre_event *event)
{
	const char *text;
	if (!text_take(json, texts, &text))
		return false;
	size_t at = texts->size;
	if (nc_base64_get(nc_slice_str(text), texts) != NC_OK)
		return false;
	event->data = texts->data + at;
	event->size = texts->size - at;
	return true;
}

static bool skip(struct nc_json *json)
{
	struct nc_json_token token;
	struct nc_slice raw;
	return nc_json_next(json, &token) == NC_OK && nc_json_value(json, &token, &raw) == NC_OK;
}

static int member_take(struct nc_json *json, struct nc_slice name, struct nc_client_event *holder)
{
	struct nc_client_member member = nc_client_event_member(holder, name);
	bool fine = false;
	switch (member.kind) {
	case NC_CLIENT_MEMBER_TEXT:
		fine = text_take(json, &holder->text, member.text);
		break;
	case NC_CLIENT_MEMBER_NUMBER:
		fine = number_take(json, member.number);
		break;
	case NC_CLIENT_MEMBER_TAGS:
		fine = tags_take(json, &holder->text, &holder->event.tags);
		break;
	case NC_CLIENT_MEMBER_META:
		return meta_take(json, holder);
	case NC_CLIENT_MEMBER_DATA:
		fine = data_take(json, &holder->event);
		break;
	case NC_CLIENT_MEMBER_BASE64:
		fine = base64_take(json, &holder->text, &holder->event);
		break;
	case NC_CLIENT_MEMBER_UNKNOWN:
		fine = skip(json);
		break;
	}
	return fine ? NACRE_OK : NACRE_PROTOCOL;
}

int nc_client_event_json(struct nc_client_event *holder, struct nc_json *array)
{
	struct nc_json_token token;
	nc_client_event_clear(holder);
	if (!texts_begin(&holder->text, array->text.size))
		return NACRE_NOMEM;
	if (nc_json_next(array, &token) != NC_OK || token.type != NC_JSON_OBJECT)
		return NACRE_PROTOCOL;
	int result = NACRE_OK;
	while (result == NACRE_OK && nc_json_next(array, &token) == NC_OK &&
	       token.type == NC_JSON_KEY)
		result = member_take(array, token.raw, holder);
	if (array->expected != NULL || (result == NACRE_OK && !nc_client_event_whole(holder)))
		result = NACRE_PROTOCOL;
	holder->event.meta = holder->meta;
	return result;
}
