/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Entries and queues of them. */
#include "core/node/replica/entry.h"

#include <stdlib.h>

#include "core/base/grow.h"
#include "core/base/unconst.h"

struct nc_entry *nc_entry_new(uint8_t kind)
{
	struct nc_entry *entry = calloc(1, sizeof *entry);
	if (entry != NULL)
		entry->kind = kind;
	return entry;
}

void nc_entry_free(struct nc_entry *entry)
{
	if (entry == NULL)
		return;
	nc_buf_release(&entry->payload);
	nc_entry_outcomes_clear(entry);
	free(entry->tickets);
	free(entry->outcomes);
	free(entry);
}

void nc_entry_settle(struct nc_entry *entry)
{
	nc_entry_outcomes_clear(entry);
	free(entry->tickets);
	free(entry->outcomes);
	entry->tickets = NULL;
	entry->outcomes = NULL;
	entry->ticket_count = entry->ticket_room = entry->outcome_count = entry->outcome_room = 0;
}

void nc_entry_drop(struct nc_entry *entry)
{
	if (!entry->kept)
		nc_entry_free(entry);
}

void nc_entry_outcomes_clear(struct nc_entry *entry)
{
	for (size_t i = 0; i < entry->outcome_count; i++)
		free(nc_unconst(entry->outcomes[i].results));
	entry->outcome_count = 0;
}

int nc_entry_ticket_add(struct nc_entry *entry, void *ticket)
{
	if (!nc_grow(&entry->tickets, sizeof(void *), entry->ticket_count, &entry->ticket_room, 16))
		return NC_NOMEM;
	entry->tickets[entry->ticket_count++] = ticket;
	return NC_OK;
}

void nc_entry_queue_put(struct nc_entry_queue *queue, struct nc_entry *entry)
{
	entry->next = NULL;
	if (queue->last == NULL) {
		queue->first = entry;
	} else {
		queue->last->next = entry;
	}
	queue->last = entry;
	queue->count++;
}

void nc_entry_queue_put_first(struct nc_entry_queue *queue, struct nc_entry *entry)
{
	entry->next = queue->first;
	queue->first = entry;
	if (queue->last == NULL)
		queue->last = entry;
	queue->count++;
}

struct nc_entry *nc_entry_queue_take(struct nc_entry_queue *queue)
{
	struct nc_entry *entry = queue->first;
	if (entry == NULL)
		return NULL;
	queue->first = entry->next;
	if (queue->first == NULL)
		queue->last = NULL;
	queue->count--;
	entry->next = NULL;
	return entry;
}

void nc_entry_queue_move(struct nc_entry_queue *to, struct nc_entry_queue *from)
{
	if (from->first == NULL)
		return;
	if (to->last == NULL) {
		to->first = from->first;
	} else {
		to->last->next = from->first;
	}
	to->last = from->last;
	to->count += from->count;
	*from = (struct nc_entry_queue){ 0 };
}
