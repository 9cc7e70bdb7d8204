/* SPDX-License-Identifier: Apache-2.0 */
/* The window at work: answers, retries, the thread that asks again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transport/client/window_private.h"

#define IDLE_MS 60000 /* between looks when nothing is due */
#define LOOK_MS 250   /* between looks at the connections while something is under way */

/* ---- Ends ----------------------------------------------------------------------------------- */

void nc_window_finish(struct nc_window *window, uint32_t index, int result,
                      const struct nacre_appended *appended, const struct nacre_error *error)
{
	struct nc_slot *slot = &window->slots[index];
	nacre_appended_fn *done = slot->done;
	void *ctx = slot->ctx;
	natsMsg_Destroy(slot->msg);
	slot->msg = NULL;
	slot->state = NC_SLOT_FREE;
	slot->uses++;
	pthread_mutex_unlock(&window->lock);
	if (done != NULL) {
		pthread_mutex_lock(&window->calling);
		done(ctx, result, result == NACRE_OK ? appended : NULL,
		     result == NACRE_OK ? NULL : error);
		pthread_mutex_unlock(&window->calling);
	}
	pthread_mutex_lock(&window->lock);
	window->free[window->free_count++] = index;
	window->under_way--;
	pthread_cond_broadcast(&window->room);
}

static void wake(struct nc_window *window, int64_t at_ms)
{
	if (at_ms >= window->wake_ms)
		return;
	window->wake_ms = at_ms;
	pthread_cond_signal(&window->timer);
}

static void due(struct nc_window *window, struct nc_slot *slot, int64_t due_ms)
{
	slot->due_ms = due_ms;
	if (due_ms < window->due_ms)
		window->due_ms = due_ms;
	wake(window, due_ms);
}

/* Ask again later, or give the event up. */
static void postpone(struct nc_window *window, uint32_t index, int result,
                     const struct nacre_error *error)
{
	struct nc_slot *slot = &window->slots[index];
	int64_t due_ms = nc_client_now_ms() + nc_client_pause_ms(slot->attempt++);
	if (due_ms >= slot->deadline_ms) {
		nc_window_finish(window, index, result, NULL, error);
		return;
	}
	slot->state = NC_SLOT_WAITING;
	due(window, slot, due_ms);
}

/* ---- Answers, on nats.c's thread ------------------------------------------------------------ */

/* Read ".<number>" at *at, and move behind it. */
static bool part_read(const char **at, uint32_t *number_out)
{
	if (**at != '.' || (*at)[1] < '0' || (*at)[1] > '9')
		return false;
	char *end;
	unsigned long long number = strtoull(*at + 1, &end, 10);
	*at = end;
	*number_out = (uint32_t)number;
	return number <= UINT32_MAX;
}

/* Find the slot for which an answer is. False if it has another event by now. */
static bool address_read(const struct nc_window *window, const char *subject, uint32_t *index_out)
{
	uint32_t line, index, uses;
	size_t size = strlen(window->inbox);
	if (strncmp(subject, window->inbox, size) != 0)
		return false;
	const char *at = subject + size;
	if (!part_read(&at, &line) || !part_read(&at, &index) || !part_read(&at, &uses) ||
	    *at != '\0' || index >= window->size)
		return false;
	*index_out = index;
	return window->slots[index].state != NC_SLOT_FREE && window->slots[index].uses == uses;
}

static void on_answer(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *closure)
{
	struct nc_window *window = closure;
	struct nacre_error error;
	struct nacre_appended appended;
	uint32_t index;
	(void)nc;
	(void)sub;
	int result = nc_client_judge(msg, &error);
	if (result == NACRE_OK) {
		result = nc_client_appended_read(msg, &appended);
		if (result != NACRE_OK)
			(void)nc_client_fail(&error, result, "append: answer not understood");
	}
	bool again = result == NACRE_UNAVAILABLE || (result == NACRE_REFUSED && error.code == 429);
	pthread_mutex_lock(&window->lock);
	if (!window->ending && address_read(window, natsMsg_GetSubject(msg), &index)) {
		if (again) {
			postpone(window, index, result, &error);
		} else {
			nc_window_heard(window, &window->slots[index]);
			nc_window_finish(window, index, result, &appended, &error);
		}
	}
	pthread_mutex_unlock(&window->lock);
	natsMsg_Destroy(msg);
}

static void on_complete(void *closure)
{
	struct nc_window *window = closure;
	pthread_mutex_lock(&window->lock);
	window->listening--;
	pthread_cond_broadcast(&window->room);
	pthread_mutex_unlock(&window->lock);
}

/* ---- Asking --------------------------------------------------------------------------------- */

natsStatus nc_window_publish(struct nc_window *window, struct nc_slot *slot)
{
	natsStatus status =
	        natsConnection_PublishMsg(nc_line_connection(window, slot->line), slot->msg);
	if (status != NATS_OK && !nc_client_not_sent(status) && !nc_client_unknown(status))
		return status; /* it has an id, and may be sent again */
	int64_t now_ms = nc_client_now_ms(), due_ms = now_ms;
	due_ms += status == NATS_OK ? NC_CLIENT_TRY_MS : nc_client_pause_ms(slot->attempt++);
	slot->state = status == NATS_OK ? NC_SLOT_SENT : NC_SLOT_WAITING;
	slot->sent_ms = now_ms;
	slot->late_ms = 0;
	due(window, slot, due_ms < slot->deadline_ms ? due_ms : slot->deadline_ms);
	wake(window, now_ms + LOOK_MS);
	return NATS_OK;
}

/* Attend to a slot that is due: its answer has not come in time, or its pause is over. */
static void attend(struct nc_window *window, uint32_t index)
{
	struct nc_slot *slot = &window->slots[index];
	struct nacre_error error;
	if (slot->state == NC_SLOT_SENT || nc_client_now_ms() >= slot->deadline_ms) {
		bool connected = nc_client_connected(nc_line_connection(window, slot->line));
		int result = nc_client_fail_nats(
		        &error, connected ? NATS_TIMEOUT : NATS_CONNECTION_DISCONNECTED, "append");
		postpone(window, index, result, &error);
		return;
	}
	natsStatus status = nc_window_publish(window, slot);
	if (status != NATS_OK) {
		(void)nc_client_fail_nats(&error, status, "append");
		nc_window_finish(window, index, NACRE_UNAVAILABLE, NULL, &error);
	}
}

static int in_order(const void *a, const void *b)
{
	const struct nc_due *left = a, *right = b;
	return (left->number > right->number) - (left->number < right->number);
}

/* Attend to all slots that are due, in the order in which their events were appended. */
static void attend_all(struct nc_window *window, int64_t now_ms)
{
	uint32_t count = 0;
	window->due_ms = now_ms + IDLE_MS;
	for (uint32_t i = 0; i < window->size; i++) {
		struct nc_slot *slot = &window->slots[i];
		if (slot->state == NC_SLOT_FREE)
			continue;
		if (slot->due_ms <= now_ms) {
			window->due[count++] =
			        (struct nc_due){ .number = slot->number, .index = i };
		} else if (slot->due_ms < window->due_ms) {
			window->due_ms = slot->due_ms;
		}
	}
	qsort(window->due, count, sizeof *window->due, in_order);
	for (uint32_t i = 0; i < count && !window->ending; i++) {
		const struct nc_due *at = &window->due[i];
		const struct nc_slot *slot = &window->slots[at->index];
		/* An answer may have come while another's `done` was called. */
		if (slot->state != NC_SLOT_FREE && slot->number == at->number)
			attend(window, at->index);
	}
}

static void *run(void *argument)
{
	struct nc_window *window = argument;
	pthread_mutex_lock(&window->lock);
	while (!window->ending) {
		bool lost = nc_window_look(window);
		int64_t now_ms = nc_client_now_ms();
		lost |= nc_window_miss(window, now_ms);
		if (lost || window->due_ms <= now_ms)
			attend_all(window, now_ms);
		window->wake_ms = now_ms + (window->under_way > 0 ? LOOK_MS : IDLE_MS);
		if (window->due_ms < window->wake_ms)
			window->wake_ms = window->due_ms;
		const struct timespec at = nc_client_timespec(window->wake_ms);
		if (!window->ending)
			(void)pthread_cond_timedwait(&window->timer, &window->lock, &at);
	}
	pthread_mutex_unlock(&window->lock);
	return NULL;
}

natsStatus nc_window_listen(struct nc_window *window, enum nc_line_name line, natsConnection *nc,
                            natsSubscription **sub_out)
{
	char all[NC_CLIENT_INBOX_SIZE + 16];
	natsSubscription *sub = NULL;
	(void)snprintf(all, sizeof all, "%s.%u.>", window->inbox, (unsigned)line);
	natsStatus status = natsConnection_Subscribe(&sub, nc, all, on_answer, window);
	if (status == NATS_OK)
		status = natsSubscription_SetPendingLimits(sub, -1, -1);
	if (status == NATS_OK)
		status = natsSubscription_SetOnCompleteCB(sub, on_complete, window);
	if (status == NATS_OK) {
		*sub_out = sub;
	} else { /* nothing was sent to it: no callback can be under way */
		natsSubscription_Destroy(sub);
	}
	return status;
}

struct beginning {
	struct nc_window *window;
	natsStatus status;
};

static void threads_begin(void *ctx)
{
	struct beginning *beginning = ctx;
	struct nc_window *window = beginning->window;
	natsSubscription **sub = &window->subs[NC_LINE_FIRST];
	natsStatus status = nc_window_listen(window, NC_LINE_FIRST, window->client->nc, sub);
	if (status == NATS_OK && pthread_create(&window->thread, NULL, run, window) != 0) {
		(void)natsSubscription_SetOnCompleteCB(*sub, NULL, NULL);
		natsSubscription_Destroy(*sub);
		*sub = NULL;
		status = NATS_SYS_ERROR;
	}
	beginning->status = status;
}

int nc_window_begin(struct nc_window *window, struct nacre_error *error)
{
	struct beginning beginning = { window, NATS_SYS_ERROR };
	if (window->begun)
		return NACRE_OK;
	if (!nc_client_inbox_make(window->client, window->inbox))
		return nc_client_fail(error, NACRE_CONNECTION, "inbox: no random bytes to be had");
	if (!nc_client_apart(threads_begin, &beginning) || beginning.status != NATS_OK)
		return nc_client_fail_nats(error, beginning.status, "append");
	window->listening = 1;
	window->begun = true;
	return NACRE_OK;
}
