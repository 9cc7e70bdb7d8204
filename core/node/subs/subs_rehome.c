/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is parked just now, in the log and on the way there. And a durable subscription becomes
 * transient, or back: what is parked goes along, from the log to this node's memory, or back.
 *
 * It begins a new epoch where it stands: what is done or parked stays so, what is on its way is
 * delivered again, whichever filter found it. Only with another start what was parked beyond that
 * comes again, as after a seek. */
#include <stdlib.h>

#include "core/base/ascending.h"
#include "core/node/subs/subs_move.h"

/* A row, with its number, by which the last of one position is known. */
struct row {
	uint64_t position;
	size_t turn;
	struct nc_slice bytes;
};

struct gathering {
	struct row *rows; /* [count] */
	size_t count;
	uint64_t *unparked; /* [unparked_count], ascending */
	size_t unparked_count;
};

/* ---- When it is asked for ------------------------------------------------------------------- */

static bool on_row(void *ctx, const struct nc_parked *parked)
{
	nc_parked_put(ctx, parked);
	return true;
}

int nc_subs_rows_read(struct nc_subs *subs, const struct nc_subscription *sub, struct nc_buf *rows)
{
	if (!sub->definition.durable)
		return NC_OK;
	int err = nc_state_reader_begin(subs->reader);
	if (err != NC_OK)
		return err;
	err = nc_parked_each(subs->reader, nc_slice_str(sub->name), 0, on_row, rows);
	nc_state_reader_end(subs->reader);
	return err == NC_OK ? nc_buf_status(rows) : err;
}

/* ---- When it is decided --------------------------------------------------------------------- */

static size_t rows_count(struct nc_slice list)
{
	struct nc_parked parked;
	size_t count = 0;
	while (nc_parked_next(&list, &parked))
		count++;
	return count;
}

static void rows_add(struct gathering *gathering, struct nc_slice list)
{
	struct nc_parked parked;
	for (struct nc_slice at = list; nc_parked_next(&list, &parked); at = list) {
		gathering->rows[gathering->count] = (struct row){
			.position = parked.position,
			.turn = gathering->count,
			.bytes = nc_slice(at.data, at.size - list.size),
		};
		gathering->count++;
	}
}

static int row_compare(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	return x->position != y->position
	               ? (x->position > y->position) - (x->position < y->position)
	               : (x->turn > y->turn) - (x->turn < y->turn);
}

static bool is_unparked(const struct gathering *gathering, uint64_t position)
{
	return gathering->unparked_count > 0 &&
	       bsearch(&position, gathering->unparked, gathering->unparked_count,
	               sizeof *gathering->unparked, nc_ascending) != NULL;
}

/* Append one row for each position, up to `through`, ascending. */
static void rows_put(const struct gathering *gathering, uint64_t through, struct nc_buf *out)
{
	for (size_t i = 0; i < gathering->count; i++) {
		const struct row *row = &gathering->rows[i];
		bool last = i + 1 == gathering->count || row[1].position != row->position;
		if (last && row->position <= through && !is_unparked(gathering, row->position))
			nc_buf_put_slice(out, row->bytes);
	}
}

int nc_subs_rows_gather(const struct nc_subscription *sub, uint64_t through, struct nc_buf *rows)
{
	struct nc_slice before = nc_buf_slice(rows), since = nc_buf_slice(&sub->save.parked);
	struct nc_slice unparked = nc_buf_slice(&sub->save.unparked);
	struct nc_buf out = { 0 };
	struct gathering gathering = { 0 };
	gathering.rows = calloc(rows_count(before) + rows_count(since) + 1, sizeof(struct row));
	/* Each position takes at least a byte there, so this is room enough. */
	gathering.unparked = calloc(unparked.size + 1, sizeof(uint64_t));
	int err = gathering.rows == NULL || gathering.unparked == NULL ? NC_NOMEM : NC_OK;
	if (err == NC_OK) {
		rows_add(&gathering, before);
		rows_add(&gathering, since);
		qsort(gathering.rows, gathering.count, sizeof(struct row), row_compare);
		while (nc_unparked_next(&unparked, &gathering.unparked[gathering.unparked_count]))
			gathering.unparked_count++;
		qsort(gathering.unparked, gathering.unparked_count, sizeof(uint64_t), nc_ascending);
		rows_put(&gathering, through, &out);
		err = nc_buf_status(&out);
	}
	free(gathering.rows);
	free(gathering.unparked);
	if (err != NC_OK) {
		nc_buf_release(&out);
		return err;
	}
	nc_buf_release(rows);
	*rows = out;
	return NC_OK;
}

int nc_subs_rehome_give(struct nc_subs *subs, struct nc_subscription *sub)
{
	nc_buf_put_slice(&sub->save.parked, nc_buf_slice(&sub->move->rows));
	int err = nc_buf_status(&sub->save.parked);
	return err == NC_OK ? nc_subs_parked_tell(subs, sub, nc_buf_slice(&sub->save.parked)) : err;
}
