/* SPDX-License-Identifier: GPL-3.0-or-later */
/* near.h -- which of several words somebody meant who typed another: the one that the fewest
 * letters tell from it, if they are few.
 *
 * Ownership: words are borrowed. No thread, no error.
 */
#ifndef NC_TRANSPORT_CLI_NEAR_H
#define NC_TRANSPORT_CLI_NEAR_H

#include <stddef.h>

struct nc_cli_near {
	const char *typed;
	const char *word; /* the nearest of those tried; NULL: none is near */
	size_t distance;  /* of `word`, in letters; without a word, how many are too far */
};

struct nc_cli_near nc_cli_near(const char *typed);
/* Try whether `word` is nearer than those before. Of words equally near the first one is taken. */
void nc_cli_near_try(struct nc_cli_near *near, const char *word);

#endif
