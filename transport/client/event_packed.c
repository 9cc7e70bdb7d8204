/* SPDX-License-Identifier: Apache-2.0 */
/* An event of an answer packed in MessagePack: a map, whose texts are copied so that they end with
 * a NUL. */
#include <stdlib.h>
#include <string.h>

#include "transport/client/client_private.h"

/* Copy a text. The copy takes no more than the text did with its length, so there is room for all.
 */
struct texts {
	char *at, *end;
};

static const char *text_copy(struct texts *texts, struct nc_slice text)
{
	if ((size_t)(texts->end - texts->at) < text.size + 1)
		return NULL;
	char *copy = texts->at;
	if (text.size > 0)
		memcpy(copy, text.data, text.size);
	copy[text.size] = '\0';
	texts->at += text.size + 1;
	return copy;
}

static bool text_take(struct nc_unpack *map, struct texts *texts, const char **text_out)
{
	struct nc_slice text;
	if (!nc_unpack_text(map, &text))
		return false;
	*text_out = text_copy(texts, text);
	return *text_out != NULL;
}

/* Read an array of texts, as one text with commas between them. */
static bool tags_take(struct nc_unpack *map, struct texts *texts, const char **tags_out)
{
	uint32_t count;
	const char *tag, *tags = texts->at;
	if (!nc_unpack_array(map, &count))
		return false;
	for (uint32_t i = 0; i < count; i++) {
		if (!text_take(map, texts, &tag))
			return false;
		texts->at[-1] = i + 1 < count ? ',' : '\0';
	}
	*tags_out = count == 0 ? "" : tags;
	return true;
}

static int meta_take_one(struct nc_unpack *map, struct texts *texts, struct nc_client_event *holder)
{
	const char *name, *value;
	uint32_t count = 1;
	if (!text_take(map, texts, &name))
		return NACRE_PROTOCOL;
	(void)nc_unpack_array(map, &count);
	for (uint32_t i = 0; i < count; i++) {
		if (!text_take(map, texts, &value))
			return NACRE_PROTOCOL;
		int result = nc_client_event_meta(holder, name, value);
		if (result != NACRE_OK)
			return result;
	}
	return NACRE_OK;
}

static int meta_take(struct nc_unpack *map, struct texts *texts, struct nc_client_event *holder)
{
	uint32_t count;
	int result = nc_unpack_map(map, &count) ? NACRE_OK : NACRE_PROTOCOL;
	for (uint32_t i = 0; result == NACRE_OK && i < count; i++)
		result = meta_take_one(map, texts, holder);
	return result;
}

static bool data_take(struct nc_unpack *map, struct nacre_event *event)
{
	struct nc_slice data;
	if (!nc_unpack_bytes(map, &data))
		return false;
	event->data = data.data;
	event->size = data.size;
	return true;
}

static int member_take(struct nc_unpack *map, struct texts *texts, struct nc_client_event *holder)
{
	struct nc_slice name;
	bool fine = false;
	if (!nc_unpack_text(map, &name))
		return NACRE_PROTOCOL;
	struct nc_client_member member = nc_client_event_member(holder, name);
	switch (member.kind) {
	case NC_CLIENT_MEMBER_TEXT:
		fine = text_take(map, texts, member.text);
		break;
	case NC_CLIENT_MEMBER_NUMBER:
		fine = nc_unpack_number(map, member.number);
		break;
	case NC_CLIENT_MEMBER_TAGS:
		fine = tags_take(map, texts, &holder->event.tags);
		break;
	case NC_CLIENT_MEMBER_META:
		return meta_take(map, texts, holder);
	case NC_CLIENT_MEMBER_DATA:
		fine = data_take(map, &holder->event);
		break;
	case NC_CLIENT_MEMBER_BASE64:
	case NC_CLIENT_MEMBER_UNKNOWN:
		fine = nc_unpack_skip(map);
		break;
	}
	return fine ? NACRE_OK : NACRE_PROTOCOL;
}

int nc_client_event_unpack(struct nc_client_event *holder, struct nc_unpack *array)
{
	uint32_t count;
	nc_buf_clear(&holder->text);
	nc_client_event_clear(holder);
	if (!nc_unpack_map(array, &count))
		return NACRE_PROTOCOL;
	/* Where it ends is found on the way. A byte more, so that there is always some. */
	size_t size = (size_t)(array->end - array->at) + 1;
	char *room = (char *)nc_buf_extend(&holder->text, size);
	if (room == NULL)
		return NACRE_NOMEM;
	struct texts texts = { room, room + size };
	int result = NACRE_OK;
	for (uint32_t i = 0; i < count && result == NACRE_OK; i++)
		result = member_take(array, &texts, holder);
	if (result == NACRE_OK && !nc_client_event_whole(holder))
		result = NACRE_PROTOCOL;
	holder->event.meta = holder->meta;
	return result;
}
