/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nacre sub ls, info, parked, explain. */
#include <stdio.h>

#include "transport/cli/ask.h"
#include "transport/cli/commands.h"
#include "transport/cli/say.h"
#include "transport/cli/sub.h"

enum { PAGE = 1000 }; /* of these the store says where each stands */

static const struct nc_cli_column ls_columns[] = {
	{ "NAME", "name", false },      { "STATE", "state", false },
	{ "PENDING", "pending", true }, { "IN FLIGHT", "in_flight", true },
	{ "PARKED", "parked", true },   { "LAG MS", "lag_ms", true },
	{ "PUSH", "push", false },      { "PLUGIN", "plugin", false },
	{ "NODE", "node", false },      { NULL, NULL, false },
};

static int pages_ask(struct nc_cli *cli, struct nc_buf *list)
{
	struct nc_buf after = { 0 }, body = { 0 };
	int exit_code;
	do {
		struct nacre_reply *reply;
		nc_buf_clear(&body);
		nc_buf_printf(&body, "{\"limit\":%d%s%.*s}", PAGE,
		              after.size > 0 ? ",\"after\":" : "", (int)after.size,
		              (const char *)after.data);
		nc_buf_put_u8(&body, 0);
		exit_code =
		        nc_cli_ask(cli, "sub.list", (const char *)body.data, NC_CLI_REPEAT, &reply);
		if (exit_code == 0) {
			nc_cli_page_add(nc_cli_reply_slice(reply), "subscriptions", list, &after);
			nacre_reply_free(reply);
		}
	} while (exit_code == 0 && after.size > 0);
	nc_buf_put_str(list, list->size == 0 ? "[]" : "]");
	if (exit_code == 0 && nc_buf_status(list) != NC_OK)
		exit_code = nc_cli_fail(cli, NC_EXIT_FAILED, "out of memory");
	nc_buf_release(&after);
	nc_buf_release(&body);
	return exit_code;
}

static int run_ls(struct nc_cli *cli)
{
	struct nc_buf list = { 0 };
	int exit_code = nc_cli_connect(cli);
	if (exit_code == 0)
		exit_code = pages_ask(cli, &list);
	if (exit_code == 0 && cli->json) {
		(void)printf("{\"subscriptions\":%.*s}\n", (int)list.size, (const char *)list.data);
	} else if (exit_code == 0 && nc_cli_show_table(cli, nc_buf_slice(&list), ls_columns) == 0) {
		nc_cli_note(cli, "no subscriptions");
	}
	nc_buf_release(&list);
	return exit_code;
}

static int run_info(struct nc_cli *cli)
{
	char subject[160];
	int exit_code = nc_cli_sub_subject(cli, "sub.info", subject, sizeof subject);
	if (exit_code == 0)
		exit_code = nc_cli_connect(cli);
	return exit_code != 0 ? exit_code : nc_cli_ask_show(cli, subject, NULL, NC_CLI_REPEAT);
}

static const struct nc_cli_column parked_columns[] = {
	{ "POSITION", "pos", true }, { "STREAM", "stream", false },
	{ "SEQ", "seq", true },      { "TYPE", "type", false },
	{ "KEY", "key", false },     { "ATTEMPTS", "attempts", true },
	{ "SINCE", "time", false },  { "REASON", "reason", false },
	{ NULL, NULL, false },
};

static void parked_show(const struct nc_cli *cli, struct nc_slice answer)
{
	struct nc_slice list;
	if (cli->json) {
		nc_cli_put_line(answer);
		return;
	}
	if (!nc_cli_member(answer, "parked", &list))
		return;
	size_t shown = nc_cli_show_table(cli, list, parked_columns);
	uint64_t total = nc_cli_member_number(answer, "total", shown);
	if (total != shown) {
		nc_cli_note(cli, "%zu of %llu", shown, (unsigned long long)total);
	} else if (shown == 0) {
		nc_cli_note(cli, "nothing is parked");
	}
}

/* {"after":..., "limit":...} as they are given; false: neither is. */
static bool page_put(const struct nc_cli *cli, char *body, size_t size)
{
	static const char *const pages[] = { "after", "limit" };
	int at = 0;
	for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
		if (nc_cli_has(&cli->args, pages[i])) {
			at += snprintf(body + at, size - (size_t)at, "%c\"%s\":%llu",
			               at > 0 ? ',' : '{', pages[i],
			               (unsigned long long)nc_cli_number(&cli->args, pages[i], 0));
		}
	}
	(void)snprintf(body + at, size - (size_t)at, "}");
	return at > 0;
}

static int run_parked(struct nc_cli *cli)
{
	char subject[160], body[100];
	struct nacre_reply *reply;
	bool paged = page_put(cli, body, sizeof body);
	int exit_code = nc_cli_sub_subject(cli, "sub.parked", subject, sizeof subject);
	if (exit_code == 0)
		exit_code = nc_cli_connect(cli);
	if (exit_code == 0)
		exit_code = nc_cli_ask(cli, subject, paged ? body : NULL, NC_CLI_REPEAT, &reply);
	if (exit_code != 0)
		return exit_code;
	parked_show(cli, nc_cli_reply_slice(reply));
	nacre_reply_free(reply);
	return 0;
}

static int run_explain(struct nc_cli *cli)
{
	char subject[160], body[40];
	uint64_t position;
	if (!nc_cli_number_read(nc_cli_word(&cli->args, 1), &position)) {
		return nc_cli_fail(cli, NC_EXIT_USAGE, "'%.60s' is not a position",
		                   nc_cli_word(&cli->args, 1));
	}
	(void)snprintf(body, sizeof body, "{\"pos\":%llu}", (unsigned long long)position);
	int exit_code = nc_cli_sub_subject(cli, "sub.explain", subject, sizeof subject);
	if (exit_code == 0)
		exit_code = nc_cli_connect(cli);
	return exit_code != 0 ? exit_code : nc_cli_ask_show(cli, subject, body, NC_CLI_REPEAT);
}

static const struct nc_cli_example ls_examples[] = {
	{ "all of them, and how far each is", "nacre sub ls" },
	{ "those that are not well",
	  "nacre sub ls --json | jq '.subscriptions[] | select(.state==\"halted\")'" },
	{ NULL, NULL },
};

const struct nc_cli_command nc_cli_sub_ls = {
	.name = "sub ls",
	.words = "",
	.summary = "The subscriptions, and how far each is.",
	.examples = ls_examples,
	.run = run_ls,
};

static const struct nc_cli_example info_examples[] = {
	{ "its definition and where it stands", "nacre sub info billing" },
	{ "how far behind, for a monitor", "nacre sub info billing --json | jq .lag_ms" },
	{ NULL, NULL },
};

const struct nc_cli_command nc_cli_sub_info = {
	.name = "sub info",
	.words = "NAME",
	.words_min = 1,
	.words_max = 1,
	.summary = "One subscription: its definition and where it stands.",
	.examples = info_examples,
	.run = run_info,
};

static const struct nc_cli_option parked_options[] = {
	{ "after", 0, "N", "Those behind this position.", false },
	{ "limit", 'n', "N", "So many at most.", false },
	{ NULL, 0, NULL, NULL, false },
};

static const struct nc_cli_example parked_examples[] = {
	{ "what could not be done, and why", "nacre sub parked billing" },
	{ NULL, NULL },
};

const struct nc_cli_command nc_cli_sub_parked = {
	.name = "sub parked",
	.words = "NAME",
	.words_min = 1,
	.words_max = 1,
	.summary = "The events that are parked, with the reasons.",
	.options = parked_options,
	.examples = parked_examples,
	.run = run_parked,
};

static const struct nc_cli_example explain_examples[] = {
	{ "why didn't billing get event 1042?", "nacre sub explain billing 1042" },
	{ NULL, NULL },
};

const struct nc_cli_command nc_cli_sub_explain = {
	.name = "sub explain",
	.words = "NAME POSITION",
	.words_min = 2,
	.words_max = 2,
	.summary = "Why an event was or was not delivered.",
	.examples = explain_examples,
	.run = run_explain,
};
