/* SPDX-License-Identifier: GPL-3.0-or-later */
/* read.h -- what `read` and `query` share. */
#ifndef NC_TRANSPORT_CLI_READ_H
#define NC_TRANSPORT_CLI_READ_H

#include "transport/cli/event.h"

#define NC_CLI_READ_OPTIONS                                                                        \
	{ "from", 'f', "N", "The first version (of a stream) or position, inclusive.", false },    \
	        { "to", 0, "N", "The last one, inclusive.", false },                               \
	        { "from-time", 0, "TIME", "From this time on: RFC 3339, inclusive.", false },      \
	        { "limit", 'n', "N", "So many events at most.", false },                           \
	        { "backward", 'b', NULL, "The newest first.", false },                             \
	        { "direct", 0, NULL, "Any node's answer, which may be behind.", false },           \
	        { "min-position", 0, "N", "Direct: wait until that node has applied it.", false }, \
	{                                                                                          \
		"head", 0, NULL,                                                                   \
		        "At the end the head, to expect or to condition on: {\"head\":N}.", false  \
	}

/* 0, or an exit code after saying why. */
int nc_cli_read_options(const struct nc_cli *cli, struct nacre_read *read);
/* Read it and show each event, and the head if it is asked for. */
int nc_cli_read_show(struct nc_cli *cli, const struct nacre_read *read);

#endif
