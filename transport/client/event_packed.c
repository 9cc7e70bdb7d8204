/* SPDX-License-Identifier: Apache-2.0 */
/* An event of a packed answer: a map, whose texts are copied so that they end with a NUL. */
#include <stdlib.h>
#include <string.h>

#include "transport/client/client_private.h"

/* A copy of a text takes no more than the text with its length did: so there is room for all. */
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

/* An array of texts, as one with commas. */
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
	struct nacre_event *event = &holder->event;
	const struct {
		const char *name;
		const char **text;
		uint64_t *number;
	} members[] = {
		{ "stream", &event->stream, NULL },
		{ "type", &event->type, NULL },
		{ "id", &event->id, NULL },
		{ "time", &event->time, NULL },
		{ "seq", NULL, &event->seq },
		{ "pos", NULL, &event->pos },
		{ "content_type", &event->content_type, NULL },
	};
	struct nc_slice name;
	bool fine = nc_unpack_text(map, &name);
	if (!fine)
		return NACRE_PROTOCOL;
	for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
		if (!nc_slice_is(name, members[i].name))
			continue;
		fine = members[i].text != NULL ? text_take(map, texts, members[i].text)
		                               : nc_unpack_number(map, members[i].number);
		return fine ? NACRE_OK : NACRE_PROTOCOL;
	}
	if (nc_slice_is(name, "meta"))
		return meta_take(map, texts, holder);
	if (nc_slice_is(name, "tags")) {
		fine = tags_take(map, texts, &event->tags);
	} else if (nc_slice_is(name, "data")) {
		fine = data_take(map, event);
	} else {
		fine = nc_unpack_skip(map);
	}
	return fine ? NACRE_OK : NACRE_PROTOCOL;
}

int nc_client_event_unpack(struct nc_client_event *holder, struct nc_unpack *array)
{
	const uint8_t *start = array->at;
	struct nc_unpack map = *array;
	uint32_t count;
	if (!nc_unpack_skip(array) || !nc_unpack_map(&map, &count))
		return NACRE_PROTOCOL;
	nc_buf_clear(&holder->text);
	size_t size = (size_t)(array->at - start);
	char *room = (char *)nc_buf_extend(&holder->text, size);
	if (room == NULL)
		return NACRE_NOMEM;
	struct texts texts = { room, room + size };
	holder->event = (struct nacre_event){
		.stream = "",
		.type = "",
		.id = "",
		.time = "",
		.content_type = "",
		.tags = "",
	};
	int result = NACRE_OK;
	for (uint32_t i = 0; i < count && result == NACRE_OK; i++)
		result = member_take(&map, &texts, holder);
	const struct nacre_event *event = &holder->event;
	if (result == NACRE_OK && (event->seq == 0 || event->pos == 0 || event->size == 0 ||
	                           *event->stream == '\0' || *event->type == '\0'))
		result = NACRE_PROTOCOL;
	holder->event.meta = holder->meta;
	return result;
}
