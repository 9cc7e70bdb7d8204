/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keys of a subscription: who of one key is on its way, and how much of it is parked. Keys are
 * known by 16 bytes of their SHA-256, so that memory does not depend on their length. */
#include "core/base/sha256.h"
#include "core/delivery/subscription_private.h"

#include <stdlib.h>

#define KEYS_MIN 16u

static void digest_of(const struct nc_sub *sub, struct nc_slice key, uint8_t digest_out[KEY_SIZE])
{
	uint8_t whole[NC_SHA256_SIZE];
	if (sub->policy.order == NC_ORDER_GLOBAL)
		key = NC_SLICE("*");
	nc_sha256(&key, 1, whole);
	memcpy(digest_out, whole, KEY_SIZE);
}

static uint64_t hash_of(const uint8_t digest[KEY_SIZE])
{
	return nc_get_u64(digest);
}

static bool is_keyed(const struct nc_sub *sub, struct nc_slice key)
{
	return sub->policy.order == NC_ORDER_GLOBAL ||
	       (sub->policy.order != NC_ORDER_NONE && key.size > 0);
}

static uint32_t find(const struct nc_sub *sub, const uint8_t digest[KEY_SIZE])
{
	struct nc_hashmap_probe probe;
	uint32_t key = nc_hashmap_first(&sub->by_key, hash_of(digest), &probe);
	while (key != NONE && memcmp(sub->keys[key].digest, digest, KEY_SIZE) != 0)
		key = nc_hashmap_next(&sub->by_key, &probe);
	return key;
}

uint32_t nc_sub_key_find(const struct nc_sub *sub, struct nc_slice key)
{
	uint8_t digest[KEY_SIZE];
	if (!is_keyed(sub, key))
		return NONE;
	digest_of(sub, key, digest);
	return find(sub, digest);
}

static int grow(struct nc_sub *sub)
{
	uint32_t capacity = sub->key_capacity == 0 ? KEYS_MIN : sub->key_capacity * 2;
	struct key *keys = realloc(sub->keys, capacity * sizeof *keys);
	if (keys == NULL)
		return NC_NOMEM;
	sub->keys = keys;
	for (uint32_t key = capacity; key-- > sub->key_capacity;) {
		keys[key] = (struct key){ .first = sub->key_free };
		sub->key_free = key;
	}
	sub->key_capacity = capacity;
	return NC_OK;
}

int nc_sub_key_get(struct nc_sub *sub, struct nc_slice key, uint32_t *key_out)
{
	uint8_t digest[KEY_SIZE];
	if (!is_keyed(sub, key)) {
		*key_out = NONE;
		return NC_OK;
	}
	digest_of(sub, key, digest);
	uint32_t found = find(sub, digest);
	if (found == NONE) {
		int err = sub->key_free == NONE ? grow(sub) : NC_OK;
		if (err == NC_OK)
			err = nc_hashmap_put(&sub->by_key, hash_of(digest), sub->key_free);
		if (err != NC_OK)
			return err;
		found = sub->key_free;
		sub->key_free = sub->keys[found].first;
		sub->keys[found] = (struct key){ .first = NONE, .last = NONE };
		memcpy(sub->keys[found].digest, digest, KEY_SIZE);
		sub->key_count++;
	}
	*key_out = found;
	return NC_OK;
}

void nc_sub_key_drop(struct nc_sub *sub, uint32_t key)
{
	if (key == NONE || sub->keys[key].first != NONE || sub->keys[key].parked > 0)
		return;
	bool found = nc_hashmap_remove(&sub->by_key, hash_of(sub->keys[key].digest), key);
	nc_assert(found);
	sub->keys[key] = (struct key){ .first = sub->key_free };
	sub->key_free = key;
	sub->key_count--;
}

void nc_sub_key_park(struct nc_sub *sub, uint32_t key)
{
	sub->parked++;
	if (!sub->policy.durable && sub->parked > NC_SUB_PARKED_MAX)
		nc_sub_halt(sub, sub->cursor, "too many events are parked");
	if (key == NONE || sub->keys[key].parked++ > 0)
		return;
	sub->parked_keys++;
	if (sub->parked_keys > NC_SUB_PARKED_KEYS_MAX)
		nc_sub_halt(sub, sub->cursor, "too many keys are parked");
}

void nc_sub_key_unpark(struct nc_sub *sub, uint32_t key)
{
	nc_assert(sub->parked > 0);
	sub->parked--;
	if (key == NONE)
		return;
	nc_assert(sub->keys[key].parked > 0);
	if (--sub->keys[key].parked == 0)
		sub->parked_keys--;
}

void nc_sub_parked_gone(struct nc_sub *sub, struct nc_slice key)
{
	uint32_t id = nc_sub_key_find(sub, key);
	bool unknown = id == NONE && is_keyed(sub, key);
	if (unknown || sub->parked <= sub->replaying ||
	    (id != NONE && sub->keys[id].parked <= sub->keys[id].replaying))
		return;
	nc_sub_key_unpark(sub, id);
	nc_sub_key_drop(sub, id);
	nc_sub_changed_by_ack(sub);
}

void nc_sub_key_stand(struct nc_sub *sub, uint32_t key, uint64_t position)
{
	if (key == NONE || sub->recalled == 0)
		return;
	struct key *of = &sub->keys[key];
	if (of->stands == 0 || position < of->stands)
		of->stands = position;
}

void nc_sub_key_join(struct nc_sub *sub, uint32_t key, uint32_t id)
{
	struct entry *entry = &sub->entries[id];
	struct key *of = &sub->keys[key];
	entry->key = key;
	entry->key_prev = of->last;
	entry->key_next = NONE;
	entry->joined = true;
	if (of->last == NONE) {
		of->first = id;
	} else {
		sub->entries[of->last].key_next = id;
	}
	of->last = id;
	of->replaying += entry->replay;
}

void nc_sub_key_leave(struct nc_sub *sub, uint32_t id)
{
	struct entry *entry = &sub->entries[id];
	uint32_t key = entry->key;
	if (!entry->joined)
		return;
	struct key *of = &sub->keys[key];
	if (entry->key_prev == NONE) {
		of->first = entry->key_next;
	} else {
		sub->entries[entry->key_prev].key_next = entry->key_next;
	}
	if (entry->key_next == NONE) {
		of->last = entry->key_prev;
	} else {
		sub->entries[entry->key_next].key_prev = entry->key_prev;
	}
	of->replaying -= entry->replay;
	entry->joined = false;
	entry->key = entry->key_prev = entry->key_next = NONE;
	if (of->first != NONE && sub->entries[of->first].state == NC_SUB_HELD)
		nc_sub_make_ready(sub, of->first);
	nc_sub_key_drop(sub, key);
}
