/* SPDX-License-Identifier: GPL-3.0-or-later */
/* subs_line.h -- names of subscriptions, with what is being made or deleted under each, and with
 * how many requests stand behind that or behind a change (subs_behind.c). A name is there as long
 * as there is one of these. The names of requests have not been checked yet. */
#ifndef NC_CORE_NODE_SUBS_SUBS_LINE_H
#define NC_CORE_NODE_SUBS_SUBS_LINE_H

#include "core/node/subs/subs_shape.h"

struct nc_sub_line {
	struct nc_sub_line *next; /* in its bucket */
	char name[NC_WORD_SIZE_MAX + 1];
	uint32_t under_way; /* creations and deletions */
	uint64_t entered;   /* the number of the first of these */
	uint32_t waiting;
	/* the last pass in which a request had to go on waiting: later ones stay behind it */
	uint64_t held;
};

/* Whether a subscription may bear it. One with a NUL in it would be looked for in another place
 * than it was kept. A list has none, and stands under the empty name. */
bool nc_sub_line_is_name(struct nc_slice name);
/* Where it stands; NULL is there if it does not. Valid until a line is made or ends. */
struct nc_sub_line **nc_sub_line_at(struct nc_subs *subs, struct nc_slice name);
/* NULL: no memory. */
struct nc_sub_line *nc_sub_line_make(struct nc_subs *subs, struct nc_slice name);
/* Forget it, if nothing is under way and nobody waits. */
void nc_sub_line_end(struct nc_subs *subs, struct nc_sub_line **at);
/* Whether a creation or a deletion is under way that has a number up to this one. */
bool nc_sub_lines_wait(struct nc_subs *subs, uint64_t through);
void nc_sub_lines_drop(struct nc_subs *subs);

#endif
