/* SPDX-License-Identifier: GPL-3.0-or-later */
/* filter_index.h -- many filters of any plugins, coming and going, asked at once.
 *
 * For each plugin there is a large set, which never changes, and a small one of those that came
 * since. Adding one builds nothing but the small one, at the next question. When it has grown, the
 * caller takes a merge, runs it on whatever thread, and puts it back: the large set is swapped;
 * then the merge is freed, on whatever thread too.
 *
 * Threads:   an index belongs to one thread at a time; nc_filter_merge_run() needs no index and may
 *            run beside everything, and so does nc_filter_merge_free().
 * Ownership: the index holds a reference to each filter.
 * Errors:    NC_OK, NC_NOMEM (nothing changed), and as said.
 */
#ifndef NC_PLUGINS_HOST_FILTER_INDEX_H
#define NC_PLUGINS_HOST_FILTER_INDEX_H

#include "plugins/host/plugin_host.h"

#define NC_FILTER_INDEX_SMALL 128 /* filters in a small set that call for a merge */

struct nc_filter_index; /* opaque */
struct nc_filter_merge; /* opaque */

int nc_filter_index_new(struct nc_filter_index **index_out);
void nc_filter_index_free(struct nc_filter_index *index); /* NULL is a no-op; no merge is out */

/* `id` is the caller's, a small number: memory grows with the greatest. Errors: NC_EXISTS. */
int nc_filter_index_add(struct nc_filter_index *index, struct nc_filter *filter, uint32_t id);

/* Allocates nothing. Errors: NC_NOTFOUND. */
int nc_filter_index_remove(struct nc_filter_index *index, uint32_t id);

size_t nc_filter_index_count(const struct nc_filter_index *index);

/* `fn` hears the id of each filter that event `at` of the batch matches, once each, in any order;
 * on an error what it heard does not count. Errors: as nc_filter_match(); *failed_out, which may be
 * NULL, is then the name of the plugin that gave no answer. */
int nc_filter_index_match(struct nc_filter_index *index, struct nc_filter_batch *batch, size_t at,
                          nc_filter_id_fn *fn, void *ctx, const char **failed_out);

/* A merge that is worth doing. NULL: there is none, one is under way already, or there is no
 * memory. */
struct nc_filter_merge *nc_filter_index_merge_take(struct nc_filter_index *index);

/* The long part. Whether it went well shows in put. */
void nc_filter_merge_run(struct nc_filter_merge *merge);

/* Put the result of the merge into the index. Errors: those of nc_filter_set_new(); the index is as
 * before. */
int nc_filter_index_merge_put(struct nc_filter_index *index, struct nc_filter_merge *merge);

/* Free a merge that was put, and the set that it replaced. Takes as long as the run; on any
 * thread. */
void nc_filter_merge_free(struct nc_filter_merge *merge);

#endif
