/* SPDX-License-Identifier: GPL-3.0-or-later */
/* filter.h -- filters on a command line: which plugin, and what selector. */
#ifndef NC_TRANSPORT_CLI_FILTER_H
#define NC_TRANSPORT_CLI_FILTER_H

#include "core/base/buf.h"
#include "transport/cli/cli.h"

/* The options that say a filter, to put into a list of options: by names, and by what is inside. */
#define NC_CLI_FILTER_NAMES                                                                     \
	{ "stream", 0, "STREAM", "Events of this stream (by_stream).", true },                  \
	{                                                                                       \
		"type", 0, "TYPE",                                                              \
		        "Of this type, or of those that begin so: \"Order*\" (by_event_type).", \
		        true                                                                    \
	}
#define NC_CLI_FILTER_CONTENTS                                                                \
	{ "pattern", 0, "PATTERN",                                                            \
	  "Of streams like this: \"orders.*\", \"orders.>\" (by_pattern).", true },           \
	        { "payload", 0, "JSON", "Whose data is like this (by_payload).", false },     \
	        { "plugin", 0, "NAME", "Another plugin, with --selector.", false },           \
	{                                                                                     \
		"selector", 0, "SELECTOR", "Its selector: JSON, or a string without quotes.", \
		        false                                                                 \
	}

/* Append {"plugin":…,"selector":…} as the options of NC_CLI_FILTER_CONTENTS say; `*given_out` is
 * whether they say any filter. Returns 0, or an exit code after saying why: there is more than one
 * kind of filter, or a selector without a plugin. */
int nc_cli_filter_contents(const struct nc_cli *cli, struct nc_buf *to, bool *given_out);
/* Likewise, where --stream and --type say a filter too. */
int nc_cli_filter_any(const struct nc_cli *cli, struct nc_buf *to, bool *given_out);

/* Append a selector as JSON. What begins like an object, a list or a string is taken as it is;
 * anything else becomes a string, so that nobody needs to quote twice. */
void nc_cli_selector_put(struct nc_buf *to, const char *text);

/* Say what is wrong with a selector, show it below, and put a caret under the place. `description`
 * is the store's, with "at byte N" in it if it names the place. */
void nc_cli_selector_caret(const struct nc_cli *cli, const char *selector, const char *description);

#endif
