/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows of parked events, of a subscription that goes elsewhere: those up to where it goes on stay,
 * the events of those beyond come again. */
#include <string.h>

#include "core/node/subs_move.h"

void nc_subs_rows_keep(struct nc_subscription *sub, uint64_t through)
{
	struct nc_slice list = nc_buf_slice(&sub->parked);
	struct nc_parked parked;
	size_t kept = 0;
	for (struct nc_slice at = list; nc_parked_next(&list, &parked); at = list) {
		size_t size = at.size - list.size;
		if (parked.position > through)
			continue;
		memmove(sub->parked.data + kept, at.data, size);
		kept += size;
	}
	sub->parked.size = kept;
}

static bool on_row(void *ctx, const struct nc_parked *parked)
{
	nc_unparked_put(ctx, parked->position);
	return true;
}

int nc_subs_rows_beyond(struct nc_subs *subs, const struct nc_subscription *sub, uint64_t position,
                        struct nc_buf *unparked)
{
	struct nc_slice list = nc_buf_slice(&sub->parked);
	struct nc_parked parked;
	while (nc_parked_next(&list, &parked)) {
		if (parked.position > position)
			nc_unparked_put(unparked, parked.position);
	}
	int err = nc_state_reader_begin(subs->reader);
	if (err != NC_OK)
		return err;
	err = nc_parked_each(subs->reader, nc_slice_str(sub->name), position + 1, on_row, unparked);
	nc_state_reader_end(subs->reader);
	return err == NC_OK ? nc_buf_status(unparked) : err;
}
