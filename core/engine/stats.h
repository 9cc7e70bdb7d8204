/* SPDX-License-Identifier: GPL-3.0-or-later */
/* stats.h -- how many events of each type, and of each category, a store has: the most frequent of
 * them, of one moment however many steps it takes (PROTOCOL.md section 11).
 *
 * A step looks at some names, in the order of the names. What is kept between steps is bounded by
 * how many are asked for, not by how many there are.
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

/* `limit` (1..NC_STATS_LIMIT_MAX) of each kind. Errors: NC_NOMEM. */
int nc_stats_new(uint64_t limit, struct nc_stats **stats_out);
void nc_stats_free(struct nc_stats *stats); /* NULL is a no-op */

/* Bytes that one takes at most. */
size_t nc_stats_size_max(uint64_t limit);

/* Look at `names` more, in one snapshot; `done`, that was all. Errors: NC_NOMEM; NC_CORRUPT; as the
 * state. */
int nc_stats_step(struct nc_stats *stats, struct nc_state_reader *reader, size_t names,
                  bool *done_out);

/* After a step: the store as it was at the first one, which all numbers are of; and how many names
 * of a kind have been looked at. */
const struct nc_engine_head *nc_stats_head(const struct nc_stats *stats);
uint64_t nc_stats_names(const struct nc_stats *stats, enum nc_stats_kind kind);

/* The most frequent of a kind, those with more events first, equal ones by name; after it no more
 * steps. `fn` is borrowed a name, and says whether to go on. */
typedef bool nc_stats_fn(void *ctx, struct nc_slice name, uint64_t events);
void nc_stats_each(struct nc_stats *stats, enum nc_stats_kind kind, nc_stats_fn *fn, void *ctx);

#endif
