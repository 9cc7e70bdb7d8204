/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nacre sub next, nacre sub ack. */
#include <stdio.h>
#include <string.h>

#include "transport/cli/commands.h"
#include "transport/cli/event.h"
#include "transport/cli/say.h"
#include "transport/cli/sub.h"

enum { WAIT_MS = 5000, BATCH_MAX = 10000 };

static int deliveries_show(struct nc_cli *cli, struct nacre_subscription *sub, uint64_t count)
{
	struct nacre_error error = { 0 };
	const struct nacre_delivery *delivery;
	int64_t wait_ms = (int64_t)nc_cli_duration_ms(&cli->args, "wait", WAIT_MS);
	bool ack = nc_cli_has(&cli->args, "ack");
	uint64_t given = 0;
	int status = NACRE_OK;
	while (given < count && !nc_cli_output_lost() &&
	       (status = nacre_next(sub, wait_ms, &delivery, &error)) == NACRE_OK) {
		nc_cli_show_delivery(cli, delivery);
		given++;
		/* With ack all the last of a message, or the last one shown, stands for those
		 * before it. */
		bool answers = delivery->left == 0 || given == count;
		if (ack && answers && delivery->reply[0] != '\0')
			status = nacre_ack(cli->client, delivery->reply, true, &error);
		if (status != NACRE_OK)
			break;
	}
	if (status != NACRE_OK && status != NACRE_END)
		return nc_cli_fail_nacre(cli, status, &error, NULL);
	if (given == 0)
		nc_cli_note(cli, "no event");
	return 0;
}

static int run_next(struct nc_cli *cli)
{
	char unused[160];
	struct nacre_error error = { 0 };
	struct nacre_subscription *sub;
	uint64_t count = nc_cli_number(&cli->args, "batch", 1);
	if (count < 1 || count > BATCH_MAX)
		return nc_cli_fail(cli, NC_EXIT_USAGE, "--batch: from 1 to %d", BATCH_MAX);
	const struct nacre_consume how = { .batch = (uint32_t)count,
		                           .limit = count, /* what is not shown is not taken */
		                           .no_wait = nc_cli_has(&cli->args, "no-wait"),
		                           .packed = nc_cli_has(&cli->args, "packed") };
	int exit_code = nc_cli_sub_subject(cli, "", unused, sizeof unused);
	if (exit_code == 0)
		exit_code = nc_cli_connect(cli);
	if (exit_code != 0)
		return exit_code;
	int status = nacre_subscribe(cli->client, nc_cli_word(&cli->args, 0), &how, &sub, &error);
	if (status != NACRE_OK)
		return nc_cli_fail_nacre(cli, status, &error, NULL);
	exit_code = deliveries_show(cli, sub, count);
	nacre_unsubscribe(sub);
	return exit_code;
}

/* Whether it may be the reply subject of a delivery of this store. */
static bool is_of_delivery(const struct nc_cli *cli, const char *reply)
{
	char of_store[100];
	(void)snprintf(of_store, sizeof of_store, ".%.64s.ack.", cli->store);
	return strstr(reply, of_store) != NULL;
}

/* A reply subject is taken as it was given: it must be one of this store's. */
static int run_ack(struct nc_cli *cli)
{
	const char *reply = nc_cli_word(&cli->args, 0), *reason = nc_cli_value(&cli->args, "term");
	bool nak = nc_cli_has(&cli->args, "nak"), working = nc_cli_has(&cli->args, "working");
	struct nacre_error error = { 0 };
	int status, exit_code = nc_cli_connect(cli);
	if (exit_code != 0)
		return exit_code;
	if (nak + working + (reason != NULL) > 1)
		return nc_cli_fail(cli, NC_EXIT_USAGE, "one of --nak, --working and --term");
	if (nak) {
		status = nacre_nak(cli->client, reply,
		                   nc_cli_has(&cli->args, "delay")
		                           ? (int64_t)nc_cli_duration_ms(&cli->args, "delay", 0)
		                           : -1,
		                   &error);
	} else if (working) {
		status = nacre_working(cli->client, reply, &error);
	} else if (reason != NULL) {
		status = nacre_term(cli->client, reply, reason[0] == '\0' ? NULL : reason, &error);
	} else {
		status = nacre_ack(cli->client, reply, true, &error);
	}
	if (status == NACRE_UNAVAILABLE && !is_of_delivery(cli, reply)) {
		return nc_cli_fail(cli, NC_EXIT_USAGE,
		                   "'%.100s' is not the reply subject of a delivery of store '%s'",
		                   reply, cli->store);
	}
	return status == NACRE_OK ? 0 : nc_cli_fail_nacre(cli, status, &error, NULL);
}

static const struct nc_cli_option next_options[] = {
	{ "batch", 'n', "N", "So many at most; 1.", false },
	{ "wait", 0, "DURATION", "For each; 5s.", false },
	{ "no-wait", 0, NULL, "Only what is there now.", false },
	{ "ack", 0, NULL, "Acknowledge each when it has been shown.", false },
	{ "packed", 0, NULL, "Many in one message; with ack all or none.", false },
	NC_CLI_EVENT_OPTIONS,
	{ NULL, 0, NULL, NULL, false },
};

static const struct nc_cli_example next_examples[] = {
	{ "take one and say that it is done", "nacre sub next billing --ack" },
	{ "look at ten, with the subjects to answer on",
	  "nacre sub next billing --batch 10 --json" },
	{ "many, in few messages", "nacre sub next audit --batch 5000 --packed --ack --json" },
	{ NULL, NULL },
};

const struct nc_cli_command nc_cli_sub_next = {
	.name = "sub next",
	.words = "NAME",
	.words_min = 1,
	.words_max = 1,
	.summary = "Take the next events of a subscription.",
	.details =
	        "What is not acknowledged, here or by 'nacre sub ack' with its \"reply\", comes "
	        "again after the "
	        "subscription's wait. Of events that come packed, pushed ones by the "
	        "subscription's format, each has a \"reply\" of its own: with ack all it is about "
	        "all up to it.",
	.options = next_options,
	.examples = next_examples,
	.run = run_next,
};

static const struct nc_cli_option ack_options[] = {
	{ "nak", 0, NULL, "Not done: again.", false },
	{ "delay", 0, "DURATION", "Of --nak: not before.", false },
	{ "working", 0, NULL, "Not done yet: the wait begins anew.", false },
	{ "term", 0, "REASON", "Never again: park it.", false },
	{ NULL, 0, NULL, NULL, false },
};

static const struct nc_cli_example ack_examples[] = {
	{ "done", "nacre sub ack es.shop.ack.billing.1.1042.1" },
	{ "not now", "nacre sub ack es.shop.ack.billing.1.1042.1 --nak --delay 1m" },
	{ NULL, NULL },
};

const struct nc_cli_command nc_cli_sub_ack = {
	.name = "sub ack",
	.words = "REPLY",
	.words_min = 1,
	.words_max = 1,
	.summary = "Answer a delivery, by its reply subject.",
	.details = "An acknowledgement returns when it is replicated; a stale one is a conflict "
	           "(exit code 4).",
	.options = ack_options,
	.examples = ack_examples,
	.run = run_ack,
};
