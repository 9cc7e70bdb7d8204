/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of subscriptions, and their life. */
#include "core/node/subs/subs.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/assert.h"
#include "core/node/common/say.h"
#include "core/node/spread/spread_call.h"
#include "core/node/subs/subs_private.h"
#include "transport/nats/reply.h"

/* ---- The table ------------------------------------------------------------------------------ */

struct nc_subscription *nc_subs_find(struct nc_subs *subs, struct nc_slice name)
{
	struct nc_hashmap_probe probe;
	if (subs->found != NULL && nc_slice_is(name, subs->found->name))
		return subs->found; /* many answers of one subscription mostly follow each other */
	for (uint32_t id = nc_hashmap_first(&subs->names, nc_hash_bytes(name), &probe);
	     id != NC_HASHMAP_NONE; id = nc_hashmap_next(&subs->names, &probe)) {
		if (nc_slice_is(name, subs->slots[id]->name))
			return subs->found = subs->slots[id];
	}
	return NULL;
}

static int slot_find(struct nc_subs *subs, uint32_t *id_out)
{
	for (uint32_t id = subs->full_below; subs->count < subs->room && id < subs->room; id++) {
		if (subs->slots[id] == NULL) {
			*id_out = subs->full_below = id;
			return NC_OK;
		}
	}
	uint32_t room = subs->room == 0 ? 64 : subs->room * 2;
	struct nc_subscription **slots =
	        realloc(subs->slots, room * sizeof(struct nc_subscription *));
	if (slots == NULL)
		return NC_NOMEM;
	subs->slots = slots;
	uint64_t *due_ns = realloc(subs->due_ns, room * sizeof *due_ns);
	if (due_ns == NULL)
		return NC_NOMEM;
	subs->due_ns = due_ns;
	for (uint32_t id = subs->room; id < room; id++) {
		slots[id] = NULL;
		due_ns[id] = UINT64_MAX;
	}
	*id_out = subs->full_below = subs->room;
	subs->room = room;
	return NC_OK;
}

void nc_subs_unsearched_reset(const struct nc_subs *subs, struct nc_subscription *sub)
{
	struct nc_sub_info info;
	uint64_t head = atomic_load(&subs->service->position);
	nc_sub_info(sub->machine, &info);
	sub->unsearched = head > info.cursor ? head - info.cursor : 0;
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
	sub->subs = subs;
	nc_sub_floor(sub->machine, &sub->floor);
	if (sub->filter != NULL)
		err = nc_subs_live_add(subs, sub);
	if (err == NC_OK) {
		err = nc_hashmap_put(&subs->names, nc_hash_bytes(name), id);
		if (err != NC_OK)
			nc_subs_live_remove(subs, sub);
	}
	if (err != NC_OK)
		return err;
	subs->slots[id] = sub;
	subs->count++;
	nc_subs_unsearched_reset(subs, sub);
	nc_subs_mark(sub);
	return NC_OK;
}

static void laters_free(struct nc_subs *subs, struct nc_sub_later *later)
{
	while (later != NULL) {
		struct nc_sub_later *next = later->next;
		nc_sub_later_free(subs, later);
		later = next;
	}
}

void nc_subscription_free(struct nc_subscription *sub)
{
	if (sub == NULL)
		return;
	nc_subs_deliveries_release(sub->out.todo, sub->out.count);
	if (sub->subs != NULL)
		nc_ahead_clear(&sub->out.ahead, &sub->subs->stock);
	free(sub->push_subject);
	nc_subs_move_free(sub->move);
	nc_subs_backfill_drop(sub);
	nc_replay_ask_release(&sub->replay.ask);
	free(sub->replay.reply);
	nc_buf_release(&sub->replay.unparked);
	nc_buf_release(&sub->tidy.unparked);
	while (sub->pull.waiting != NULL)
		nc_subs_pull_forget(sub, sub->pull.waiting->id);
	while (sub->waiters != NULL) {
		struct nc_sub_waiter *waiter = sub->waiters;
		sub->waiters = waiter->next;
		free(waiter->answer);
		free(waiter);
	}
	laters_free(sub->subs, sub->later);
	laters_free(sub->subs, sub->pull.measured);
	nc_buf_release(&sub->out.packed);
	nc_buf_release(&sub->out.too_large);
	nc_buf_release(&sub->save.parked);
	nc_buf_release(&sub->save.unparked);
	nc_sub_free(sub->machine);
	nc_filter_unref(sub->filter);
	nc_definition_release(&sub->definition);
	free(sub);
}

void nc_subs_remove(struct nc_subs *subs, struct nc_subscription *sub, const char *why)
{
	/* before the pull requests are told that nothing more comes */
	nc_subs_posted_send(subs, sub);
	if (why != NULL) {
		nc_subs_advise(subs, sub, "deleted", 0, why);
		nc_subs_waiters_refuse(subs, sub, UINT64_MAX, NC_FAULT_STALE_ACK,
		                       "the subscription was deleted");
		nc_subs_laters_refuse(subs, sub, NC_FAULT_NO_SUB, "no such subscription");
		nc_subs_replay_end(subs, sub, NC_FAULT_NO_SUB, "no such subscription");
		/* whether it was replicated is not known here: a client that asks again learns it
		 * from the next owner */
	} else {
		nc_subs_waiters_refuse(subs, sub, UINT64_MAX, NC_FAULT_UNAVAILABLE,
		                       nc_fault_text(NC_FAULT_UNAVAILABLE));
		nc_subs_laters_refuse(subs, sub, NC_FAULT_UNAVAILABLE,
		                      nc_fault_text(NC_FAULT_UNAVAILABLE));
		nc_subs_replay_end(subs, sub, NC_FAULT_UNAVAILABLE,
		                   nc_fault_text(NC_FAULT_UNAVAILABLE));
	}
	if (sub->lease.owned)
		nc_subs_own_end(subs, sub);
	sub->end = why != NULL ? "409 Consumer Deleted" : "409 Leadership Change";
	/* While a job delivers, that is done when it has published what it has. */
	if (!sub->jobs.delivering)
		nc_subs_pulls_finish(subs, sub, sub->end);
	(void)nc_hashmap_remove(&subs->names, nc_hash_bytes(nc_slice_str(sub->name)), sub->id);
	nc_subs_live_remove(subs, sub);
	nc_subs_unmark(subs, sub);
	subs->slots[sub->id] = NULL;
	if (subs->found == sub)
		subs->found = NULL;
	subs->due_ns[sub->id] = UINT64_MAX;
	if (sub->id < subs->full_below)
		subs->full_below = sub->id;
	subs->count--;
	subs->lines.ready |= sub->move != NULL;
	sub->gone = true;
	if (!sub->jobs.delivering && !sub->jobs.searching)
		nc_subscription_free(sub);
}

struct nc_plugin_host *nc_subs_plugins(struct nc_subs *subs)
{
	return subs->host;
}

void nc_subs_put_transient(const struct nc_subs *subs, struct nc_buf *names)
{
	for (uint32_t id = 0; id < subs->room; id++) {
		const struct nc_subscription *sub = subs->slots[id];
		if (sub != NULL && !sub->definition.durable)
			nc_spread_transient_put(names, nc_slice_str(sub->name), NC_TRANSIENT_HELD);
	}
}

size_t nc_subs_count(const struct nc_subs *subs)
{
	return subs->count;
}

/* ---- Life ----------------------------------------------------------------------------------- */

static void on_plugin_log(void *ctx, bool trouble, const char *message)
{
	(void)ctx;
	if (trouble) {
		nc_say_warning("plugins: %s", message);
	} else {
		nc_say_info("plugins: %s", message);
	}
}

/* On the watch's thread. */
static void on_plugins_changed(void *ctx)
{
	struct nc_subs *subs = ctx;
	atomic_store(&subs->plugins_changed, true);
	(void)uv_async_send(&subs->wake);
}

/* Bundled plugins lie beside the program: <prefix>/bin/nacred, <prefix>/lib/nacre/plugins. */
static void bundled_dir(char *path, size_t size)
{
	char self[PATH_MAX];
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
	char bundled[PATH_MAX], private[PATH_MAX];
	bundled_dir(bundled, sizeof bundled);
	(void)snprintf(private, sizeof private, "%s/plugins", config->data_dir);
	const struct nc_plugin_host_config host = {
		.bundled_dir = access(bundled, R_OK) == 0 ? bundled : NULL,
		.extra_dirs = config->plugin_dir[0] == '\0' ? NULL : config->plugin_dir,
		.private_dir = private,
		/* The program that runs, even if its file was replaced meanwhile. */
		.cell_program =
		        strcmp(config->plugin_isolation, "none") == 0 ? NULL : "/proc/self/exe",
		.log = on_plugin_log,
	};
	int err = nc_plugin_host_open(&host, &subs->host);
	if (err == NC_OK && nc_plugin_host_watch(subs->host, on_plugins_changed, subs) != NC_OK) {
		nc_say_warning(
		        "plugins: %s cannot be watched: new ones are found at the next start",
		        config->plugin_dir);
	}
	if (err != NC_OK)
		nc_say_error("plugins: %s: %s", private, nc_err_name(err));
	return err;
}

static void on_wake(uv_async_t *async)
{
	struct nc_subs *subs = async->data;
	nc_subs_jobs_take(subs);
	nc_subs_prepared_take(subs);
	if (atomic_exchange(&subs->plugins_changed, false))
		nc_subs_plugins_changed(subs);
	nc_subs_turn(subs);
	nc_replica_flush(subs->service->replica);
}

int nc_subs_start(struct nc_service *service, struct nc_subs **subs_out)
{
	struct nc_subs *subs = calloc(1, sizeof *subs);
	if (subs == NULL)
		return NC_NOMEM;
	subs->service = service;
	subs->own.back_ns = nc_clock_ns();
	subs->wake.data = subs;
	subs->leased = (struct nc_outbox){ .may_send = nc_subs_lease_holds, .ctx = subs };
	(void)pthread_mutex_init(&subs->lock, NULL);
	if (uv_async_init(service->options.loop, &subs->wake, on_wake) != 0)
		nc_assert(!"libuv refuses a handle");
	int err = host_open(subs);
	if (err == NC_OK)
		err = nc_subs_live_open(subs);
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
	nc_subs_pools_stop(subs);
	nc_subs_jobs_take(subs);
	nc_subs_prepared_take(subs);
	for (uint32_t id = 0; id < subs->room; id++)
		nc_subscription_free(subs->slots[id]);
	while (subs->pending != NULL) {
		struct nc_sub_pending *pending = subs->pending;
		subs->pending = pending->next;
		if (pending->kind == NC_SUB_CREATING)
			nc_subscription_free(pending->sub);
		free(pending);
	}
	nc_subs_behind_drop(subs);
	free(subs->slots);
	free(subs->due_ns);
	free(subs->spare_todo);
	nc_hashmap_release(&subs->names);
	nc_subs_live_close(subs);
	nc_state_reader_close(subs->reader);
	nc_plugin_host_close(subs->host);
	nc_buf_release(&subs->scratch);
	nc_buf_release(&subs->progress);
	nc_buf_release(&subs->command);
	nc_subs_keys_release(&subs->keys);
	nc_recent_release(&subs->recent);
	nc_answered_release(&subs->answered);
	nc_ahead_stock_release(&subs->stock);
	nc_sub_teller_release(&subs->teller);
	nc_outbox_release(&subs->leased);
	nc_subs_own_stop(subs);
	uv_close((uv_handle_t *)&subs->wake, on_closed);
}
