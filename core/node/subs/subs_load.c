/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Taking up durable subscriptions from the state: definitions, progress, what is parked. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/node/common/say.h"
#include "core/node/spread/spread.h"
#include "core/node/subs/subs_private.h"

/* epochs of transient subscriptions begin with the term; 2^32 may be given out in each */
#define TERM_SHIFT 32

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
	sub->started = row->cursor;
	sub->floor = row->floor;
	*err_out = nc_definition_get(row->definition, &sub->definition);
	if (*err_out != NC_OK) {
		free(sub);
		return NULL;
	}
	struct nc_refusal refusal;
	if (!nc_subs_filter_compile(subs, sub, nc_slice(NULL, 0), &refusal)) {
		(void)snprintf(sub->fault, sizeof sub->fault, "%.190s", refusal.text);
		nc_say_warning("subscription %s halts: %s", sub->name, sub->fault);
	}
	return sub;
}

static int machine_make(struct nc_subs *subs, struct nc_subscription *sub, uint64_t cursor)
{
	struct nc_buf progress = { 0 };
	uint64_t now_ns = nc_clock_ns();
	int err = nc_sub_row_progress(subs->reader, nc_slice_str(sub->name), &progress);
	if (err == NC_NOTFOUND) {
		err = nc_sub_new(&sub->definition, sub->epoch, cursor, now_ns, &sub->machine);
	} else if (err == NC_OK) {
		err = nc_sub_restore(&sub->definition, nc_buf_slice(&progress), now_ns,
		                     &sub->machine);
	}
	nc_buf_release(&progress);
	return err;
}

/* ---- Backfills ------------------------------------------------------------------------------ */

void nc_subs_backfill_drop(struct nc_subscription *sub)
{
	if (sub->backfill == NULL)
		return;
	nc_filter_unref(sub->backfill->filter);
	nc_buf_release(&sub->backfill->bytes);
	free(sub->backfill);
	sub->backfill = NULL;
}

int nc_subs_backfill_set(struct nc_subs *subs, struct nc_subscription *sub, struct nc_slice bytes,
                         struct nc_filter *before)
{
	nc_subs_backfill_drop(sub);
	if (bytes.size == 0)
		return NC_OK;
	struct nc_sub_backfill *backfill = calloc(1, sizeof *backfill);
	if (backfill == NULL)
		return NC_NOMEM;
	sub->backfill = backfill;
	nc_buf_put_slice(&backfill->bytes, bytes);
	int err = nc_buf_status(&backfill->bytes);
	if (err == NC_OK)
		err = nc_backfill_get(nc_buf_slice(&backfill->bytes), &backfill->is);
	if (err != NC_OK) {
		nc_subs_backfill_drop(sub);
		return err;
	}
	struct nc_refusal refusal;
	struct nc_subscription made = { .definition = { .plugin = backfill->is.plugin,
		                                        .selector = backfill->is.selector } };
	if (before != NULL) {
		backfill->filter = nc_filter_ref(before);
	} else if (nc_subs_filter_compile(subs, &made, nc_slice(NULL, 0), &refusal)) {
		backfill->filter = made.filter;
	} else if (sub->fault[0] == '\0') {
		(void)snprintf(sub->fault, sizeof sub->fault, "backfill: %.180s", refusal.text);
	}
	return NC_OK;
}

/* Read the backfill, and mark as done what the progress has done of it. */
static int backfill_load(struct nc_subs *subs, struct nc_subscription *sub, struct nc_slice bytes)
{
	struct nc_sub_info info;
	int err = nc_subs_backfill_set(subs, sub, bytes, NULL);
	nc_sub_info(sub->machine, &info);
	if (err == NC_OK && sub->backfill != NULL && info.cursor >= sub->backfill->is.through)
		nc_subs_backfill_drop(sub);
	return err;
}

/* ---- What batches have acknowledged, and what is parked ------------------------------------- */

struct acked {
	struct nc_subscription *sub;
	int err;
};

static bool on_acked(void *ctx, uint64_t position, enum nc_acked reach)
{
	struct acked *acked = ctx;
	struct nc_sub_backfill *backfill = acked->sub->backfill;
	if (reach == NC_ACKED_EARLIER && backfill != NULL)
		backfill->is.done_to = position; /* positions ascend */
	acked->err = nc_sub_restore_acked(acked->sub->machine, position, reach == NC_ACKED_THROUGH);
	return acked->err == NC_OK;
}

int nc_subs_acked_load(struct nc_subs *subs, struct nc_subscription *sub)
{
	struct acked acked = { sub, NC_OK };
	int err = nc_sub_acked_each(subs->reader, nc_slice_str(sub->name), sub->epoch, on_acked,
	                            &acked);
	return err == NC_OK ? acked.err : err;
}

struct page {
	uint64_t positions[256];
	size_t count;
};
#define PAGE_ROOM (sizeof((struct page *)0)->positions / sizeof(uint64_t))

static bool on_parked(void *ctx, const struct nc_parked *parked)
{
	struct page *page = ctx;
	page->positions[page->count++] = parked->position;
	return page->count < PAGE_ROOM;
}

struct telling {
	struct nc_subs *subs;
	struct nc_subscription *sub;
	int err;
};

/* With too many keys the machine halts and says so; the subscription is loaded all the same. */
static void on_event(void *ctx, const struct nc_event *event)
{
	struct telling *telling = ctx;
	struct nc_slice key;
	int err = nc_subs_key(&telling->subs->keys, &telling->sub->definition, event, &key);
	if (err == NC_OK)
		err = nc_sub_restore_parked(telling->sub->machine, event->position, key);
	if (telling->err == NC_OK && err != NC_FULL)
		telling->err = err;
}

static int page_tell(struct telling *telling, const struct page *page)
{
	int err = nc_query_events_all(telling->subs->reader, page->positions, page->count, on_event,
	                              telling);
	return err == NC_OK ? telling->err : err;
}

/* The keys of parked events are not stored, so the events are read again, a page at a time. One
 * that was deleted or has expired stays parked until a replay finds that. */
int nc_subs_parked_load(struct nc_subs *subs, struct nc_subscription *sub)
{
	struct telling telling = { subs, sub, NC_OK };
	struct page page;
	uint64_t from = 0;
	int err = NC_OK;
	do {
		page.count = 0;
		err = nc_state_reader_begin(subs->reader);
		if (err == NC_OK) {
			err = nc_parked_each(subs->reader, nc_slice_str(sub->name), from, on_parked,
			                     &page);
			nc_state_reader_end(subs->reader);
		}
		if (err == NC_OK && page.count > 0) {
			err = page_tell(&telling, &page);
			from = page.positions[page.count - 1] + 1;
		}
	} while (err == NC_OK && page.count == PAGE_ROOM);
	if (err == NC_OK)
		nc_subs_tidy_all(subs, sub);
	return err;
}

int nc_subs_parked_tell(struct nc_subs *subs, struct nc_subscription *sub, struct nc_slice rows)
{
	struct telling telling = { subs, sub, NC_OK };
	struct nc_parked parked;
	bool more = true;
	int err = NC_OK;
	while (err == NC_OK && more) {
		struct page page = { .count = 0 };
		while ((more = nc_parked_next(&rows, &parked)) && on_parked(&page, &parked))
			;
		err = page_tell(&telling, &page);
	}
	return err;
}

/* ---- All of them ---------------------------------------------------------------------------- */

struct loading {
	struct nc_subs *subs;
	int err;
};

/* Within a snapshot. */
static int row_take(struct nc_subs *subs, const struct nc_sub_row *row,
                    struct nc_subscription **sub_out)
{
	int err;
	struct nc_subscription *sub = sub_make(subs, row, &err);
	if (sub == NULL)
		return err;
	err = machine_make(subs, sub, row->cursor);
	if (err == NC_OK)
		err = backfill_load(subs, sub, row->backfill);
	if (err == NC_OK)
		err = nc_subs_acked_load(subs, sub);
	if (err == NC_OK)
		err = nc_subs_install(subs, sub);
	if (err == NC_OK) {
		nc_subs_tell_other_build(sub);
		*sub_out = sub;
	} else {
		nc_subscription_free(sub);
	}
	return err;
}

int nc_subs_take_up(struct nc_subs *subs, const struct nc_sub_taking *taking,
                    struct nc_subscription **sub_out)
{
	struct nc_buf scratch = { 0 };
	struct nc_sub_row row;
	struct nc_sub_owner owner;
	int err = nc_state_reader_begin(subs->reader);
	if (err != NC_OK)
		return err;
	err = nc_sub_row_get(subs->reader, taking->name, &scratch, &row);
	if (err == NC_OK)
		err = nc_sub_owner_get(subs->reader, taking->name, &owner);
	if (err == NC_OK &&
	    (row.epoch != taking->epoch || !nc_sub_owner_same(owner, taking->owner)))
		err = NC_NOTFOUND;
	if (err == NC_OK)
		err = row_take(subs, &row, sub_out);
	nc_state_reader_end(subs->reader);
	nc_buf_release(&scratch);
	return err == NC_OK ? nc_subs_parked_load(subs, *sub_out) : err;
}

static bool on_row(void *ctx, const struct nc_sub_row *row)
{
	struct loading *loading = ctx;
	struct nc_subs *subs = loading->subs;
	struct nc_subscription *sub;
	if (nc_spread_has(subs->service->spread, row->name))
		return true;
	loading->err = row_take(subs, row, &sub);
	if (loading->err == NC_OK)
		sub->lease.wait_ns = nc_subs_own_back_ns(subs, row->name);
	return loading->err == NC_OK;
}

int nc_subs_load(struct nc_subs *subs)
{
	struct loading loading = { .subs = subs };
	subs->transient_epochs = nc_replica_status(subs->service->replica).term << TERM_SHIFT;
	int err = nc_state_reader_begin(subs->reader);
	if (err == NC_OK) {
		err = nc_sub_row_each(subs->reader, on_row, &loading);
		nc_state_reader_end(subs->reader);
	}
	if (err == NC_OK)
		err = loading.err;
	for (uint32_t id = 0; err == NC_OK && id < subs->room; id++) {
		if (subs->slots[id] != NULL && !subs->slots[id]->lease.owned)
			err = nc_subs_parked_load(subs, subs->slots[id]);
	}
	if (err == NC_OK && subs->count > 0)
		nc_say_info("%u subscriptions taken up", subs->count);
	return err;
}

void nc_subs_unload(struct nc_subs *subs)
{
	for (uint32_t id = 0; id < subs->room; id++) {
		if (subs->slots[id] != NULL && !subs->slots[id]->lease.owned) {
			nc_subs_remove(subs, subs->slots[id],
			               subs->slots[id]->definition.durable
			                       ? NULL
			                       : "the node that held it does not lead any more");
		}
	}
	nc_subs_behind_refuse(subs);
	nc_recent_clear(&subs->recent);
}
