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

#define SET_NONE      UINT32_MAX
#define SET_AFFIX_MAX 255 /* bytes of a beginning or an ending in the index */

enum set_key_kind {
	KEY_LITERAL = 1, /* null, false, true */
	KEY_NUMBER,
	KEY_STRING,
	KEY_FOLD,
	KEY_PREFIX,
	KEY_SUFFIX
};

struct set_key {
	enum set_key_kind kind;
	struct nc_slice bytes;
	uint64_t hash;
};

struct set_slot {
	uint64_t hash; /* 0: empty. Different keys of one hash share a slot: candidates are asked */
	uint32_t first;
	uint32_t count; /* alternatives that have this key in some field */
};

struct set_entry {
	uint32_t candidate;
	uint32_t next;
};

struct set_candidate {
	uint32_t pattern;
	const struct nc_alternative *alternative;
	const struct nc_field *field; /* under which it was entered; NULL: always asked */
};

/* Where a path is found; path 0 is none. */
struct set_path_slot {
	uint64_t hash;
	uint32_t path;
};

struct set_path {
	uint8_t kinds; /* bit a set_key_kind */
	uint8_t prefix_count, suffix_count;
	uint32_t list; /* its first entry + 1; 0: none */
	struct nc_slice bytes;
	uint8_t prefix_sizes[SET_AFFIX_MAX + 1]; /* ascending */
	uint8_t suffix_sizes[SET_AFFIX_MAX + 1];
};

struct nc_pattern_set {
	struct set_slot *slots;
	struct set_path_slot *path_slots;
	struct set_path *paths; /* [path_count], the first of them none */
	struct set_entry *entries;
	struct set_candidate *candidates;
	uint32_t *always;
	uint32_t *ids;
	size_t slot_mask, path_mask;
	size_t path_count, entry_count, candidate_count, always_count, pattern_count;
};

/* Never 0. */
uint64_t nc_set_hash(uint64_t path_hash, enum set_key_kind kind, struct nc_slice bytes);

/* The path of a field or leaf, NULL if no pattern speaks of it. */
const struct set_path *nc_set_path(const struct nc_pattern_set *set, uint64_t hash,
                                   struct nc_slice bytes);

/* The slot of that hash, or the empty one where it would be. */
struct set_slot *nc_set_slot(const struct nc_pattern_set *set, uint64_t hash);

#endif
