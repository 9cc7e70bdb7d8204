/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pattern.h -- EventBridge patterns over flattened values (PROTOCOL.md section 9): compiled once,
 * asked for a view, alone or ten thousand at a time.
 *
 * What a pattern means: fields AND, the values of a field's list OR. A field is a path; it holds if
 * one of the path's leaves is such, or, with `exists:false`, if the path has no leaf. All fields
 * must hold together: with leaves that lie in the same element of every array that several of them
 * lie in; and what must not exist must not exist in those elements. `$or` multiplies a pattern out
 * into alternatives, each a list of fields.
 *
 * Threads:   a pattern and a set never change: any number of readers.
 * Ownership: a pattern keeps copies of what it needs; a set borrows its patterns.
 */
#ifndef NC_PLUGINS_PATTERN_PATTERN_H
#define NC_PLUGINS_PATTERN_PATTERN_H

#include "plugins/pattern/matcher.h"

#define NC_PATTERN_ALTERNATIVES_MAX 1024        /* after $or is multiplied out */
#define NC_PATTERN_FIELDS_MAX       64          /* of one alternative */
#define NC_PATTERN_PATH_SIZE_MAX    (64u << 10) /* bytes */

struct nc_field {
	struct nc_slice path;              /* keys joined by '.' */
	uint64_t hash;                     /* FNV-1a of the path, as nacre_filter_leaf.path_hash */
	size_t offset;                     /* of the field's key in the source */
	bool may_lack;                     /* `exists:false` is one of its conditions */
	const struct nc_matcher *matchers; /* [matcher_count]; one of them must match */
	size_t matcher_count;
};

/* Fields that must hold together. */
struct nc_alternative {
	const struct nc_field *const *fields;
	size_t field_count;
};

struct nc_pattern {
	const struct nc_alternative *alternatives;
	size_t alternative_count;
	void *pool; /* has the memory of all of it */
};

/* Called for each field, with the offset of its key. It refuses the field by filling *error and
 * returning NACRE_FILTER_REFUSED. NULL accepts every field. */
typedef int nc_pattern_field_fn(struct nc_slice path, size_t offset, nacre_filter_error *error);

/* Compile JSON text. On failure *error says why. Errors: NACRE_FILTER_REFUSED,
 * NACRE_FILTER_NO_MEMORY. */
int nc_pattern_compile(struct nc_slice source, nc_pattern_field_fn *field_fn,
                       struct nc_pattern **pattern_out, nacre_filter_error *error);
void nc_pattern_free(struct nc_pattern *pattern); /* NULL is a no-op */

/* Whether a view matches: 1 or 0, or NACRE_FILTER_NO_MEMORY. Before that the caller looks at the
 * view's state: one that was not flattened has no leaves. */
int nc_pattern_match(const struct nc_pattern *pattern, const nacre_filter_view *view);

/* ---- Sets ----------------------------------------------------------------------------------- */

struct nc_pattern_set; /* opaque */

/* Errors: NC_NOMEM. */
int nc_pattern_set_new(const struct nc_pattern *const *patterns, const uint32_t *ids,
                       size_t pattern_count, struct nc_pattern_set **set_out);
void nc_pattern_set_free(struct nc_pattern_set *set); /* NULL is a no-op */

/* Emit the id of each pattern that matches, once. Returns 0, or NACRE_FILTER_NO_MEMORY. */
int nc_pattern_set_match(const struct nc_pattern_set *set, const nacre_filter_view *view,
                         nacre_filter_emit_id_fn *emit, void *emit_ctx);

#endif
