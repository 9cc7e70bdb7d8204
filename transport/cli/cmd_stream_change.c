/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nacre stream delete, nacre stream meta. */
#include <stdio.h>
#include <string.h>

#include "transport/cli/ask.h"
#include "transport/cli/commands.h"
#include "transport/cli/say.h"
#include "transport/cli/text.h"

/* A body that is being written: `{`, then members with a comma behind each. */
static int expect_put(const struct nc_cli *cli, struct nc_buf *body)
{
	static const char *const words[] = { "any", "none", "exists" };
	const char *text = nc_cli_value(&cli->args, "expect");
	uint64_t version;
	if (text == NULL)
		return 0;
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		if (strcmp(text, words[i]) == 0) {
			nc_buf_printf(body, "\"expect\":\"%s\",", text);
			return 0;
		}
	}
	if (!nc_cli_number_read(text, &version)) {
		return nc_cli_fail(cli, NC_EXIT_USAGE,
		                   "--expect: expected any, none, exists or a version, not '%.60s'",
		                   text);
	}
	nc_buf_printf(body, "\"expect\":%llu,", (unsigned long long)version);
	return 0;
}

static void body_end(struct nc_buf *body)
{
	if (nc_buf_status(body) == NC_OK && body->data[body->size - 1] == ',')
		body->size--;
	nc_buf_put_u8(body, '}');
	nc_buf_put_u8(body, '\0');
}

typedef int change_fn(struct nacre_client *client, const char *stream, const char *body,
                      struct nacre_reply **reply_out, struct nacre_error *error);

static int change(struct nc_cli *cli, change_fn *fn, struct nc_buf *body)
{
	struct nacre_reply *reply = NULL;
	struct nacre_error error = { 0 };
	body_end(body);
	int exit_code = nc_cli_connect(cli);
	if (exit_code != 0)
		return exit_code;
	int status = nc_buf_status(body) == NC_OK ? fn(cli->client, nc_cli_word(&cli->args, 0),
	                                               (const char *)body->data, &reply, &error)
	                                          : NACRE_NOMEM;
	return nc_cli_answered(cli, status, &error, reply);
}

static int run_delete(struct nc_cli *cli)
{
	struct nc_buf body = { 0 };
	nc_buf_put_u8(&body, '{');
	if (nc_cli_has(&cli->args, "tombstone"))
		nc_buf_put_str(&body, "\"mode\":\"tombstone\",");
	int exit_code = expect_put(cli, &body);
	if (exit_code == 0)
		exit_code = change(cli, nacre_stream_delete, &body);
	nc_buf_release(&body);
	return exit_code;
}

static int run_meta(struct nc_cli *cli)
{
	static const struct {
		const char *option, *member;
	} limits[] = { { "max-count", "max_count" },
		       { "max-age", "max_age_s" },
		       { "truncate-before", "truncate_before" } };
	struct nc_buf body = { 0 };
	bool any = false;
	nc_buf_put_u8(&body, '{');
	for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
		if (!nc_cli_has(&cli->args, limits[i].option))
			continue;
		nc_buf_printf(&body, "\"%s\":%llu,", limits[i].member,
		              (unsigned long long)nc_cli_number(&cli->args, limits[i].option, 0));
		any = true;
	}
	int exit_code = any ? expect_put(cli, &body)
	                    : nc_cli_fail(cli, NC_EXIT_USAGE,
	                                  "one of --max-count, --max-age and --truncate-before");
	if (exit_code == 0)
		exit_code = change(cli, nacre_stream_meta, &body);
	nc_buf_release(&body);
	return exit_code;
}

/* ---- What they are -------------------------------------------------------------------------- */

#define EXPECT_OPTION                                                                \
	{                                                                            \
		"expect", 'e', "any|none|exists|VERSION",                            \
		        "What the stream must be like; else nothing is done.", false \
	}

static const struct nc_cli_option delete_options[] = {
	{ "tombstone", 0, NULL, "For ever: nothing is appended to it again.", false },
	EXPECT_OPTION,
	{ NULL, 0, NULL, NULL, false },
};

static const struct nc_cli_example delete_examples[] = {
	{ "as long as nobody has appended to it since",
	  "nacre stream delete orders.42 --expect 7" },
	{ "for ever", "nacre stream delete customers.7 --tombstone" },
	{ NULL, NULL },
};

const struct nc_cli_command nc_cli_stream_delete = {
	.name = "stream delete",
	.words = "STREAM",
	.words_min = 1,
	.words_max = 1,
	.summary = "Take a stream out of sight of every read.",
	.details = "The next append brings the stream back, at its next version, without what was "
	           "before; with --tombstone there is none. Events stay on the disk.",
	.options = delete_options,
	.examples = delete_examples,
	.run = run_delete,
};

static const struct nc_cli_option meta_options[] = {
	{ "max-count", 0, "N", "So many of the newest events are seen; 0: all.", false },
	{ "max-age", 0, "N", "Events that are N seconds old are not seen; 0: however old.", false },
	{ "truncate-before", 0, "N", "Events of versions below N are not seen.", false },
	EXPECT_OPTION,
	{ NULL, 0, NULL, NULL, false },
};

static const struct nc_cli_example meta_examples[] = {
	{ "the last thousand measurements", "nacre stream meta sensor.7 --max-count 1000" },
	{ "what is behind a snapshot", "nacre stream meta account.7 --truncate-before 4000" },
	{ NULL, NULL },
};

const struct nc_cli_command nc_cli_stream_meta = {
	.name = "stream meta",
	.words = "STREAM",
	.words_min = 1,
	.words_max = 1,
	.summary = "Limit what is seen of a stream: by count, age or version.",
	.details = "Limits that are not named stay as they are; nacre stream info shows them. What "
	           "has gone out of sight stays so.",
	.options = meta_options,
	.examples = meta_examples,
	.run = run_meta,
};
