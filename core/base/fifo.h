/* SPDX-License-Identifier: Apache-2.0 */
/* fifo.h -- a queue of what its owner keeps: the first member of each is a link. No allocation; not
 * locked. Begins as zeros. */
#ifndef NC_CORE_BASE_FIFO_H
#define NC_CORE_BASE_FIFO_H

#include <stddef.h>

#include "core/base/assert.h"

struct nc_fifo_link {
	struct nc_fifo_link *next;
};

struct nc_fifo {
	struct nc_fifo_link *first, *last;
	size_t count;
};

static inline void nc_fifo_put(struct nc_fifo *fifo, struct nc_fifo_link *link)
{
	link->next = NULL;
	if (fifo->last == NULL) {
		fifo->first = link;
	} else {
		fifo->last->next = link;
	}
	fifo->last = link;
	fifo->count++;
}

/* The one put first, as the type that it is the first member of; NULL: there is none. */
static inline void *nc_fifo_take(struct nc_fifo *fifo)
{
	struct nc_fifo_link *link = fifo->first;
	if (link == NULL)
		return NULL;
	fifo->first = link->next;
	if (fifo->first == NULL)
		fifo->last = NULL;
	fifo->count--;
	return link;
}

/* Take out one that is in it, wherever it stands. */
static inline void nc_fifo_remove(struct nc_fifo *fifo, const struct nc_fifo_link *link)
{
	struct nc_fifo_link **at = &fifo->first, *before = NULL;
	while (*at != link) {
		nc_assert(*at != NULL);
		before = *at;
		at = &before->next;
	}
	*at = link->next;
	if (fifo->last == link)
		fifo->last = before;
	fifo->count--;
}

#endif
