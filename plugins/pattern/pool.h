/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pool.h -- memory of what is compiled once and freed at once. One thread while it is filled. */
#ifndef NC_PLUGINS_PATTERN_POOL_H
#define NC_PLUGINS_PATTERN_POOL_H

#include <stddef.h>

struct nc_pool; /* opaque */

struct nc_pool *nc_pool_new(void); /* NULL: out of memory */
void nc_pool_free(struct nc_pool *pool);

/* Zeroed room at any alignment; NULL when out of memory. */
void *nc_pool_take(struct nc_pool *pool, size_t size);

/* Room for one element more in an array of `count` elements of `size` bytes, which may move; its
 * capacity is the power of two at or above `count`. NULL when out of memory. */
void *nc_pool_grow(struct nc_pool *pool, void *array, size_t count, size_t size);

#endif
