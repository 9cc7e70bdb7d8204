/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Equal states at equal applied indexes: the head with its digest after every transaction, and now
 * and then all there is. */
#include <stdlib.h>

#include "core/base/crc32c.h"
#include "tests/sim/store_private.h"

#define ULL(value) ((unsigned long long)(value))

static void mix(uint64_t *hash, struct nc_slice bytes)
{
	*hash = (*hash ^ nc_crc32c(0, bytes.data, bytes.size) ^ bytes.size << 32) *
	        UINT64_C(0x100000001b3);
	*hash ^= *hash >> 29;
}

static bool on_pair(void *ctx, struct nc_slice key, struct nc_slice value)
{
	mix(ctx, key);
	mix(ctx, value);
	return true;
}

static bool on_event(void *ctx, uint64_t position, struct nc_slice row)
{
	mix(ctx, nc_slice(&position, sizeof position));
	mix(ctx, row);
	return true;
}

static uint64_t hash_whole(struct store_node *of)
{
	uint64_t hash = 1;
	nc_assert(nc_state_reader_begin(of->reader) == NC_OK);
	for (int space = 0; space < NC_SPACE_COUNT; space++) {
		nc_assert(nc_state_scan(of->reader, (enum nc_space)space, nc_slice(NULL, 0), false,
		                        on_pair, &hash) == NC_OK);
	}
	nc_assert(nc_state_events(of->reader, 1, false, on_event, &hash) == NC_OK);
	nc_state_reader_end(of->reader);
	return hash | 1;
}

static uint64_t hash_head(const struct store_node *of)
{
	const struct nc_engine_head head = nc_engine_head(of->engine);
	uint64_t hash = 1;
	mix(&hash, nc_slice(head.digest, sizeof head.digest));
	const uint64_t numbers[] = { head.position, head.time_ns, head.streams,
		                     head.events,   head.bytes,   head.version };
	mix(&hash, nc_slice(numbers, sizeof numbers));
	return hash | 1;
}

static void compare(struct sim *sim, const struct sim_node *node, uint64_t index, uint64_t *known,
                    uint64_t hash, const char *what)
{
	if (known[index] == 0) {
		known[index] = hash;
	} else if (known[index] != hash) {
		sim_violation(sim, "state-machine safety: node %llu has another %s at %llu",
		              ULL(node->id), what, ULL(index));
	}
}

void store_check_state(struct sim *sim, const struct sim_node *node, uint64_t index, bool whole)
{
	struct sim_store *store = sim->store;
	struct store_node *of = store_of(sim, node);
	if (index >= store->digest_room) {
		size_t room = index * 2 + 256, old = store->digest_room;
		store->digests = realloc(store->digests, room * sizeof *store->digests);
		store->wholes = realloc(store->wholes, room * sizeof *store->wholes);
		nc_assert(store->digests != NULL && store->wholes != NULL);
		memset(store->digests + old, 0, (room - old) * sizeof *store->digests);
		memset(store->wholes + old, 0, (room - old) * sizeof *store->wholes);
		store->digest_room = room;
	}
	uint64_t hash = hash_head(of);
	sim->hash = (sim->hash ^ hash) * 0x100000001b3u;
	compare(sim, node, index, store->digests, hash, "head");
	if (whole) {
		store_check_snaps(sim, node);
		compare(sim, node, index, store->wholes, hash_whole(of), "state");
	}
}
