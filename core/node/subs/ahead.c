/* SPDX-License-Identifier: GPL-3.0-or-later */
/* History in memory, between its search and its delivery. */
#include "core/node/subs/ahead.h"

#include <stdlib.h>

#include "core/base/assert.h"
#include "transport/nats/event_message.h"

#define SPARE_MAX 4u /* portions whose memory is kept */

/* ---- The stock ------------------------------------------------------------------------------ */

static void portion_free(struct nc_ahead_portion *portion)
{
	nc_buf_release(&portion->bytes);
	free(portion->places);
	free(portion);
}

static bool portion_fit(struct nc_ahead_portion *portion, uint32_t room)
{
	if (portion->room >= room)
		return true;
	struct nc_ahead_place *places = realloc(portion->places, room * sizeof *places);
	if (places == NULL)
		return false;
	portion->places = places;
	portion->room = room;
	return true;
}

struct nc_ahead_portion *nc_ahead_take(struct nc_ahead_stock *stock, uint32_t room)
{
	if (stock->taken == NC_AHEAD_PORTIONS_MAX)
		return NULL;
	struct nc_ahead_portion *portion = stock->spare;
	if (portion != NULL) {
		stock->spare = portion->next;
		stock->spare_count--;
	} else {
		portion = calloc(1, sizeof *portion);
		if (portion == NULL)
			return NULL;
	}
	if (!portion_fit(portion, room)) {
		portion_free(portion);
		return NULL;
	}
	nc_buf_clear(&portion->bytes);
	portion->next = NULL;
	portion->count = 0;
	portion->old = false;
	stock->taken++;
	return portion;
}

void nc_ahead_give_back(struct nc_ahead_stock *stock, struct nc_ahead_portion *portion)
{
	if (portion == NULL)
		return;
	nc_assert(stock->taken > 0);
	stock->taken--;
	/* A portion that a large event has made large is not worth keeping. */
	if (stock->spare_count == SPARE_MAX ||
	    portion->bytes.capacity > 2 * NC_AHEAD_PORTION_SIZE) {
		portion_free(portion);
		return;
	}
	portion->next = stock->spare;
	stock->spare = portion;
	stock->spare_count++;
}

void nc_ahead_stock_release(struct nc_ahead_stock *stock)
{
	nc_assert(stock->taken == 0);
	while (stock->spare != NULL) {
		struct nc_ahead_portion *portion = stock->spare;
		stock->spare = portion->next;
		portion_free(portion);
	}
	stock->spare_count = 0;
}

/* ---- A portion ------------------------------------------------------------------------------ */

bool nc_ahead_full(const struct nc_ahead_portion *portion)
{
	return portion->count == portion->room || portion->bytes.size >= NC_AHEAD_PORTION_SIZE;
}

void nc_ahead_put(struct nc_ahead_portion *portion, const char *root, const struct nc_event *event,
                  bool bare)
{
	struct nc_buf *bytes = &portion->bytes;
	nc_assert(portion->count < portion->room);
	struct nc_ahead_place place = { .position = event->position,
		                        .offset = bytes->size,
		                        .data_size = event->data.size,
		                        .kept_size = bare ? 0 : event->data.size };
	nc_event_head_put(bytes, root, event);
	place.head_size = bytes->size - place.offset;
	nc_buf_put(bytes, event->data.data, place.kept_size);
	if (nc_buf_status(bytes) == NC_OK) {
		portion->places[portion->count++] = place;
	} else {
		bytes->size = place.offset;
		bytes->failed = false;
	}
}

static uint64_t first_of(const struct nc_ahead_portion *portion)
{
	return portion->places[0].position;
}

static uint64_t last_of(const struct nc_ahead_portion *portion)
{
	return portion->places[portion->count - 1].position;
}

/* Positions mostly follow each other without gaps: look where it would be then, else search by
 * halving. */
static const struct nc_ahead_place *find(const struct nc_ahead_portion *portion, uint64_t position)
{
	const struct nc_ahead_place *places = portion->places;
	uint32_t low = 0, high = portion->count;
	uint64_t guess = position - first_of(portion);
	if (guess < high && places[guess].position == position)
		return &places[guess];
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (places[middle].position < position) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low < portion->count && places[low].position == position ? &places[low] : NULL;
}

/* ---- The line ------------------------------------------------------------------------------- */

void nc_ahead_add(struct nc_ahead *ahead, struct nc_ahead_stock *stock,
                  struct nc_ahead_portion *portion, uint64_t through)
{
	while (portion->count > 0 && last_of(portion) > through)
		portion->count--;
	if (portion->count == 0) {
		nc_ahead_give_back(stock, portion);
		return;
	}
	if (ahead->last != NULL && last_of(ahead->last) >= first_of(portion))
		nc_ahead_clear(ahead, stock);
	if (ahead->last == NULL) {
		ahead->first = portion;
	} else {
		ahead->last->next = portion;
	}
	ahead->last = portion;
}

bool nc_ahead_find(const struct nc_ahead *ahead, uint64_t position,
                   struct nc_ahead_message *message_out)
{
	const struct nc_ahead_portion *portion = ahead->first;
	while (portion != NULL && last_of(portion) < position)
		portion = portion->next;
	if (portion == NULL || position < first_of(portion))
		return false;
	const struct nc_ahead_place *place = find(portion, position);
	if (place == NULL)
		return false;
	const uint8_t *at = portion->bytes.data + place->offset;
	*message_out = (struct nc_ahead_message){ .head = nc_slice(at, place->head_size),
		                                  .data = nc_slice(at + place->head_size,
		                                                   place->kept_size),
		                                  .data_size = place->data_size };
	return true;
}

static void first_drop(struct nc_ahead *ahead, struct nc_ahead_stock *stock)
{
	struct nc_ahead_portion *portion = ahead->first;
	ahead->first = portion->next;
	if (ahead->first == NULL)
		ahead->last = NULL;
	portion->next = NULL;
	nc_ahead_give_back(stock, portion);
}

void nc_ahead_pass(struct nc_ahead *ahead, struct nc_ahead_stock *stock, uint64_t position)
{
	while (ahead->first != NULL && last_of(ahead->first) <= position)
		first_drop(ahead, stock);
}

void nc_ahead_age(struct nc_ahead *ahead, struct nc_ahead_stock *stock)
{
	while (ahead->first != NULL && ahead->first->old)
		first_drop(ahead, stock);
	for (struct nc_ahead_portion *portion = ahead->first; portion != NULL;
	     portion = portion->next)
		portion->old = true;
}

void nc_ahead_clear(struct nc_ahead *ahead, struct nc_ahead_stock *stock)
{
	while (ahead->first != NULL)
		first_drop(ahead, stock);
}
