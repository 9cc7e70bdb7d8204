/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Batches and items to bytes and back. */
#include "core/engine/batch.h"

#include "core/base/assert.h"
#include "core/engine/packed_private.h"

#define BATCH_FORMAT     1
#define BATCH_FORMAT_ACK 2 /* the same, and an acknowledgement at the end */

enum ack_flag { ACK_THROUGH = 1, ACK_STALE = 2, ACK_REPLAY = 4, ACK_FLAGS = 7 };

/* ---- Items ---------------------------------------------------------------------------------- */

void nc_item_name_put(struct nc_buf *names, struct nc_slice name)
{
	nc_assert(name.size > 0);
	nc_sized_put(names, name);
}

bool nc_item_name_next(struct nc_slice *names, struct nc_slice *name_out)
{
	if (names->size == 0)
		return false;
	struct nc_reader reader = nc_reader(*names);
	struct nc_slice name = nc_sized_get(&reader);
	if (!nc_packed_rest(&reader, names))
		return false;
	*name_out = name;
	return true;
}

void nc_item_put(struct nc_buf *items, const struct nc_item *item)
{
	nc_assert(item->type_count + item->tag_count > 0);
	nc_sized_put(items, item->types);
	nc_sized_put(items, item->tags);
}

static bool names_count(struct nc_slice names, size_t *count_out)
{
	struct nc_slice name;
	size_t count = 0;
	while (names.size > 0) {
		if (!nc_item_name_next(&names, &name) || name.size == 0 ||
		    ++count > NC_ITEM_NAMES_MAX)
			return false;
	}
	*count_out = count;
	return true;
}

bool nc_item_next(struct nc_slice *items, struct nc_item *item_out)
{
	if (items->size == 0)
		return false;
	struct nc_reader reader = nc_reader(*items);
	struct nc_item item = { 0 };
	item.types = nc_sized_get(&reader);
	item.tags = nc_sized_get(&reader);
	if (!names_count(item.types, &item.type_count) ||
	    !names_count(item.tags, &item.tag_count) || item.type_count + item.tag_count == 0 ||
	    !nc_packed_rest(&reader, items))
		return false;
	*item_out = item;
	return true;
}

/* ---- Batches -------------------------------------------------------------------------------- */

static void expect_put(struct nc_buf *buf, struct nc_expect expect)
{
	nc_buf_put_u8(buf, (uint8_t)expect.kind);
	nc_buf_put_varint(buf, expect.version);
}

static struct nc_expect expect_get(struct nc_reader *reader)
{
	uint8_t kind = nc_reader_u8(reader);
	struct nc_expect expect = { .version = nc_reader_varint(reader) };
	if (kind > NC_EXPECT_VERSION) {
		reader->failed = true;
	} else {
		expect.kind = (enum nc_expect_kind)kind;
	}
	return expect;
}

/* An expectation and some bytes: an event, or a check. */
static bool pair_next(struct nc_slice *list, struct nc_expect *expect_out,
                      struct nc_slice *bytes_out)
{
	if (list->size == 0)
		return false;
	struct nc_reader reader = nc_reader(*list);
	struct nc_expect expect = expect_get(&reader);
	struct nc_slice bytes = nc_sized_get(&reader);
	if (!nc_packed_rest(&reader, list))
		return false;
	*expect_out = expect;
	*bytes_out = bytes;
	return true;
}

void nc_batch_event_put(struct nc_buf *events, const struct nc_batch_event *event)
{
	expect_put(events, event->expect);
	nc_sized_put(events, event->record);
}

bool nc_batch_event_next(struct nc_slice *events, struct nc_batch_event *event_out)
{
	return pair_next(events, &event_out->expect, &event_out->record);
}

void nc_batch_check_put(struct nc_buf *checks, const struct nc_batch_check *check)
{
	expect_put(checks, check->expect);
	nc_sized_put(checks, check->stream);
}

bool nc_batch_check_next(struct nc_slice *checks, struct nc_batch_check *check_out)
{
	return pair_next(checks, &check_out->expect, &check_out->stream);
}

static void ack_put(struct nc_buf *buf, const struct nc_batch_ack *ack)
{
	nc_sized_put(buf, ack->name);
	nc_buf_put_varint(buf, ack->epoch);
	nc_buf_put_varint(buf, ack->position);
	nc_buf_put_u8(buf,
	              (uint8_t)((ack->through ? ACK_THROUGH : 0) | (ack->stale ? ACK_STALE : 0) |
	                        (ack->replay ? ACK_REPLAY : 0)));
}

static struct nc_batch_ack ack_get(struct nc_reader *reader)
{
	struct nc_batch_ack ack = { .name = nc_sized_get(reader) };
	ack.epoch = nc_reader_varint(reader);
	ack.position = nc_reader_varint(reader);
	uint8_t flags = nc_reader_u8(reader);
	ack.through = (flags & ACK_THROUGH) != 0;
	ack.stale = (flags & ACK_STALE) != 0;
	ack.replay = (flags & ACK_REPLAY) != 0;
	if (ack.name.size == 0 || ack.name.size > NC_SUB_NAME_SIZE_MAX || flags > ACK_FLAGS)
		reader->failed = true;
	return ack;
}

void nc_batch_put(struct nc_buf *buf, const struct nc_batch *batch)
{
	nc_assert(batch->event_count >= 1 && batch->event_count <= NC_BATCH_EVENTS_MAX);
	nc_assert(batch->check_count <= NC_BATCH_EVENTS_MAX);
	nc_buf_put_u8(buf, batch->ack.name.size > 0 ? BATCH_FORMAT_ACK : BATCH_FORMAT);
	nc_buf_put_varint(buf, batch->event_count);
	nc_sized_put(buf, batch->events);
	nc_buf_put_varint(buf, batch->check_count);
	nc_sized_put(buf, batch->checks);
	nc_buf_put_varint(buf, batch->after);
	nc_sized_put(buf, batch->items);
	if (batch->ack.name.size > 0)
		ack_put(buf, &batch->ack);
}

/* Whether each list is well-formed and as long as it is said to be. */
static bool batch_well_formed(const struct nc_batch *batch)
{
	struct nc_slice list = batch->events, bytes;
	struct nc_expect expect;
	struct nc_item item;
	size_t count = 0;
	while (pair_next(&list, &expect, &bytes))
		count++;
	if (list.size > 0 || count != batch->event_count || count == 0 ||
	    count > NC_BATCH_EVENTS_MAX)
		return false;
	list = batch->checks;
	for (count = 0; pair_next(&list, &expect, &bytes); count++) {
		if (bytes.size == 0)
			return false;
	}
	if (list.size > 0 || count != batch->check_count || count > NC_BATCH_EVENTS_MAX)
		return false;
	list = batch->items;
	for (count = 0; nc_item_next(&list, &item);)
		count++;
	return list.size == 0 && count <= NC_ITEMS_MAX;
}

int nc_batch_get(struct nc_slice body, struct nc_batch *batch_out)
{
	struct nc_reader reader = nc_reader(body);
	uint8_t format = nc_reader_u8(&reader);
	if (format != BATCH_FORMAT && format != BATCH_FORMAT_ACK)
		return reader.failed ? NC_CORRUPT : NC_UNSUPPORTED;
	struct nc_batch batch = { 0 };
	batch.event_count = (size_t)nc_reader_varint(&reader);
	batch.events = nc_sized_get(&reader);
	batch.check_count = (size_t)nc_reader_varint(&reader);
	batch.checks = nc_sized_get(&reader);
	batch.after = nc_reader_varint(&reader);
	batch.items = nc_sized_get(&reader);
	if (format == BATCH_FORMAT_ACK)
		batch.ack = ack_get(&reader);
	if (reader.failed || nc_reader_left(&reader) != 0 || !batch_well_formed(&batch))
		return NC_CORRUPT;
	*batch_out = batch;
	return NC_OK;
}
