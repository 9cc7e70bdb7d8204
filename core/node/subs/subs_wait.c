/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who waits for a subscription: for its progress to be in the log, or to be asked again when
 * something else has come to its end. Nobody waits longer than the node's timeout. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/node/subs/subs_ask.h"
#include "transport/nats/reply.h"

/* ---- Requests that come again ---------------------------------------------------------------- */

static size_t size_of(size_t reply_size, size_t body_size)
{
	return sizeof(struct nc_sub_later) + reply_size + 1 + body_size;
}

bool nc_subs_ask_keep(const struct nc_subs_ask *ask, struct nc_sub_later **list)
{
	size_t size = size_of(ask->reply.size, ask->body.size);
	if (!nc_service_keep(ask->subs->service, size))
		return false;
	struct nc_sub_later *later = malloc(size);
	if (later == NULL) {
		nc_service_let_go(ask->subs->service, size);
		return false;
	}
	*later = (struct nc_sub_later){ .next = *list,
		                        .since_ms =
		                                ask->since_ms != 0 ? ask->since_ms : nc_clock_ms(),
		                        .op = ask->op,
		                        .endpoint = ask->endpoint,
		                        .reply_size = ask->reply.size,
		                        .body_size = ask->body.size };
	if (ask->reply.size > 0)
		memcpy(later->bytes, ask->reply.data, ask->reply.size);
	later->bytes[ask->reply.size] = '\0';
	if (ask->body.size > 0)
		memcpy(later->bytes + ask->reply.size + 1, ask->body.data, ask->body.size);
	*list = later;
	ask->subs->waiter_count++;
	return true;
}

void nc_sub_later_free(struct nc_subs *subs, struct nc_sub_later *later)
{
	if (later == NULL)
		return;
	nc_service_let_go(subs->service, size_of(later->reply_size, later->body_size));
	free(later);
}

/* Reverse the list: the last one kept stands first. */
static struct nc_sub_later *in_order(struct nc_sub_later *list)
{
	struct nc_sub_later *ordered = NULL;
	while (list != NULL) {
		struct nc_sub_later *next = list->next;
		list->next = ordered;
		ordered = list;
		list = next;
	}
	return ordered;
}

/* The subscription may be gone afterwards. Before a request was kept, everything that came before
 * it had been applied: it does not wait for what has come since, or it might find once more what it
 * was kept for, and so on without end. */
void nc_subs_asks_again(struct nc_subs *subs, struct nc_subscription *sub,
                        struct nc_sub_later **list)
{
	bool settled = subs->lines.settled;
	struct nc_sub_later *later = *list;
	char name[NC_WORD_SIZE_MAX + 1];
	if (later == NULL)
		return;
	(void)snprintf(name, sizeof name, "%s", sub->name);
	*list = NULL;
	later = in_order(later);
	while (later != NULL) {
		struct nc_sub_later *next = later->next;
		subs->waiter_count--;
		const struct nc_subs_ask ask = {
			.subs = subs,
			.op = later->op,
			.name = nc_slice_str(name),
			.body = nc_slice(later->bytes + later->reply_size + 1, later->body_size),
			.reply = nc_slice(later->bytes, later->reply_size),
			.endpoint = later->endpoint,
			.since_ms = later->since_ms
		};
		subs->lines.settled = true;
		nc_subs_carry_out(&ask);
		subs->lines.settled = settled;
		nc_sub_later_free(subs, later);
		later = next;
	}
}

bool nc_subs_ask_later(const struct nc_subs_ask *ask, struct nc_subscription *sub)
{
	nc_subs_steps(ask->subs, sub, nc_clock_ns());
	nc_subs_mark(sub);
	bool full = nc_replica_status(ask->subs->service->replica).full;
	if (!sub->definition.durable || sub->save.parked.size == 0 || full)
		return false; /* carry it out now */
	if (nc_subs_ask_keep(ask, &sub->later)) {
		sub->save.hurry = true;
	} else {
		nc_subs_ask_error(ask, NC_FAULT_BUSY, nc_fault_text(NC_FAULT_BUSY));
	}
	return true;
}

/* Refuse those of the list that have waited since `until_ms` or longer. */
static void laters_refuse(struct nc_subs *subs, struct nc_sub_later **list, uint64_t until_ms,
                          struct nc_fault fault, const char *why)
{
	while (*list != NULL) {
		struct nc_sub_later *later = *list;
		if (later->since_ms > until_ms) {
			list = &later->next;
			continue;
		}
		*list = later->next;
		const struct nc_subs_ask ask = { .subs = subs,
			                         .reply = nc_slice(later->bytes, later->reply_size),
			                         .endpoint = later->endpoint };
		nc_subs_ask_error(&ask, fault, why);
		nc_sub_later_free(subs, later);
		subs->waiter_count--;
	}
}

/* ---- For the log ----------------------------------------------------------------------------- */

void nc_subs_waiters_answer(struct nc_subs *subs, struct nc_subscription *sub, uint64_t through)
{
	struct nc_sub_waiter **at = &sub->waiters;
	while (*at != NULL) {
		struct nc_sub_waiter *waiter = *at;
		if (waiter->progress > through) {
			at = &waiter->next;
			continue;
		}
		*at = waiter->next;
		nc_service_send(subs->service, waiter->reply,
		                waiter->answer == NULL ? nc_slice(NULL, 0)
		                                       : nc_slice_str(waiter->answer),
		                0);
		free(waiter->answer);
		free(waiter);
		subs->waiter_count--;
	}
	sub->save.hurry |= sub->waiters != NULL;
	subs->lines.ready = true;
}

/* "Stale acknowledgement" is said of acknowledgements only: others, such as a pause, may be tried
 * again. */
static size_t refusal_put(struct nc_buf *out, const struct nc_sub_waiter *waiter,
                          struct nc_fault fault, const char *why)
{
	if (waiter->answer != NULL && fault.err_code == NC_FAULT_STALE_ACK.err_code) {
		fault = NC_FAULT_UNAVAILABLE;
		why = nc_fault_text(fault);
	}
	return nc_reply_error(out, fault, why, nc_slice(NULL, 0));
}

void nc_subs_waiters_refuse(struct nc_subs *subs, struct nc_subscription *sub, uint64_t until_ms,
                            struct nc_fault fault, const char *why)
{
	struct nc_service *service = subs->service;
	struct nc_sub_waiter **at = &sub->waiters;
	while (*at != NULL) {
		struct nc_sub_waiter *waiter = *at;
		if (waiter->since_ms > until_ms) {
			at = &waiter->next;
			continue;
		}
		*at = waiter->next;
		size_t size = refusal_put(&service->out, waiter, fault, why);
		nc_service_send_buf(service, waiter->reply, &service->out, size);
		free(waiter->answer);
		free(waiter);
		subs->waiter_count--;
	}
}

/* The leader's term, which is noted for subscriptions under a lease only. */
static uint64_t term_of(const struct nc_subscription *sub)
{
	uint64_t term = 0;
	if (sub->lease.owned)
		(void)nc_spread_leader(sub->subs->service->spread, &term);
	return term;
}

void nc_subs_waiters_forget(struct nc_subs *subs, struct nc_subscription *sub)
{
	uint64_t term = term_of(sub);
	struct nc_sub_waiter **at = &sub->waiters;
	while (*at != NULL) {
		struct nc_sub_waiter *waiter = *at;
		if (waiter->answer != NULL || waiter->term != term) {
			at = &waiter->next;
			continue;
		}
		*at = waiter->next;
		free(waiter);
		subs->waiter_count--;
	}
}

void nc_subs_laters_refuse(struct nc_subs *subs, struct nc_subscription *sub, struct nc_fault fault,
                           const char *why)
{
	laters_refuse(subs, &sub->later, UINT64_MAX, fault, why);
	laters_refuse(subs, &sub->pull.measured, UINT64_MAX, fault, why);
}

/* On a full disk nothing gets into the log, however long anybody waits: refuse them all. */
static void expire(struct nc_subs *subs, struct nc_subscription *sub, bool full)
{
	uint64_t now_ms = nc_clock_ms(), timeout_ms = subs->service->options.config->timeout_ms,
	         late_ms = now_ms < timeout_ms ? 0 : now_ms - timeout_ms;
	struct nc_fault fault = full ? NC_FAULT_DISK_FULL : NC_FAULT_UNAVAILABLE;
	uint64_t until_ms = full ? UINT64_MAX : late_ms;
	nc_subs_waiters_refuse(subs, sub, until_ms, fault, nc_fault_text(fault));
	laters_refuse(subs, &sub->later, until_ms, fault, nc_fault_text(fault));
	laters_refuse(subs, &sub->pull.measured, late_ms, NC_FAULT_UNAVAILABLE,
	              nc_fault_text(NC_FAULT_UNAVAILABLE));
}

void nc_subs_waiters_expire(struct nc_subs *subs)
{
	bool full = nc_replica_status(subs->service->replica).full;
	for (uint32_t id = 0; subs->waiter_count > 0 && id < subs->room; id++) {
		if (subs->slots[id] != NULL)
			expire(subs, subs->slots[id], full);
	}
}

void nc_subs_wait_saved(struct nc_subs *subs, struct nc_subscription *sub, struct nc_slice reply,
                        const char *answer)
{
	struct nc_slice text = answer == NULL ? nc_slice(NULL, 0) : nc_slice_str(answer);
	if (reply.size == 0)
		return;
	bool dirty = nc_sub_progress_dirty(sub->machine) || sub->save.missed;
	/* it is replicated already, or need not be */
	if (!sub->definition.durable || (!dirty && !sub->save.under_way)) {
		nc_service_send(subs->service, (const char *)reply.data, text, 0);
		return;
	}
	struct nc_sub_waiter *waiter = malloc(sizeof *waiter + reply.size + 1);
	char *copy = answer == NULL ? NULL : strdup(answer);
	if (waiter == NULL || (answer != NULL && copy == NULL)) {
		free(waiter);
		free(copy);
		return; /* as if the answer were lost: a client that tries again finds it done */
	}
	memcpy(waiter->reply, reply.data, reply.size);
	waiter->reply[reply.size] = '\0';
	waiter->answer = copy;
	waiter->since_ms = nc_clock_ms();
	waiter->term = term_of(sub);
	waiter->progress = nc_sub_progress_next(sub->machine) - (dirty ? 0 : 1);
	waiter->next = sub->waiters;
	sub->waiters = waiter;
	subs->waiter_count++;
	sub->save.hurry = true;
}
