/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nats.h -- NATS patterns on names: tokens between dots; '*' is a token or part of one, and stands
 * for any bytes but '.'; '>' is the last token and stands for one or more. One pattern, and many in
 * a trie.
 *
 * Threads: patterns and tries never change once made: any number of readers.
 */
#ifndef NC_PLUGINS_PATTERN_NATS_H
#define NC_PLUGINS_PATTERN_NATS_H

#include "plugins/pattern/selector.h"

/* NULL if `pattern` is a pattern; else what was expected, and at which byte. */
const char *nc_nats_check(struct nc_slice pattern, size_t *at_out);

bool nc_nats_match(struct nc_slice pattern, struct nc_slice name);

/* The bytes before the first wildcard. If those are all, the pattern is a name. */
struct nc_slice nc_nats_literal(struct nc_slice pattern);

struct nc_nats_trie; /* opaque */

/* Errors: NC_NOMEM. */
int nc_nats_trie_new(struct nc_nats_trie **trie_out);
void nc_nats_trie_free(struct nc_nats_trie *trie); /* NULL is a no-op */

/* Add a copy of a checked pattern, for `owner`, a number of the caller's. Errors: NC_NOMEM. */
int nc_nats_trie_add(struct nc_nats_trie *trie, struct nc_slice pattern, uint32_t owner);

/* Give `fn` the owner of each pattern that matches `name`. An owner of several such patterns is
 * given once for each. */
typedef void nc_nats_found_fn(void *ctx, uint32_t owner);
void nc_nats_trie_find(const struct nc_nats_trie *trie, struct nc_slice name, nc_nats_found_fn *fn,
                       void *ctx);

#endif
