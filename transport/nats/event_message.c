/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events as messages. Names, ids, tags and metadata hold no control characters: they were refused.
 */
#include "transport/nats/event_message.h"

#include "transport/nats/subject.h"

#define PUT(buf, literal) nc_buf_put((buf), (literal), sizeof(literal) - 1)

void nc_event_subject_put(struct nc_buf *buf, const char *root, const char *verb,
                          struct nc_slice type, struct nc_slice stream)
{
	nc_buf_put_str(buf, root);
	nc_buf_put_u8(buf, '.');
	nc_buf_put_str(buf, verb);
	nc_buf_put_u8(buf, '.');
	nc_subject_put_token(buf, type);
	nc_buf_put_u8(buf, '.');
	nc_subject_put_stream(buf, stream);
}

static void put_tags(struct nc_buf *message, struct nc_slice tags)
{
	struct nc_slice tag;
	PUT(message, "\r\nEs-Tags: ");
	for (bool first = true; nc_event_tag_next(&tags, &tag); first = false) {
		if (!first)
			nc_buf_put_u8(message, ',');
		nc_buf_put_slice(message, tag);
	}
}

void nc_event_head_put(struct nc_buf *message, const char *root, const struct nc_event *event)
{
	char time[NC_TIME_TEXT_SIZE];
	nc_time_format(event->time_ns, time);
	PUT(message, "NATS/1.0\r\nEs-Stream: ");
	nc_buf_put_slice(message, event->stream);
	PUT(message, "\r\nEs-Type: ");
	nc_buf_put_slice(message, event->type);
	PUT(message, "\r\nNats-Sequence: ");
	nc_buf_put_decimal(message, event->version);
	PUT(message, "\r\nEs-Position: ");
	nc_buf_put_decimal(message, event->position);
	PUT(message, "\r\nNats-Time-Stamp: ");
	nc_buf_put(message, time, NC_TIME_TEXT_SIZE - 1);
	PUT(message, "\r\nNats-Msg-Id: ");
	nc_buf_put_slice(message, event->id);
	if (event->tag_count > 0)
		put_tags(message, event->tags);
	if (event->content_type.size > 0) {
		PUT(message, "\r\nContent-Type: ");
		nc_buf_put_slice(message, event->content_type);
	}
	PUT(message, "\r\nNats-Subject: ");
	nc_event_subject_put(message, root, "append", event->type, event->stream);
	PUT(message, "\r\n");
	struct nc_slice meta = event->meta, name, value;
	while (nc_event_meta_next(&meta, &name, &value)) {
		nc_buf_put_slice(message, name);
		PUT(message, ": ");
		nc_buf_put_slice(message, value);
		PUT(message, "\r\n");
	}
}

void nc_event_message_put(struct nc_buf *message, const char *root, const struct nc_event *event,
                          struct nc_slice extra, size_t *header_size_out)
{
	size_t start = message->size;
	nc_event_head_put(message, root, event);
	nc_buf_put_slice(message, extra);
	PUT(message, "\r\n");
	*header_size_out = message->size - start;
	nc_buf_put_slice(message, event->data);
}
