/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What somebody meant who typed another word. */
#include "transport/cli/near.h"

#include <string.h>

/* Levenshtein's distance; words longer than a name can be are far from all. */
static size_t distance(const char *a, const char *b)
{
	enum { LONGEST = 40 };
	size_t row[LONGEST + 1], width = strlen(b);
	if (width > LONGEST)
		return LONGEST;
	for (size_t j = 0; j <= width; j++)
		row[j] = j;
	for (size_t i = 0; a[i] != '\0'; i++) {
		size_t corner = row[0];
		row[0] = i + 1;
		for (size_t j = 0; j < width; j++) {
			size_t best = corner + (a[i] != b[j]);
			corner = row[j + 1];
			if (corner + 1 < best)
				best = corner + 1;
			if (row[j] + 1 < best)
				best = row[j] + 1;
			row[j + 1] = best;
		}
	}
	return row[width];
}

struct nc_cli_near nc_cli_near(const char *typed)
{
	return (struct nc_cli_near){ .typed = typed, .distance = strlen(typed) / 3 + 2 };
}

void nc_cli_near_try(struct nc_cli_near *near, const char *word)
{
	size_t far = distance(near->typed, word);
	if (far < near->distance) {
		near->distance = far;
		near->word = word;
	}
}
