/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nacre cluster status, transfer, remove, promote, drain. */
#include <stdio.h>
#include <string.h>

#include "transport/cli/ask.h"
#include "transport/cli/commands.h"
#include "transport/cli/say.h"

static const struct nc_cli_column nodes[] = {
	{ "NODE", "id", false },         { "ROLE", "role", false },
	{ "STATE", "state", false },     { "APPLIED", "applied", true },
	{ "LAG", "lag", true },          { "SEEN MS AGO", "last_seen_ms", true },
	{ "VERSION", "version", false }, { NULL, NULL, false },
};

static int run_status(struct nc_cli *cli)
{
	struct nacre_reply *reply;
	struct nc_slice list, health;
	int exit_code = nc_cli_connect(cli);
	if (exit_code == 0)
		exit_code = nc_cli_ask(cli, "cluster.status", NULL, NC_CLI_REPEAT, &reply);
	if (exit_code != 0)
		return exit_code;
	struct nc_slice answer = nc_cli_reply_slice(reply);
	bool well = nc_cli_member(answer, "health", &health) && nc_slice_is(health, "\"healthy\"");
	if (cli->json) {
		nc_cli_put_line(answer);
	} else {
		(void)printf("leader   ");
		nc_cli_put_answer(answer, "leader");
		(void)printf("health   %s", nc_cli_colour(cli, well ? NC_GREEN : NC_RED));
		(void)fflush(stdout);
		nc_cli_put_answer(answer, "health");
		(void)printf("%sterm     %llu\ncommit   %llu\n\n", nc_cli_colour(cli, NC_PLAIN),
		             (unsigned long long)nc_cli_member_number(answer, "term", 0),
		             (unsigned long long)nc_cli_member_number(answer, "commit", 0));
		if (nc_cli_member(answer, "nodes", &list))
			(void)nc_cli_show_table(cli, list, nodes);
	}
	nacre_reply_free(reply);
	return 0;
}

static int change(struct nc_cli *cli, const char *verb, const char *member)
{
	struct nc_buf body = { 0 };
	const char *node = nc_cli_word(&cli->args, 0);
	int exit_code = nc_cli_connect(cli);
	nc_buf_put_u8(&body, '{');
	if (node != NULL) {
		nc_buf_printf(&body, "\"%s\":", member);
		nc_json_put_string(&body, nc_slice_str(node));
	}
	nc_buf_put_str(&body, "}");
	nc_buf_put_u8(&body, 0);
	if (exit_code == 0)
		exit_code = nc_cli_ask_show(cli, verb, (const char *)body.data, NC_CLI_ONCE);
	nc_buf_release(&body);
	return exit_code;
}

static int run_transfer(struct nc_cli *cli)
{
	return change(cli, "cluster.transfer", "to");
}

static int run_remove(struct nc_cli *cli)
{
	return change(cli, "cluster.remove", "node");
}

static int run_promote(struct nc_cli *cli)
{
	return change(cli, "cluster.promote", "node");
}

static int run_drain(struct nc_cli *cli)
{
	char subject[128];
	struct nacre_reply *reply;
	struct nc_slice value;
	const char *node = nc_cli_word(&cli->args, 0);
	int exit_code = nc_cli_connect(cli);
	cli->node = node;
	(void)snprintf(subject, sizeof subject, "node.%.64s.drain", node);
	if (exit_code == 0)
		exit_code = nc_cli_ask(cli, subject, NULL, NC_CLI_REPEAT, &reply);
	if (exit_code != 0)
		return exit_code;
	struct nc_slice answer = nc_cli_reply_slice(reply);
	bool done = nc_cli_member(answer, "drained", &value) && nc_slice_is(value, "true");
	if (cli->json)
		nc_cli_put_line(answer);
	if (!done) {
		exit_code =
		        nc_cli_fail(cli, NC_EXIT_UNAVAILABLE,
		                    "%s has not finished what it had taken up; ask again", node);
	} else if (!cli->json) {
		(void)printf("%s is drained\n", node);
	}
	nacre_reply_free(reply);
	return exit_code;
}

static const struct nc_cli_example status_examples[] = {
	{ "who leads, and who is behind", "nacre cluster status" },
	{ "for a script", "nacre cluster status --json | jq -r .health" },
	{ NULL, NULL },
};

const struct nc_cli_command nc_cli_cluster_status = {
	.name = "cluster status",
	.words = "",
	.summary = "The nodes of the store's cluster, and how they are.",
	.examples = status_examples,
	.run = run_status,
};

static const struct nc_cli_example transfer_examples[] = {
	{ "before n1 is taken down", "nacre cluster transfer n2" },
	{ NULL, NULL },
};

const struct nc_cli_command nc_cli_cluster_transfer = {
	.name = "cluster transfer",
	.words = "NODE",
	.words_min = 1,
	.words_max = 1,
	.summary = "Hand leadership to another node.",
	.examples = transfer_examples,
	.run = run_transfer,
};

static const struct nc_cli_example remove_examples[] = {
	{ "a node that will not come back", "nacre cluster remove n3" },
	{ NULL, NULL },
};

const struct nc_cli_command nc_cli_cluster_remove = {
	.name = "cluster remove",
	.words = "NODE",
	.words_min = 1,
	.words_max = 1,
	.summary = "Take a node out of the cluster.",
	.examples = remove_examples,
	.run = run_remove,
};

static const struct nc_cli_example promote_examples[] = {
	{ "a learner that has caught up becomes a voter", "nacre cluster promote n4" },
	{ NULL, NULL },
};

const struct nc_cli_command nc_cli_cluster_promote = {
	.name = "cluster promote",
	.words = "NODE",
	.words_min = 1,
	.words_max = 1,
	.summary = "Make a learner a voter.",
	.examples = promote_examples,
	.run = run_promote,
};

static const struct nc_cli_example drain_examples[] = {
	{ "before n1 is taken down", "nacre cluster drain n1" },
	{ NULL, NULL },
};

const struct nc_cli_command nc_cli_cluster_drain = {
	.name = "cluster drain",
	.words = "NODE",
	.words_min = 1,
	.words_max = 1,
	.summary = "Have a node answer no application until its next start.",
	.examples = drain_examples,
	.run = run_drain,
};
