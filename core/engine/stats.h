/* SPDX-License-Identifier: GPL-3.0-or-later */
/* stats.h -- the most frequent types and categories of a store, with how many events each has
 * (PROTOCOL.md section 11). The numbers are of one moment, however many steps it takes.
 *
 * A step looks at some names, in the order of the names. What is kept between steps grows with how
 * many are asked for, not with how many there are.
 *
 * Threads: one at a time; each step may come with another reader. Ownership: nc_stats_free().
 */
#ifndef NC_CORE_ENGINE_STATS_H
#define NC_CORE_ENGINE_STATS_H

#include "core/engine/engine.h"
#include "core/engine/stream.h"

#define NC_STATS_LIMIT_DEFAULT 1000u
#define NC_STATS_LIMIT_MAX     10000u

enum nc_stats_kind { NC_STATS_TYPES, NC_STATS_CATEGORIES, NC_STATS_KINDS };

struct nc_stats; /* opaque */

/* `limit` is how many are asked for of each kind, 1..NC_STATS_LIMIT_MAX. Errors: NC_NOMEM. */
int nc_stats_new(uint64_t limit, struct nc_stats **stats_out);
void nc_stats_free(struct nc_stats *stats); /* NULL is a no-op */

/* How many bytes of memory one takes at most. */
size_t nc_stats_size_max(uint64_t limit);

/* Look at up to `names` more names, in one snapshot. *done_out becomes true when there are none
 * left. Errors: NC_NOMEM; NC_CORRUPT; those of the state. */
int nc_stats_step(struct nc_stats *stats, struct nc_state_reader *reader, size_t names,
                  bool *done_out);

/* After the first step: the store as it was then, to which all numbers belong. */
const struct nc_engine_head *nc_stats_head(const struct nc_stats *stats);
/* After a step: how many names of a kind have been looked at. */
uint64_t nc_stats_names(const struct nc_stats *stats, enum nc_stats_kind kind);

/* Give `fn` the most frequent of a kind until it returns false: those with more events first, and
 * those with equally many by name. The name is borrowed. No step may follow. */
typedef bool nc_stats_fn(void *ctx, struct nc_slice name, uint64_t events);
void nc_stats_each(struct nc_stats *stats, enum nc_stats_kind kind, nc_stats_fn *fn, void *ctx);

#endif
