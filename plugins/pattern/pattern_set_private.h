/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pattern_set_private.h -- the index of many patterns: built in pattern_set.c, asked in
 * pattern_set_match.c.
 *
 *   path ──► which kinds of keys there are, how long its beginnings and endings are, its list
 *   hash of (path, kind, bytes) ──► slot ──► entries ──► candidates: alternatives to be asked
 */
#ifndef NC_PLUGINS_PATTERN_PATTERN_SET_PRIVATE_H
#define NC_PLUGINS_PATTERN_PATTERN_SET_PRIVATE_H

#include "plugins/pattern/match_private.h"

#define NC_SET_NONE      UINT32_MAX
#define NC_SET_AFFIX_MAX 255 /* bytes of a beginning or an ending in the index */

enum nc_set_key_kind {
	NC_SET_KEY_LITERAL = 1, /* null, false, true */
	NC_SET_KEY_NUMBER,
	NC_SET_KEY_STRING,
	NC_SET_KEY_FOLD,
	NC_SET_KEY_PREFIX,
	NC_SET_KEY_SUFFIX
};

struct nc_set_key {
	enum nc_set_key_kind kind;
	struct nc_slice bytes;
	uint64_t hash;
};

/* A slot of the table of keys. Keys with the same hash share one, since candidates are asked. */
struct nc_set_slot {
	uint64_t hash;  /* 0: the slot is empty */
	uint32_t first; /* of its entries; NC_SET_NONE: it has none */
	uint32_t count; /* how many alternatives have this key in some field */
};

struct nc_set_entry {
	uint32_t candidate;
	uint32_t next;
};

struct nc_set_candidate {
	uint32_t pattern;
	const struct nc_alternative *alternative;
	const struct nc_field *field; /* under which it was entered; NULL: always asked */
};

/* A slot of the table of paths. */
struct nc_set_path_slot {
	uint64_t hash;
	uint32_t path;
};

struct nc_set_path {
	uint8_t kinds; /* which kinds of keys there are: one bit for each nc_set_key_kind */
	uint8_t prefix_count, suffix_count;
	uint32_t list; /* its first entry, plus 1; 0: it has none */
	struct nc_slice bytes;
	uint8_t prefix_sizes[NC_SET_AFFIX_MAX + 1]; /* ascending */
	uint8_t suffix_sizes[NC_SET_AFFIX_MAX + 1];
};

struct nc_pattern_set {
	struct nc_set_slot *slots;
	struct nc_set_path_slot *path_slots;
	struct nc_set_path *paths; /* [path_count], the first of them none */
	struct nc_set_entry *entries;
	struct nc_set_candidate *candidates;
	uint32_t *always;
	uint32_t *ids;
	size_t slot_mask, path_mask;
	size_t path_count, entry_count, candidate_count, always_count, pattern_count;
};

/* Never 0. */
uint64_t nc_set_hash(uint64_t path_hash, enum nc_set_key_kind kind, struct nc_slice bytes);

/* The path of a field or leaf, NULL if no pattern speaks of it. */
const struct nc_set_path *nc_set_path(const struct nc_pattern_set *set, uint64_t hash,
                                      struct nc_slice bytes);

/* The slot of that hash, or the empty one where it would be. */
struct nc_set_slot *nc_set_slot(const struct nc_pattern_set *set, uint64_t hash);

#endif
