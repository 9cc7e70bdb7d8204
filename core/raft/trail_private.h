/* SPDX-License-Identifier: GPL-3.0-or-later */
/* trail_private.h -- the log as consensus sees it: for each index its term, kept as runs (a term
 * and the index where it begins), and for the last entries their sizes. Entries base + 1 .. last.
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
	struct nc_trail_run
	        *runs; /* [run_count], of entries that are there; both fields increase */
	size_t run_count, run_room;
	uint32_t *sizes; /* [window], of entry i at i % window */
	uint32_t window;
	uint64_t sized_first; /* sizes are known from here through last */
};

int nc_trail_init(struct nc_trail *trail, uint32_t window, uint64_t base_index, uint64_t base_term);
void nc_trail_release(struct nc_trail *trail);
int nc_trail_copy(const struct nc_trail *trail, struct nc_trail *copy_out);

/* Room for `runs` more; afterwards that many appends cannot fail. Errors: NC_NOMEM. */
int nc_trail_reserve(struct nc_trail *trail, size_t runs);

/* Needs a reserved run if the term is new. */
void nc_trail_append(struct nc_trail *trail, uint64_t term, uint32_t size);
/* Forget the entries from `from` on; `from` is beyond the base. */
void nc_trail_truncate(struct nc_trail *trail, uint64_t from);
/* Forget the entries through `through`, one of them. */
void nc_trail_compact(struct nc_trail *trail, uint64_t through);
void nc_trail_reset(struct nc_trail *trail, uint64_t index, uint64_t term);

/* False: not there. The base's term is. */
bool nc_trail_term(const struct nc_trail *trail, uint64_t index, uint64_t *term_out);
uint64_t nc_trail_last_term(const struct nc_trail *trail);
/* Of an entry in the window; 0 outside. */
uint32_t nc_trail_size(const struct nc_trail *trail, uint64_t index);

/* The last index not beyond `index` whose term is at most `term`, and that term: where a log that
 * has `term` at `index` may agree with this one [3.5, p. 21]. Below the base: base - 1 and term 0.
 */
uint64_t nc_trail_may_match(const struct nc_trail *trail, uint64_t index, uint64_t term,
                            uint64_t *term_out);

#endif
