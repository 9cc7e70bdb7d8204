/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nacre snap put, get, ls, rm; nacre load. */
#include <stdio.h>
#include <string.h>

#include "transport/cli/ask.h"
#include "transport/cli/commands.h"
#include "transport/cli/event.h"
#include "transport/cli/input.h"
#include "transport/cli/meta.h"
#include "transport/cli/say.h"
#include "transport/cli/snap.h"
#include "transport/cli/text.h"

/* ---- Put ------------------------------------------------------------------------------------ */

static int put_read(const struct nc_cli *cli, struct nacre_snapshot_put *put,
                    struct nc_cli_meta *meta, struct nc_buf *data)
{
	const char *version = nc_cli_word(&cli->args, 1), *word = nc_cli_word(&cli->args, 2);
	put->stream = nc_cli_word(&cli->args, 0);
	put->content_type = nc_cli_value(&cli->args, "content-type");
	if (!nc_cli_number_read(version, &put->seq) || put->seq == 0) {
		return nc_cli_fail(cli, NC_EXIT_USAGE,
		                   "expected the version that it stands for, from 1, not '%.60s'",
		                   version);
	}
	int exit_code = nc_cli_meta_read(cli, meta);
	if (exit_code == 0)
		exit_code = nc_cli_input(cli, word == NULL ? "-" : word, data);
	if (exit_code == 0 && data->size == 0) {
		exit_code = nc_cli_fail(cli, NC_EXIT_INPUT,
		                        "no data; a snapshot has at least one byte");
	}
	put->meta = meta->pairs;
	put->meta_count = meta->count;
	put->data = data->data;
	put->size = data->size;
	return exit_code;
}

static void put_show(const struct nc_cli *cli, const struct nacre_snapshot_put *put)
{
	struct nc_buf line = { 0 };
	if (cli->json) {
		nc_buf_put_str(&line, "{\"stream\":");
		nc_json_put_string(&line, nc_slice_str(put->stream));
		nc_buf_printf(&line, ",\"seq\":%llu}", (unsigned long long)put->seq);
		nc_cli_put_line(nc_buf_slice(&line));
		nc_buf_release(&line);
		return;
	}
	(void)fputs(nc_cli_colour(cli, NC_CYAN), stdout);
	nc_cli_put_clean(stdout, nc_slice_str(put->stream));
	(void)printf("%s@%llu  snapshot of %zu bytes\n", nc_cli_colour(cli, NC_PLAIN),
	             (unsigned long long)put->seq, put->size);
}

static int run_put(struct nc_cli *cli)
{
	struct nacre_snapshot_put put = { 0 };
	struct nc_cli_meta meta = { 0 };
	struct nc_buf data = { 0 };
	struct nacre_error error = { 0 };
	int exit_code = put_read(cli, &put, &meta, &data);
	if (exit_code == 0)
		exit_code = nc_cli_connect(cli);
	if (exit_code == 0) {
		int status = nacre_snapshot_put(cli->client, &put, &error);
		if (status == NACRE_OK) {
			put_show(cli, &put);
		} else {
			exit_code = nc_cli_fail_nacre(cli, status, &error, NULL);
		}
	}
	nc_buf_release(&data);
	return exit_code;
}

/* ---- Get and load --------------------------------------------------------------------------- */

static int run_get(struct nc_cli *cli)
{
	struct nacre_error error = { 0 };
	const struct nacre_snapshot *snapshot;
	const struct nacre_snapshot_get get = { .stream = nc_cli_word(&cli->args, 0),
		                                .seq = nc_cli_number(&cli->args, "seq", 0),
		                                .at_most = nc_cli_number(&cli->args, "at-most", 0),
		                                .direct = nc_cli_has(&cli->args, "direct") };
	bool seq = nc_cli_has(&cli->args, "seq"), at_most = nc_cli_has(&cli->args, "at-most");
	if ((seq && get.seq == 0) || (at_most && get.at_most == 0))
		return nc_cli_fail(cli, NC_EXIT_USAGE, "versions count from 1");
	if (seq && at_most)
		return nc_cli_fail(cli, NC_EXIT_USAGE, "--seq and --at-most: one of these");
	int exit_code = nc_cli_connect(cli);
	if (exit_code != 0)
		return exit_code;
	int status = nacre_snapshot_get(cli->client, &get, &snapshot, &error);
	if (status != NACRE_OK)
		return nc_cli_fail_nacre(cli, status, &error, NULL);
	nc_cli_show_snap(cli, snapshot);
	nacre_snapshot_free(snapshot);
	return 0;
}

static int run_load(struct nc_cli *cli)
{
	struct nacre_error error = { 0 };
	const struct nacre_snapshot *snapshot;
	const struct nacre_event *event;
	struct nacre_reader *reader;
	const struct nacre_load load = { .stream = nc_cli_word(&cli->args, 0),
		                         .limit = nc_cli_number(&cli->args, "limit", 0),
		                         .direct = nc_cli_has(&cli->args, "direct") };
	if (nc_cli_has(&cli->args, "limit") && load.limit == 0)
		return nc_cli_fail(cli, NC_EXIT_USAGE, "--limit: counts from 1");
	int exit_code = nc_cli_connect(cli);
	if (exit_code != 0)
		return exit_code;
	int status = nacre_load(cli->client, &load, &snapshot, &reader, &error);
	if (status != NACRE_OK)
		return nc_cli_fail_nacre(cli, status, &error, NULL);
	if (snapshot != NULL)
		nc_cli_show_snap_before(cli, snapshot);
	while (!nc_cli_output_lost() &&
	       (status = nacre_read_next(reader, &event, &error)) == NACRE_OK)
		nc_cli_show_event(cli, event, "", "");
	if (status == NACRE_END && nc_cli_has(&cli->args, "head"))
		(void)printf("{\"head\":%llu}\n", (unsigned long long)nacre_read_head(reader));
	nacre_snapshot_free(snapshot);
	nacre_read_close(reader);
	return status == NACRE_OK || status == NACRE_END
	               ? 0
	               : nc_cli_fail_nacre(cli, status, &error, NULL);
}

/* ---- Delete --------------------------------------------------------------------------------- */

static int run_rm(struct nc_cli *cli)
{
	char which[48] = "{}";
	const char *stream = nc_cli_word(&cli->args, 0);
	struct nacre_error error = { 0 };
	struct nacre_reply *reply = NULL;
	bool seq = nc_cli_has(&cli->args, "seq"), before = nc_cli_has(&cli->args, "before");
	if (seq + before + nc_cli_has(&cli->args, "all") != 1)
		return nc_cli_fail(cli, NC_EXIT_USAGE, "one of --seq, --before and --all");
	if (seq || before) {
		const char *name = seq ? "seq" : "before";
		uint64_t version = nc_cli_number(&cli->args, name, 0);
		if (version == 0)
			return nc_cli_fail(cli, NC_EXIT_USAGE, "--%s: counts from 1", name);
		(void)snprintf(which, sizeof which, "{\"%s\":%llu}", name,
		               (unsigned long long)version);
	}
	int exit_code = nc_cli_connect(cli);
	if (exit_code != 0)
		return exit_code;
	int status = nacre_snapshot_delete(cli->client, stream, which, &reply, &error);
	return nc_cli_answered(cli, status, &error, reply);
}

/* ---- Descriptions --------------------------------------------------------------------------- */

static const struct nc_cli_option put_options[] = {
	NC_CLI_META_OPTION,
	{ "content-type", 0, "TYPE", "Of the data.", false },
	{ NULL, 0, NULL, NULL, false },
};

static const struct nc_cli_example put_examples[] = {
	{ "what the first 100 events came to",
	  "nacre snap put orders.42 100 '{\"total\":9}' --content-type application/json" },
	{ "from a program", "./fold | nacre snap put orders.42 100" },
	{ NULL, NULL },
};

const struct nc_cli_command nc_cli_snap_put = {
	.name = "snap put",
	.words = "STREAM VERSION [DATA|@FILE|-]",
	.words_min = 2,
	.words_max = 3,
	.summary = "Keep what a stream came to at a version.",
	.details = "A snapshot of the same version is replaced. The version must not lie above the "
	           "stream's. "
	           "Without DATA, or with -, the data is read from the standard input; @FILE reads "
	           "a file. How many of a stream are kept is the node's setting "
	           "NACRE_SNAPSHOT_KEEP.",
	.options = put_options,
	.examples = put_examples,
	.run = run_put,
};

static const struct nc_cli_option get_options[] = {
	{ "seq", 0, "N", "The one of this version.", false },
	{ "at-most", 0, "N", "The newest of this version or before.", false },
	{ "direct", 0, NULL, "Any node's answer, which may be behind.", false },
	{ "data", 0, NULL, "The bytes alone, as they are.", false },
	{ NULL, 0, NULL, NULL, false },
};

static const struct nc_cli_example get_examples[] = {
	{ "the newest", "nacre snap get orders.42" },
	{ "its bytes, into a file", "nacre snap get orders.42 --data >state" },
	{ NULL, NULL },
};

const struct nc_cli_command nc_cli_snap_get = {
	.name = "snap get",
	.words = "STREAM",
	.words_min = 1,
	.words_max = 1,
	.summary = "Show a snapshot of a stream, the newest unless told.",
	.options = get_options,
	.examples = get_examples,
	.run = run_get,
};

static const struct nc_cli_option rm_options[] = {
	{ "seq", 0, "N", "The one of this version.", false },
	{ "before", 0, "N", "Those of lower versions.", false },
	{ "all", 'a', NULL, "All of the stream.", false },
	{ NULL, 0, NULL, NULL, false },
};

static const struct nc_cli_example rm_examples[] = {
	{ "all but the newer ones", "nacre snap rm orders.42 --before 1000" },
	{ NULL, NULL },
};

const struct nc_cli_command nc_cli_snap_rm = {
	.name = "snap rm",
	.words = "STREAM",
	.words_min = 1,
	.words_max = 1,
	.summary = "Delete snapshots of a stream; its events stay.",
	.options = rm_options,
	.examples = rm_examples,
	.run = run_rm,
};

static const struct nc_cli_option load_options[] = {
	{ "limit", 'n', "N", "So many events at most.", false },
	{ "direct", 0, NULL, "Any node's answer, which may be behind.", false },
	{ "head", 0, NULL, "At the end the head, to expect: {\"head\":N}.", false },
	NC_CLI_EVENT_OPTIONS,
	{ NULL, 0, NULL, NULL, false },
};

static const struct nc_cli_example load_examples[] = {
	{ "what it came to, and what has happened since", "nacre load orders.42" },
	{ "for a program, which goes on from there", "nacre load orders.42 --json --head" },
	{ NULL, NULL },
};

const struct nc_cli_command nc_cli_load = {
	.name = "load",
	.words = "STREAM",
	.words_min = 1,
	.words_max = 1,
	.summary = "Show a stream's newest snapshot and the events after it.",
	.details = "Both are as of one moment. A stream without a snapshot is shown from its first "
	           "event. With --json "
	           "the snapshot is the object with the member \"snapshot\".",
	.options = load_options,
	.examples = load_examples,
	.run = run_load,
};
