/* SPDX-License-Identifier: Apache-2.0 */
/* Asynchronous appends: the window's life, and the calls. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "transport/client/window_private.h"

int nc_window_new(struct nacre_client *client, uint32_t size)
{
	pthread_condattr_t monotonic;
	struct nc_window *window = calloc(1, sizeof *window);
	if (window == NULL)
		return NACRE_NOMEM;
	window->slots = calloc(size, sizeof *window->slots);
	window->due = calloc(size, sizeof *window->due);
	window->free = calloc(size, sizeof *window->free);
	if (window->slots == NULL || window->due == NULL || window->free == NULL) {
		free(window->slots);
		free(window->due);
		free(window->free);
		free(window);
		return NACRE_NOMEM;
	}
	window->client = client;
	window->size = size;
	for (uint32_t i = 0; i < size; i++)
		window->free[i] = size - 1 - i;
	window->free_count = size;
	(void)pthread_mutex_init(&window->lock, NULL);
	(void)pthread_mutex_init(&window->calling, NULL);
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&window->room, &monotonic);
	(void)pthread_cond_init(&window->timer, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
	client->window = window;
	return NACRE_OK;
}

void nc_window_end(struct nc_window *window)
{
	pthread_mutex_lock(&window->lock);
	window->ending = true;
	bool begun = window->begun;
	pthread_cond_signal(&window->timer);
	pthread_mutex_unlock(&window->lock);
	if (begun)
		(void)pthread_join(window->thread, NULL);
}

void nc_window_free(struct nc_window *window)
{
	struct nacre_error error;
	if (window == NULL)
		return;
	natsConnection_Close(window->line.gathering);
	pthread_mutex_lock(&window->lock);
	while (window->listening > 0) /* a callback may still be under way */
		(void)pthread_cond_wait(&window->room, &window->lock);
	pthread_mutex_unlock(&window->lock);
	for (size_t i = 0; i < NC_LINES; i++)
		natsSubscription_Destroy(window->subs[i]);
	natsConnection_Destroy(window->line.gathering);
	(void)nc_client_fail(&error, NACRE_UNAVAILABLE, "append: the client was closed");
	pthread_mutex_lock(&window->lock);
	for (uint32_t i = 0; i < window->size; i++) {
		if (window->slots[i].state != NC_SLOT_FREE)
			nc_window_finish(window, i, NACRE_UNAVAILABLE, NULL, &error);
	}
	pthread_mutex_unlock(&window->lock);
	(void)pthread_mutex_destroy(&window->lock);
	(void)pthread_mutex_destroy(&window->calling);
	(void)pthread_cond_destroy(&window->room);
	(void)pthread_cond_destroy(&window->timer);
	free(window->slots);
	free(window->due);
	free(window->free);
	free(window);
}

/* Called with the lock held, so that no answer can free the message while it is published. */
static int send_event(struct nc_window *window, const struct nacre_append *event,
                      nacre_appended_fn *done, void *ctx, struct nacre_error *error)
{
	char reply[NC_CLIENT_INBOX_SIZE + 32];
	uint32_t index = window->free[window->free_count - 1];
	struct nc_slot *slot = &window->slots[index];
	slot->line = nc_line(window);
	(void)snprintf(reply, sizeof reply, "%s.%u.%u.%u", window->inbox, (unsigned)slot->line,
	               index, slot->uses);
	natsStatus status = nc_client_append_msg(window->client, event, reply, &slot->msg);
	slot->deadline_ms = nc_client_now_ms() + window->client->timeout_ms;
	slot->attempt = 0;
	slot->number = window->appended++;
	slot->done = done;
	slot->ctx = ctx;
	if (window->under_way == 0)
		nc_window_look_from_now(window);
	if (status == NATS_OK)
		status = nc_window_publish(window, slot);
	if (status != NATS_OK) {
		natsMsg_Destroy(slot->msg);
		slot->msg = NULL;
		return nc_client_fail_nats(error, status, "append");
	}
	window->free_count--;
	window->under_way++;
	return NACRE_OK;
}

/* Wait for a slot to become free, or for events to have changed to the other connection. */
static void wait_room(struct nc_window *window)
{
	const struct timespec at = nc_client_timespec(window->line.until_ms);
	if (window->line.turns && window->free_count > 0) {
		(void)pthread_cond_timedwait(&window->room, &window->lock, &at);
	} else {
		(void)pthread_cond_wait(&window->room, &window->lock);
	}
}

int nacre_append_async_sized(struct nacre_client *client, const struct nacre_append *given,
                             size_t size, nacre_appended_fn *done, void *ctx,
                             struct nacre_error *error)
{
	struct nc_client_append append;
	struct nc_window *window = client->window;
	int result = nc_client_append_take(&append, given, size, error);
	if (result != NACRE_OK)
		return result;
	pthread_mutex_lock(&window->lock);
	result = nc_window_begin(window, error);
	/* The line first: it may let go of the lock, and room be gone after that. */
	while (result == NACRE_OK && (nc_line_waits(window) || window->free_count == 0))
		wait_room(window);
	if (result == NACRE_OK)
		result = send_event(window, &append.is, done, ctx, error);
	pthread_mutex_unlock(&window->lock);
	return result;
}

int nacre_flush(struct nacre_client *client, int64_t timeout_ms, struct nacre_error *error)
{
	struct nc_window *window = client->window;
	int64_t at_ms = nc_client_now_ms() + (timeout_ms < 0 ? 0 : timeout_ms);
	const struct timespec at = nc_client_timespec(at_ms);
	int err = 0;
	pthread_mutex_lock(&window->lock);
	while (window->under_way > 0 && err == 0) {
		err = timeout_ms < 0 ? pthread_cond_wait(&window->room, &window->lock)
		                     : pthread_cond_timedwait(&window->room, &window->lock, &at);
	}
	uint32_t under_way = window->under_way;
	pthread_mutex_unlock(&window->lock);
	return under_way == 0 ? NACRE_OK
	                      : nc_client_fail(error, NACRE_UNAVAILABLE,
	                                       "flush: %u appends are still under way", under_way);
}
