/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading, and showing what comes. */
#include "transport/cli/read.h"

#include <stdio.h>

#include "transport/cli/filter.h"
#include "transport/cli/say.h"

int nc_cli_read_options(const struct nc_cli *cli, struct nacre_read *read)
{
	static const char *const from_one[] = { "from", "to", "limit" };
	for (size_t i = 0; i < sizeof from_one / sizeof *from_one; i++) {
		if (nc_cli_number(&cli->args, from_one[i], 1) == 0)
			return nc_cli_fail(cli, NC_EXIT_USAGE, "--%s: counts from 1", from_one[i]);
	}
	read->from = nc_cli_number(&cli->args, "from", 0);
	read->to = nc_cli_number(&cli->args, "to", 0);
	read->limit = nc_cli_number(&cli->args, "limit", 0);
	read->from_time = nc_cli_value(&cli->args, "from-time");
	read->backward = nc_cli_has(&cli->args, "backward");
	read->direct = nc_cli_has(&cli->args, "direct");
	read->min_position = nc_cli_number(&cli->args, "min-position", 0);
	if (read->min_position > 0 && !read->direct)
		return nc_cli_fail(cli, NC_EXIT_USAGE, "--min-position goes with --direct");
	if (read->from > 0 && read->from_time != NULL)
		return nc_cli_fail(cli, NC_EXIT_USAGE, "--from and --from-time: one of these");
	return 0;
}

static int fail(const struct nc_cli *cli, int status, const struct nacre_error *error)
{
	int exit_code = nc_cli_fail_nacre(cli, status, error, NULL);
	const char *payload = nc_cli_value(&cli->args, "payload");
	const char *selector = nc_cli_value(&cli->args, "selector");
	if (error->err_code == 40004 && (payload != NULL || selector != NULL)) {
		nc_cli_selector_caret(cli, payload != NULL ? payload : selector,
		                      error->description);
	}
	return exit_code;
}

int nc_cli_read_show(struct nc_cli *cli, const struct nacre_read *read)
{
	struct nacre_error error = { 0 };
	struct nacre_reader *reader;
	const struct nacre_event *event;
	int status = nacre_read_open(cli->client, read, &reader, &error);
	if (status != NACRE_OK)
		return fail(cli, status, &error);
	while (!nc_cli_output_lost() &&
	       (status = nacre_read_next(reader, &event, &error)) == NACRE_OK)
		nc_cli_show_event(cli, event, "", "");
	if (status == NACRE_END && nc_cli_has(&cli->args, "head"))
		(void)printf("{\"head\":%llu}\n", (unsigned long long)nacre_read_head(reader));
	nacre_read_close(reader);
	return status == NACRE_OK || status == NACRE_END ? 0 : fail(cli, status, &error);
}
