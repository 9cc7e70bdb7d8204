/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Hashes of the requests that were answered lately. */
#include "core/node/spread/answered.h"

#include <stdlib.h>

uint64_t nc_answered_hash(struct nc_slice rest, struct nc_slice reply, struct nc_slice body)
{
	uint64_t hash = nc_hash_u64(nc_hash_bytes(rest) + 1);
	hash = nc_hash_u64((hash ^ nc_hash_bytes(reply)) + 1);
	return hash ^ nc_hash_bytes(body);
}

void nc_answered_note(struct nc_answered *answered, uint64_t hash, uint64_t now_ns)
{
	if (answered->notes == NULL)
		answered->notes = calloc(NC_ANSWERED_MAX, sizeof *answered->notes);
	if (answered->notes == NULL)
		return;
	uint32_t at = (uint32_t)(answered->count % NC_ANSWERED_MAX);
	struct nc_answered_note *note = &answered->notes[at];
	if (answered->count >= NC_ANSWERED_MAX)
		(void)nc_hashmap_remove(&answered->by_hash, note->hash, at);
	*note = (struct nc_answered_note){ hash, now_ns };
	answered->count++;
	(void)nc_hashmap_put(&answered->by_hash, hash, at);
}

bool nc_answered_has(const struct nc_answered *answered, uint64_t hash, uint64_t now_ns)
{
	struct nc_hashmap_probe probe;
	for (uint32_t at = nc_hashmap_first(&answered->by_hash, hash, &probe);
	     at != NC_HASHMAP_NONE; at = nc_hashmap_next(&answered->by_hash, &probe)) {
		const struct nc_answered_note *note = &answered->notes[at];
		if (note->hash == hash && now_ns - note->at_ns <= NC_ANSWERED_NS)
			return true;
	}
	return false;
}

void nc_answered_release(struct nc_answered *answered)
{
	free(answered->notes);
	nc_hashmap_release(&answered->by_hash);
	*answered = (struct nc_answered){ 0 };
}
