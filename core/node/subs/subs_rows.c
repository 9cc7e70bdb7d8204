/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows of parked events, of a subscription that goes elsewhere: those up to where it goes on stay,
 * the events of those beyond come again. A backfill passes by what has one. */
#include <stdlib.h>
#include <string.h>

#include "core/node/subs/subs_job.h"
#include "core/node/subs/subs_move.h"

void nc_subs_rows_keep(struct nc_subscription *sub, uint64_t through)
{
	struct nc_slice list = nc_buf_slice(&sub->save.parked);
	struct nc_parked parked;
	size_t kept = 0;
	for (struct nc_slice at = list; nc_parked_next(&list, &parked); at = list) {
		size_t size = at.size - list.size;
		if (parked.position > through)
			continue;
		memmove(sub->save.parked.data + kept, at.data, size);
		kept += size;
	}
	sub->save.parked.size = kept;
}

static bool on_row(void *ctx, const struct nc_parked *parked)
{
	nc_unparked_put(ctx, parked->position);
	return true;
}

int nc_subs_rows_beyond(struct nc_subs *subs, const struct nc_subscription *sub, uint64_t position,
                        struct nc_buf *unparked)
{
	struct nc_slice list = nc_buf_slice(&sub->save.parked);
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

/* ---- A backfill, which finds them once more -------------------------------------------------- */

static int found_compare(const void *a, const void *b)
{
	const uint64_t *position = a;
	const struct nc_sub_found *found = b;
	return (*position > found->position) - (*position < found->position);
}

static void found_mark(struct nc_sub_job *job, const struct nc_parked *parked)
{
	struct nc_sub_found *found = bsearch(&parked->position, job->found, job->found_count,
	                                     sizeof *job->found, found_compare);
	if (found != NULL)
		found->parked = true;
}

static bool on_found_row(void *ctx, const struct nc_parked *parked)
{
	struct nc_sub_job *job = ctx;
	if (parked->position > job->found[job->found_count - 1].position)
		return false;
	found_mark(job, parked);
	return true;
}

static int rows_mark(struct nc_subs *subs, const struct nc_subscription *sub,
                     struct nc_sub_job *job)
{
	struct nc_slice list = nc_buf_slice(&sub->save.parked);
	struct nc_parked parked;
	while (nc_parked_next(&list, &parked))
		found_mark(job, &parked);
	int err = nc_state_reader_begin(subs->reader);
	if (err != NC_OK)
		return err;
	err = nc_parked_each(subs->reader, nc_slice_str(sub->name), job->found[0].position,
	                     on_found_row, job);
	nc_state_reader_end(subs->reader);
	return err;
}

bool nc_subs_rows_pass(struct nc_subs *subs, const struct nc_subscription *sub,
                       struct nc_sub_job *job)
{
	struct nc_sub_info info;
	size_t kept = 0;
	nc_sub_info(sub->machine, &info);
	if (info.parked == 0 || job->found_count == 0)
		return true;
	int err = rows_mark(subs, sub, job);
	if (err != NC_OK) {
		subs->service->options.on_fatal(subs->service->options.ctx, err,
		                                "parked events could not be read");
		return false;
	}
	for (size_t i = 0; i < job->found_count; i++) {
		if (!job->found[i].parked)
			job->found[kept++] = job->found[i];
	}
	job->found_count = kept;
	return true;
}
