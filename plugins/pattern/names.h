/* SPDX-License-Identifier: GPL-3.0-or-later */
/* names.h -- lists of names and prefixes of names; one list, and many in one index.
 *
 * A list, once sealed, holds nothing twice: no name that one of its prefixes covers, no prefix that
 * another covers. So a name is met by at most one of its items, and an index needs not remember
 * which lists it has told already.
 *
 * Threads:   a sealed list and a built index never change: any number of readers.
 * Ownership: a list keeps copies; an index keeps copies too.
 * Errors:    NC_NOMEM.
 */
#ifndef NC_PLUGINS_PATTERN_NAMES_H
#define NC_PLUGINS_PATTERN_NAMES_H

#include "plugins/pattern/selector.h"

struct nc_name {
	struct nc_slice bytes;
	bool prefix; /* every name that begins with `bytes` */
};

/* Begins as zeros. */
struct nc_names {
	struct nc_name *items; /* sorted once sealed */
	size_t count;
	size_t capacity;
};

void nc_names_release(struct nc_names *names);
/* Add a name; or all names that begin with `bytes`. Errors: NC_NOMEM. */
int nc_names_add(struct nc_names *names, struct nc_slice name);
int nc_names_add_prefix(struct nc_names *names, struct nc_slice bytes);
/* Keep the first `count` items, and forget the others. */
void nc_names_cut(struct nc_names *names, size_t count);
/* Nothing will be added any more: the list can be asked from now on. */
void nc_names_seal(struct nc_names *names);
bool nc_names_has(const struct nc_names *names, struct nc_slice name);

struct nc_names_index; /* opaque */

/* Make an index of sealed lists; ids[i] is the id of lists[i]. */
int nc_names_index_new(const struct nc_names *const *lists, const uint32_t *ids, size_t list_count,
                       struct nc_names_index **index_out);
void nc_names_index_free(struct nc_names_index *index); /* NULL is a no-op */

/* Emit the id of each list that has the name. */
void nc_names_index_find(const struct nc_names_index *index, struct nc_slice name,
                         nacre_filter_emit_id_fn *emit, void *emit_ctx);

#endif
