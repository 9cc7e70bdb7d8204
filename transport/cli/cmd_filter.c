/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nacre filter test, nacre plugin ls. */
#include <stdio.h>
#include <string.h>

#include "transport/cli/ask.h"
#include "transport/cli/commands.h"
#include "transport/cli/filter.h"
#include "transport/cli/input.h"
#include "transport/cli/say.h"

static void put_number(const struct nc_cli *cli, struct nc_buf *body, const char *option)
{
	if (nc_cli_has(&cli->args, option))
		nc_buf_printf(body, ",\"%s\":%s", option, nc_cli_value(&cli->args, option));
}

/* Make the selector as it is sent, with a NUL behind it, and the body of the request. */
static int test_body(const struct nc_cli *cli, struct nc_buf *selector, struct nc_buf *body)
{
	struct nc_buf given = { 0 };
	int exit_code = nc_cli_input(cli, nc_cli_word(&cli->args, 1), &given);
	if (exit_code == 0) {
		while (given.size > 0 && given.data[given.size - 1] == '\n') /* a file's last */
			given.data[--given.size] = '\0';
		nc_cli_selector_put(selector, (const char *)given.data);
		nc_buf_put_str(body, "{\"filter\":{\"plugin\":");
		nc_json_put_string(body, nc_slice_str(nc_cli_word(&cli->args, 0)));
		nc_buf_put_str(body, ",\"selector\":");
		nc_buf_put_slice(body, nc_buf_slice(selector));
		nc_buf_put_u8(body, '}');
		put_number(cli, body, "from");
		put_number(cli, body, "to");
		put_number(cli, body, "limit");
		if (nc_cli_has(&cli->args, "from-time")) {
			nc_buf_put_str(body, ",\"from_time\":");
			nc_json_put_string(body,
			                   nc_slice_str(nc_cli_value(&cli->args, "from-time")));
		}
		nc_buf_put_str(body, "}");
		nc_buf_put_u8(body, 0);
		nc_buf_put_u8(selector, 0);
	}
	nc_buf_release(&given);
	return exit_code;
}

static void show_test(const struct nc_cli *cli, struct nc_slice answer)
{
	static const struct nc_cli_column columns[] = {
		{ "POSITION", "pos", true }, { "STREAM", "stream", false }, { "SEQ", "seq", true },
		{ "TYPE", "type", false },   { "TIME", "time", false },     { NULL, NULL, false }
	};
	struct nc_slice events, complete;
	unsigned long long matched = nc_cli_member_number(answer, "matched", 0);
	unsigned long long scanned = nc_cli_member_number(answer, "scanned", 0);
	(void)printf("%s%llu%s of %llu events match, looked at in %llu ms\n",
	             nc_cli_colour(cli, NC_BOLD), matched, nc_cli_colour(cli, NC_PLAIN), scanned,
	             (unsigned long long)nc_cli_member_number(answer, "elapsed_ms", 0));
	if (nc_cli_member(answer, "complete", &complete) && nc_slice_is(complete, "false")) {
		(void)printf("There are more events; go on with --from %llu\n",
		             (unsigned long long)nc_cli_member_number(answer, "next", 0));
	}
	if (nc_cli_member(answer, "events", &events))
		(void)nc_cli_show_table(cli, events, columns);
}

/* Check that the selector is JSON. If not, say so here, with the same caret as for a refusal. */
static int selector_check(const struct nc_cli *cli, const char *selector)
{
	size_t offset;
	const char *expected;
	char text[200];
	if (nc_cli_json_valid(nc_slice_str(selector), &offset, &expected))
		return 0;
	(void)snprintf(text, sizeof text, "selector refused at byte %zu: expected %s", offset,
	               expected);
	int exit_code = nc_cli_fail(cli, NC_EXIT_INPUT, "%s", text);
	nc_cli_selector_caret(cli, selector, text);
	return exit_code;
}

static int ask_test(struct nc_cli *cli, const char *selector, const char *body)
{
	struct nacre_error error = { 0 };
	struct nacre_reply *reply = NULL;
	const struct nacre_request request = {
		.subject = "filter.test", .body = body, .size = strlen(body), .repeatable = true
	};
	int status = nacre_request(cli->client, &request, &reply, &error), exit_code = 0;
	if (status != NACRE_OK) {
		exit_code = nc_cli_fail_nacre(cli, status, &error, NULL);
		if (error.err_code == 40004)
			nc_cli_selector_caret(cli, selector, error.description);
	} else if (cli->json) {
		nc_cli_put_line(nc_cli_reply_slice(reply));
	} else {
		show_test(cli, nc_cli_reply_slice(reply));
	}
	nacre_reply_free(reply);
	return exit_code;
}

static int run_test(struct nc_cli *cli)
{
	struct nc_buf selector = { 0 }, body = { 0 };
	int exit_code = test_body(cli, &selector, &body);
	if (exit_code == 0 && (nc_buf_status(&selector) != NC_OK || nc_buf_status(&body) != NC_OK))
		exit_code = nc_cli_fail(cli, NC_EXIT_FAILED, "out of memory");
	if (exit_code == 0)
		exit_code = selector_check(cli, (const char *)selector.data);
	if (exit_code == 0)
		exit_code = nc_cli_connect(cli);
	if (exit_code == 0)
		exit_code = ask_test(cli, (const char *)selector.data, (const char *)body.data);
	nc_buf_release(&selector);
	nc_buf_release(&body);
	return exit_code;
}

static int run_plugins(struct nc_cli *cli)
{
	static const struct nc_cli_column columns[] = { { "NAME", "name|path", false },
		                                        { "STATE", "state", false },
		                                        { "BUNDLED", "bundled", false },
		                                        { "BUILD", "build", false },
		                                        { "WHAT IT IS, OR WHAT IS WRONG",
		                                          "trouble|reason|summary", false },
		                                        { NULL, NULL, false } };
	static const struct nc_cli_column wide[] = { { "NAME", "name", false },
		                                     { "STATE", "state", false },
		                                     { "SHA-256", "sha256", false },
		                                     { "PATH", "path", false },
		                                     { "PID", "pid", true },
		                                     { "RESTARTS", "restarts", true },
		                                     { "WHAT IS WRONG", "trouble|reason", false },
		                                     { NULL, NULL, false } };
	return nc_cli_ask_table(cli, "filter.list", "plugins",
	                        nc_cli_has(&cli->args, "long") ? wide : columns, "no plugins");
}

static const struct nc_cli_option test_options[] = {
	{ "from", 'f', "N", "The first position looked at.", false },
	{ "to", 0, "N", "The last one.", false },
	{ "from-time", 0, "TIME", "From this time on, RFC 3339.", false },
	{ "limit", 'n', "N", "So many of the matches are shown; 10.", false },
	{ NULL, 0, NULL, NULL, false },
};

static const struct nc_cli_example test_examples[] = {
	{ "which orders were above 100?",
	  "nacre filter test by_payload '{\"total\":[{\"numeric\":[\">\",100]}]}'" },
	{ "a selector from a file, over the newest part",
	  "nacre filter test by_payload @big.json --from 100000" },
	{ "a string needs no quotes of its own", "nacre filter test by_pattern 'orders.*'" },
	{ NULL, NULL },
};

const struct nc_cli_command nc_cli_filter_test = {
	.name = "filter test",
	.words = "PLUGIN SELECTOR|@FILE|-",
	.words_min = 2,
	.words_max = 2,
	.summary = "Try a filter on the past: how many events match, and which.",
	.details = "A selector that is refused is shown with a caret under the place. One that "
	           "does not begin as an "
	           "object, a list or a string of JSON does is the string that it says.",
	.options = test_options,
	.examples = test_examples,
	.run = run_test,
};

static const struct nc_cli_option plugin_options[] = {
	{ "long", 'l', NULL, "With file, digest and the reason of a refusal.", false },
	{ NULL, 0, NULL, NULL, false },
};

static const struct nc_cli_example plugin_examples[] = {
	{ "what subscriptions can filter by", "nacre plugin ls" },
	{ "why was mine refused?",
	  "nacre plugin ls --json | jq '.plugins[] | select(.state==\"refused\")'" },
	{ NULL, NULL },
};

const struct nc_cli_command nc_cli_plugin_ls = {
	.name = "plugin ls",
	.words = "",
	.summary = "The filter plugins of the node, refused ones too.",
	.details =
	        "Who writes one has two programs more, with the SDK: nacre plugin new NAME makes a "
	        "directory that builds and tests itself, nacre plugin check FILE.so SELECTOR... "
	        "tries it against the rules.",
	.options = plugin_options,
	.examples = plugin_examples,
	.run = run_plugins,
};
