/* SPDX-License-Identifier: Apache-2.0 */
/* Putting a batch together, in MessagePack, which takes data as they are. */
#include <stdlib.h>
#include <string.h>

#include "transport/client/batch_private.h"

int nacre_batch_new(struct nacre_batch **batch_out)
{
	struct nacre_batch *batch = calloc(1, sizeof *batch);
	if (batch == NULL)
		return NACRE_NOMEM;
	*batch_out = batch;
	return NACRE_OK;
}

void nacre_batch_free(struct nacre_batch *batch)
{
	if (batch == NULL)
		return;
	nc_buf_release(&batch->events);
	nc_buf_release(&batch->checks);
	nc_buf_release(&batch->condition);
	nc_buf_release(&batch->ack);
	free(batch);
}

static int settle(const struct nc_buf *buf, struct nacre_error *error)
{
	return nc_buf_status(buf) == NC_OK ? NACRE_OK : nc_client_fail_nomem(error);
}

static void expect_put(struct nc_buf *out, int64_t expect)
{
	nc_pack_text(out, "expect");
	if (expect == NACRE_EXPECT_NONE) {
		nc_pack_text(out, "none");
	} else if (expect == NACRE_EXPECT_EXISTS) {
		nc_pack_text(out, "exists");
	} else if (expect == NACRE_EXPECT_ANY) {
		nc_pack_text(out, "any");
	} else {
		nc_pack_number(out, (uint64_t)expect);
	}
}

static void texts_put(struct nc_buf *out, const char *name, const char *const *texts, size_t count)
{
	nc_pack_text(out, name);
	nc_pack_array(out, (uint32_t)count);
	for (size_t i = 0; i < count; i++)
		nc_pack_text(out, texts[i]);
}

/* How often the name of entry `at` stands in `meta` from there on; 0 if it stands before it too. */
static uint32_t meta_values(const struct nacre_append *event, size_t at)
{
	uint32_t count = 0;
	for (size_t i = 0; i < event->meta_count; i++) {
		if (strcmp(event->meta[i].name, event->meta[at].name) != 0)
			continue;
		if (i < at)
			return 0;
		count++;
	}
	return count;
}

static void meta_put(struct nc_buf *out, const struct nacre_append *event)
{
	uint32_t names = 0;
	for (size_t at = 0; at < event->meta_count; at++)
		names += meta_values(event, at) > 0;
	nc_pack_text(out, "meta");
	nc_pack_map(out, names);
	for (size_t at = 0; at < event->meta_count; at++) {
		uint32_t count = meta_values(event, at);
		if (count == 0)
			continue;
		nc_pack_text(out, event->meta[at].name);
		nc_pack_array(out, count);
		for (size_t i = at; i < event->meta_count; i++) {
			if (strcmp(event->meta[i].name, event->meta[at].name) == 0)
				nc_pack_text(out, event->meta[i].value);
		}
	}
}

static void event_put(struct nc_buf *out, const struct nacre_append *event)
{
	bool typed = event->content_type != NULL;
	nc_pack_map(out, 5u + typed + (event->tag_count > 0) + (event->meta_count > 0));
	nc_pack_text(out, "stream");
	nc_pack_text(out, event->stream);
	nc_pack_text(out, "type");
	nc_pack_text(out, event->type);
	nc_pack_text(out, "id");
	nc_pack_text(out, event->id);
	expect_put(out, event->expect);
	if (typed) {
		nc_pack_text(out, "content_type");
		nc_pack_text(out, event->content_type);
	}
	if (event->tag_count > 0)
		texts_put(out, "tags", event->tags, event->tag_count);
	if (event->meta_count > 0)
		meta_put(out, event);
	nc_pack_text(out, "data");
	nc_pack_bytes(out, event->data, event->size);
}

int nacre_batch_add_sized(struct nacre_batch *batch, const struct nacre_append *given, size_t size,
                          struct nacre_error *error)
{
	struct nc_client_append append;
	int result = nc_client_append_take(&append, given, size, error);
	if (result != NACRE_OK)
		return result;
	if (batch->event_count == NC_CLIENT_BATCH_MAX) {
		return nc_client_fail(error, NACRE_INVALID, "batch: more than %u events",
		                      NC_CLIENT_BATCH_MAX);
	}
	event_put(&batch->events, &append.is);
	batch->event_count++;
	return settle(&batch->events, error);
}

int nacre_batch_check(struct nacre_batch *batch, const char *stream, int64_t expect,
                      struct nacre_error *error)
{
	int result = nc_client_stream_check(stream, error);
	if (result != NACRE_OK)
		return result;
	if (expect < NACRE_EXPECT_EXISTS)
		return nc_client_fail(error, NACRE_INVALID, "expect: not known");
	if (batch->check_count == NC_CLIENT_BATCH_MAX) {
		return nc_client_fail(error, NACRE_INVALID, "batch: more than %u checks",
		                      NC_CLIENT_BATCH_MAX);
	}
	nc_pack_map(&batch->checks, 2);
	nc_pack_text(&batch->checks, "stream");
	nc_pack_text(&batch->checks, stream);
	expect_put(&batch->checks, expect);
	batch->check_count++;
	return settle(&batch->checks, error);
}

static void item_put(struct nc_buf *out, const struct nacre_item *item)
{
	nc_pack_map(out, (uint32_t)(item->type_count > 0) + (item->tag_count > 0));
	if (item->type_count > 0)
		texts_put(out, "types", item->types, item->type_count);
	if (item->tag_count > 0)
		texts_put(out, "tags", item->tags, item->tag_count);
}

int nacre_batch_condition(struct nacre_batch *batch, const struct nacre_item *items, size_t count,
                          uint64_t after, struct nacre_error *error)
{
	struct nc_buf *out = &batch->condition;
	if (count < 1 || count > NC_CLIENT_ITEMS_MAX)
		return nc_client_fail(error, NACRE_INVALID, "items: 1 to %d", NC_CLIENT_ITEMS_MAX);
	if (batch->has_condition)
		return nc_client_fail(error, NACRE_INVALID, "condition: the batch has one");
	for (size_t i = 0; i < count; i++) {
		if (items[i].type_count == 0 && items[i].tag_count == 0) {
			return nc_client_fail(error, NACRE_INVALID,
			                      "items: one has neither types nor tags");
		}
	}
	nc_pack_text(out, "condition");
	nc_pack_map(out, 2);
	nc_pack_text(out, "after");
	nc_pack_number(out, after);
	nc_pack_text(out, "fail_if");
	nc_pack_array(out, (uint32_t)count);
	for (size_t i = 0; i < count; i++)
		item_put(out, &items[i]);
	batch->has_condition = true;
	return settle(out, error);
}

int nacre_batch_ack(struct nacre_batch *batch, const char *reply, struct nacre_error *error)
{
	if (!nc_client_subject_valid(reply))
		return nc_client_fail(error, NACRE_INVALID, "reply: not of a delivery");
	if (batch->has_ack)
		return nc_client_fail(error, NACRE_INVALID, "ack: the batch has one");
	nc_pack_text(&batch->ack, "ack");
	nc_pack_map(&batch->ack, 1);
	nc_pack_text(&batch->ack, "reply");
	nc_pack_text(&batch->ack, reply);
	batch->has_ack = true;
	return settle(&batch->ack, error);
}
