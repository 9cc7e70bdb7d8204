/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Entries by their rank, smallest first. Most come with a rank that is no smaller than all before
 * it: the next position, a wait as long as the last one. Those stand in line, at the cost of two
 * links; the others are in a heap. */
#include "core/delivery/subscription_private.h"

/* ---- The heap ------------------------------------------------------------------------------- */

static void heap_set(struct nc_sub *sub, struct queue *queue, uint32_t at, uint32_t id)
{
	queue->heap[at] = id;
	sub->entries[id].queue_at = at;
}

/* Put `id` where it belongs; there is a hole at `at`. */
static void heap_settle(struct nc_sub *sub, struct queue *queue, uint32_t at, uint32_t id)
{
	const uint32_t *heap = queue->heap;
	uint64_t rank = sub->entries[id].rank;
	while (at > 0 && sub->entries[heap[(at - 1) / 2]].rank > rank) {
		heap_set(sub, queue, at, heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	for (;;) {
		uint32_t child = 2 * at + 1;
		if (child >= queue->heap_count)
			break;
		if (child + 1 < queue->heap_count &&
		    sub->entries[heap[child + 1]].rank < sub->entries[heap[child]].rank)
			child++;
		if (sub->entries[heap[child]].rank >= rank)
			break;
		heap_set(sub, queue, at, heap[child]);
		at = child;
	}
	heap_set(sub, queue, at, id);
}

static void heap_put(struct nc_sub *sub, struct queue *queue, uint32_t id)
{
	nc_assert(queue->heap_count < sub->entry_capacity);
	queue->heap[queue->heap_count] = id;
	queue->heap_count++;
	heap_settle(sub, queue, queue->heap_count - 1, id);
}

static void heap_leave(struct nc_sub *sub, struct queue *queue, uint32_t at)
{
	queue->heap_count--;
	if (at < queue->heap_count)
		heap_settle(sub, queue, at, queue->heap[queue->heap_count]);
}

/* ---- The line ------------------------------------------------------------------------------- */

static void line_put(struct nc_sub *sub, struct queue *queue, uint32_t id)
{
	struct entry *entry = &sub->entries[id];
	entry->queue_at = IN_LINE;
	entry->queue_prev = queue->line.last;
	entry->queue_next = NONE;
	if (queue->line.last == NONE) {
		queue->line.first = id;
	} else {
		sub->entries[queue->line.last].queue_next = id;
	}
	queue->line.last = id;
}

static void line_leave(struct nc_sub *sub, struct queue *queue, const struct entry *entry)
{
	if (entry->queue_prev == NONE) {
		queue->line.first = entry->queue_next;
	} else {
		sub->entries[entry->queue_prev].queue_next = entry->queue_next;
	}
	if (entry->queue_next == NONE) {
		queue->line.last = entry->queue_prev;
	} else {
		sub->entries[entry->queue_next].queue_prev = entry->queue_prev;
	}
}

/* ---- Both ----------------------------------------------------------------------------------- */

void nc_sub_queue_put(struct nc_sub *sub, struct queue *queue, uint32_t id, uint64_t rank)
{
	struct entry *entry = &sub->entries[id];
	uint32_t last = queue->line.last;
	nc_assert(entry->queue_at == NONE);
	entry->rank = rank;
	entry->timed = queue == &sub->timed;
	if (last == NONE || sub->entries[last].rank <= rank) {
		line_put(sub, queue, id);
	} else {
		heap_put(sub, queue, id);
	}
}

uint32_t nc_sub_queue_first(const struct nc_sub *sub, const struct queue *queue)
{
	uint32_t first = queue->line.first;
	uint32_t top = queue->heap_count == 0 ? NONE : queue->heap[0];
	if (first == NONE || top == NONE)
		return first == NONE ? top : first;
	return sub->entries[top].rank < sub->entries[first].rank ? top : first;
}

void nc_sub_queue_leave(struct nc_sub *sub, uint32_t id)
{
	struct entry *entry = &sub->entries[id];
	struct queue *queue = entry->timed ? &sub->timed : &sub->ready;
	if (entry->queue_at == IN_LINE) {
		line_leave(sub, queue, entry);
	} else if (entry->queue_at != NONE) {
		nc_assert(queue->heap[entry->queue_at] == id);
		heap_leave(sub, queue, entry->queue_at);
	}
	entry->queue_at = NONE;
}
