/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Many NATS patterns: a trie of tokens. Literal children of all nodes share one hash table, keyed
 * by node and token, so that a wide node costs no more than a narrow one. */
#include <stdlib.h>

#include "plugins/pattern/nats_private.h"
#include "plugins/pattern/pool.h"

#define NONE 0 /* node 0 is the root, which is nobody's child; owner lists count from 1 */

/* An owner in a node's list. */
struct owner {
	uint32_t owner;
	uint32_t next; /* + 1; NONE: the last */
};

struct node {
	uint32_t here; /* owners of patterns that end here */
	uint32_t rest; /* owners of patterns whose next token is '>' */
	uint32_t star; /* the child of the token '*' */
	uint32_t part; /* the first child whose token holds a star */
	uint32_t next; /* the next such sibling */
	uint32_t parent;
	bool literal;
	struct nc_slice token;
	uint64_t hash; /* of parent and token, if literal */
};

struct nc_nats_trie {
	struct nc_pool *pool; /* the tokens' bytes */
	struct node *nodes;
	struct owner *owners;
	uint32_t *slots; /* literal children; NONE: empty */
	size_t node_count, owner_count;
	size_t slot_count; /* a power of two */
};

static uint64_t hash_of(uint32_t parent, struct nc_slice token)
{
	uint64_t hash = 14695981039346656037ull ^ (uint64_t)parent * 0x9e3779b97f4a7c15;
	for (size_t i = 0; i < token.size; i++)
		hash = (hash ^ token.data[i]) * 1099511628211ull;
	return hash ^ hash >> 32;
}

static uint32_t *slot_of(const struct nc_nats_trie *trie, uint32_t parent, struct nc_slice token,
                         uint64_t hash)
{
	for (size_t slot = (size_t)hash & (trie->slot_count - 1);;
	     slot = (slot + 1) & (trie->slot_count - 1)) {
		const struct node *node = &trie->nodes[trie->slots[slot]];
		if (trie->slots[slot] == NONE || (node->hash == hash && node->parent == parent &&
		                                  nc_slice_eq(node->token, token)))
			return &trie->slots[slot];
	}
}

/* Make room in `*array` for one element more. */
static bool grow(void **array, size_t count, size_t size)
{
	if ((count & (count - 1)) != 0)
		return true;
	void *moved = realloc(*array, (count == 0 ? 1 : 2 * count) * size);
	if (moved != NULL)
		*array = moved;
	return moved != NULL;
}

int nc_nats_trie_new(struct nc_nats_trie **trie_out)
{
	struct nc_nats_trie *trie = calloc(1, sizeof *trie);
	if (trie == NULL)
		return NC_NOMEM;
	trie->slot_count = 8;
	trie->pool = nc_pool_new();
	trie->nodes = calloc(1, sizeof *trie->nodes);
	trie->slots = calloc(trie->slot_count, sizeof *trie->slots);
	if (trie->pool == NULL || trie->nodes == NULL || trie->slots == NULL) {
		nc_nats_trie_free(trie);
		return NC_NOMEM;
	}
	trie->node_count = 1;
	*trie_out = trie;
	return NC_OK;
}

void nc_nats_trie_free(struct nc_nats_trie *trie)
{
	if (trie == NULL)
		return;
	nc_pool_free(trie->pool);
	free(trie->nodes);
	free(trie->owners);
	free(trie->slots);
	free(trie);
}

/* The table is at most half full. */
static int slots_make(struct nc_nats_trie *trie)
{
	if (2 * (trie->node_count + 1) <= trie->slot_count)
		return NC_OK;
	uint32_t *slots = calloc(2 * trie->slot_count, sizeof *slots);
	if (slots == NULL)
		return NC_NOMEM;
	free(trie->slots);
	trie->slots = slots;
	trie->slot_count *= 2;
	for (size_t i = 1; i < trie->node_count; i++) {
		const struct node *node = &trie->nodes[i];
		if (node->literal)
			*slot_of(trie, node->parent, node->token, node->hash) = (uint32_t)i;
	}
	return NC_OK;
}

/* The child of a node for a token; none if it is not there yet. */
static uint32_t child_find(const struct nc_nats_trie *trie, uint32_t parent, struct nc_slice token,
                           bool literal)
{
	if (literal)
		return *slot_of(trie, parent, token, hash_of(parent, token));
	if (nc_slice_is(token, "*"))
		return trie->nodes[parent].star;
	uint32_t at = trie->nodes[parent].part;
	while (at != NONE && !nc_slice_eq(trie->nodes[at].token, token))
		at = trie->nodes[at].next;
	return at;
}

static int child_make(struct nc_nats_trie *trie, uint32_t parent, struct nc_slice token,
                      uint32_t *child_out)
{
	bool literal = memchr(token.data, '*', token.size) == NULL;
	*child_out = child_find(trie, parent, token, literal);
	if (*child_out != NONE)
		return NC_OK;
	uint8_t *copy = nc_pool_take(trie->pool, token.size);
	void *nodes = trie->nodes;
	bool room = grow(&nodes, trie->node_count, sizeof *trie->nodes);
	trie->nodes = nodes;
	if (copy == NULL || !room || slots_make(trie) != NC_OK)
		return NC_NOMEM;
	memcpy(copy, token.data, token.size);
	uint32_t child = (uint32_t)trie->node_count++;
	struct node *node = &trie->nodes[child];
	*node = (struct node){ .parent = parent,
		               .literal = literal,
		               .token = nc_slice(copy, token.size),
		               .hash = hash_of(parent, token) };
	if (literal) {
		*slot_of(trie, parent, node->token, node->hash) = child;
	} else if (nc_slice_is(token, "*")) {
		trie->nodes[parent].star = child;
	} else {
		node->next = trie->nodes[parent].part;
		trie->nodes[parent].part = child;
	}
	*child_out = child;
	return NC_OK;
}

int nc_nats_trie_add(struct nc_nats_trie *trie, struct nc_slice pattern, uint32_t owner)
{
	void *owners = trie->owners;
	bool room = grow(&owners, trie->owner_count, sizeof *trie->owners);
	trie->owners = owners;
	if (!room)
		return NC_NOMEM;
	uint32_t node = 0;
	bool rest = false;
	while (pattern.data != NULL) {
		struct nc_slice token = nc_nats_token(pattern, &pattern);
		rest = nc_slice_is(token, ">");
		if (!rest && child_make(trie, node, token, &node) != NC_OK)
			return NC_NOMEM;
	}
	uint32_t *list = rest ? &trie->nodes[node].rest : &trie->nodes[node].here;
	trie->owners[trie->owner_count] = (struct owner){ owner, *list };
	*list = (uint32_t)++trie->owner_count;
	return NC_OK;
}

/* ---- Finding -------------------------------------------------------------------------------- */

struct find {
	const struct nc_nats_trie *trie;
	nc_nats_found_fn *fn;
	void *ctx;
};

static void owners_tell(const struct find *find, uint32_t list)
{
	for (; list != NONE; list = find->trie->owners[list - 1].next)
		find->fn(find->ctx, find->trie->owners[list - 1].owner);
}

/* Find from `node` on. `name` is what is left of the name; its pointer is NULL if nothing is. A
 * name has at most 128 tokens. */
/* NOLINTNEXTLINE(misc-no-recursion): a token deeper */
static void node_find(const struct find *find, uint32_t index, struct nc_slice name)
{
	const struct nc_nats_trie *trie = find->trie;
	const struct node *node = &trie->nodes[index];
	if (name.data == NULL) {
		owners_tell(find, node->here);
		return;
	}
	if (name.size > 0)
		owners_tell(find, node->rest);
	struct nc_slice rest;
	struct nc_slice token = nc_nats_token(name, &rest);
	uint32_t child = *slot_of(trie, index, token, hash_of(index, token));
	if (child != NONE)
		node_find(find, child, rest);
	if (node->star != NONE)
		node_find(find, node->star, rest);
	for (uint32_t at = node->part; at != NONE; at = trie->nodes[at].next) {
		if (nc_nats_token_match(trie->nodes[at].token, token))
			node_find(find, at, rest);
	}
}

void nc_nats_trie_find(const struct nc_nats_trie *trie, struct nc_slice name, nc_nats_found_fn *fn,
                       void *ctx)
{
	const struct find find = { trie, fn, ctx };
	if (name.size > 0)
		node_find(&find, 0, name);
}
