/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests about a subscription that is just being made, deleted or changed stand behind that: a
 * connection's are carried out in the order in which they were sent, although what changes a
 * durable one has first to come back from the log. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/assert.h"
#include "core/node/spread/spread.h"
#include "core/node/subs/subs_ask.h"
#include "core/node/subs/subs_line.h"
#include "transport/nats/reply.h"

/* A wait until everything that was taken up before a request is applied. */
struct nc_sub_settling {
	struct nc_replica_wait wait;
	struct nc_subs *subs;
	struct nc_sub_behind *behind; /* NULL: it has run out of time */
};

struct nc_sub_behind {
	struct nc_sub_behind *next;
	struct nc_sub_later *asked;
	struct nc_sub_settling *settling; /* NULL: it is settled, or need not be */
	bool settled, failed;
	bool first;       /* no request stands before it any more, and `through` is known */
	uint64_t through; /* of a list: what is under way before it; of a change: answers that wait
	                     for this progress, or an earlier one, go before it */
	size_t size;
	char name[NC_WORD_SIZE_MAX + 1];
};

/* ---- What is waited for -------------------------------------------------------------------- */

/* Whether an update is kept until a progress is in the log (subs_update.c). */
static bool is_to_change(const struct nc_subscription *sub)
{
	const struct nc_sub_later *at = sub->later;
	while (at != NULL && at->op != NC_OP_SUB_UPDATE)
		at = at->next;
	return at != NULL;
}

/* Whether a change of the subscription is under way. */
static bool is_changing(struct nc_subs *subs, struct nc_slice name)
{
	const struct nc_sub_line *line =
	        subs->lines.count == 0 ? NULL : *nc_sub_line_at(subs, name);
	if (line != NULL && line->under_way > 0)
		return true;
	const struct nc_subscription *sub = nc_subs_find(subs, name);
	return sub != NULL && (sub->move != NULL || is_to_change(sub));
}

/* A seek, an update or a delete refuses the requests that wait for the subscription's progress. So
 * it has to wait for those that came before it. Returns the last progress that they wait for; 0:
 * none. */
static uint64_t awaited(const struct nc_subs_ask *ask, const struct nc_subscription *sub)
{
	bool ends_epoch = ask->op == NC_OP_SUB_SEEK || ask->op == NC_OP_SUB_UPDATE ||
	                  ask->op == NC_OP_SUB_DELETE;
	uint64_t last = 0;
	if (!ends_epoch || sub == NULL)
		return 0;
	for (const struct nc_sub_waiter *at = sub->waiters; at != NULL; at = at->next)
		last = at->progress > last ? at->progress : last;
	return last;
}

static bool is_awaited(const struct nc_subscription *sub, uint64_t through)
{
	const struct nc_sub_waiter *at = sub == NULL || through == 0 ? NULL : sub->waiters;
	while (at != NULL && at->progress > through)
		at = at->next;
	return at != NULL;
}

/* ---- Waiting -------------------------------------------------------------------------------- */

static bool must_wait(const struct nc_subs_ask *ask)
{
	struct nc_subs *subs = ask->subs;
	switch (ask->op) {
	case NC_OP_SUB_LIST:
		return subs->lines.first != NULL || subs->lines.left < subs->lines.entered;
	case NC_OP_FILTER_LIST:
	case NC_OP_FILTER_INFO:
		return false;
	default:
		break;
	}
	if (!nc_sub_line_is_name(ask->name))
		return false; /* it is refused at once */
	const struct nc_sub_line *line =
	        subs->lines.count == 0 ? NULL : *nc_sub_line_at(subs, ask->name);
	return (line != NULL && line->waiting > 0) || is_changing(subs, ask->name) ||
	       awaited(ask, nc_subs_find(subs, ask->name)) > 0;
}

static void append(struct nc_subs *subs, struct nc_sub_behind *behind)
{
	behind->next = NULL;
	if (subs->lines.last == NULL) {
		subs->lines.first = behind;
	} else {
		subs->lines.last->next = behind;
	}
	subs->lines.last = behind;
}

static struct nc_sub_behind *behind_new(const struct nc_subs_ask *ask)
{
	struct nc_subs *subs = ask->subs;
	size_t size = ask->reply.size + ask->body.size;
	if (subs->lines.waiting >= NC_SUB_BEHIND_MAX ||
	    subs->lines.bytes + size > NC_SUB_BEHIND_BYTES_MAX)
		return NULL;
	struct nc_sub_behind *behind = calloc(1, sizeof *behind);
	struct nc_sub_line *line = NULL;
	if (behind != NULL && nc_subs_ask_keep(ask, &behind->asked)) {
		subs->waiter_count--; /* it waits here, not in a subscription's list */
		line = nc_sub_line_make(subs, ask->name);
	}
	if (line == NULL) {
		if (behind != NULL)
			nc_sub_later_free(subs, behind->asked);
		free(behind);
		return NULL;
	}
	(void)snprintf(behind->name, sizeof behind->name, "%s", line->name);
	behind->size = size;
	line->waiting++;
	line->held = subs->lines.pass; /* later requests of this name wait too */
	subs->lines.waiting++;
	subs->lines.bytes += size;
	return behind;
}

bool nc_subs_ask_behind(const struct nc_subs_ask *ask)
{
	if (!must_wait(ask))
		return false;
	struct nc_sub_behind *behind = behind_new(ask);
	if (behind == NULL) {
		nc_subs_ask_error(ask, NC_FAULT_BUSY, nc_fault_text(NC_FAULT_BUSY));
	} else {
		append(ask->subs, behind);
	}
	return true;
}

static void on_settled(struct nc_replica_wait *wait, int err)
{
	struct nc_sub_settling *settling = (struct nc_sub_settling *)(void *)wait;
	struct nc_sub_behind *behind = settling->behind;
	if (behind != NULL) {
		behind->settling = NULL;
		behind->settled = true;
		behind->failed = err != NC_OK;
		settling->subs->lines.ready = true;
	}
	free(settling);
}

bool nc_subs_ask_settles(const struct nc_subs_ask *ask)
{
	struct nc_subs *subs = ask->subs;
	struct nc_replica *replica = subs->service->replica;
	if (subs->lines.settled || !nc_sub_line_is_name(ask->name) ||
	    !nc_replica_leading(replica) || nc_replica_status(replica).pending_commands == 0)
		return false;
	struct nc_sub_settling *settling = calloc(1, sizeof *settling);
	struct nc_sub_behind *behind = settling == NULL ? NULL : behind_new(ask);
	if (behind == NULL) {
		free(settling);
		nc_subs_ask_error(ask, NC_FAULT_BUSY, nc_fault_text(NC_FAULT_BUSY));
		return true;
	}
	*settling = (struct nc_sub_settling){ { .fn = on_settled }, subs, behind };
	behind->settling = settling;
	append(subs, behind);
	nc_replica_read(replica, &settling->wait);
	return true;
}

/* ---- Their turn ----------------------------------------------------------------------------- */

static struct nc_subs_ask ask_of(struct nc_subs *subs, const struct nc_sub_behind *behind)
{
	const struct nc_sub_later *asked = behind->asked;
	return (struct nc_subs_ask){ .subs = subs,
		                     .op = asked->op,
		                     .name = nc_slice_str(behind->name),
		                     .body = nc_slice(asked->bytes + asked->reply_size + 1,
		                                      asked->body_size),
		                     .reply = nc_slice(asked->bytes, asked->reply_size),
		                     .endpoint = asked->endpoint,
		                     .since_ms = asked->since_ms };
}

static void behind_free(struct nc_subs *subs, struct nc_sub_behind *behind)
{
	struct nc_sub_line **at = nc_sub_line_at(subs, nc_slice_str(behind->name));
	nc_assert(*at != NULL && (*at)->waiting > 0);
	(*at)->waiting--;
	nc_sub_line_end(subs, at);
	subs->lines.waiting--;
	subs->lines.bytes -= behind->size;
	if (behind->settling != NULL)
		behind->settling->behind = NULL; /* the settling is freed when its callback comes */
	nc_sub_later_free(subs, behind->asked);
	free(behind);
}

static void refuse(const struct nc_subs_ask *ask)
{
	nc_subs_ask_error(ask, NC_FAULT_UNAVAILABLE, nc_fault_text(NC_FAULT_UNAVAILABLE));
}

/* Carry it out here, or send it to the node that runs the subscription by now. */
static void carry_out(const struct nc_subs_ask *ask)
{
	struct nc_service *service = ask->subs->service;
	const struct nc_request request = { .op = ask->op, .name = ask->name, .body = ask->body };
	bool general = ask->op == NC_OP_SUB_CREATE || ask->op == NC_OP_SUB_LIST;
	if (!service->serving && !nc_subs_has(ask->subs, ask->name)) {
		refuse(ask); /* it does not run here any more: the leader knows where */
	} else if (general || !service->serving ||
	           !nc_spread_relay(service->spread, &request, ask->reply, ask->endpoint)) {
		nc_subs_carry_out(ask);
	}
}

/* A list also waits for the creations and deletions that were under way when the requests before it
 * had gone on: later ones do not hold it up. */
static bool list_waits(struct nc_subs *subs, struct nc_sub_behind *behind)
{
	if (!behind->first && subs->lines.first == NULL) {
		behind->first = true;
		behind->through = subs->lines.entered;
	}
	return !behind->first || nc_sub_lines_wait(subs, behind->through);
}

static bool waits(const struct nc_subs_ask *ask, struct nc_sub_behind *behind)
{
	struct nc_subs *subs = ask->subs;
	if (behind->settling != NULL)
		return true;
	if (ask->op == NC_OP_SUB_LIST)
		return list_waits(subs, behind);
	if ((*nc_sub_line_at(subs, ask->name))->held == subs->lines.pass ||
	    is_changing(subs, ask->name))
		return true;
	const struct nc_subscription *sub = nc_subs_find(subs, ask->name);
	if (!behind->first) {
		behind->first = true;
		behind->through = awaited(ask, sub);
	}
	return is_awaited(sub, behind->through);
}

void nc_subs_behind_step(struct nc_subs *subs)
{
	if (!subs->lines.ready)
		return;
	struct nc_sub_behind *at = subs->lines.first, *next;
	subs->lines.first = subs->lines.last = NULL;
	subs->lines.ready = false;
	subs->lines.pass++;
	for (; at != NULL; at = next) {
		next = at->next;
		const struct nc_subs_ask ask = ask_of(subs, at);
		if (waits(&ask, at)) {
			(*nc_sub_line_at(subs, ask.name))->held = subs->lines.pass;
			append(subs, at);
			continue;
		}
		subs->lines.settled = at->settled;
		if (at->failed) {
			refuse(&ask);
		} else {
			carry_out(&ask);
		}
		subs->lines.settled = false;
		behind_free(subs, at);
	}
}

static void refuse_since(struct nc_subs *subs, uint64_t until_ms)
{
	while (subs->lines.first != NULL && subs->lines.first->asked->since_ms <= until_ms) {
		struct nc_sub_behind *first = subs->lines.first;
		const struct nc_subs_ask ask = ask_of(subs, first);
		subs->lines.first = first->next;
		if (subs->lines.first == NULL)
			subs->lines.last = NULL;
		refuse(&ask);
		behind_free(subs, first);
	}
}

void nc_subs_behind_tick(struct nc_subs *subs)
{
	uint64_t now_ms = nc_clock_ms(), timeout_ms = subs->service->options.config->timeout_ms;
	if (subs->lines.first == NULL)
		return;
	if (now_ms >= timeout_ms) /* else the machine has not been up for so long */
		refuse_since(subs, now_ms - timeout_ms);
	subs->lines.ready = true; /* something may have ended without saying so */
}

void nc_subs_behind_refuse(struct nc_subs *subs)
{
	refuse_since(subs, UINT64_MAX);
}

void nc_subs_behind_drop(struct nc_subs *subs)
{
	while (subs->lines.first != NULL) {
		struct nc_sub_behind *first = subs->lines.first;
		subs->lines.first = first->next;
		behind_free(subs, first);
	}
	nc_sub_lines_drop(subs);
}
