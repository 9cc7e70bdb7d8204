/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Taking up durable subscriptions from the state: definitions, progress, what is parked. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/node/say.h"
#include "core/node/subs_private.h"

struct loading {
	struct nc_subs *subs;
	int err;
	uint64_t parked[256]; /* positions of a page of parked events */
	size_t parked_count;
	struct nc_sub *taking; /* whose rows are being read */
};

/* A definition that cannot be used any more (its plugin is gone) halts the subscription; it stays.
 */
static struct nc_subscription *sub_make(struct nc_subs *subs, const struct nc_sub_row *row,
                                        int *err_out)
{
	struct nc_subscription *sub = calloc(1, sizeof *sub);
	if (sub == NULL) {
		*err_out = NC_NOMEM;
		return NULL;
	}
	(void)snprintf(sub->name, sizeof sub->name, "%.*s", (int)row->name.size,
	               (const char *)row->name.data);
	sub->epoch = row->epoch;
	*err_out = nc_definition_get(row->definition, &sub->definition);
	if (*err_out != NC_OK) {
		free(sub);
		return NULL;
	}
	struct nc_refusal refusal;
	if (!nc_subs_filter_compile(subs, sub, &refusal)) {
		(void)snprintf(sub->fault, sizeof sub->fault, "%.190s", refusal.text);
		nc_say_warning("subscription %s halts: %s", sub->name, sub->fault);
	}
	return sub;
}

static int machine_make(struct nc_subs *subs, struct nc_subscription *sub, uint64_t cursor)
{
	struct nc_buf progress = { 0 };
	uint64_t now_ns = nc_subs_now_ns();
	int err = nc_sub_row_progress(subs->reader, nc_slice_str(sub->name), &progress);
	if (err == NC_NOTFOUND)
		err = nc_sub_new(&sub->definition, sub->epoch, cursor, now_ns, &sub->machine);
	else if (err == NC_OK)
		err = nc_sub_restore(&sub->definition, nc_buf_slice(&progress), now_ns,
		                     &sub->machine);
	nc_buf_release(&progress);
	return err;
}

static bool on_acked(void *ctx, uint64_t position)
{
	struct loading *loading = ctx;
	loading->err = nc_sub_restore_acked(loading->taking, position);
	return loading->err == NC_OK;
}

/* What batches have acknowledged since the last progress. */
static int acked_load(struct loading *loading, const struct nc_subscription *sub)
{
	loading->taking = sub->machine;
	int err = nc_sub_acked_each(loading->subs->reader, nc_slice_str(sub->name), sub->epoch,
	                            on_acked, loading);
	return err == NC_OK ? loading->err : err;
}

static bool on_row(void *ctx, const struct nc_sub_row *row)
{
	struct loading *loading = ctx;
	struct nc_subscription *sub = sub_make(loading->subs, row, &loading->err);
	if (sub == NULL)
		return false;
	loading->err = machine_make(loading->subs, sub, row->cursor);
	if (loading->err == NC_OK)
		loading->err = acked_load(loading, sub);
	if (loading->err == NC_OK)
		loading->err = nc_subs_install(loading->subs, sub);
	if (loading->err != NC_OK)
		nc_subscription_free(sub);
	return loading->err == NC_OK;
}

static bool on_parked(void *ctx, const struct nc_parked *parked)
{
	struct loading *loading = ctx;
	loading->parked[loading->parked_count++] = parked->position;
	return loading->parked_count < sizeof loading->parked / sizeof loading->parked[0];
}

static void on_event(void *ctx, const struct nc_event *event)
{
	struct nc_subscription *sub = ctx;
	(void)nc_sub_restore_parked(sub->machine, event->position, nc_subs_key(sub, event));
}

/* Its key is the event's: parked events are read again, a page at a time. */
static int parked_load(struct loading *loading, struct nc_subscription *sub)
{
	struct nc_subs *subs = loading->subs;
	uint64_t from = 0;
	int err = NC_OK;
	do {
		loading->parked_count = 0;
		err = nc_state_reader_begin(subs->reader);
		if (err == NC_OK) {
			err = nc_parked_each(subs->reader, nc_slice_str(sub->name), from, on_parked,
			                     loading);
			nc_state_reader_end(subs->reader);
		}
		for (size_t i = 0; err == NC_OK && i < loading->parked_count; i++) {
			const struct nc_get_spec spec = { .kind = NC_GET_POSITION,
				                          .number = loading->parked[i] };
			err = nc_query_get(subs->reader, &spec, on_event, sub);
			from = loading->parked[i] + 1;
		}
	} while (err == NC_OK &&
	         loading->parked_count == sizeof loading->parked / sizeof loading->parked[0]);
	return err;
}

int nc_subs_load(struct nc_subs *subs)
{
	struct loading *loading = calloc(1, sizeof *loading);
	if (loading == NULL)
		return NC_NOMEM;
	loading->subs = subs;
	int err = nc_state_reader_begin(subs->reader);
	if (err == NC_OK) {
		err = nc_sub_row_each(subs->reader, on_row, loading);
		nc_state_reader_end(subs->reader);
	}
	if (err == NC_OK)
		err = loading->err;
	for (uint32_t id = 0; err == NC_OK && id < subs->room; id++)
		if (subs->slots[id] != NULL)
			err = parked_load(loading, subs->slots[id]);
	free(loading);
	if (err == NC_OK && subs->count > 0) {
		nc_say_info("%u subscriptions taken up", subs->count);
		nc_subs_tell_other_builds(subs);
	}
	return err;
}

void nc_subs_unload(struct nc_subs *subs)
{
	for (uint32_t id = 0; id < subs->room; id++)
		if (subs->slots[id] != NULL)
			nc_subs_remove(subs, subs->slots[id]);
}
