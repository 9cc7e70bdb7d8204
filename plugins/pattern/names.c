/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One list of names: sorted, so that the one item that can meet a name is found by halving. */
#include "plugins/pattern/names.h"

#include <stdlib.h>

#include "core/base/grow.h"
#include "core/base/unconst.h"

void nc_names_cut(struct nc_names *names, size_t count)
{
	while (names->count > count)
		free(nc_unconst(names->items[--names->count].bytes.data));
}

void nc_names_release(struct nc_names *names)
{
	nc_names_cut(names, 0);
	free(names->items);
	*names = (struct nc_names){ 0 };
}

static int add(struct nc_names *names, struct nc_slice bytes, bool prefix)
{
	if (!nc_grow(&names->items, sizeof *names->items, names->count, &names->capacity, 4))
		return NC_NOMEM;
	uint8_t *copy = malloc(bytes.size + 1); /* never of no size */
	if (copy == NULL)
		return NC_NOMEM;
	if (bytes.size > 0)
		memcpy(copy, bytes.data, bytes.size);
	names->items[names->count++] = (struct nc_name){ nc_slice(copy, bytes.size), prefix };
	return NC_OK;
}

int nc_names_add(struct nc_names *names, struct nc_slice name)
{
	return add(names, name, false);
}

int nc_names_add_prefix(struct nc_names *names, struct nc_slice bytes)
{
	return add(names, bytes, true);
}

/* The order of names: byte by byte, and a prefix before an equal name, which it covers. */
static int by_bytes(const void *a, const void *b)
{
	const struct nc_name *left = a;
	const struct nc_name *right = b;
	int order = nc_slice_cmp(left->bytes, right->bytes);
	return order != 0 ? order : right->prefix - left->prefix;
}

static bool covers(const struct nc_name *name, struct nc_slice bytes)
{
	return name->prefix ? nc_slice_starts(bytes, name->bytes) : nc_slice_eq(bytes, name->bytes);
}

void nc_names_seal(struct nc_names *names)
{
	if (names->count == 0)
		return;
	qsort(names->items, names->count, sizeof *names->items, by_bytes);
	size_t kept = 1;
	for (size_t i = 1; i < names->count; i++) {
		/* What a prefix covers stands right behind it. */
		if (covers(&names->items[kept - 1], names->items[i].bytes)) {
			free(nc_unconst(names->items[i].bytes.data));
		} else {
			names->items[kept++] = names->items[i];
		}
	}
	names->count = kept;
}

bool nc_names_has(const struct nc_names *names, struct nc_slice name)
{
	/* The last item that is not behind the name: if an earlier one were a prefix of it, the
	 * items between would begin with that prefix too, and be covered. */
	size_t low = 0;
	size_t high = names->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (nc_slice_cmp(names->items[middle].bytes, name) <= 0) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low > 0 && covers(&names->items[low - 1], name);
}
