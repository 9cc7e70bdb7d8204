/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nacre append. */
#include <stdio.h>
#include <string.h>

#include "transport/cli/commands.h"
#include "transport/cli/input.h"
#include "transport/cli/json.h"
#include "transport/cli/meta.h"
#include "transport/cli/say.h"
#include "transport/cli/text.h"

enum { TAGS_MAX = 32 };

struct append {
	struct nacre_append event;
	const char *tags[TAGS_MAX];
	struct nc_cli_meta meta;
	struct nc_buf data;
};

static int expect_read(const struct nc_cli *cli, int64_t *expect_out)
{
	const char *text = nc_cli_value(&cli->args, "expect");
	uint64_t version;
	if (text == NULL || strcmp(text, "any") == 0) {
		*expect_out = NACRE_EXPECT_ANY;
	} else if (strcmp(text, "none") == 0) {
		*expect_out = NACRE_EXPECT_NONE;
	} else if (strcmp(text, "exists") == 0) {
		*expect_out = NACRE_EXPECT_EXISTS;
	} else if (nc_cli_number_read(text, &version) && version <= INT64_MAX) {
		*expect_out = version == 0 ? NACRE_EXPECT_NONE : (int64_t)version;
	} else {
		return nc_cli_fail(cli, NC_EXIT_USAGE,
		                   "--expect: expected any, none, exists or a version, not '%.60s'",
		                   text);
	}
	return 0;
}

static int tags_read(const struct nc_cli *cli, struct append *append)
{
	const char *tag;
	for (size_t at = 0; (tag = nc_cli_each(&cli->args, "tag", &at)) != NULL;) {
		if (append->event.tag_count == TAGS_MAX)
			return nc_cli_fail(cli, NC_EXIT_USAGE, "--tag: more than %d", TAGS_MAX);
		append->tags[append->event.tag_count++] = tag;
	}
	append->event.tags = append->tags;
	return 0;
}

static int event_read(const struct nc_cli *cli, struct append *append)
{
	const char *data = nc_cli_word(&cli->args, 2);
	append->event.stream = nc_cli_word(&cli->args, 0);
	append->event.type = nc_cli_word(&cli->args, 1);
	append->event.id = nc_cli_value(&cli->args, "id");
	append->event.content_type = nc_cli_value(&cli->args, "content-type");
	int exit_code = expect_read(cli, &append->event.expect);
	if (exit_code == 0)
		exit_code = tags_read(cli, append);
	if (exit_code == 0)
		exit_code = nc_cli_meta_read(cli, &append->meta);
	if (exit_code == 0)
		exit_code = nc_cli_input(cli, data == NULL ? "-" : data, &append->data);
	append->event.meta = append->meta.pairs;
	append->event.meta_count = append->meta.count;
	append->event.data = append->data.data;
	append->event.size = append->data.size;
	if (exit_code == 0 && append->data.size == 0) {
		exit_code = nc_cli_fail(cli, NC_EXIT_INPUT,
		                        "no data; an event has at least one byte, such as {}");
	}
	return exit_code;
}

static void show(const struct nc_cli *cli, const char *stream,
                 const struct nacre_appended *appended)
{
	if (cli->json) {
		struct nc_buf line = { 0 };
		nc_buf_put_str(&line, "{\"stream\":");
		nc_json_put_string(&line, nc_slice_str(stream));
		nc_buf_printf(&line, ",\"seq\":%llu,\"pos\":%llu%s}\n",
		              (unsigned long long)appended->seq, (unsigned long long)appended->pos,
		              appended->duplicate ? ",\"duplicate\":true" : "");
		(void)fwrite(line.data, 1, line.size, stdout);
		nc_buf_release(&line);
		return;
	}
	(void)fputs(nc_cli_colour(cli, NC_CYAN), stdout);
	nc_cli_put_clean(stdout, nc_slice_str(stream));
	(void)printf("%s@%llu  position %llu%s\n", nc_cli_colour(cli, NC_PLAIN),
	             (unsigned long long)appended->seq, (unsigned long long)appended->pos,
	             appended->duplicate ? "  (was there: same id)" : "");
}

static int run(struct nc_cli *cli)
{
	struct append append = { 0 };
	struct nacre_appended appended;
	struct nacre_error error = { 0 };
	int exit_code = event_read(cli, &append);
	if (exit_code == 0)
		exit_code = nc_cli_connect(cli);
	if (exit_code == 0) {
		int status = nacre_append(cli->client, &append.event, &appended, &error);
		if (status == NACRE_OK) {
			show(cli, append.event.stream, &appended);
		} else {
			exit_code = nc_cli_fail_nacre(cli, status, &error, NULL);
		}
	}
	nc_buf_release(&append.data);
	return exit_code;
}

static const struct nc_cli_option options[] = {
	{ "expect", 'e', "any|none|exists|VERSION",
	  "What must be there: \"none\", a stream that \"exists\", or its version.", false },
	{ "id", 0, "ID", "The event's id: the same once more is recognised, however late.", false },
	{ "tag", 't', "TAG", "A tag, such as customer:7.", true },
	NC_CLI_META_OPTION,
	{ "content-type", 0, "TYPE", "Of the data.", false },
	{ NULL, 0, NULL, NULL, false },
};

static const struct nc_cli_example examples[] = {
	{ "an event with data from the command line",
	  "nacre append orders.42 OrderPlaced '{\"total\":9}'" },
	{ "only if nobody appended since version 1 was read",
	  "nacre append orders.42 OrderPaid '{\"by\":\"card\"}' --expect 1" },
	{ "data from a pipe, with tags",
	  "date | nacre append log Noted --tag host:a --content-type text/plain" },
	{ NULL, NULL },
};

const struct nc_cli_command nc_cli_append = {
	.name = "append",
	.words = "STREAM TYPE [DATA|@FILE|-]",
	.words_min = 2,
	.words_max = 3,
	.summary = "Append one event to a stream.",
	.details = "When it returns, the event is on disk, on a majority of the nodes. Without "
	           "DATA, or with -, "
	           "the data is read from the standard input; @FILE reads a file.\n\n"
	           "It is asked again, with the same id, until --timeout. After exit code 75 it is "
	           "unknown "
	           "whether the event is there: with an --id of your own, try again.",
	.options = options,
	.examples = examples,
	.run = run,
};
