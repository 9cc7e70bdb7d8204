/* SPDX-License-Identifier: GPL-3.0-or-later */
/* memory_map.c -- the treap behind versions of the state in memory. */
#include "storage/state/memory_map_private.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "core/base/assert.h"
#include "core/base/crc32c.h"

/* A key and its value, shared by all copies of a node. */
struct pair {
	atomic_uint_fast32_t holders;
	size_t key_size;
	size_t value_size;
	uint8_t bytes[]; /* key, value */
};

struct nc_memory_node {
	atomic_uint_fast32_t holders;
	uint64_t priority; /* no child has a higher one */
	struct nc_memory_node *left;
	struct nc_memory_node *right;
	struct pair *pair;
};

static struct nc_slice pair_key(const struct pair *pair)
{
	return nc_slice(pair->bytes, pair->key_size);
}

static struct nc_slice pair_value(const struct pair *pair)
{
	return nc_slice(pair->bytes + pair->key_size, pair->value_size);
}

static struct pair *pair_new(struct nc_slice key, struct nc_slice value)
{
	struct pair *pair = malloc(sizeof *pair + key.size + value.size);
	if (pair == NULL)
		return NULL;
	atomic_init(&pair->holders, 1);
	pair->key_size = key.size;
	pair->value_size = value.size;
	if (key.size > 0)
		memcpy(pair->bytes, key.data, key.size);
	if (value.size > 0)
		memcpy(pair->bytes + key.size, value.data, value.size);
	return pair;
}

static void pair_drop(struct pair *pair)
{
	if (atomic_fetch_sub_explicit(&pair->holders, 1, memory_order_acq_rel) == 1)
		free(pair);
}

static struct nc_memory_node *node_share(struct nc_memory_node *node)
{
	if (node != NULL)
		atomic_fetch_add_explicit(&node->holders, 1, memory_order_relaxed);
	return node;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as a treap, logarithmic */
static void node_drop(struct nc_memory_node *node)
{
	while (node != NULL &&
	       atomic_fetch_sub_explicit(&node->holders, 1, memory_order_acq_rel) == 1) {
		struct nc_memory_node *right = node->right;
		node_drop(node->left);
		pair_drop(node->pair);
		free(node);
		node = right;
	}
}

/* Keys that count up must not make the treap a list. So the CRC, which is linear, is mixed
 * (splitmix64). */
static uint64_t key_priority(struct nc_slice key)
{
	uint64_t mixed = nc_crc32c(0, key.data, key.size) + UINT64_C(0x9e3779b97f4a7c15);
	mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
	return mixed ^ mixed >> 31;
}

/* Make *slot a node that nobody else sees, given that its parent is one. */
static bool node_own(struct nc_memory_node **slot)
{
	struct nc_memory_node *node = *slot;
	nc_assert(node != NULL);
	if (atomic_load_explicit(&node->holders, memory_order_acquire) == 1)
		return true;
	struct nc_memory_node *copy = malloc(sizeof *copy);
	if (copy == NULL)
		return false;
	atomic_init(&copy->holders, 1);
	copy->priority = node->priority;
	copy->left = node_share(node->left);
	copy->right = node_share(node->right);
	copy->pair = node->pair;
	atomic_fetch_add_explicit(&copy->pair->holders, 1, memory_order_relaxed);
	*slot = copy;
	node_drop(node);
	return true;
}

static void rotate_right(struct nc_memory_node **slot)
{
	struct nc_memory_node *node = *slot;
	struct nc_memory_node *left = node->left;
	node->left = left->right;
	left->right = node;
	*slot = left;
}

static void rotate_left(struct nc_memory_node **slot)
{
	struct nc_memory_node *node = *slot;
	struct nc_memory_node *right = node->right;
	node->right = right->left;
	right->left = node;
	*slot = right;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as a treap, logarithmic */
static bool insert(struct nc_memory_node **slot, struct pair *pair)
{
	if (*slot == NULL) {
		struct nc_memory_node *fresh = malloc(sizeof *fresh);
		if (fresh == NULL)
			return false;
		atomic_init(&fresh->holders, 1);
		fresh->priority = key_priority(pair_key(pair));
		fresh->left = NULL;
		fresh->right = NULL;
		fresh->pair = pair;
		*slot = fresh;
		return true;
	}
	if (!node_own(slot))
		return false;

	struct nc_memory_node *node = *slot;
	int order = nc_slice_cmp(pair_key(pair), pair_key(node->pair));
	if (order == 0) {
		pair_drop(node->pair);
		node->pair = pair;
	} else if (order < 0) {
		if (!insert(&node->left, pair))
			return false;
		if (node->left->priority > node->priority)
			rotate_right(slot);
	} else {
		if (!insert(&node->right, pair))
			return false;
		if (node->right->priority > node->priority)
			rotate_left(slot);
	}
	return true;
}

bool nc_memory_map_put(struct nc_memory_map *map, struct nc_slice key, struct nc_slice value)
{
	struct pair *pair = pair_new(key, value);
	if (pair == NULL)
		return false;
	if (!insert(&map->root, pair)) {
		pair_drop(pair);
		return false;
	}
	return true;
}

/* Take the node at *slot, which is owned, out of the map, by rotating it down until it has no
 * child. If memory runs out on the way, it stays lower than its priority says; the map is still
 * ordered and complete. */
static bool take_out(struct nc_memory_node **slot)
{
	struct nc_memory_node *node = *slot;
	while (node->left != NULL && node->right != NULL) {
		if (node->left->priority > node->right->priority) {
			if (!node_own(&node->left))
				return false;
			rotate_right(slot);
			slot = &(*slot)->right;
		} else {
			if (!node_own(&node->right))
				return false;
			rotate_left(slot);
			slot = &(*slot)->left;
		}
		nc_assert(*slot == node);
	}
	*slot = node->left != NULL ? node->left : node->right;
	node->left = NULL;
	node->right = NULL;
	node_drop(node);
	return true;
}

bool nc_memory_map_remove(struct nc_memory_map *map, struct nc_slice key)
{
	struct nc_slice found;
	if (!nc_memory_map_get(map, key, &found))
		return true;
	struct nc_memory_node **slot = &map->root;
	for (;;) {
		if (!node_own(slot))
			return false;
		int order = nc_slice_cmp(key, pair_key((*slot)->pair));
		if (order == 0)
			return take_out(slot);
		slot = order < 0 ? &(*slot)->left : &(*slot)->right;
	}
}

bool nc_memory_map_get(const struct nc_memory_map *map, struct nc_slice key,
                       struct nc_slice *value_out)
{
	const struct nc_memory_node *node = map->root;
	while (node != NULL) {
		int order = nc_slice_cmp(key, pair_key(node->pair));
		if (order == 0) {
			*value_out = pair_value(node->pair);
			return true;
		}
		node = order < 0 ? node->left : node->right;
	}
	return false;
}

static bool emit(const struct nc_memory_node *node, nc_memory_map_fn *fn, void *ctx)
{
	return fn(ctx, pair_key(node->pair), pair_value(node->pair));
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as a treap, logarithmic */
static bool scan_forward(const struct nc_memory_node *node, struct nc_slice from,
                         nc_memory_map_fn *fn, void *ctx)
{
	for (; node != NULL; node = node->right) {
		if (nc_slice_cmp(pair_key(node->pair), from) < 0)
			continue;
		if (!scan_forward(node->left, from, fn, ctx) || !emit(node, fn, ctx))
			return false;
	}
	return true;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as a treap, logarithmic */
static bool scan_backward(const struct nc_memory_node *node, struct nc_slice from,
                          nc_memory_map_fn *fn, void *ctx)
{
	for (; node != NULL; node = node->left) {
		if (nc_slice_cmp(pair_key(node->pair), from) > 0)
			continue;
		if (!scan_backward(node->right, from, fn, ctx) || !emit(node, fn, ctx))
			return false;
	}
	return true;
}

void nc_memory_map_scan(const struct nc_memory_map *map, struct nc_slice from, bool backward,
                        nc_memory_map_fn *fn, void *ctx)
{
	if (backward) {
		(void)scan_backward(map->root, from, fn, ctx);
	} else {
		(void)scan_forward(map->root, from, fn, ctx);
	}
}

struct nc_memory_map nc_memory_map_share(const struct nc_memory_map *map)
{
	return (struct nc_memory_map){ node_share(map->root) };
}

void nc_memory_map_drop(struct nc_memory_map *map)
{
	node_drop(map->root);
	map->root = NULL;
}
