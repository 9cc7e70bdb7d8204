/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whether what is kept of subscriptions can be read: each row of the two tables, one after the
 * other. Definitions are core/delivery's, and are not looked into. */
#include <stdio.h>

#include "core/engine/progress.h"
#include "core/engine/subs_private.h"

/* A key as it is kept between steps: the table's number, and the key in it. */
struct look {
	struct nc_buf *at;  /* the row that was checked last */
	struct nc_buf from; /* where this scan begins: the same, which moves */
	enum nc_space space;
	size_t left; /* rows that may still be looked at */
	int err;
};

static const enum nc_space tables[] = { NC_SPACE_SUBS, NC_SPACE_PARKED };
#define TABLE_COUNT (sizeof tables / sizeof tables[0])

/* Whether behind the name in a key stand a NUL and a position. */
static bool has_position(struct nc_slice key, uint64_t position)
{
	return key.size > 9 && key.data[key.size - 9] == 0 &&
	       nc_get_be64(key.data + key.size - 8) == position;
}

static int parked_check(struct nc_slice key, struct nc_slice value)
{
	struct nc_parked parked;
	bool good = nc_parked_next(&value, &parked) && value.size == 0 &&
	            has_position(key, parked.position);
	return good ? NC_OK : NC_CORRUPT;
}

/* Check a row of NC_SPACE_SUBS. The first byte of its key says what it is; the subscription's name
 * follows. */
static int sub_check(struct nc_slice key, struct nc_slice value)
{
	struct nc_sub_row row;
	struct nc_sub_owner owner;
	struct nc_sub_progress progress;
	if (key.size < 2)
		return NC_CORRUPT;
	switch (key.data[0]) {
	case 'a':
		return nc_sub_acked_row_check(key, value);
	case 'd':
		return nc_sub_row_decode(value, &row);
	case 'o':
		return nc_sub_owner_decode(value, &owner);
	case 'p':
		return nc_sub_progress_read(value, &progress);
	default:
		return NC_CORRUPT;
	}
}

static bool on_row(void *ctx, struct nc_slice key, struct nc_slice value)
{
	struct look *look = ctx;
	if (nc_slice_eq(key, nc_slice_from(nc_buf_slice(&look->from), 1)))
		return true;
	nc_buf_clear(look->at);
	nc_buf_put_u8(look->at, (uint8_t)look->space);
	nc_buf_put_slice(look->at, key);
	look->err = look->space == NC_SPACE_SUBS ? sub_check(key, value) : parked_check(key, value);
	return look->err == NC_OK && --look->left > 0;
}

/* The name in a key. A NUL and a position may stand behind it. */
static struct nc_slice name_of(const struct nc_buf *at)
{
	struct nc_slice name = nc_slice_from(nc_buf_slice(at), 1);
	if (at->data[0] == NC_SPACE_SUBS)
		name = nc_slice_from(name, 1);
	const uint8_t *end = name.size == 0 ? NULL : memchr(name.data, 0, name.size);
	return end == NULL ? name : nc_slice(name.data, (size_t)(end - name.data));
}

int nc_subs_check(struct nc_state_reader *reader, struct nc_buf *at, size_t count, char *why,
                  size_t why_size)
{
	struct look look = { .at = at, .left = count };
	size_t table = at->size > 0 && at->data[0] == NC_SPACE_PARKED;
	int err = NC_OK;
	nc_buf_put_slice(&look.from, nc_buf_slice(at));
	for (; err == NC_OK && look.err == NC_OK && look.left > 0 && table < TABLE_COUNT; table++) {
		look.space = tables[table];
		err = nc_buf_status(&look.from);
		if (err == NC_OK) {
			err = nc_state_scan(reader, look.space,
			                    nc_slice_from(nc_buf_slice(&look.from), 1), NC_FORWARD,
			                    on_row, &look);
		}
		nc_buf_clear(&look.from); /* the next table from its first row on */
	}
	nc_buf_release(&look.from);
	if (err == NC_OK)
		err = nc_buf_status(at);
	if (err == NC_OK && look.err != NC_OK) {
		struct nc_slice name = name_of(at);
		(void)snprintf(why, why_size,
		               "what is kept of the subscription '%.*s' cannot be read",
		               (int)name.size, (const char *)name.data);
		err = look.err;
	}
	return err == NC_OK && look.left > 0 ? NC_NOTFOUND : err;
}
