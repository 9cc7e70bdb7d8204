/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nacre info, nacre health, nacre request. */
#include <stdio.h>
#include <string.h>

#include "transport/cli/ask.h"
#include "transport/cli/commands.h"
#include "transport/cli/input.h"
#include "transport/cli/say.h"
#include "transport/cli/text.h"

static int run_info(struct nc_cli *cli)
{
	int exit_code = nc_cli_connect(cli);
	return exit_code != 0 ? exit_code : nc_cli_ask_show(cli, "store.info", NULL, NC_CLI_REPEAT);
}

/* Show the health; `node` is NULL if the store was asked. */
static void health_show(const struct nc_cli *cli, struct nc_slice answer, const char *node,
                        bool well)
{
	struct nc_slice status, reason;
	struct nc_buf text = { 0 };
	if (cli->json) {
		(void)printf("{\"healthy\":%s,\"answer\":%.*s}\n", well ? "true" : "false",
		             (int)answer.size, (const char *)answer.data);
		return;
	}
	(void)printf("%s%s%s  ", nc_cli_colour(cli, well ? NC_GREEN : NC_RED),
	             well ? "healthy" : "not healthy", nc_cli_colour(cli, NC_PLAIN));
	if (nc_cli_member(answer, node == NULL ? "leader" : "status", &status))
		nc_cli_value_text(status, &text);
	if (node != NULL && nc_cli_member(answer, "reason", &reason)) {
		nc_buf_put_str(&text, ": ");
		nc_cli_value_text(reason, &text);
	}
	nc_cli_put_clean(stdout, nc_buf_slice(&text));
	(void)putchar('\n');
	nc_buf_release(&text);
}

static void name_put(struct nc_buf *names, const char *what, struct nc_slice id)
{
	nc_buf_put_str(names, names->size == 0 ? what : ", ");
	nc_cli_value_text(id, names);
}

static int drained_show(const struct nc_cli *cli, struct nc_slice answer,
                        const struct nc_buf *names)
{
	if (cli->json) {
		health_show(cli, answer, NULL, false);
		return NC_EXIT_FAILED;
	}
	(void)printf("%snot healthy%s  ", nc_cli_colour(cli, NC_RED), nc_cli_colour(cli, NC_PLAIN));
	nc_cli_put_clean(stdout, nc_buf_slice(names));
	(void)putchar('\n');
	return NC_EXIT_FAILED;
}

/* Nobody answers for the store. If that is because its nodes were drained, or have no leader, say
 * so: they still answer for themselves. Returns an exit code, or 0: nothing is known. */
static int unserved_show(struct nc_cli *cli)
{
	struct nacre_reply *reply;
	struct nacre_error error = { 0 };
	struct nc_slice list, row, state, id, leader;
	struct nc_json rows;
	struct nc_buf names = { 0 }, away = { 0 };
	int exit_code = 0;
	if (nc_cli_try(cli, "cluster.status", NULL, NC_CLI_ONCE, &reply, &error) != NACRE_OK)
		return 0;
	struct nc_slice answer = nc_cli_reply_slice(reply);
	bool ok = nc_cli_member(answer, "nodes", &list) && nc_cli_list_begin(&rows, list);
	bool others = false; /* another node could serve in its place */
	while (ok && nc_cli_list_next(&rows, &row)) {
		if (!nc_cli_member(row, "state", &state) || !nc_cli_member(row, "id", &id))
			continue;
		if (nc_slice_is(state, "\"draining\"")) {
			name_put(&names, "drained: ", id);
		} else if (nc_slice_is(state, "\"unreachable\"")) {
			name_put(&away, "; unreachable: ", id);
		} else {
			others = true;
		}
	}
	nc_buf_put_u8(&away, '\0');
	if (names.size > 0 && !others) {
		exit_code = drained_show(cli, answer, &names);
	} else if (nc_cli_member(answer, "leader", &leader) && nc_slice_is(leader, "null")) {
		exit_code = nc_cli_fail(cli, NC_EXIT_UNAVAILABLE, "%s: the cluster has no leader%s",
		                        cli->command->name, (const char *)away.data);
	}
	nc_buf_release(&names);
	nc_buf_release(&away);
	nacre_reply_free(reply);
	return exit_code;
}

/* Ask the leader for the store. That read is linearizable: the leader answers only if it leads a
 * majority. */
static int run_health(struct nc_cli *cli)
{
	const char *node = nc_cli_word(&cli->args, 0);
	char subject[128] = "store.info";
	struct nacre_reply *reply;
	struct nacre_error error = { 0 };
	int exit_code = nc_cli_connect(cli);
	cli->node = node;
	if (node != NULL)
		(void)snprintf(subject, sizeof subject, "node.%.64s.healthz", node);
	if (exit_code != 0)
		return exit_code;
	int asked = nc_cli_try(cli, subject, NULL, NC_CLI_REPEAT, &reply, &error);
	if (asked == NACRE_UNAVAILABLE && node == NULL)
		exit_code = unserved_show(cli);
	if (exit_code != 0)
		return exit_code;
	if (asked != NACRE_OK)
		return nc_cli_fail_nacre(cli, asked, &error, NULL);
	struct nc_slice answer = nc_cli_reply_slice(reply), status;
	bool well = node == NULL ||
	            (nc_cli_member(answer, "status", &status) && nc_slice_is(status, "\"ok\""));
	health_show(cli, answer, node, well);
	nacre_reply_free(reply);
	return well ? 0 : NC_EXIT_FAILED;
}

static int run_request(struct nc_cli *cli)
{
	const char *word = nc_cli_word(&cli->args, 1);
	struct nc_buf body = { 0 };
	cli->verb = nc_cli_word(&cli->args, 0);
	int exit_code = word == NULL ? 0 : nc_cli_input(cli, word, &body);
	if (exit_code == 0)
		exit_code = nc_cli_connect(cli);
	if (exit_code == 0) {
		exit_code = nc_cli_ask_show(cli, nc_cli_word(&cli->args, 0),
		                            word == NULL ? NULL : (const char *)body.data,
		                            nc_cli_has(&cli->args, "again") ? NC_CLI_REPEAT
		                                                            : NC_CLI_ONCE);
	}
	nc_buf_release(&body);
	return exit_code;
}

static const struct nc_cli_example info_examples[] = {
	{ "what the store holds, and who leads it", "nacre info" },
	{ "its head, for a program", "nacre info --json | jq .head" },
	{ NULL, NULL },
};

const struct nc_cli_command nc_cli_info = {
	.name = "info",
	.words = "",
	.summary = "What the store holds: head, streams, events, bytes.",
	.examples = info_examples,
	.run = run_info,
};

static const struct nc_cli_example health_examples[] = {
	{ "does the store answer?", "nacre health --timeout 2s && echo yes" },
	{ "is this node well?", "nacre health n1" },
	{ NULL, NULL },
};

const struct nc_cli_command nc_cli_health = {
	.name = "health",
	.words = "[NODE]",
	.words_max = 1,
	.summary = "Whether the store answers, or a node of it is well.",
	.details =
	        "Without NODE: whether there is a leader with a majority, which is asked. Exit "
	        "code 0 says yes, "
	        "1 that the node says no, or that those that would serve the store were drained, "
	        "69 and 75 that nobody was reached or answered.",
	.examples = health_examples,
	.run = run_health,
};

static const struct nc_cli_option request_options[] = {
	{ "again", 0, NULL, "It may be asked twice when its outcome is unknown.", false },
	{ NULL, 0, NULL, NULL, false },
};

static const struct nc_cli_example request_examples[] = {
	{ "a node's status", "nacre request node.n1.status" },
	{ "one event, as the protocol has it", "nacre request get '{\"pos\":1}' --json" },
	{ NULL, NULL },
};

const struct nc_cli_command nc_cli_request = {
	.name = "request",
	.words = "VERB [BODY|@FILE|-]",
	.words_min = 1,
	.words_max = 2,
	.summary = "Ask for any verb of the protocol, and show the answer.",
	.details = "VERB is what follows the store in the subject: store.info, sub.info.billing. "
	           "For what has no "
	           "command of its own.",
	.options = request_options,
	.examples = request_examples,
	.run = run_request,
};
