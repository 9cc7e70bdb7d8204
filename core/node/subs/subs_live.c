/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Live events: from an event to the subscriptions that it is for, at the cost of those.
 *
 * A filter whose hints say all there is to it is found by the router, without a call. One whose
 * plugin has sets is in the index, with thousands of others, and asked once with all of them. What
 * is left is a candidate where its hints allow, and asked by itself. */
#include <stdio.h>
#include <stdlib.h>

#include "core/node/common/say.h"
#include "core/node/subs/subs_private.h"

/* An index that a reader merges; afterwards a reader frees the parts that it replaced. */
struct nc_sub_merge {
	struct nc_read_job job; /* first */
	struct nc_subs *subs;
	struct nc_filter_merge *merge;
	bool put; /* the merged part is in the index: the old ones are to be freed */
};

/* An event, while it is shown to the subscriptions. */
struct telling {
	struct nc_subs *subs;
	const struct nc_event *event;
	bool added;   /* to the batch */
	bool offered; /* to somebody who took it */
};

/* ---- Who is told ---------------------------------------------------------------------------- */

int nc_subs_live_open(struct nc_subs *subs)
{
	int err = nc_router_new(&subs->router);
	if (err == NC_OK)
		err = nc_filter_index_new(&subs->index);
	if (err == NC_OK)
		err = nc_filter_batch_new(&subs->batch);
	return err;
}

static enum nc_route_kind route_kind(enum nc_filter_hint_kind kind)
{
	return kind == NC_FILTER_EXACT    ? NC_ROUTE_EXACT
	       : kind == NC_FILTER_PREFIX ? NC_ROUTE_PREFIX
	                                  : NC_ROUTE_ANY;
}

static int route_add(struct nc_subs *subs, const struct nc_subscription *sub)
{
	struct nc_route_hint *hints = calloc(sub->hints.count + 1, sizeof *hints);
	if (hints == NULL)
		return NC_NOMEM;
	for (size_t i = 0; i < sub->hints.count; i++) {
		const struct nc_filter_hint *from = &sub->hints.hints[i];
		hints[i] = (struct nc_route_hint){ { route_kind(from->stream_kind), from->stream },
			                           { route_kind(from->type_kind), from->type },
			                           { route_kind(from->tag_kind), from->tag } };
	}
	int err = nc_router_add(subs->router, sub->id, hints, sub->hints.count);
	free(hints);
	return err;
}

int nc_subs_live_add(struct nc_subs *subs, struct nc_subscription *sub)
{
	sub->indexed = !sub->hints.full && nc_filter_has_sets(sub->filter);
	return sub->indexed ? nc_filter_index_add(subs->index, sub->filter, sub->id)
	                    : route_add(subs, sub);
}

void nc_subs_live_remove(struct nc_subs *subs, struct nc_subscription *sub)
{
	if (sub->indexed) {
		(void)nc_filter_index_remove(subs->index, sub->id);
	} else {
		(void)nc_router_remove(subs->router, sub->id);
	}
}

/* ---- An event ------------------------------------------------------------------------------- */

static bool batch_add(struct telling *telling)
{
	if (!telling->added)
		telling->added = nc_filter_batch_add(telling->subs->batch, telling->event) == NC_OK;
	return telling->added;
}

/* Offer the event. If the subscription has no room, is not at the head, or is being changed, or if
 * there is no memory for the event's key, a search finds the event later. */
static void offer(struct telling *telling, struct nc_subscription *sub)
{
	const struct nc_event *event = telling->event;
	struct nc_slice key;
	int err = nc_subs_key(&telling->subs->keys, &sub->definition, event, &key);
	const struct nc_sub_event offered = { .position = event->position,
		                              .key = key,
		                              .version = event->version,
		                              .time_ns = event->time_ns,
		                              .size = (uint32_t)event->data.size,
		                              .live = true };
	if (sub->move != NULL || err != NC_OK)
		nc_sub_leave_head(sub->machine);
	if (err == NC_OK)
		err = nc_sub_offer(sub->machine, &offered);
	if (err == NC_OK) {
		telling->offered = true;
	} else {
		sub->unsearched++;
	}
	nc_subs_mark(sub);
}

/* Ask the subscription's filter. If that may take long, or there is no memory for it, the
 * subscription leaves the head, and a search asks instead. */
static void ask(struct telling *telling, struct nc_subscription *sub)
{
	uint64_t matched = 0;
	if (nc_filter_isolated(sub->filter) || !batch_add(telling)) {
		nc_sub_leave_head(sub->machine);
		nc_subs_mark(sub);
		return;
	}
	int err = nc_filter_match(sub->filter, telling->subs->batch, &matched);
	if (err != NC_OK) {
		nc_subs_fault(telling->subs, sub, err, telling->event->position);
	} else if (matched & 1) {
		offer(telling, sub);
	}
}

static void on_matched(void *ctx, uint32_t id)
{
	struct nc_buf *ids = ctx;
	nc_buf_put(ids, &id, sizeof id);
}

/* Ask the whole index at once. If that fails, ask each filter by itself, so that only the
 * subscriptions halt whose filter fails. */
static void tell_indexed(struct telling *telling)
{
	struct nc_subs *subs = telling->subs;
	if (nc_filter_index_count(subs->index) == 0)
		return;
	nc_buf_clear(&subs->scratch);
	bool judged = batch_add(telling) &&
	              nc_filter_index_match(subs->index, subs->batch, 0, on_matched, &subs->scratch,
	                                    NULL) == NC_OK &&
	              nc_buf_status(&subs->scratch) == NC_OK;
	if (!judged) {
		for (uint32_t id = 0; id < subs->room; id++) {
			struct nc_subscription *sub = subs->slots[id];
			if (sub != NULL && sub->indexed && sub->fault[0] == '\0')
				ask(telling, sub);
		}
		return;
	}
	const uint32_t *ids = (const uint32_t *)(const void *)subs->scratch.data;
	for (size_t i = 0; i < subs->scratch.size / sizeof *ids; i++) {
		if (subs->slots[ids[i]]->fault[0] == '\0')
			offer(telling, subs->slots[ids[i]]);
	}
}

void nc_subs_event(struct nc_subs *subs, const struct nc_event *event, struct nc_slice record)
{
	if (subs->count == 0)
		return;
	struct telling telling = { .subs = subs, .event = event };
	struct nc_slice tags[NC_STATE_TAG_COUNT_MAX], list = event->tags, tag;
	size_t tag_count = 0, count;
	while (tag_count < NC_STATE_TAG_COUNT_MAX && nc_event_tag_next(&list, &tag))
		tags[tag_count++] = tag;
	const struct nc_route_event route = { event->stream, event->type, tags, tag_count };
	const uint32_t *ids;
	nc_router_match(subs->router, &route, &ids, &count);
	nc_filter_batch_clear(subs->batch);
	for (size_t i = 0; i < count; i++) {
		struct nc_subscription *sub = subs->slots[ids[i]];
		if (sub == NULL || sub->fault[0] != '\0')
			continue;
		if (sub->hints.full) {
			offer(&telling, sub);
		} else {
			ask(&telling, sub);
		}
	}
	tell_indexed(&telling);
	if (telling.offered) {
		nc_recent_put(&subs->recent, record, event->position, event->version,
		              event->time_ns);
	}
}

/* ---- Merging the index ---------------------------------------------------------------------- */

static bool merge_step(struct nc_read_job *job, struct nc_state_reader *reader)
{
	struct nc_sub_merge *merge = (struct nc_sub_merge *)job;
	(void)reader;
	if (!merge->put)
		nc_filter_merge_run(merge->merge);
	return true;
}

/* Give it back to the loop, whether it has run or not; once it is in the index, free it. */
static void merge_return(struct nc_read_job *job)
{
	struct nc_sub_merge *merge = (struct nc_sub_merge *)job;
	struct nc_subs *subs = merge->subs;
	if (merge->put) {
		nc_filter_merge_free(merge->merge);
		free(merge);
		return;
	}
	pthread_mutex_lock(&subs->lock);
	subs->merged = merge;
	pthread_mutex_unlock(&subs->lock);
	(void)uv_async_send(&subs->wake);
}

/* The parts that it replaced are freed by a reader too, since that takes as long as making them. */
static void merge_put(struct nc_subs *subs, struct nc_sub_merge *merge)
{
	if (nc_filter_index_merge_put(subs->index, merge->merge) != NC_OK)
		nc_say_warning("filters could not be merged: out of memory, or a plugin failed");
	merge->put = true;
	if (nc_reader_pool_put(subs->service->readers, &merge->job) != NC_OK)
		merge_return(&merge->job);
}

/* A merge that is worth doing; NULL: there is none. Without memory to give it to a reader, it is
 * done here. */
static struct nc_sub_merge *merge_new(struct nc_subs *subs)
{
	struct nc_filter_merge *taken = nc_filter_index_merge_take(subs->index);
	if (taken == NULL)
		return NULL;
	struct nc_sub_merge *merge = calloc(1, sizeof *merge);
	if (merge == NULL) {
		nc_filter_merge_run(taken);
		(void)nc_filter_index_merge_put(subs->index, taken);
		nc_filter_merge_free(taken);
		return NULL;
	}
	merge->job = (struct nc_read_job){ .step = merge_step, .free = merge_return };
	merge->subs = subs;
	merge->merge = taken;
	return merge;
}

static struct nc_sub_merge *merged_take(struct nc_subs *subs)
{
	pthread_mutex_lock(&subs->lock);
	struct nc_sub_merge *merged = subs->merged;
	subs->merged = NULL;
	pthread_mutex_unlock(&subs->lock);
	return merged;
}

void nc_subs_live_merge(struct nc_subs *subs)
{
	struct nc_sub_merge *merged = merged_take(subs);
	if (merged != NULL)
		merge_put(subs, merged);
	struct nc_sub_merge *merge = merge_new(subs);
	if (merge == NULL || nc_reader_pool_put(subs->service->readers, &merge->job) == NC_OK)
		return;
	/* The readers are busy: merge here, which costs the loop some milliseconds now and then. */
	nc_filter_merge_run(merge->merge);
	merge_put(subs, merge);
}

void nc_subs_live_close(struct nc_subs *subs)
{
	struct nc_sub_merge *merged = merged_take(subs);
	if (merged != NULL) {
		(void)nc_filter_index_merge_put(subs->index, merged->merge);
		merged->put = true;
		merge_return(&merged->job);
	}
	nc_router_free(subs->router);
	nc_filter_index_free(subs->index);
	nc_filter_batch_free(subs->batch);
}
