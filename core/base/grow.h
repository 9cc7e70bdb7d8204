/* SPDX-License-Identifier: Apache-2.0 */
/* grow.h -- room for one more in an array that doubles. Not for arrays that grow together, nor for
 * bytes (buf.h). */
#ifndef NC_CORE_BASE_GROW_H
#define NC_CORE_BASE_GROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* An array of elements of `size` bytes has `*room` places, and `count` are taken: have one more
 * free. `array`: where the pointer to it is, NULL while it has none; the first time it gets `least`
 * places. free() releases it. False: out of memory, and all is as it was. */
static inline bool nc_grow(void *array, size_t size, size_t count, size_t *room, size_t least)
{
	void *items;
	if (count < *room)
		return true;
	size_t more = *room == 0 ? least : *room * 2;
	memcpy(&items, array, sizeof items);
	items = realloc(items, more * size);
	if (items == NULL)
		return false;
	memcpy(array, &items, sizeof items);
	*room = more;
	return true;
}

#endif
