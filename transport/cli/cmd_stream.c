/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nacre stream ls, nacre stream info, nacre stats. */
#include <stdio.h>

#include "transport/cli/ask.h"
#include "transport/cli/commands.h"
#include "transport/cli/say.h"
#include "transport/cli/text.h"

#define PAGE 10000u

static int run_info(struct nc_cli *cli)
{
	struct nacre_reply *reply = NULL;
	struct nacre_error error = { 0 };
	int exit_code = nc_cli_connect(cli);
	if (exit_code != 0)
		return exit_code;
	int status = nacre_stream_info(cli->client, nc_cli_word(&cli->args, 0), &reply, &error);
	return nc_cli_answered(cli, status, &error, reply);
}

static int run_stats(struct nc_cli *cli)
{
	char page[40];
	struct nacre_reply *reply = NULL;
	struct nacre_error error = { 0 };
	bool limited = nc_cli_has(&cli->args, "limit");
	if (nc_cli_number(&cli->args, "limit", 1) == 0)
		return nc_cli_fail(cli, NC_EXIT_USAGE, "--limit: from 1");
	int exit_code = nc_cli_connect(cli);
	if (exit_code != 0)
		return exit_code;
	(void)snprintf(page, sizeof page, "{\"limit\":%llu}",
	               (unsigned long long)nc_cli_number(&cli->args, "limit", 0));
	int status = nacre_store_stats(cli->client, limited ? page : NULL, &reply, &error);
	return nc_cli_answered(cli, status, &error, reply);
}

/* ---- The list ------------------------------------------------------------------------------- */

/* There may be millions of streams, so each page is shown as it comes. If one fails, the JSON ends
 * there. */
struct listing {
	struct nc_buf body,
	        after; /* `after` as JSON has it; empty: the first page, or none is left */
	uint64_t left; /* that may still be shown */
	uint64_t shown;
};

static void body_put(const struct nc_cli *cli, struct listing *listing)
{
	struct nc_buf *body = &listing->body;
	const char *prefix = nc_cli_word(&cli->args, 0);
	uint64_t limit = listing->left < PAGE ? listing->left : PAGE;
	nc_buf_clear(body);
	nc_buf_printf(body, "{\"limit\":%llu", (unsigned long long)limit);
	if (prefix != NULL) {
		nc_buf_put_str(body, ",\"prefix\":");
		nc_json_put_string(body, nc_slice_str(prefix));
	}
	if (listing->after.size > 0) {
		nc_buf_put_str(body, ",\"after\":");
		nc_buf_put_slice(body, nc_buf_slice(&listing->after));
	}
	nc_buf_put_u8(body, '}');
	nc_buf_put_u8(body, '\0');
}

/* Show a line. Columns keep their width, whatever comes later; the name stands last. */
static void stream_show(const struct nc_cli *cli, struct nc_slice item, bool first)
{
	struct nc_slice raw;
	struct nc_buf name = { 0 }, last = { 0 };
	if (cli->json) {
		(void)printf("%s%.*s", first ? "{\"streams\":[" : ",", (int)item.size,
		             (const char *)item.data);
		return;
	}
	if (first) {
		(void)printf("%s%10s %10s %13s  %-30s  %s%s\n", nc_cli_colour(cli, NC_BOLD),
		             "VERSION", "EVENTS", "BYTES", "LAST", "STREAM",
		             nc_cli_colour(cli, NC_PLAIN));
	}
	if (nc_cli_member(item, "stream", &raw))
		nc_cli_value_text(raw, &name);
	if (nc_cli_member(item, "last", &raw))
		nc_cli_value_text(raw, &last);
	(void)printf("%10llu %10llu %13llu  ",
	             (unsigned long long)nc_cli_member_number(item, "seq", 0),
	             (unsigned long long)nc_cli_member_number(item, "events", 0),
	             (unsigned long long)nc_cli_member_number(item, "bytes", 0));
	nc_cli_put_clean(stdout, nc_buf_slice(&last));
	(void)fputs("  ", stdout);
	nc_cli_put_clean(stdout, nc_buf_slice(&name));
	(void)putchar('\n');
	nc_buf_release(&name);
	nc_buf_release(&last);
}

static int page_show(const struct nc_cli *cli, struct listing *listing, struct nc_slice answer)
{
	struct nc_json items;
	struct nc_slice list, item, next;
	nc_buf_clear(&listing->after);
	if (!nc_cli_member(answer, "streams", &list) || !nc_cli_list_begin(&items, list)) {
		return nc_cli_fail(cli, NC_EXIT_PROTOCOL, "%s: an answer without 'streams'",
		                   cli->command->name);
	}
	while (nc_cli_list_next(&items, &item) && listing->left > 0) {
		stream_show(cli, item, listing->shown++ == 0);
		listing->left--;
	}
	if (nc_cli_member(answer, "next", &next))
		nc_buf_put_slice(&listing->after, next);
	return 0;
}

static int pages_show(struct nc_cli *cli, struct listing *listing)
{
	int exit_code;
	do {
		struct nacre_reply *reply = NULL;
		struct nacre_error error = { 0 };
		body_put(cli, listing);
		int status =
		        nc_buf_status(&listing->body) == NC_OK &&
		                        nc_buf_status(&listing->after) == NC_OK
		                ? nacre_stream_list(cli->client, (const char *)listing->body.data,
		                                    &reply, &error)
		                : NACRE_NOMEM;
		exit_code = status == NACRE_OK ? page_show(cli, listing, nc_cli_reply_slice(reply))
		                               : nc_cli_fail_nacre(cli, status, &error, NULL);
		nacre_reply_free(reply);
	} while (exit_code == 0 && listing->after.size > 0 && listing->left > 0 &&
	         !nc_cli_output_lost());
	return exit_code;
}

static int run_ls(struct nc_cli *cli)
{
	struct listing listing = { .left = nc_cli_number(&cli->args, "limit", UINT64_MAX) };
	const char *after = nc_cli_value(&cli->args, "after");
	if (listing.left == 0)
		return nc_cli_fail(cli, NC_EXIT_USAGE, "--limit: from 1");
	int exit_code = nc_cli_connect(cli);
	if (exit_code != 0)
		return exit_code;
	if (after != NULL)
		nc_json_put_string(&listing.after, nc_slice_str(after));
	exit_code = pages_show(cli, &listing);
	if (exit_code == 0 && cli->json) {
		(void)puts(listing.shown == 0 ? "{\"streams\":[]}" : "]}");
	} else if (exit_code == 0 && listing.shown == 0) {
		nc_cli_note(cli, "no streams");
	}
	nc_buf_release(&listing.body);
	nc_buf_release(&listing.after);
	return exit_code;
}

/* ---- What they are -------------------------------------------------------------------------- */

static const struct nc_cli_example info_examples[] = {
	{ "how many events, since when", "nacre stream info orders.42" },
	{ "its version, for a program", "nacre stream info orders.42 --json | jq .seq" },
	{ NULL, NULL },
};

const struct nc_cli_command nc_cli_stream_info = {
	.name = "stream info",
	.words = "STREAM",
	.words_min = 1,
	.words_max = 1,
	.summary = "How a stream stands: version, events, bytes, times, state.",
	.examples = info_examples,
	.run = run_info,
};

static const struct nc_cli_option ls_options[] = {
	{ "after", 0, "NAME", "Those whose names come behind this one.", false },
	{ "limit", 'n', "N", "So many at most.", false },
	{ NULL, 0, NULL, NULL, false },
};

static const struct nc_cli_example ls_examples[] = {
	{ "all of them", "nacre stream ls" },
	{ "those of orders", "nacre stream ls orders." },
	{ "their names, for a program", "nacre stream ls --json | jq -r '.streams[].stream'" },
	{ NULL, NULL },
};

const struct nc_cli_command nc_cli_stream_ls = {
	.name = "stream ls",
	.words = "[PREFIX]",
	.words_max = 1,
	.summary = "The streams, by name, and how each stands.",
	.details = "Those that were deleted are not among them; nacre stream info tells of one.",
	.options = ls_options,
	.examples = ls_examples,
	.run = run_ls,
};

static const struct nc_cli_option stats_options[] = {
	{ "limit", 'n', "N", "So many types and categories at most; 1000.", false },
	{ NULL, 0, NULL, NULL, false },
};

static const struct nc_cli_example stats_examples[] = {
	{ "events by type and category, the most frequent first", "nacre stats" },
	{ "the ten types with the most events", "nacre stats --limit 10 --json | jq .types" },
	{ NULL, NULL },
};

const struct nc_cli_command nc_cli_stats = {
	.name = "stats",
	.words = "",
	.summary = "What the store holds, by event type and category.",
	.options = stats_options,
	.examples = stats_examples,
	.run = run_stats,
};
