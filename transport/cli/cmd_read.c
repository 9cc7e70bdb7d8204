/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nacre read, nacre get. */
#include <stdio.h>
#include <string.h>

#include "transport/cli/commands.h"
#include "transport/cli/filter.h"
#include "transport/cli/read.h"
#include "transport/cli/say.h"

static int source_of(const struct nc_cli *cli, struct nacre_read *read)
{
	static const struct {
		const char *option;
		enum nacre_source source;
	} sources[] = { { "type", NACRE_TYPE },
		        { "category", NACRE_CATEGORY },
		        { "tag", NACRE_TAG },
		        { "all", NACRE_ALL } };
	unsigned count = 0;
	read->source = NACRE_STREAM;
	read->name = nc_cli_word(&cli->args, 0);
	count += read->name != NULL;
	for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
		if (!nc_cli_has(&cli->args, sources[i].option))
			continue;
		read->source = sources[i].source;
		read->name = nc_cli_value(&cli->args, sources[i].option);
		count++;
	}
	if (count == 1)
		return 0;
	return nc_cli_fail(cli, NC_EXIT_USAGE, "%s a STREAM, --type, --category, --tag or --all",
	                   count == 0 ? "what to read?" : "one of these at a time:");
}

static int run_read(struct nc_cli *cli)
{
	struct nacre_read read = { 0 };
	struct nc_buf filter = { 0 };
	bool filtered = false;
	int exit_code = source_of(cli, &read);
	if (exit_code == 0)
		exit_code = nc_cli_read_options(cli, &read);
	if (exit_code == 0)
		exit_code = nc_cli_filter_contents(cli, &filter, &filtered);
	if (exit_code == 0 && filtered) {
		nc_buf_put_u8(&filter, 0);
		read.filter = (const char *)filter.data;
	}
	if (exit_code == 0)
		exit_code = nc_cli_connect(cli);
	if (exit_code == 0)
		exit_code = nc_cli_read_show(cli, &read);
	nc_buf_release(&filter);
	return exit_code;
}

static int run_get(struct nc_cli *cli)
{
	struct nacre_get get = { .direct = nc_cli_has(&cli->args, "direct") };
	const char *word = nc_cli_word(&cli->args, 0), *at;
	char stream[256];
	struct nacre_error error = { 0 };
	const struct nacre_event *event;
	get.id = nc_cli_value(&cli->args, "id");
	if (word != NULL && get.id != NULL) {
		get.stream = word;
	} else if (word != NULL && !nc_cli_number_read(word, &get.pos)) {
		at = strrchr(word, '@');
		if (at == NULL || (size_t)(at - word) >= sizeof stream ||
		    !nc_cli_number_read(at + 1, &get.seq)) {
			return nc_cli_fail(
			        cli, NC_EXIT_USAGE,
			        "expected a position, STREAM@VERSION, or --id, not '%.60s'", word);
		}
		memcpy(stream, word, (size_t)(at - word));
		stream[at - word] = '\0';
		get.stream = stream;
	}
	if (word != NULL && get.id == NULL && get.pos == 0 && get.seq == 0) {
		return nc_cli_fail(cli, NC_EXIT_USAGE, "%s count from 1",
		                   get.stream == NULL ? "positions" : "versions");
	}
	if (word == NULL && get.id == NULL) {
		return nc_cli_fail(cli, NC_EXIT_USAGE,
		                   "which event? a position, STREAM@VERSION, or --id ID");
	}
	int exit_code = nc_cli_connect(cli);
	if (exit_code != 0)
		return exit_code;
	int status = nacre_get(cli->client, &get, &event, &error);
	if (status != NACRE_OK)
		return nc_cli_fail_nacre(cli, status, &error, NULL);
	nc_cli_show_event(cli, event, "", "");
	nacre_event_free(event);
	return 0;
}

static const struct nc_cli_option read_options[] = {
	{ "all", 'a', NULL, "The whole store, by position.", false },
	{ "type", 0, "TYPE", "The events of a type, by position.", false },
	{ "category", 0, "CATEGORY", "Of a category: the streams' first token.", false },
	{ "tag", 't', "TAG", "Those that bear a tag.", false },
	NC_CLI_READ_OPTIONS,
	NC_CLI_FILTER_CONTENTS,
	NC_CLI_EVENT_OPTIONS,
	{ NULL, 0, NULL, NULL, false },
};

static const struct nc_cli_example read_examples[] = {
	{ "a stream", "nacre read orders.42" },
	{ "the last five events of the store, newest first",
	  "nacre read --all --backward --limit 5" },
	{ "what a customer did since yesterday, for jq",
	  "nacre read --tag customer:7 --from-time 2026-11-24T00:00:00Z --json" },
	{ "the large orders",
	  "nacre read --category orders --payload '{\"total\":[{\"numeric\":[\">=\",100]}]}'" },
	{ NULL, NULL },
};

const struct nc_cli_command nc_cli_read = {
	.name = "read",
	.words = "[STREAM]",
	.words_max = 1,
	.summary = "Read a stream, or the store by type, category, tag or position.",
	.details = "Linearizable: what was acknowledged before is there. --direct asks any node "
	           "instead, which "
	           "may be behind. A stream that does not exist has no events, which is no error.",
	.options = read_options,
	.examples = read_examples,
	.run = run_read,
};

static const struct nc_cli_option get_options[] = {
	{ "id", 0, "ID", "By its id; with a STREAM, the one of that stream.", false },
	{ "direct", 0, NULL, "Any node's answer, which may be behind.", false },
	NC_CLI_EVENT_OPTIONS,
	{ NULL, 0, NULL, NULL, false },
};

static const struct nc_cli_example get_examples[] = {
	{ "by position, with everything", "nacre get 1042 --long" },
	{ "version 3 of a stream, the data alone", "nacre get orders.42@3 --data" },
	{ "by id", "nacre get --id ship-42" },
	{ NULL, NULL },
};

const struct nc_cli_command nc_cli_get = {
	.name = "get",
	.words = "[POSITION|STREAM@VERSION|STREAM]",
	.words_max = 1,
	.summary = "Show one event.",
	.options = get_options,
	.examples = get_examples,
	.run = run_get,
};
