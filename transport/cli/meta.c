/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Metadata of the command line. */
#include "transport/cli/meta.h"

#include <string.h>

#include "transport/cli/say.h"

int nc_cli_meta_read(const struct nc_cli *cli, struct nc_cli_meta *meta)
{
	const char *pair;
	for (size_t at = 0; (pair = nc_cli_each(&cli->args, "meta", &at)) != NULL;) {
		size_t size = strcspn(pair, "="), i = meta->count;
		if (pair[size] == '\0' || size == 0 || size >= NC_CLI_META_NAME_MAX) {
			return nc_cli_fail(cli, NC_EXIT_USAGE,
			                   "--meta: expected NAME=VALUE, not '%.60s'", pair);
		}
		if (i == NC_CLI_META_MAX) {
			return nc_cli_fail(cli, NC_EXIT_USAGE, "--meta: more than %d",
			                   NC_CLI_META_MAX);
		}
		memcpy(meta->names[i], pair, size);
		meta->names[i][size] = '\0';
		meta->pairs[i] = (struct nacre_pair){ meta->names[i], pair + size + 1 };
		meta->count++;
	}
	return 0;
}
