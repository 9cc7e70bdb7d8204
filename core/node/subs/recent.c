/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The latest events, in memory. */
#include "core/node/subs/recent.h"

#include <stdlib.h>

static void half_clear(struct nc_recent_half *half)
{
	nc_buf_clear(&half->bytes);
	half->count = 0;
}

static uint64_t last_of(const struct nc_recent_half *half)
{
	return half->count == 0 ? 0 : half->places[half->count - 1].position;
}

/* The half that takes the next one; NULL: no memory. */
static struct nc_recent_half *half_to_fill(struct nc_recent *recent)
{
	struct nc_recent_half *half = &recent->halves[recent->filling];
	if (half->count == NC_RECENT_HALF_EVENTS || half->bytes.size >= NC_RECENT_HALF_SIZE) {
		recent->filling ^= 1;
		half = &recent->halves[recent->filling];
		half_clear(half);
	}
	if (half->places == NULL)
		half->places = calloc(NC_RECENT_HALF_EVENTS, sizeof *half->places);
	return half->places == NULL ? NULL : half;
}

void nc_recent_put(struct nc_recent *recent, struct nc_slice record, uint64_t position,
                   uint64_t version, uint64_t time_ns)
{
	uint64_t last = last_of(&recent->halves[recent->filling]);
	if (last == 0)
		last = last_of(&recent->halves[recent->filling ^ 1]);
	if (record.size > NC_RECENT_SIZE_MAX || position <= last)
		return;
	struct nc_recent_half *half = half_to_fill(recent);
	if (half == NULL)
		return;
	size_t offset = half->bytes.size;
	nc_buf_put_slice(&half->bytes, record);
	if (nc_buf_status(&half->bytes) != NC_OK) {
		nc_recent_clear(recent);
		return;
	}
	half->places[half->count++] =
	        (struct nc_recent_place){ position, version, time_ns, offset, record.size };
}

/* Positions mostly follow each other without gaps: look where it would be then, else search by
 * halving. */
static const struct nc_recent_place *find(const struct nc_recent_half *half, uint64_t position)
{
	if (half->count == 0 || position < half->places[0].position || position > last_of(half))
		return NULL;
	size_t low = 0, high = half->count;
	size_t guess = (size_t)(position - half->places[0].position);
	if (guess < high && half->places[guess].position == position)
		return &half->places[guess];
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (half->places[middle].position < position) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return half->places[low].position == position ? &half->places[low] : NULL;
}

static const struct nc_recent_place *find_in(const struct nc_recent *recent, uint64_t position,
                                             const struct nc_recent_half **half_out)
{
	const struct nc_recent_half *half = &recent->halves[recent->filling];
	const struct nc_recent_place *place = find(half, position);
	if (place == NULL) {
		half = &recent->halves[recent->filling ^ 1];
		place = find(half, position);
	}
	*half_out = half;
	return place;
}

bool nc_recent_has(const struct nc_recent *recent, uint64_t position)
{
	const struct nc_recent_half *half;
	return find_in(recent, position, &half) != NULL;
}

bool nc_recent_get(const struct nc_recent *recent, uint64_t position, struct nc_event *event_out)
{
	const struct nc_recent_half *half;
	const struct nc_recent_place *place = find_in(recent, position, &half);
	if (place == NULL)
		return false;
	struct nc_slice record = nc_slice(half->bytes.data + place->offset, place->size);
	return nc_event_placed_get(record, place->position, place->version, place->time_ns,
	                           event_out) == NC_OK;
}

/* What was put since the last call is in the half that is being filled, and stays. */
void nc_recent_age(struct nc_recent *recent)
{
	recent->filling ^= 1;
	half_clear(&recent->halves[recent->filling]);
}

void nc_recent_clear(struct nc_recent *recent)
{
	half_clear(&recent->halves[0]);
	half_clear(&recent->halves[1]);
}

void nc_recent_release(struct nc_recent *recent)
{
	for (size_t i = 0; i < 2; i++) {
		nc_buf_release(&recent->halves[i].bytes);
		free(recent->halves[i].places);
	}
	*recent = (struct nc_recent){ 0 };
}
