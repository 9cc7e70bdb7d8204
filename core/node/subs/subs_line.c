/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names of subscriptions that are being made or deleted, and that requests wait for. */
#include "core/node/subs/subs_line.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/engine/names.h"
#include "core/node/subs/subs_private.h"

bool nc_sub_line_is_name(struct nc_slice name)
{
	return name.size == 0 || nc_name_word_fault(name) == NULL;
}

struct nc_sub_line **nc_sub_line_at(struct nc_subs *subs, struct nc_slice name)
{
	struct nc_sub_line **at = &subs->lines.at[nc_hash_bytes(name) % NC_SUB_LINES];
	while (*at != NULL && !nc_slice_is(name, (*at)->name))
		at = &(*at)->next;
	return at;
}

struct nc_sub_line *nc_sub_line_make(struct nc_subs *subs, struct nc_slice name)
{
	struct nc_sub_line **at = nc_sub_line_at(subs, name);
	if (*at == NULL) {
		*at = calloc(1, sizeof **at);
		if (*at == NULL)
			return NULL;
		(void)snprintf((*at)->name, sizeof(*at)->name, "%.*s", (int)name.size,
		               (const char *)name.data);
		subs->lines.count++;
	}
	return *at;
}

void nc_sub_line_end(struct nc_subs *subs, struct nc_sub_line **at)
{
	struct nc_sub_line *line = *at;
	if (line->under_way > 0 || line->waiting > 0)
		return;
	*at = line->next;
	subs->lines.count--;
	free(line);
}

void nc_subs_line_enter(struct nc_subs *subs, struct nc_slice name)
{
	struct nc_sub_line *line = nc_sub_line_is_name(name) ? nc_sub_line_make(subs, name) : NULL;
	subs->lines.entered++;
	if (line == NULL)
		return; /* without memory no request waits for it */
	if (line->under_way++ == 0) {
		line->entered = subs->lines.entered;
		if (subs->lines.oldest == UINT64_MAX)
			subs->lines.oldest = line->entered;
	}
}

void nc_subs_line_leave(struct nc_subs *subs, struct nc_slice name)
{
	struct nc_sub_line **at = nc_sub_line_at(subs, name);
	subs->lines.left++;
	subs->lines.ready = true;
	if (*at == NULL)
		return;
	(*at)->under_way -= (*at)->under_way > 0;
	if ((*at)->entered == subs->lines.oldest)
		subs->lines.oldest = 0; /* looked for when somebody asks */
	nc_sub_line_end(subs, at);
}

static void oldest_find(struct nc_subs *subs)
{
	subs->lines.oldest = UINT64_MAX;
	for (size_t i = 0; i < NC_SUB_LINES; i++) {
		for (const struct nc_sub_line *at = subs->lines.at[i]; at != NULL; at = at->next) {
			if (at->under_way > 0 && at->entered < subs->lines.oldest)
				subs->lines.oldest = at->entered;
		}
	}
}

bool nc_sub_lines_wait(struct nc_subs *subs, uint64_t through)
{
	if (subs->lines.oldest == 0)
		oldest_find(subs);
	return subs->lines.oldest <= through;
}

void nc_sub_lines_drop(struct nc_subs *subs)
{
	for (size_t i = 0; i < NC_SUB_LINES; i++) {
		while (subs->lines.at[i] != NULL) {
			struct nc_sub_line *line = subs->lines.at[i];
			subs->lines.at[i] = line->next;
			free(line);
		}
	}
}
