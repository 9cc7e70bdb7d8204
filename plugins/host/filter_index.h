/* SPDX-License-Identifier: GPL-3.0-or-later */
/* filter_index.h -- many filters of any plugins, coming and going, asked at once.
 *
 * For each plugin there is a large set, which never changes, and a small one of the filters that
 * came since. After a filter was added, the next question builds the small set anew, and nothing
 * else. When the small set has grown, the caller takes a merge, runs it, and puts it back, which
 * swaps the large set. Then the caller frees the merge.
 *
 * Threads:   an index belongs to one thread at a time. nc_filter_merge_run() and
 *            nc_filter_merge_free() need no index: any thread may call them, beside everything
 *            else.
 * Ownership: the index holds a reference to each filter.
 * Errors:    NC_NOMEM, then nothing has changed; and those that a call names.
 */
#ifndef NC_PLUGINS_HOST_FILTER_INDEX_H
#define NC_PLUGINS_HOST_FILTER_INDEX_H

#include "plugins/host/plugin_host.h"

#define NC_FILTER_INDEX_SMALL 128 /* so many filters in a small set call for a merge */

struct nc_filter_index; /* opaque */
struct nc_filter_merge; /* opaque */

int nc_filter_index_new(struct nc_filter_index **index_out);
/* NULL is a no-op. Every merge must have been put back. */
void nc_filter_index_free(struct nc_filter_index *index);

/* Add a filter under the caller's `id`. Ids should be small numbers, as memory grows with the
 * largest one. Errors: NC_EXISTS. */
int nc_filter_index_add(struct nc_filter_index *index, struct nc_filter *filter, uint32_t id);

/* Remove a filter. This needs no memory. Errors: NC_NOTFOUND. */
int nc_filter_index_remove(struct nc_filter_index *index, uint32_t id);

size_t nc_filter_index_count(const struct nc_filter_index *index);

/* Give `fn` the id of each filter that event `at` of the batch matches, once each, in any order. If
 * there is an error, what it was given does not count. Errors: those of nc_filter_match();
 * *failed_out, which may be NULL, is then the name of the plugin that gave no answer. */
int nc_filter_index_match(struct nc_filter_index *index, struct nc_filter_batch *batch, size_t at,
                          nc_filter_id_fn *fn, void *ctx, const char **failed_out);

/* Take a merge that is worth running. NULL if there is none, or one is under way already, or if out
 * of memory. */
struct nc_filter_merge *nc_filter_index_merge_take(struct nc_filter_index *index);

/* Run the merge, which is what takes long. If it fails, putting it back tells. */
void nc_filter_merge_run(struct nc_filter_merge *merge);

/* Put the merge back, and with it its result into the index. Errors: those of nc_filter_set_new();
 * the index is then as it was. */
int nc_filter_index_merge_put(struct nc_filter_index *index, struct nc_filter_merge *merge);

/* Free a merge that was put, and the set that it replaced. Takes as long as running it. */
void nc_filter_merge_free(struct nc_filter_merge *merge);

#endif
