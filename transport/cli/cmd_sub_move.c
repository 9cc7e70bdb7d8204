/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nacre sub pause, resume, seek, replay. */
#include <stdio.h>

#include "transport/cli/ask.h"
#include "transport/cli/commands.h"
#include "transport/cli/say.h"
#include "transport/cli/sub.h"

static int ask(struct nc_cli *cli, const char *verb, const char *body, enum nc_cli_repeat repeat)
{
	char subject[160];
	int exit_code = nc_cli_sub_subject(cli, verb, subject, sizeof subject);
	if (exit_code == 0)
		exit_code = nc_cli_connect(cli);
	return exit_code != 0 ? exit_code : nc_cli_ask_show(cli, subject, body, repeat);
}

static int run_pause(struct nc_cli *cli)
{
	return ask(cli, "sub.pause", NULL, NC_CLI_REPEAT);
}

static int run_resume(struct nc_cli *cli)
{
	return ask(cli, "sub.resume", NULL, NC_CLI_REPEAT);
}

static int run_seek(struct nc_cli *cli)
{
	struct nc_buf body = { 0 };
	const char *to = nc_cli_word(&cli->args, 1);
	int exit_code;
	if (!nc_cli_start_put(&body, to)) {
		exit_code = nc_cli_fail(cli, NC_EXIT_USAGE,
		                        "expected first, new, pos:N or a time, not '%.60s'", to);
	} else {
		nc_buf_put_u8(&body, 0);
		/* A second seek begins another epoch, and "new" would skip what came between. */
		exit_code = ask(cli, "sub.seek", (const char *)body.data, NC_CLI_ONCE);
	}
	nc_buf_release(&body);
	return exit_code;
}

/* {} is all, {"pos":[…]}, {"key":…} */
static int run_replay(struct nc_cli *cli)
{
	struct nc_buf body = { 0 };
	const char *value, *key = nc_cli_value(&cli->args, "order-key");
	size_t at = 0, count = 0;
	int exit_code = 0;
	nc_buf_put_u8(&body, '{');
	for (; (value = nc_cli_each(&cli->args, "pos", &at)) != NULL; count++)
		nc_buf_printf(&body, "%s%s", count == 0 ? "\"pos\":[" : ",", value);
	nc_buf_put_str(&body, count > 0 ? "]" : "");
	if (key != NULL && count == 0) {
		nc_buf_put_str(&body, "\"key\":");
		nc_json_put_string(&body, nc_slice_str(key));
	}
	nc_buf_put_str(&body, "}");
	nc_buf_put_u8(&body, 0);
	if ((count > 0) + (key != NULL) + nc_cli_has(&cli->args, "all") != 1) {
		exit_code = nc_cli_fail(cli, NC_EXIT_USAGE, "one of --pos, --order-key and --all");
	} else {
		/* A second replay would release what has been parked since the first. */
		exit_code = ask(cli, "sub.replay", (const char *)body.data, NC_CLI_ONCE);
	}
	nc_buf_release(&body);
	return exit_code;
}

static const struct nc_cli_example pause_examples[] = {
	{ "deliver nothing until it is resumed", "nacre sub pause billing" },
	{ NULL, NULL },
};

const struct nc_cli_command nc_cli_sub_pause = {
	.name = "sub pause",
	.words = "NAME",
	.words_min = 1,
	.words_max = 1,
	.summary = "Stop delivering; nothing is lost.",
	.examples = pause_examples,
	.run = run_pause,
};

static const struct nc_cli_example resume_examples[] = {
	{ "where it was", "nacre sub resume billing" },
	{ NULL, NULL },
};

const struct nc_cli_command nc_cli_sub_resume = {
	.name = "sub resume",
	.words = "NAME",
	.words_min = 1,
	.words_max = 1,
	.summary = "Deliver again, also one that was stopped by a failure.",
	.examples = resume_examples,
	.run = run_resume,
};

static const struct nc_cli_example seek_examples[] = {
	{ "all once more", "nacre sub seek billing first" },
	{ "from a position on", "nacre sub seek billing pos:1042" },
	{ "from yesterday on", "nacre sub seek billing 2026-11-24T00:00:00Z" },
	{ NULL, NULL },
};

const struct nc_cli_command nc_cli_sub_seek = {
	.name = "sub seek",
	.words = "NAME first|new|pos:N|TIME",
	.words_min = 2,
	.words_max = 2,
	.summary = "Move a subscription, back or forward.",
	.details =
	        "It begins a new epoch: what is in flight may still be acknowledged, to no effect.",
	.examples = seek_examples,
	.run = run_seek,
};

static const struct nc_cli_option replay_options[] = {
	{ "pos", 0, "N", "The event at this position.", true },
	{ "order-key", 0, "KEY", "All of a key, in order.", false },
	{ "all", 0, NULL, "All that is parked.", false },
	{ NULL, 0, NULL, NULL, false },
};

static const struct nc_cli_example replay_examples[] = {
	{ "after the mistake is mended", "nacre sub replay billing --all" },
	{ "one event", "nacre sub replay billing --pos 1042" },
	{ "all of a customer, in order", "nacre sub replay mail --order-key customer:7" },
	{ NULL, NULL },
};

const struct nc_cli_command nc_cli_sub_replay = {
	.name = "sub replay",
	.words = "NAME",
	.words_min = 1,
	.words_max = 1,
	.summary = "Deliver parked events again, with their attempts from 1.",
	.options = replay_options,
	.examples = replay_examples,
	.run = run_replay,
};
