/* SPDX-License-Identifier: GPL-3.0-or-later */
/* arena.h -- memory that is given out piece by piece and taken back all at once. One thread. */
#ifndef NC_PLUGINS_HOST_ARENA_H
#define NC_PLUGINS_HOST_ARENA_H

#include <stddef.h>

struct nc_arena_block;

struct nc_arena {
	struct nc_arena_block *first; /* the one given out of; the largest */
	size_t used;                  /* bytes of `first` */
};

/* `= {0}` makes an empty one. Room for `size` bytes at any alignment; NULL when out of memory. */
void *nc_arena_take(struct nc_arena *arena, size_t size);
void nc_arena_clear(struct nc_arena *arena); /* keeps the largest block */
void nc_arena_release(struct nc_arena *arena);

#endif
