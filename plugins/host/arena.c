/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A chain of blocks, each at least twice the one before. */
#include "plugins/host/arena.h"

#include <stdalign.h>
#include <stdlib.h>

#define BLOCK_SIZE_MIN 16384 /* bytes */

struct nc_arena_block {
	struct nc_arena_block *next;
	size_t size;
	alignas(max_align_t) unsigned char bytes[];
};

static void *block_take(struct nc_arena *arena, size_t size)
{
	size_t room = arena->first == NULL ? BLOCK_SIZE_MIN : arena->first->size * 2;
	if (room < size)
		room = size;
	struct nc_arena_block *block = malloc(sizeof *block + room);
	if (block == NULL)
		return NULL;
	block->next = arena->first;
	block->size = room;
	arena->first = block;
	arena->used = size;
	return block->bytes;
}

void *nc_arena_take(struct nc_arena *arena, size_t size)
{
	size = (size + alignof(max_align_t) - 1) / alignof(max_align_t) * alignof(max_align_t);
	if (arena->first == NULL || size > arena->first->size - arena->used)
		return block_take(arena, size);
	void *room = arena->first->bytes + arena->used;
	arena->used += size;
	return room;
}

static void blocks_free(struct nc_arena_block *block)
{
	while (block != NULL) {
		struct nc_arena_block *next = block->next;
		free(block);
		block = next;
	}
}

void nc_arena_clear(struct nc_arena *arena)
{
	if (arena->first != NULL) {
		blocks_free(arena->first->next);
		arena->first->next = NULL;
	}
	arena->used = 0;
}

void nc_arena_release(struct nc_arena *arena)
{
	blocks_free(arena->first);
	*arena = (struct nc_arena){ 0 };
}
