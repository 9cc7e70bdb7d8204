/* SPDX-License-Identifier: GPL-3.0-or-later */
/* trail_private.h -- the log as consensus sees it: the term of each entry from base + 1 to last,
 * and the sizes of the last ones. Terms are kept as runs, each a term and the index where it
 * begins.
 *
 * Ownership: nc_trail_release().
 */
#ifndef NC_CORE_RAFT_TRAIL_PRIVATE_H
#define NC_CORE_RAFT_TRAIL_PRIVATE_H

#include "core/base/err.h"
#include "core/base/slice.h"

struct nc_trail_run {
	uint64_t first, term;
};

struct nc_trail {
	uint64_t base_index, base_term;
	uint64_t last;
	struct nc_trail_run *runs; /* [run_count]; both fields rise from one to the next */
	size_t run_count, run_room;
	uint32_t *sizes; /* [window]; the size of entry i is at i % window */
	uint32_t window;
	uint64_t sized_first; /* sizes are known from this entry to the last */
};

/* `window` is how many sizes are kept. Errors: NC_NOMEM. */
int nc_trail_init(struct nc_trail *trail, uint32_t window, uint64_t base_index, uint64_t base_term);
void nc_trail_release(struct nc_trail *trail);
int nc_trail_copy(const struct nc_trail *trail, struct nc_trail *copy_out);

/* Make room for `runs` more runs: then as many appends cannot fail. Errors: NC_NOMEM. */
int nc_trail_reserve(struct nc_trail *trail, size_t runs);

/* Append an entry. If its term is new, a run must have been reserved. */
void nc_trail_append(struct nc_trail *trail, uint64_t term, uint32_t size);
/* Forget the entries from `from` on, which is beyond the base. */
void nc_trail_truncate(struct nc_trail *trail, uint64_t from);
/* Forget the entries up to `through`, which becomes the base. */
void nc_trail_compact(struct nc_trail *trail, uint64_t through);
/* Forget all entries: the base is `index`, with `term`. */
void nc_trail_reset(struct nc_trail *trail, uint64_t index, uint64_t term);

/* The term of an entry, or of the base; false if it is not known. */
bool nc_trail_term(const struct nc_trail *trail, uint64_t index, uint64_t *term_out);
uint64_t nc_trail_last_term(const struct nc_trail *trail);
/* The size of an entry in bytes; 0 if it is not known. */
uint32_t nc_trail_size(const struct nc_trail *trail, uint64_t index);

/* Where this log may agree with one that has `term` at `index` [3.5, p. 21]: the last index not
 * beyond `index` whose term is at most `term`. Its term is `*term_out`. If that lies below the
 * base, the answer is base - 1, and term 0. */
uint64_t nc_trail_may_match(const struct nc_trail *trail, uint64_t index, uint64_t term,
                            uint64_t *term_out);

#endif
