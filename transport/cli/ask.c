/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One request, and its answer shown. */
#include "transport/cli/ask.h"

#include <stdio.h>

#include "transport/cli/say.h"
#include "transport/cli/text.h"

void nc_cli_put_line(struct nc_slice answer)
{
	(void)fwrite(answer.data, 1, answer.size, stdout);
	(void)putchar('\n');
}

void nc_cli_put_answer(struct nc_slice answer, const char *member)
{
	struct nc_slice raw;
	struct nc_buf text = { 0 };
	if (nc_cli_member(answer, member, &raw))
		nc_cli_value_text(raw, &text);
	nc_cli_put_clean(stdout, nc_buf_slice(&text));
	(void)putchar('\n');
	nc_buf_release(&text);
}

int nc_cli_answered(struct nc_cli *cli, int status, const struct nacre_error *error,
                    struct nacre_reply *reply)
{
	int exit_code = 0;
	if (status != NACRE_OK) {
		exit_code = nc_cli_fail_nacre(cli, status, error, NULL);
	} else if (cli->json) {
		nc_cli_put_line(nc_cli_reply_slice(reply));
	} else {
		nc_cli_show_object(cli, nc_cli_reply_slice(reply));
	}
	nacre_reply_free(reply);
	return exit_code;
}

int nc_cli_ask_show(struct nc_cli *cli, const char *subject, const char *body,
                    enum nc_cli_repeat repeat)
{
	struct nacre_reply *reply;
	int exit_code = nc_cli_ask(cli, subject, body, repeat, &reply);
	if (exit_code != 0)
		return exit_code;
	struct nc_slice answer = nc_cli_reply_slice(reply);
	size_t offset;
	const char *expected;
	bool object = answer.size > 0 && answer.data[0] == '{' &&
	              nc_cli_json_valid(answer, &offset, &expected);
	if (cli->json || !object) {
		nc_cli_put_line(answer);
	} else {
		nc_cli_show_object(cli, answer);
	}
	nacre_reply_free(reply);
	return 0;
}

int nc_cli_ask_table(struct nc_cli *cli, const char *subject, const char *member,
                     const struct nc_cli_column *columns, const char *none)
{
	struct nacre_reply *reply;
	struct nc_slice list;
	int exit_code = nc_cli_connect(cli);
	if (exit_code == 0)
		exit_code = nc_cli_ask(cli, subject, NULL, NC_CLI_REPEAT, &reply);
	if (exit_code != 0)
		return exit_code;
	struct nc_slice answer = nc_cli_reply_slice(reply);
	if (cli->json) {
		nc_cli_put_line(answer);
	} else if (!nc_cli_member(answer, member, &list)) {
		exit_code = nc_cli_fail(cli, NC_EXIT_PROTOCOL, "%s: an answer without '%s'",
		                        cli->command->name, member);
	} else if (nc_cli_show_table(cli, list, columns) == 0) {
		nc_cli_note(cli, "%s", none);
	}
	nacre_reply_free(reply);
	return exit_code;
}
