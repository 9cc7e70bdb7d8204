/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Metadata by name. */
#include "transport/nats/packed_meta.h"

#include <stdlib.h>

#include "core/engine/event.h"

static int order_compare(size_t a, size_t b)
{
	return (a > b) - (a < b);
}

static int value_compare(const void *a, const void *b)
{
	const struct nc_packed_value *x = a, *y = b;
	int order = nc_slice_cmp(x->name, y->name);
	return order != 0 ? order : order_compare(x->order, y->order);
}

static int name_compare(const void *a, const void *b)
{
	const struct nc_packed_name *x = a, *y = b;
	return order_compare(x->order, y->order);
}

static int room_make(struct nc_packed_meta *by_name, size_t room)
{
	if (room <= by_name->room)
		return NC_OK;
	nc_packed_meta_release(by_name);
	by_name->names = calloc(room, sizeof *by_name->names);
	by_name->values = calloc(room, sizeof *by_name->values);
	if (by_name->names == NULL || by_name->values == NULL) {
		nc_packed_meta_release(by_name);
		return NC_NOMEM;
	}
	by_name->room = room;
	return NC_OK;
}

int nc_packed_meta_set(struct nc_packed_meta *by_name, struct nc_slice meta)
{
	struct nc_slice name, value;
	size_t count = 0, at = 0;
	for (struct nc_slice list = meta; nc_event_meta_next(&list, &name, &value);)
		count++;
	by_name->count = 0;
	int err = room_make(by_name, count);
	if (err != NC_OK || count == 0)
		return err;
	struct nc_packed_value *values = by_name->values;
	for (; at < count && nc_event_meta_next(&meta, &name, &value); at++)
		values[at] = (struct nc_packed_value){ name, value, at };
	qsort(values, count, sizeof *values, value_compare);
	for (size_t i = 0; i < count; i++) {
		if (i > 0 && nc_slice_eq(values[i].name, values[i - 1].name)) {
			by_name->names[by_name->count - 1].count++;
		} else {
			by_name->names[by_name->count++] =
			        (struct nc_packed_name){ values[i].order, &values[i], 1 };
		}
	}
	qsort(by_name->names, by_name->count, sizeof *by_name->names, name_compare);
	return NC_OK;
}

void nc_packed_meta_release(struct nc_packed_meta *by_name)
{
	free(by_name->names);
	free(by_name->values);
	*by_name = (struct nc_packed_meta){ 0 };
}
