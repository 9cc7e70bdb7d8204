/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nacre tail: the live feed, and what came last before it. */
#include <stdio.h>
#include <string.h>

#include "transport/cli/commands.h"
#include "transport/cli/event.h"
#include "transport/cli/progress.h"
#include "transport/cli/say.h"
#include "transport/cli/sub.h"

enum { PATTERN_MAX = 1024, LOOK_UP_MS = 250 };

static bool is_wild(const char *token, size_t size)
{
	return size == 1 && (*token == '*' || *token == '>');
}

/* Spell a pattern as subjects do, wildcards as they are. False if no stream's name can match it. */
static bool pattern_put(const char *pattern, char *to, size_t room)
{
	size_t at = 0;
	while (*pattern != '\0') {
		char token[256];
		size_t size = strcspn(pattern, "."), put;
		if (size == 0 || size >= sizeof token)
			return false;
		memcpy(token, pattern, size);
		token[size] = '\0';
		bool wild = is_wild(pattern, size);
		bool last = pattern[size] == '\0';
		if (wild ? *token == '>' && !last : strpbrk(token, "*>") != NULL)
			return false;
		if (wild) {
			put = (size_t)snprintf(to + at, room - at, "%s", token);
		} else {
			put = nacre_name(NACRE_NAME_TOKEN, token, to + at, room - at);
		}
		if (put + 1 >= room - at)
			return false;
		at += put;
		pattern += size;
		if (*pattern == '.' && pattern[1] == '\0')
			return false;
		if (*pattern == '.') {
			to[at++] = '.';
			pattern++;
		}
	}
	to[at] = '\0';
	return at > 0;
}

/* Read what `read` says, and show it or not. *at_out is the number of the last event in the order
 * of the read, *last_out is its position. */
static int pass(struct nc_cli *cli, const struct nacre_read *read, bool show, uint64_t *at_out,
                uint64_t *last_out)
{
	struct nacre_error error = { 0 };
	struct nacre_reader *reader;
	const struct nacre_event *event;
	int status = nacre_read_open(cli->client, read, &reader, &error);
	if (status != NACRE_OK)
		return nc_cli_fail_nacre(cli, status, &error, NULL);
	while ((status = nacre_read_next(reader, &event, &error)) == NACRE_OK) {
		*at_out = read->source == NACRE_STREAM ? event->seq : event->pos;
		*last_out = event->pos;
		if (show)
			nc_cli_show_event(cli, event, "", "");
	}
	nacre_read_close(reader);
	return status == NACRE_END ? 0 : nc_cli_fail_nacre(cli, status, &error, NULL);
}

/* Show the last `count` events. First read back to where they begin, and then forward from there to
 * the end, so that none is missed that came in between. *last_out is the position of the last one.
 */
static int past_show(struct nc_cli *cli, const char *stream, const char *type, uint64_t count,
                     uint64_t *last_out)
{
	struct nacre_read read = { .source = NACRE_ALL, .limit = count, .backward = true };
	uint64_t from = 0;
	if (stream != NULL) {
		read.source = NACRE_STREAM;
	} else if (type != NULL) {
		read.source = NACRE_TYPE;
	}
	read.name = stream != NULL ? stream : type;
	int exit_code = pass(cli, &read, false, &from, last_out);
	if (exit_code != 0 || from == 0)
		return exit_code;
	read.backward = false;
	read.limit = 0;
	read.from = from;
	return pass(cli, &read, true, &from, last_out);
}

static int follow(struct nc_cli *cli, struct nacre_subscription *sub, uint64_t last)
{
	struct nacre_error error = { 0 };
	const struct nacre_delivery *delivery;
	uint64_t left = nc_cli_number(&cli->args, "limit", UINT64_MAX), dropped = 0;
	while (left > 0 && nc_cli_signal() == 0) {
		if (fflush(stdout) != 0 || nc_cli_output_lost())
			return 0;
		int status = nacre_next(sub, LOOK_UP_MS, &delivery, &error);
		if (status == NACRE_END)
			continue;
		if (status != NACRE_OK)
			return nc_cli_fail_nacre(cli, status, &error, NULL);
		if (delivery->dropped > dropped) {
			nc_cli_note(cli, "%llu events were too many too fast, and are not shown",
			            (unsigned long long)(delivery->dropped - dropped));
		}
		dropped = delivery->dropped;
		if (delivery->event->pos <= last)
			continue;
		nc_cli_show_delivery(cli, delivery);
		left--;
	}
	return 0;
}

static int run(struct nc_cli *cli)
{
	const char *stream = nc_cli_word(&cli->args, 0), *type = nc_cli_value(&cli->args, "type");
	uint64_t count = nc_cli_number(&cli->args, "last", 0), last = 0;
	char streams[PATTERN_MAX], types[PATTERN_MAX];
	struct nacre_error error = { 0 };
	struct nacre_subscription *sub;
	if (stream != NULL && !pattern_put(stream, streams, sizeof streams)) {
		return nc_cli_fail(cli, NC_EXIT_USAGE,
		                   "'%.60s' is not a stream or a pattern, in which * stands "
		                   "for a token and > for all that are left",
		                   stream);
	}
	if (nc_cli_number(&cli->args, "limit", 1) == 0)
		return nc_cli_fail(cli, NC_EXIT_USAGE, "--limit: counts from 1");
	if (type != NULL)
		(void)nacre_name(NACRE_NAME_TOKEN, type, types, sizeof types);
	if (count > 0 && stream != NULL && (type != NULL || strpbrk(stream, "*>") != NULL)) {
		return nc_cli_fail(cli, NC_EXIT_USAGE,
		                   "--last goes with one stream, with one type, or with all");
	}
	int exit_code = nc_cli_connect(cli);
	if (exit_code != 0)
		return exit_code;
	int status = nacre_tail(cli->client, type == NULL ? NULL : types,
	                        stream == NULL ? NULL : streams, &sub, &error);
	if (status != NACRE_OK)
		return nc_cli_fail_nacre(cli, status, &error, NULL);
	nc_cli_signals_catch();
	if (count > 0)
		exit_code = past_show(cli, stream, type, count, &last);
	if (exit_code == 0)
		exit_code = follow(cli, sub, last);
	nacre_unsubscribe(sub);
	return exit_code;
}

static const struct nc_cli_option options[] = {
	{ "type", 0, "TYPE", "Only events of this type.", false },
	{ "last", 'n', "N", "Begin with the last N that are there.", false },
	{ "limit", 0, "N", "End after so many that are new.", false },
	NC_CLI_EVENT_OPTIONS,
	{ NULL, 0, NULL, NULL, false },
};

static const struct nc_cli_example examples[] = {
	{ "everything, as it is appended", "nacre tail" },
	{ "the orders, beginning with what came last", "nacre tail orders.42 --last 5" },
	{ "a pattern, for jq", "nacre tail 'orders.>' --json | jq .data" },
	{ NULL, NULL },
};

const struct nc_cli_command nc_cli_tail = {
	.name = "tail",
	.words = "[STREAM|PATTERN]",
	.words_max = 1,
	.summary = "Follow the live feed.",
	.details = "At most once: what comes while the connection is away is not shown (a "
	           "subscription misses "
	           "nothing: see 'nacre sub watch'). Patterns have * for one token and > for the "
	           "rest.",
	.options = options,
	.examples = examples,
	.run = run,
};
