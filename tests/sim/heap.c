/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is to happen, by time and, at one time, in the order of its coming. */
#include <stdlib.h>

#include "tests/sim/sim_private.h"

static bool before(const struct sim_event *a, const struct sim_event *b)
{
	return a->at < b->at || (a->at == b->at && a->order < b->order);
}

struct sim_event *sim_event_new(struct sim_heap *heap)
{
	struct sim_event *event =
	        heap->spare_count > 0 ? heap->spare[--heap->spare_count] : malloc(sizeof *event);
	nc_assert(event != NULL);
	event->index = 0;
	event->session = 0;
	event->entries = NULL;
	event->message.entry_count = 0;
	return event;
}

void sim_event_put(struct sim_heap *heap, struct sim_event *event)
{
	if (heap->count == heap->room) {
		heap->room = heap->room * 2 + 64;
		heap->at = realloc(heap->at, heap->room * sizeof(struct sim_event *));
		nc_assert(heap->at != NULL);
	}
	event->order = heap->orders++;
	size_t at = heap->count++;
	for (; at > 0 && before(event, heap->at[(at - 1) / 2]); at = (at - 1) / 2)
		heap->at[at] = heap->at[(at - 1) / 2];
	heap->at[at] = event;
}

struct sim_event *sim_event_take(struct sim_heap *heap)
{
	if (heap->count == 0)
		return NULL;
	struct sim_event *first = heap->at[0], *last = heap->at[--heap->count];
	size_t at = 0, child;
	while ((child = at * 2 + 1) < heap->count) {
		if (child + 1 < heap->count && before(heap->at[child + 1], heap->at[child]))
			child++;
		if (!before(heap->at[child], last))
			break;
		heap->at[at] = heap->at[child];
		at = child;
	}
	heap->at[at] = last;
	return first;
}

void sim_event_free(struct sim_heap *heap, struct sim_event *event)
{
	free(event->entries);
	if (heap->spare_count == heap->spare_room) {
		heap->spare_room = heap->spare_room * 2 + 64;
		heap->spare = realloc(heap->spare, heap->spare_room * sizeof(struct sim_event *));
		nc_assert(heap->spare != NULL);
	}
	heap->spare[heap->spare_count++] = event;
}

void sim_heap_release(struct sim_heap *heap)
{
	struct sim_event *event;
	while ((event = sim_event_take(heap)) != NULL)
		sim_event_free(heap, event);
	for (size_t i = 0; i < heap->spare_count; i++)
		free(heap->spare[i]);
	free(heap->spare);
	free(heap->at);
}
