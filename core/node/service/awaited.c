/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events that perhaps nobody hears, kept until that is certain. */
#include "core/node/service/awaited.h"

#include <string.h>

/* What is free before the first event is filled up by moving the others only if it is as much as
 * they are: each byte is moved once, on the whole. */
static void close_up(struct nc_awaited *awaited)
{
	size_t rest = awaited->bytes.size - awaited->at;
	if (awaited->at < rest)
		return;
	if (rest > 0)
		memmove(awaited->bytes.data, awaited->bytes.data + awaited->at, rest);
	awaited->bytes.size = rest;
	awaited->at = 0;
}

int nc_awaited_put(struct nc_awaited *awaited, const struct nc_awaited_event *event)
{
	size_t size = sizeof *event + event->record.size;
	if (size > awaited->bytes.capacity - awaited->bytes.size)
		close_up(awaited);
	if (size > NC_AWAITED_SIZE_MAX || awaited->bytes.size > NC_AWAITED_SIZE_MAX - size)
		return NC_FULL;
	uint8_t *room = nc_buf_extend(&awaited->bytes, size);
	if (room == NULL) {
		awaited->bytes.failed = false; /* less may be wanted the next time */
		return NC_NOMEM;
	}
	memcpy(room, event, sizeof *event);
	if (event->record.size > 0)
		memcpy(room + sizeof *event, event->record.data, event->record.size);
	return NC_OK;
}

bool nc_awaited_first(const struct nc_awaited *awaited, struct nc_awaited_event *event_out)
{
	if (awaited->at == awaited->bytes.size)
		return false;
	const uint8_t *first = awaited->bytes.data + awaited->at;
	memcpy(event_out, first, sizeof *event_out);
	event_out->record.data = first + sizeof *event_out;
	return true;
}

void nc_awaited_drop(struct nc_awaited *awaited)
{
	struct nc_awaited_event first;
	if (nc_awaited_first(awaited, &first))
		awaited->at += sizeof first + first.record.size;
	if (awaited->at == awaited->bytes.size) {
		nc_buf_clear(&awaited->bytes);
		awaited->at = 0;
	}
}

void nc_awaited_release(struct nc_awaited *awaited)
{
	nc_buf_release(&awaited->bytes);
	awaited->at = 0;
}
