/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The end of the log in memory. */
#include "core/node/replica/tail.h"

#include <stdlib.h>

#include "core/base/assert.h"

void nc_tail_init(struct nc_tail *tail, uint64_t last)
{
	*tail = (struct nc_tail){ .first = last + 1, .last = last };
}

static struct nc_entry **slot(const struct nc_tail *tail, uint64_t index)
{
	return &tail->ring[index & (tail->room - 1)];
}

static int grow(struct nc_tail *tail)
{
	size_t room = tail->room == 0 ? 256 : tail->room * 2;
	struct nc_entry **ring = calloc(room, sizeof(struct nc_entry *));
	if (ring == NULL)
		return NC_NOMEM;
	for (uint64_t index = tail->first; index <= tail->last; index++)
		ring[index & (room - 1)] = *slot(tail, index);
	free(tail->ring);
	tail->ring = ring;
	tail->room = room;
	return NC_OK;
}

int nc_tail_put(struct nc_tail *tail, struct nc_entry *entry)
{
	nc_assert(entry->index == tail->last + 1);
	if (tail->last + 1 - tail->first == tail->room) {
		int err = grow(tail);
		if (err != NC_OK)
			return err;
	}
	tail->last++;
	*slot(tail, entry->index) = entry;
	tail->size += entry->payload.size;
	entry->kept = true;
	return NC_OK;
}

struct nc_entry *nc_tail_get(const struct nc_tail *tail, uint64_t index)
{
	return index < tail->first || index > tail->last ? NULL : *slot(tail, index);
}

void nc_tail_cut(struct nc_tail *tail, uint64_t index,
                 void (*lost)(void *ctx, struct nc_entry *entry), void *ctx)
{
	while (tail->last >= index && tail->last >= tail->first) {
		struct nc_entry *entry = *slot(tail, tail->last--);
		tail->size -= entry->payload.size;
		lost(ctx, entry);
		entry->kept = false;
		if (entry->staged) {
			entry->orphan = true;
		} else {
			nc_entry_free(entry);
		}
	}
	if (tail->last >= index) { /* what is replaced was not kept */
		tail->last = index - 1;
		tail->first = index;
	}
}

void nc_tail_evict(struct nc_tail *tail, uint64_t through, uint64_t size_max)
{
	while (tail->first <= through && tail->first <= tail->last && tail->size > size_max) {
		struct nc_entry *entry = *slot(tail, tail->first);
		if (entry->staged || entry->ticket_count > 0)
			return;
		tail->size -= entry->payload.size;
		tail->first++;
		nc_entry_free(entry);
	}
}

void nc_tail_release(struct nc_tail *tail)
{
	for (uint64_t index = tail->first; tail->ring != NULL && index <= tail->last; index++)
		nc_entry_free(*slot(tail, index));
	free(tail->ring);
	*tail = (struct nc_tail){ 0 };
}
