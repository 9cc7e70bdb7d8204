/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of subscriptions, their life, and live events. */
#include "core/node/subs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/assert.h"
#include "core/node/say.h"
#include "core/node/subs_private.h"

#define PASS_BY_NS UINT64_C(5000000000) /* move a cursor past what does not match so often */

uint64_t nc_subs_now_ns(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* ---- The table ------------------------------------------------------------------------------ */

struct nc_subscription *nc_subs_find(struct nc_subs *subs, struct nc_slice name)
{
	struct nc_hashmap_probe probe;
	for (uint32_t id = nc_hashmap_first(&subs->names, nc_hash_bytes(name), &probe);
	     id != NC_HASHMAP_NONE; id = nc_hashmap_next(&subs->names, &probe))
		if (nc_slice_is(name, subs->slots[id]->name))
			return subs->slots[id];
	return NULL;
}

static int slot_find(struct nc_subs *subs, uint32_t *id_out)
{
	for (uint32_t id = 0; subs->count < subs->room && id < subs->room; id++) {
		if (subs->slots[id] == NULL) {
			*id_out = id;
			return NC_OK;
		}
	}
	uint32_t room = subs->room == 0 ? 64 : subs->room * 2;
	struct nc_subscription **slots = realloc(subs->slots, room * sizeof *slots);
	if (slots == NULL)
		return NC_NOMEM;
	memset(slots + subs->room, 0, (room - subs->room) * sizeof *slots);
	*id_out = subs->room;
	subs->slots = slots;
	subs->room = room;
	return NC_OK;
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

int nc_subs_install(struct nc_subs *subs, struct nc_subscription *sub)
{
	uint32_t id;
	const struct nc_slice subject = sub->definition.subject;
	sub->push_subject =
	        strndup(subject.size == 0 ? "" : (const char *)subject.data, subject.size);
	int err = sub->push_subject == NULL ? NC_NOMEM : slot_find(subs, &id);
	if (err != NC_OK)
		return err;
	sub->id = id;
	struct nc_slice name = nc_slice_str(sub->name);
	if (sub->filter != NULL)
		err = route_add(subs, sub);
	if (err == NC_OK) {
		err = nc_hashmap_put(&subs->names, nc_hash_bytes(name), id);
		if (err != NC_OK && sub->filter != NULL)
			(void)nc_router_remove(subs->router, id);
	}
	if (err != NC_OK)
		return err;
	subs->slots[id] = sub;
	subs->count++;
	nc_subs_mark(sub);
	return NC_OK;
}

void nc_subscription_free(struct nc_subscription *sub)
{
	if (sub == NULL)
		return;
	nc_subs_deliveries_release(sub->todo, sub->todo_count);
	free(sub->push_subject);
	while (sub->pulls != NULL) {
		struct nc_sub_pull *pull = sub->pulls;
		sub->pulls = pull->next;
		free(pull);
	}
	while (sub->waiters != NULL) {
		struct nc_sub_waiter *waiter = sub->waiters;
		sub->waiters = waiter->next;
		free(waiter);
	}
	nc_buf_release(&sub->parked);
	nc_buf_release(&sub->unparked);
	nc_sub_free(sub->machine);
	nc_filter_unref(sub->filter);
	nc_definition_release(&sub->definition);
	free(sub);
}

void nc_subs_remove(struct nc_subs *subs, struct nc_subscription *sub)
{
	(void)nc_hashmap_remove(&subs->names, nc_hash_bytes(nc_slice_str(sub->name)), sub->id);
	(void)nc_router_remove(subs->router, sub->id);
	subs->slots[sub->id] = NULL;
	subs->count--;
	sub->gone = true;
	if (!sub->delivering && !sub->searching)
		nc_subscription_free(sub);
}

void nc_subs_mark(struct nc_subscription *sub)
{
	sub->dirty = true;
}

struct nc_plugin_host *nc_subs_plugins(struct nc_subs *subs)
{
	return subs->host;
}

size_t nc_subs_count(const struct nc_subs *subs)
{
	return subs->count;
}

/* ---- Live events ---------------------------------------------------------------------------- */

void nc_subs_event(struct nc_subs *subs, const struct nc_event *event)
{
	if (subs->count == 0)
		return;
	struct nc_slice tags[NC_STATE_TAG_COUNT_MAX], list = event->tags, tag;
	size_t tag_count = 0;
	while (tag_count < NC_STATE_TAG_COUNT_MAX && nc_event_tag_next(&list, &tag))
		tags[tag_count++] = tag;
	const struct nc_route_event route = { event->stream, event->type, tags, tag_count };
	const uint32_t *ids;
	size_t count;
	nc_router_match(subs->router, &route, &ids, &count);
	nc_filter_batch_clear(subs->batch);
	bool added = false;
	for (size_t i = 0; i < count; i++) {
		struct nc_subscription *sub = subs->slots[ids[i]];
		bool fault = false;
		if (sub == NULL || sub->fault[0] != '\0')
			continue;
		if (!sub->hints.full && !added) {
			if (nc_filter_batch_add(subs->batch, event) != NC_OK)
				return; /* no memory: a scan finds it, since none is told its end */
			added = true;
		}
		if (!sub->hints.full && !nc_subs_filter_matches(sub, subs->batch, event, &fault))
			continue;
		const struct nc_sub_event offer = { .position = event->position,
			                            .key = nc_subs_key(sub, event),
			                            .size = (uint32_t)event->data.size,
			                            .live = true };
		(void)nc_sub_offer(sub->machine,
		                   &offer); /* no room, not at the head: a scan finds it */
		nc_subs_mark(sub);
	}
}

/* ---- Time ----------------------------------------------------------------------------------- */

void nc_subs_turn(struct nc_subs *subs)
{
	if (subs->count == 0)
		return;
	for (uint32_t id = 0; id < subs->room; id++) {
		struct nc_subscription *sub = subs->slots[id];
		if (sub != NULL && sub->dirty)
			nc_subs_act(subs, sub);
	}
}

static void pass_by(struct nc_subs *subs, struct nc_subscription *sub, uint64_t now_ns)
{
	struct nc_sub_info info;
	nc_sub_info(sub->machine, &info);
	if (info.at_head)
		nc_sub_scanned(sub->machine, atomic_load(&subs->service->position), true);
	sub->scanned_ns = now_ns;
	nc_subs_mark(sub);
}

void nc_subs_tick(struct nc_subs *subs)
{
	uint64_t now_ns = nc_subs_now_ns();
	for (uint32_t id = 0; subs->count > 0 && id < subs->room; id++) {
		struct nc_subscription *sub = subs->slots[id];
		if (sub == NULL)
			continue;
		if (now_ns - sub->scanned_ns >= PASS_BY_NS)
			pass_by(subs, sub, now_ns);
		if (sub->dirty || sub->deadline_ns <= now_ns)
			nc_subs_act(subs, sub);
	}
}

/* ---- Life ----------------------------------------------------------------------------------- */

static void on_plugin_log(void *ctx, const char *message)
{
	(void)ctx;
	nc_say_info("plugins: %s", message);
}

/* Bundled plugins lie beside the program: <prefix>/bin/nacred, <prefix>/lib/nacre/plugins. */
static void bundled_dir(char *path, size_t size)
{
	char self[4096];
	ssize_t got = readlink("/proc/self/exe", self, sizeof self - 1);
	self[got < 0 ? 0 : got] = '\0';
	for (int i = 0; i < 2; i++) {
		char *slash = strrchr(self, '/');
		if (slash != NULL)
			*slash = '\0';
	}
	(void)snprintf(path, size, "%s/lib/nacre/plugins", self);
}

static int host_open(struct nc_subs *subs)
{
	const struct nc_config *config = subs->service->options.config;
	char bundled[4200], private[4200];
	bundled_dir(bundled, sizeof bundled);
	(void)snprintf(private, sizeof private, "%s/plugins", config->data_dir);
	const struct nc_plugin_host_config host = {
		.bundled_dir = access(bundled, R_OK) == 0 ? bundled : NULL,
		.extra_dirs = config->plugin_dir[0] == '\0' ? NULL : config->plugin_dir,
		.private_dir = private,
		.log = on_plugin_log,
	};
	int err = nc_plugin_host_open(&host, &subs->host);
	if (err != NC_OK)
		nc_say_error("plugins: %s: %s", private, nc_err_name(err));
	return err;
}

static void on_wake(uv_async_t *async)
{
	struct nc_subs *subs = async->data;
	nc_subs_jobs_take(subs);
	nc_subs_turn(subs);
	nc_replica_flush(subs->service->replica);
}

int nc_subs_start(struct nc_service *service, struct nc_subs **subs_out)
{
	struct nc_subs *subs = calloc(1, sizeof *subs);
	if (subs == NULL)
		return NC_NOMEM;
	subs->service = service;
	subs->transient_epochs = (uint64_t)time(NULL) << 20;
	subs->wake.data = subs;
	(void)pthread_mutex_init(&subs->lock, NULL);
	if (uv_async_init(service->options.loop, &subs->wake, on_wake) != 0)
		nc_assert(!"libuv refuses a handle");
	int err = host_open(subs);
	if (err == NC_OK)
		err = nc_router_new(&subs->router);
	if (err == NC_OK)
		err = nc_filter_batch_new(&subs->batch);
	if (err == NC_OK)
		err = nc_state_reader_open(service->options.state, &subs->reader);
	if (err != NC_OK) {
		nc_subs_stop(subs);
		return err;
	}
	*subs_out = subs;
	return NC_OK;
}

static void on_closed(uv_handle_t *handle)
{
	struct nc_subs *subs = handle->data;
	(void)pthread_mutex_destroy(&subs->lock);
	free(subs);
}

void nc_subs_stop(struct nc_subs *subs)
{
	if (subs == NULL)
		return;
	nc_subs_jobs_take(subs);
	for (uint32_t id = 0; id < subs->room; id++)
		nc_subscription_free(subs->slots[id]);
	while (subs->pending != NULL) {
		struct nc_sub_pending *pending = subs->pending;
		subs->pending = pending->next;
		if (pending->kind == NC_SUB_CREATING)
			nc_subscription_free(pending->sub);
		free(pending);
	}
	free(subs->slots);
	nc_hashmap_release(&subs->names);
	nc_router_free(subs->router);
	nc_filter_batch_free(subs->batch);
	nc_state_reader_close(subs->reader);
	nc_plugin_host_close(subs->host);
	nc_buf_release(&subs->scratch);
	uv_close((uv_handle_t *)&subs->wake, on_closed);
}
