/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Batches that acknowledge a delivery of another node: before one goes into the log, the leader
 * asks that node what it knows of the delivery. The log knows a part of that, and later (decision
 * 0160). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/node/common/say.h"
#include "core/node/spread/spread_private.h"
#include "transport/nats/reply.h"

#define WORD_MS 1000u /* how long an owner may take until it is asked again */

/* ---- Batches that wait ----------------------------------------------------------------------- */

/* A batch that waits for a word. */
struct nc_spread_flight {
	struct nc_fifo_link link;
	uint64_t id;
	uint64_t until_ms;
	uint64_t last;  /* the log's entry when it came */
	uint64_t asked; /* the question that is under way; 0: none, it waits for its next try */
	struct nc_retry retry;
	int endpoint;
	struct nc_batch_ack ack; /* its name points into `bytes` */
	size_t reply_size, body_size;
	char bytes[]; /* the reply subject with its NUL, the batch as nc_batch_put() makes it */
};

/* A question that is under way. */
struct nc_spread_asking_flight {
	struct nc_spread_asking_flight *prev, *next;
	struct nc_spread *spread; /* NULL: stopped meanwhile */
	uint64_t number, flight;
};

static struct nc_slice reply_of(const struct nc_spread_flight *flight)
{
	return nc_slice(flight->bytes, flight->reply_size);
}

static struct nc_spread_flight *flight_first(const struct nc_spread *spread)
{
	return (struct nc_spread_flight *)spread->flights.waiting.first;
}

static struct nc_spread_flight *flight_next(const struct nc_spread_flight *flight)
{
	return (struct nc_spread_flight *)flight->link.next;
}

static void flight_remove(struct nc_spread *spread, struct nc_spread_flight *flight)
{
	nc_fifo_remove(&spread->flights.waiting, &flight->link);
	spread->flights.bytes -= flight->reply_size + flight->body_size;
}

static void flight_refuse(struct nc_spread *spread, struct nc_spread_flight *flight,
                          struct nc_fault fault)
{
	flight_remove(spread, flight);
	nc_service_refuse(spread->service, reply_of(flight), flight->endpoint, fault,
	                  nc_fault_text(fault));
	free(flight);
}

/* Put the batch into the log, with what is known by now. */
static void flight_propose(struct nc_spread *spread, struct nc_spread_flight *flight)
{
	struct nc_batch batch;
	const char *body = flight->bytes + flight->reply_size + 1;
	int err = nc_batch_get(nc_slice(body, flight->body_size), &batch);
	nc_assert(err == NC_OK);
	batch.ack = flight->ack;
	flight_remove(spread, flight);
	nc_service_batch_propose(spread->service, &batch, reply_of(flight), flight->endpoint);
	free(flight);
}

/* Try again after a pause, or when the subscription's row changes. */
static void flight_later(struct nc_spread_flight *flight)
{
	flight->asked = 0;
	nc_retry_later(&flight->retry, nc_clock_ms());
}

static struct nc_spread_flight *flight_find(const struct nc_spread *spread, uint64_t id)
{
	struct nc_spread_flight *flight = flight_first(spread);
	while (flight != NULL && flight->id != id)
		flight = flight_next(flight);
	return flight;
}

static void on_word(void *ctx, int err, struct nc_slice body)
{
	struct nc_spread_asking_flight *asking = ctx;
	struct nc_spread *spread = asking->spread;
	enum nc_sub_word word;
	if (spread == NULL) {
		free(asking);
		return;
	}
	if (asking->prev == NULL) {
		spread->flights.askings = asking->next;
	} else {
		asking->prev->next = asking->next;
	}
	if (asking->next != NULL)
		asking->next->prev = asking->prev;
	struct nc_spread_flight *flight = flight_find(spread, asking->flight);
	bool awaited = flight != NULL && flight->asked == asking->number;
	free(asking);
	if (!awaited)
		return;
	const struct nc_spread_row *row = nc_spread_find(spread, flight->ack.name);
	if (err == NC_OK && nc_spread_word_get(body, &word) == NC_OK) {
		nc_subs_batch_say(spread->service->subs, word, &flight->ack);
		flight_propose(spread, flight);
	} else if (err == NC_INVALID) { /* a node of an earlier build, which cannot say */
		flight->ack.through = row != NULL && row->acks_all;
		flight_propose(spread, flight);
	} else {
		flight_later(flight);
	}
}

static int flight_ask(struct nc_spread *spread, struct nc_spread_flight *flight, uint64_t owner)
{
	struct nc_spread_flights *flights = &spread->flights;
	struct nc_spread_asking_flight *asking = malloc(sizeof *asking);
	if (asking == NULL)
		return NC_NOMEM;
	*asking = (struct nc_spread_asking_flight){ .next = flights->askings,
		                                    .spread = spread,
		                                    .number = ++flights->numbers,
		                                    .flight = flight->id };
	const struct nc_spread_call call = { .verb = NC_SPREAD_FLIGHT,
		                             .name = flight->ack.name,
		                             .epoch = flight->ack.epoch,
		                             .position = flight->ack.position };
	const struct nc_spread_question question = {
		.to = owner, .timeout_ms = WORD_MS, .fn = on_word, .ctx = asking
	};
	int err = nc_spread_ask(spread, &question, &call);
	if (err != NC_OK) {
		free(asking);
		return err;
	}
	if (asking->next != NULL)
		asking->next->prev = asking;
	flights->askings = asking;
	flight->asked = asking->number;
	return NC_OK;
}

/* Whether the delivery may be in flight at another node, as the row has it. One of a later epoch
 * than the row's is of one that stands in the log before its entry `last`, or of none. */
static bool may_fly(const struct nc_spread *spread, const struct nc_batch_ack *ack, uint64_t last)
{
	const struct nc_spread_row *row = nc_spread_find(spread, ack->name);
	if (row == NULL || ack->epoch < row->epoch)
		return false;
	return ack->epoch == row->epoch || spread->applied < last;
}

/* Ask whoever runs the subscription; the flight may have ended when this returns. */
static void flight_go(struct nc_spread *spread, struct nc_spread_flight *flight)
{
	struct nc_subs *subs = spread->service->subs;
	const struct nc_spread_row *row = nc_spread_find(spread, flight->ack.name);
	if (nc_subs_has(subs, flight->ack.name)) { /* by now this node itself */
		int err = nc_subs_batch_judge(subs, &flight->ack);
		if (err == NC_OK) {
			flight_propose(spread, flight);
		} else if (err == NC_BUSY) {
			flight_later(flight);
		} else { /* made anew, and transient */
			flight_refuse(spread, flight, NC_FAULT_STALE_ACK);
		}
	} else if (!may_fly(spread, &flight->ack, flight->last)) {
		/* The log refuses it, unless it is a retry. */
		flight_propose(spread, flight);
	} else if (row->owner.number == 0 || row->owner.number == spread->self ||
	           flight_ask(spread, flight, row->owner.number) != NC_OK) {
		flight_later(flight);
	}
}

/* ---- A batch comes ----------------------------------------------------------------------------
 */

static struct nc_spread_flight *flight_new(struct nc_spread *spread, const struct nc_batch *batch,
                                           uint64_t last, struct nc_slice reply, int endpoint)
{
	struct nc_spread_flights *flights = &spread->flights;
	struct nc_buf *body = &spread->body;
	nc_buf_clear(body);
	nc_batch_put(body, batch);
	size_t size = reply.size + body->size, name_size = batch->ack.name.size;
	bool room = nc_buf_status(body) == NC_OK && flights->waiting.count < NC_SPREAD_RELAYS_MAX &&
	            flights->bytes + size <= NC_SPREAD_RELAYS_BYTES_MAX;
	struct nc_spread_flight *flight =
	        room ? malloc(sizeof *flight + size + 1 + name_size) : NULL;
	if (flight == NULL)
		return NULL;
	*flight =
	        (struct nc_spread_flight){ .id = ++flights->numbers,
		                           .until_ms = nc_clock_ms() +
		                                       spread->service->options.config->timeout_ms,
		                           .last = last,
		                           .endpoint = endpoint,
		                           .ack = batch->ack,
		                           .reply_size = reply.size,
		                           .body_size = body->size };
	if (reply.size > 0)
		memcpy(flight->bytes, reply.data, reply.size);
	flight->bytes[reply.size] = '\0';
	memcpy(flight->bytes + reply.size + 1, body->data, body->size);
	memcpy(flight->bytes + size + 1, batch->ack.name.data, name_size);
	flight->ack.name = nc_slice(flight->bytes + size + 1, name_size);
	return flight;
}

bool nc_spread_flight(struct nc_spread *spread, const struct nc_batch *batch, struct nc_slice reply,
                      int endpoint)
{
	const struct nc_batch_ack *ack = &batch->ack;
	if (spread == NULL || ack->name.size == 0 || !nc_spread_has(spread, ack->name) ||
	    nc_subs_has(spread->service->subs, ack->name))
		return false;
	uint64_t last = nc_replica_status(spread->service->replica).last;
	if (!may_fly(spread, ack, last)) /* the log refuses it, unless it is a retry */
		return false;
	struct nc_spread_flights *flights = &spread->flights;
	struct nc_spread_flight *flight = flight_new(spread, batch, last, reply, endpoint);
	if (flight == NULL) {
		nc_service_refuse(spread->service, reply, endpoint, NC_FAULT_BUSY,
		                  nc_fault_text(NC_FAULT_BUSY));
		return true;
	}
	nc_fifo_put(&flights->waiting, &flight->link);
	flights->bytes += flight->reply_size + flight->body_size;
	flight_go(spread, flight);
	return true;
}

bool nc_spread_flights_any(const struct nc_spread *spread)
{
	return spread != NULL && spread->flights.waiting.count > 0;
}

void nc_spread_flights_hurry(struct nc_spread *spread, struct nc_slice name)
{
	for (struct nc_spread_flight *at = flight_first(spread); at != NULL; at = flight_next(at)) {
		if (nc_slice_eq(at->ack.name, name)) {
			at->asked = 0; /* what the owner before says does not count any more */
			nc_retry_now(&at->retry);
		}
	}
}

void nc_spread_flights_step(struct nc_spread *spread)
{
	uint64_t now_ms = nc_clock_ms();
	struct nc_spread_flight *flight = flight_first(spread), *next;
	for (; flight != NULL; flight = next) {
		next = flight_next(flight);
		if (now_ms >= flight->until_ms) {
			flight_refuse(spread, flight, NC_FAULT_UNAVAILABLE);
		} else if (flight->asked == 0 && nc_retry_is_due(&flight->retry, now_ms)) {
			flight_go(spread, flight);
		}
	}
}

void nc_spread_flights_end(struct nc_spread *spread)
{
	while (spread->flights.waiting.count > 0)
		flight_refuse(spread, flight_first(spread), NC_FAULT_UNAVAILABLE);
}

void nc_spread_flights_drop(struct nc_spread *spread)
{
	struct nc_spread_flights *flights = &spread->flights;
	struct nc_spread_flight *flight;
	while ((flight = nc_fifo_take(&flights->waiting)) != NULL)
		free(flight);
	for (struct nc_spread_asking_flight *at = flights->askings; at != NULL; at = at->next)
		at->spread = NULL; /* freed when its answer comes */
	*flights = (struct nc_spread_flights){ 0 };
}
