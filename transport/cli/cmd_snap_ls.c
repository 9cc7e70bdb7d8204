/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nacre snap ls. */
#include <stdio.h>

#include "transport/cli/ask.h"
#include "transport/cli/commands.h"
#include "transport/cli/say.h"

static const struct nc_cli_column snap_columns[] = {
	{ "VERSION", "seq", true }, { "BYTES", "size", true },
	{ "SINCE", "time", false }, { "CONTENT TYPE", "content_type", false },
	{ NULL, NULL, false },
};

static const struct nc_cli_column stream_columns[] = {
	{ "STREAM", "stream", false }, { "NEWEST", "seq", true }, { "SNAPSHOTS", "count", true },
	{ "BYTES", "bytes", true },    { NULL, NULL, false },
};

static void body_put(struct nc_buf *body, const char *prefix, const struct nc_buf *after)
{
	nc_buf_clear(body);
	nc_buf_put_str(body, "{\"limit\":10000");
	if (prefix != NULL) {
		nc_buf_put_str(body, ",\"prefix\":");
		nc_json_put_string(body, nc_slice_str(prefix));
	}
	if (after->size > 0) {
		nc_buf_printf(body, ",\"after\":%.*s", (int)after->size, (const char *)after->data);
	}
	nc_buf_put_u8(body, '}');
	nc_buf_put_u8(body, 0);
}

static int pages_ask(struct nc_cli *cli, const char *stream, const char *member,
                     struct nc_buf *list)
{
	const char *prefix = nc_cli_value(&cli->args, "starts-with");
	struct nc_buf after = { 0 }, body = { 0 };
	struct nacre_error error = { 0 };
	int status;
	do {
		struct nacre_reply *reply = NULL;
		body_put(&body, prefix, &after);
		status = nc_buf_status(&body) == NC_OK
		                 ? nacre_snapshot_list(cli->client, stream, (const char *)body.data,
		                                       &reply, &error)
		                 : NACRE_NOMEM;
		if (status == NACRE_OK)
			nc_cli_page_add(nc_cli_reply_slice(reply), member, list, &after);
		nacre_reply_free(reply);
	} while (status == NACRE_OK && after.size > 0);
	nc_buf_put_str(list, list->size == 0 ? "[]" : "]");
	nc_buf_release(&after);
	nc_buf_release(&body);
	if (status != NACRE_OK)
		return nc_cli_fail_nacre(cli, status, &error, NULL);
	return nc_buf_status(list) == NC_OK ? 0 : nc_cli_fail(cli, NC_EXIT_FAILED, "out of memory");
}

static int run_ls(struct nc_cli *cli)
{
	const char *stream = nc_cli_word(&cli->args, 0);
	const char *member = stream == NULL ? "streams" : "snapshots";
	struct nc_buf list = { 0 };
	if (stream != NULL && nc_cli_has(&cli->args, "starts-with")) {
		return nc_cli_fail(cli, NC_EXIT_USAGE,
		                   "--starts-with goes with the list of all streams");
	}
	int exit_code = nc_cli_connect(cli);
	if (exit_code == 0)
		exit_code = pages_ask(cli, stream, member, &list);
	if (exit_code == 0 && cli->json) {
		(void)printf("{\"%s\":%.*s}\n", member, (int)list.size, (const char *)list.data);
	} else if (exit_code == 0 &&
	           nc_cli_show_table(cli, nc_buf_slice(&list),
	                             stream == NULL ? stream_columns : snap_columns) == 0) {
		nc_cli_note(cli, "no snapshots");
	}
	nc_buf_release(&list);
	return exit_code;
}

static const struct nc_cli_option options[] = {
	{ "starts-with", 0, "TEXT", "Streams whose names begin so.", false },
	{ NULL, 0, NULL, NULL, false },
};

static const struct nc_cli_example examples[] = {
	{ "the streams that have some", "nacre snap ls" },
	{ "those of orders", "nacre snap ls --starts-with orders." },
	{ "of one stream", "nacre snap ls orders.42" },
	{ NULL, NULL },
};

const struct nc_cli_command nc_cli_snap_ls = {
	.name = "snap ls",
	.words = "[STREAM]",
	.words_max = 1,
	.summary = "List a stream's snapshots, or the streams that have some.",
	.options = options,
	.examples = examples,
	.run = run_ls,
};
