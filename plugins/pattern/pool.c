/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A chain of blocks. */
#include "plugins/pattern/pool.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE 1000 /* bytes; a block with its header fits in 1 KiB */

struct block {
	struct block *next;
	alignas(max_align_t) unsigned char bytes[];
};

struct nc_pool {
	struct block *first;
	size_t left; /* bytes of `first`, at its end */
	size_t size; /* bytes of `first` */
};

struct nc_pool *nc_pool_new(void)
{
	return calloc(1, sizeof(struct nc_pool));
}

void nc_pool_free(struct nc_pool *pool)
{
	if (pool == NULL)
		return;
	while (pool->first != NULL) {
		struct block *block = pool->first;
		pool->first = block->next;
		free(block);
	}
	free(pool);
}

void *nc_pool_take(struct nc_pool *pool, size_t size)
{
	size = (size + alignof(max_align_t) - 1) / alignof(max_align_t) * alignof(max_align_t);
	if (size > pool->left) {
		size_t room = size > BLOCK_SIZE ? size : BLOCK_SIZE;
		struct block *block = calloc(1, sizeof *block + room);
		if (block == NULL)
			return NULL;
		block->next = pool->first;
		pool->first = block;
		pool->size = pool->left = room;
	}
	void *room = pool->first->bytes + (pool->size - pool->left);
	pool->left -= size;
	return room;
}

void *nc_pool_grow(struct nc_pool *pool, void *array, size_t count, size_t size)
{
	/* An array has room for a power of two: it is full when it holds that many. */
	if ((count & (count - 1)) != 0)
		return array;
	void *moved = nc_pool_take(pool, (count == 0 ? 1 : 2 * count) * size);
	if (moved != NULL && count > 0)
		memcpy(moved, array, count * size);
	return moved;
}
