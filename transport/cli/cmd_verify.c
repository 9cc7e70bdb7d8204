/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nacre verify: have nodes check all that they keep, and compare their digests. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "transport/cli/ask.h"
#include "transport/cli/commands.h"
#include "transport/cli/progress.h"
#include "transport/cli/say.h"
#include "transport/cli/text.h"

enum { LOOK_EVERY_MS = 100, NODES_MAX = 64, NODE_NAME_SIZE = 65, DIGEST_SIZE = 65 };

struct report {
	char node[NODE_NAME_SIZE];
	char digest[DIGEST_SIZE]; /* "" if it has none */
	uint64_t pos;
	bool good;
};

static void member_copy(struct nc_slice answer, const char *member, char *to, size_t size)
{
	struct nc_slice raw;
	struct nc_buf text = { 0 };
	if (nc_cli_member(answer, member, &raw))
		nc_cli_value_text(raw, &text);
	(void)snprintf(to, size, "%.*s", (int)text.size, (const char *)text.data);
	nc_buf_release(&text);
}

static void say_report(const struct nc_cli *cli, const struct report *report,
                       struct nc_slice answer)
{
	char state[32], why[300];
	struct nc_slice bad;
	if (cli->json) {
		nc_cli_put_line(answer);
		return;
	}
	member_copy(answer, "state", state, sizeof state);
	(void)printf("%s  %s", report->node, nc_cli_colour(cli, report->good ? NC_GREEN : NC_RED));
	nc_cli_put_clean(stdout, nc_slice_str(state));
	(void)printf("%s  %llu events  digest %.16s…", nc_cli_colour(cli, NC_PLAIN),
	             (unsigned long long)report->pos, report->digest);
	if (nc_cli_member(answer, "bad", &bad)) {
		bool by_entry = nc_cli_member_number(bad, "pos", 0) == 0;
		member_copy(bad, "why", why, sizeof why);
		(void)printf("  %s %llu: ", by_entry ? "entry" : "position",
		             (unsigned long long)nc_cli_member_number(
		                     bad, by_entry ? "entry" : "pos", 0));
		nc_cli_put_clean(stdout, nc_slice_str(why));
	}
	(void)putchar('\n');
}

/* Start the check of a node, and wait for its end. */
static int verify_node(struct nc_cli *cli, struct report *report)
{
	const struct timespec pause = { 0, LOOK_EVERY_MS * 1000000L };
	struct nc_cli_progress progress;
	struct nacre_reply *reply = NULL;
	char subject[NODE_NAME_SIZE + 16], state[32];
	const char *body = "{\"start\":true}";
	(void)snprintf(subject, sizeof subject, "node.%s.verify", report->node);
	cli->node = report->node;
	nc_cli_progress_begin(&progress, cli, "events", 0);
	for (;;) {
		int exit_code = nc_cli_ask(cli, subject, body, NC_CLI_REPEAT, &reply);
		if (exit_code != 0)
			return exit_code;
		struct nc_slice answer = nc_cli_reply_slice(reply);
		body = "{}";
		member_copy(answer, "state", state, sizeof state);
		report->pos = nc_cli_member_number(answer, "pos", 0);
		progress.total = nc_cli_member_number(answer, "head", 0);
		if (strcmp(state, "running") != 0) {
			report->good = strcmp(state, "good") == 0;
			member_copy(answer, "digest", report->digest, sizeof report->digest);
			nc_cli_progress_clear(&progress);
			say_report(cli, report, answer);
			nacre_reply_free(reply);
			return 0;
		}
		nc_cli_progress(&progress, report->pos);
		nacre_reply_free(reply);
		(void)nanosleep(&pause, NULL);
	}
}

/* The nodes that are named, or all of the cluster. */
static int nodes_find(struct nc_cli *cli, struct report *reports, size_t *count_out)
{
	struct nacre_reply *reply;
	struct nc_slice list, node;
	struct nc_json items;
	for (size_t i = 0; i < cli->args.word_count; i++) {
		(void)snprintf(reports[(*count_out)++].node, NODE_NAME_SIZE, "%s",
		               cli->args.words[i]);
	}
	if (*count_out > 0)
		return 0;
	int exit_code = nc_cli_ask(cli, "cluster.status", NULL, NC_CLI_REPEAT, &reply);
	if (exit_code != 0)
		return exit_code;
	bool ok = nc_cli_member(nc_cli_reply_slice(reply), "nodes", &list) &&
	          nc_cli_list_begin(&items, list);
	while (ok && *count_out < NODES_MAX && nc_cli_list_next(&items, &node))
		member_copy(node, "id", reports[(*count_out)++].node, NODE_NAME_SIZE);
	nacre_reply_free(reply);
	return *count_out > 0 ? 0
	                      : nc_cli_fail(cli, NC_EXIT_PROTOCOL, "cluster.status names no nodes");
}

/* Digests can be compared where they stand at one position; nodes that took more in meanwhile
 * cannot. */
static int compare(const struct nc_cli *cli, const struct report *reports, size_t count)
{
	size_t bad = 0, differ = 0, elsewhere = 0;
	for (size_t i = 0; i < count; i++) {
		bad += !reports[i].good;
		if (reports[i].pos != reports[0].pos) {
			elsewhere++;
		} else {
			differ += strcmp(reports[i].digest, reports[0].digest) != 0;
		}
	}
	if (bad > 0)
		return nc_cli_fail(cli, NC_EXIT_FAILED, "%zu of %zu nodes do not hold", bad, count);
	if (differ > 0)
		return nc_cli_fail(cli, NC_EXIT_FAILED, "the nodes hold different histories");
	if (elsewhere > 0) {
		nc_cli_note(cli,
		            "Events came in between: the digests of %zu nodes stand elsewhere and "
		            "are not compared.",
		            elsewhere);
	}
	return 0;
}

static int run(struct nc_cli *cli)
{
	struct report reports[NODES_MAX] = { 0 };
	size_t count = 0;
	int exit_code = nc_cli_connect(cli);
	if (exit_code == 0)
		exit_code = nodes_find(cli, reports, &count);
	for (size_t i = 0; i < count && exit_code == 0; i++)
		exit_code = verify_node(cli, &reports[i]);
	return exit_code != 0 ? exit_code : compare(cli, reports, count);
}

static const struct nc_cli_example examples[] = {
	{ "the whole cluster, one node after the other", "nacre verify" },
	{ "one node", "nacre verify n2" },
	{ NULL, NULL },
};

const struct nc_cli_command nc_cli_verify = {
	.name = "verify",
	.words = "[NODE...]",
	.words_max = NODES_MAX,
	.summary = "Have nodes check all that they keep, and compare their digests.",
	.details = "Each walks its state event by event, then its log, beside its other work; the "
	           "first position "
	           "that does not hold is named. Exit code 1: something does not hold, or the "
	           "nodes differ. A node "
	           "that is stopped is checked by 'nacred --verify'.",
	.examples = examples,
	.run = run,
};
