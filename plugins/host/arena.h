/* SPDX-License-Identifier: GPL-3.0-or-later */
/* arena.h -- memory that is given out piece by piece and taken back all at once.
 *
 * Threads: an arena belongs to one thread at a time.
 */
#ifndef NC_PLUGINS_HOST_ARENA_H
#define NC_PLUGINS_HOST_ARENA_H

#include <stddef.h>

struct nc_arena_block;

/* Begins as zeros. */
struct nc_arena {
	struct nc_arena_block *first; /* the largest block, from which memory is given out */
	size_t used;                  /* bytes of `first` that were given out */
};

/* Memory of `size` bytes, aligned for anything; NULL if out of memory. */
void *nc_arena_take(struct nc_arena *arena, size_t size);
/* Take all of it back. The largest block is kept for what comes next. */
void nc_arena_clear(struct nc_arena *arena);
/* Free all of it. */
void nc_arena_release(struct nc_arena *arena);

#endif
