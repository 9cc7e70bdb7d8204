/* SPDX-License-Identifier: Apache-2.0 */
/* What the examples begin and end with. */
#ifndef EXAMPLE_CONNECT_H
#define EXAMPLE_CONNECT_H

#include <nacre.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline void die(const char *what, const struct nacre_error *error)
{
	(void)fprintf(stderr, "%s: %s", what, error->description);
	if (error->code != 0)
		(void)fprintf(stderr, " (%d/%d)", error->code, error->err_code);
	(void)fprintf(stderr, "\n");
	exit(1);
}

static inline struct nacre_client *connect_to(const char *url)
{
	struct nacre_options options;
	struct nacre_client *client;
	struct nacre_error error;
	nacre_options_init(&options);
	options.url = url;
	options.store = "shop";
	if (nacre_connect(&options, &client, &error) != NACRE_OK)
		die("connect", &error);
	return client;
}

#endif
