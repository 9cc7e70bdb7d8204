/* SPDX-License-Identifier: GPL-3.0-or-later */
/* meta.h -- metadata as it is given on the command line: --meta NAME=VALUE. */
#ifndef NC_TRANSPORT_CLI_META_H
#define NC_TRANSPORT_CLI_META_H

#include "transport/cli/cli.h"

enum { NC_CLI_META_MAX = 64, NC_CLI_META_NAME_MAX = 128 };

struct nc_cli_meta {
	struct nacre_pair pairs[NC_CLI_META_MAX]; /* point into `names`, and into the line */
	size_t count;
	char names[NC_CLI_META_MAX][NC_CLI_META_NAME_MAX];
};

/* 0, or an exit code after saying why. */
int nc_cli_meta_read(const struct nc_cli *cli, struct nc_cli_meta *meta);

#define NC_CLI_META_OPTION                                   \
	{                                                    \
		"meta", 'm', "NAME=VALUE", "Metadata.", true \
	}

#endif
