/* SPDX-License-Identifier: GPL-3.0-or-later */
/* R.sub.next: who waits for events, and where what they are given goes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/node/subs/subs_ask.h"
#include "core/node/subs/subs_job.h"

#define STATUS_SIZE 64 /* bytes of a header block with a status line alone */

/* ---- Requests that wait --------------------------------------------------------------------- */

void nc_subs_pull_let_go(struct nc_sub_pull *pull)
{
	if (pull != NULL && --pull->holders == 0)
		free(pull);
}

static void pull_remove(struct nc_sub_pull **at)
{
	struct nc_sub_pull *pull = *at;
	*at = pull->next;
	nc_subs_pull_let_go(pull);
}

static struct nc_sub_pull **pull_find(struct nc_subscription *sub, uint64_t id)
{
	struct nc_sub_pull **at = &sub->pull.waiting;
	while (*at != NULL && (*at)->id != id)
		at = &(*at)->next;
	return at;
}

const char *nc_subs_pull_reply(const struct nc_subscription *sub, uint64_t id)
{
	for (const struct nc_sub_pull *pull = sub->pull.waiting; pull != NULL; pull = pull->next) {
		if (pull->id == id)
			return pull->reply;
	}
	return NULL;
}

void nc_subs_pull_forget(struct nc_subscription *sub, uint64_t id)
{
	struct nc_sub_pull **at = pull_find(sub, id);
	if (*at != NULL)
		pull_remove(at);
}

/* A request that has been given all its events leaves the list. */
struct nc_sub_pull *nc_subs_pull_give(struct nc_subscription *sub, uint64_t id)
{
	struct nc_sub_pull **at = pull_find(sub, id);
	struct nc_sub_pull *pull = *at;
	if (pull == NULL)
		return NULL;
	nc_assert(pull->holders > 0); /* the list holds it */
	pull->holders++;
	if (--pull->left == 0)
		pull_remove(at);
	return pull;
}

static void status_put(char text[STATUS_SIZE], const char *status)
{
	(void)snprintf(text, STATUS_SIZE, "NATS/1.0 %s\r\n\r\n", status);
}

static void end_say(const struct nc_subs *subs, const struct nc_sub_pull *pull, const char *status)
{
	char text[STATUS_SIZE];
	status_put(text, status);
	const struct nc_slice block = nc_slice_str(text);
	nc_service_send(subs->service, pull->reply, block, block.size);
}

/* Those who wait for events are told that none will come, as a JetStream consumer does. */
void nc_subs_pulls_end(struct nc_subs *subs, struct nc_subscription *sub, const char *status)
{
	while (sub->pull.waiting != NULL) {
		end_say(subs, sub->pull.waiting, status);
		pull_remove(&sub->pull.waiting);
	}
}

void nc_subs_pull_cut(struct nc_subs *subs, struct nc_subscription *sub, struct nc_sub_pull *pull,
                      const char *status)
{
	if (pull->cut)
		return;
	pull->cut = true;
	end_say(subs, pull, status);
	nc_sub_request_forget(sub->machine, pull->id);
	nc_subs_pull_forget(sub, pull->id);
}

/* Whether the request's own end is in the list, after its events. It counts events that are dropped
 * now, so it is made to say `status` instead. */
static bool ends_anyway(const struct nc_subscription *sub, size_t from, const char *reply,
                        const char *status)
{
	for (size_t i = from; i < sub->out.count; i++) {
		struct nc_delivery *at = &sub->out.todo[i];
		if (at->position != 0 || at->reply != NULL || strcmp(at->subject, reply) != 0)
			continue;
		char text[STATUS_SIZE], *block;
		status_put(text, status);
		block = strdup(text);
		if (block != NULL) {
			free(at->status);
			at->status = block;
		}
		return true;
	}
	return false;
}

void nc_subs_todo_cut(struct nc_subs *subs, struct nc_subscription *sub, const char *status)
{
	size_t kept = 0;
	for (size_t i = 0; i < sub->out.count; i++) {
		struct nc_sub_pull *pull = sub->out.todo[i].pull;
		if (sub->out.todo[i].position == 0) {
			sub->out.todo[kept++] = sub->out.todo[i];
			continue;
		}
		if (pull != NULL && !pull->cut && ends_anyway(sub, i + 1, pull->reply, status)) {
			pull->cut = true;
		} else if (pull != NULL) {
			nc_subs_pull_cut(subs, sub, pull, status);
		}
		nc_subs_pull_let_go(pull);
	}
	sub->out.count = kept;
}

/* Whether the list has the end of a request, after its events. */
static bool ends_in(const struct nc_delivery *list, size_t count, size_t from, const char *reply)
{
	for (size_t i = from; i < count; i++) {
		const struct nc_delivery *at = &list[i];
		if (at->position == 0 && at->reply == NULL && strcmp(at->subject, reply) == 0)
			return true;
	}
	return false;
}

void nc_subs_pull_gone(struct nc_subscription *sub, const struct nc_delivery *list, size_t count,
                       size_t at)
{
	struct nc_sub_pull *pull = list[at].pull;
	char block[120];
	uint32_t missing = 0;
	if (pull == NULL || pull->cut)
		return;
	pull->cut = true;
	if (ends_in(list, count, at + 1, pull->reply) ||
	    ends_in(sub->out.todo, sub->out.count, 0, pull->reply))
		return;
	for (size_t i = at; i < count; i++)
		missing += list[i].pull == pull && list[i].gone;
	(void)snprintf(block, sizeof block,
	               "NATS/1.0 408 Request Timeout\r\nNats-Pending-Messages: %u\r\n"
	               "Nats-Pending-Bytes: 0\r\n\r\n",
	               pull->left + missing);
	nc_subs_todo_status(sub, pull->reply, NULL, block);
	nc_sub_request_forget(sub->machine, pull->id);
	nc_subs_pull_forget(sub, pull->id);
}

void nc_subs_pulls_finish(struct nc_subs *subs, struct nc_subscription *sub, const char *status)
{
	nc_subs_todo_cut(subs, sub, status);
	for (size_t i = 0; i < sub->out.count; i++) {
		const struct nc_slice block = nc_slice_str(sub->out.todo[i].status);
		/* if not, it is of a push subscription, and asks for an answer */
		if (sub->out.todo[i].reply == NULL)
			nc_service_send(subs->service, sub->out.todo[i].subject, block, block.size);
	}
	nc_subs_deliveries_release(sub->out.todo, sub->out.count);
	sub->out.todo = NULL;
	sub->out.count = sub->out.room = 0;
	nc_subs_pulls_end(subs, sub, status);
}

int nc_subs_pull(struct nc_subscription *sub, const struct nc_next *next, struct nc_slice reply,
                 uint64_t now_ns)
{
	struct nc_sub_pull *pull = malloc(sizeof *pull + reply.size + 1);
	if (pull == NULL)
		return NC_NOMEM;
	*pull = (struct nc_sub_pull){
		.id = ++sub->pull.last_id, .left = next->batch, .holders = 1, .form = next->form
	};
	memcpy(pull->reply, reply.data, reply.size);
	pull->reply[reply.size] = '\0';
	const struct nc_sub_request request = { .id = pull->id,
		                                .batch = next->batch,
		                                .max_bytes = next->max_bytes,
		                                .expires_ns = now_ns + next->expires_ms * 1000000,
		                                .no_wait = next->no_wait };
	int err = nc_sub_request(sub->machine, &request, now_ns);
	if (err != NC_OK) {
		free(pull);
		return err;
	}
	sub->pull.form = next->form;
	pull->next = sub->pull.waiting;
	sub->pull.waiting = pull;
	nc_subs_mark(sub);
	return NC_OK;
}

/* ---- Sizes ---------------------------------------------------------------------------------- */

/* Events that were found by an index alone have no size, since most requests need none. The first
 * request that does waits until the sizes in the window are known; from then on searches read sizes
 * too. */
bool nc_subs_measure(struct nc_subs *subs, struct nc_subscription *sub)
{
	uint64_t positions[NC_SUB_REPLAY_EVENTS];
	if (sub->pull.measured == NULL)
		return false;
	size_t count = nc_sub_unsized(sub->machine, positions, NC_SUB_REPLAY_EVENTS);
	if (count > 0)
		return nc_subs_measure_start(subs, sub, positions, count);
	sub->pull.sized = true;
	nc_subs_asks_again(subs, sub, &sub->pull.measured);
	return false;
}

/* ---- R.sub.next ----------------------------------------------------------------------------- */

void nc_subs_next(const struct nc_subs_ask *ask)
{
	struct nc_next wanted;
	struct nc_subscription *sub = nc_subs_ask_find(ask);
	if (sub == NULL)
		return;
	if (sub->definition.push) {
		nc_subs_ask_error(ask, NC_FAULT_REQUEST, "the subscription is pushed to a subject");
		return;
	}
	nc_buf_clear(&ask->subs->scratch);
	int err = nc_next_parse(ask->body, &wanted, &ask->subs->scratch);
	if (err != NC_OK) {
		nc_subs_ask_refuse(ask, err);
		return;
	}
	if (wanted.form != NC_FORM_HEADERS && sub->definition.ack == NC_ACK_EXPLICIT) {
		nc_subs_ask_error(ask, NC_FAULT_REQUEST, "format: " NC_FORM_ACK_FAULT);
		return;
	}
	if (ask->reply.size == 0)
		return;
	if (wanted.no_wait && nc_subs_ask_settles(ask))
		return;
	if (wanted.max_bytes > 0 && !sub->pull.sized) {
		if (nc_subs_ask_keep(ask, &sub->pull.measured)) {
			nc_subs_mark(sub);
		} else {
			nc_subs_ask_error(ask, NC_FAULT_BUSY, "too many requests wait");
		}
		return;
	}
	if (nc_subs_pull(sub, &wanted, ask->reply, nc_clock_ns()) != NC_OK)
		nc_subs_ask_error(ask, NC_FAULT_BUSY, "too many requests wait");
}
