/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nacre sub run: a consumer in one line of shell. This thread takes deliveries; the consumer's
 * workers run the commands and answer. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "transport/cli/ask.h"
#include "transport/cli/commands.h"
#include "transport/cli/consumer.h"
#include "transport/cli/job.h"
#include "transport/cli/progress.h"
#include "transport/cli/say.h"
#include "transport/cli/sub.h"

enum { PARALLEL_MAX = 256, LOOK_UP_MS = 200, RETRY_MS = 500 };

struct run {
	struct nc_cli *cli;
	struct nacre_subscription *sub;
	struct nc_cli_consumer *consumer;
	bool pushed; /* what comes must be taken; else only what a worker is free for is asked for
	              */
	bool until_empty;
	bool said_waiting;
	uint64_t left; /* to be taken */
};

/* Deal with a failure: a node that is away is waited for. Returns 0 to go on, or an exit code after
 * saying why. */
static int next_failed(struct run *run, int status, const struct nacre_error *error)
{
	const struct timespec pause = { 0, RETRY_MS * 1000000L };
	if (status != NACRE_UNAVAILABLE || run->until_empty)
		return nc_cli_fail_nacre(run->cli, status, error, NULL);
	if (!run->said_waiting)
		nc_cli_note(run->cli, "%s; waiting", error->description);
	run->said_waiting = true;
	(void)nanosleep(&pause, NULL);
	return 0;
}

/* There was nothing to take. What is of the same key as an event that is being worked on, or does
 * not fit the window, may be taken only when that is answered: so this is the end only if nothing
 * was under way when it was asked. */
static bool is_empty(struct run *run, bool idle)
{
	if (!run->until_empty)
		return false;
	while (!idle && !nc_cli_consumer_has_ended(run->consumer, LOOK_UP_MS) &&
	       nc_cli_signal() == 0 && !nc_cli_consumer_is_broken(run->consumer))
		nc_cli_consumer_tend(run->consumer);
	return idle;
}

/* Consume until it is time to end, or there is nothing more. */
static int take_all(struct run *run)
{
	struct nacre_error error = { 0 };
	bool unanswered = false, idle = false;
	int exit_code = 0;
	while (exit_code == 0 && run->left > 0 && nc_cli_signal() == 0 &&
	       !nc_cli_consumer_is_broken(run->consumer)) {
		nc_cli_consumer_tend(run->consumer);
		if (!run->pushed && !nc_cli_consumer_is_free(run->consumer, LOOK_UP_MS))
			continue;
		if (!unanswered)
			idle = nc_cli_consumer_is_idle(run->consumer, 0);
		const struct nacre_delivery *delivery;
		int status = nacre_next(run->sub, LOOK_UP_MS, &delivery, &error);
		/* The store may have a long history to search for what matches. */
		unanswered = status == NACRE_END && !nacre_has_ended(run->sub);
		if (status == NACRE_END && !unanswered && is_empty(run, idle))
			return 0;
		if (status == NACRE_END)
			continue;
		if (status != NACRE_OK) {
			exit_code = next_failed(run, status, &error);
		} else if (nc_cli_consumer_give(run->consumer, delivery)) {
			run->said_waiting = false;
			run->left--;
		} else {
			exit_code = nc_cli_fail(run->cli, NC_EXIT_FAILED, "out of memory");
		}
	}
	return exit_code;
}

/* Finish all deliveries that were taken, unless somebody is in a hurry. */
static void wait_for_taken(struct run *run)
{
	while (!nc_cli_consumer_is_idle(run->consumer, LOOK_UP_MS) && nc_cli_signal() == 0 &&
	       !nc_cli_consumer_is_broken(run->consumer))
		nc_cli_consumer_tend(run->consumer);
}

/* Give back deliveries beyond --limit, so that nobody has to wait until their time is over. */
static void take_rest(struct run *run)
{
	struct nacre_error error;
	const struct nacre_delivery *delivery;
	while (run->pushed && nacre_next(run->sub, 0, &delivery, &error) == NACRE_OK &&
	       nc_cli_consumer_give(run->consumer, delivery))
		continue;
}

static int work(struct run *run)
{
	uint64_t done, failed;
	nc_cli_signals_catch();
	int exit_code = take_all(run);
	if (nc_cli_signal() != 0) {
		nc_cli_note(run->cli, "ending; what runs is finished first");
	} else if (exit_code == 0) {
		wait_for_taken(run);
	}
	nc_cli_consumer_finish(run->consumer);
	take_rest(run);
	nc_cli_consumer_count(run->consumer, &done, &failed);
	nc_cli_note(run->cli, "%llu done, %llu not", (unsigned long long)done,
	            (unsigned long long)failed);
	bool wrong =
	        nc_cli_consumer_is_broken(run->consumer) || (failed > 0 && nc_cli_signal() == 0);
	return exit_code != 0 ? exit_code : wrong ? NC_EXIT_FAILED : 0;
}

static int consume(struct nc_cli *cli, const struct nc_cli_consume *how, bool pushed)
{
	struct nacre_error error = { 0 };
	struct run run = { .cli = cli,
		           .pushed = pushed,
		           .until_empty = nc_cli_has(&cli->args, "until-empty"),
		           .left = nc_cli_number(&cli->args, "limit", UINT64_MAX) };
	const struct nacre_consume one = { .batch = 1, .no_wait = run.until_empty };
	int status = nacre_subscribe(cli->client, how->subscription, &one, &run.sub, &error);
	if (status != NACRE_OK)
		return nc_cli_fail_nacre(cli, status, &error, NULL);
	run.consumer = nc_cli_consumer_new(how);
	int exit_code = run.consumer != NULL
	                        ? work(&run)
	                        : nc_cli_fail(cli, NC_EXIT_FAILED, "threads: %s", strerror(errno));
	nacre_unsubscribe(run.sub);
	nc_cli_consumer_free(run.consumer);
	return exit_code;
}

static int run_run(struct nc_cli *cli)
{
	uint64_t parallel = nc_cli_number(&cli->args, "parallel", 1);
	struct nc_cli_consume how = { .cli = cli,
		                      .subscription = nc_cli_word(&cli->args, 0),
		                      .command = cli->args.rest,
		                      .parallel = (size_t)parallel,
		                      .nak_delay_ms = -1 };
	struct nacre_reply *reply;
	struct nc_slice deliver, ack;
	char subject[160];
	if (nc_cli_has(&cli->args, "retry-after"))
		how.nak_delay_ms = (int64_t)nc_cli_duration_ms(&cli->args, "retry-after", 0);
	if (parallel < 1 || parallel > PARALLEL_MAX)
		return nc_cli_fail(cli, NC_EXIT_USAGE, "--parallel: from 1 to %d", PARALLEL_MAX);
	if (nc_cli_number(&cli->args, "limit", 1) == 0)
		return nc_cli_fail(cli, NC_EXIT_USAGE, "--limit: counts from 1");
	if (!nc_cli_job_can_run(how.command[0])) {
		return nc_cli_fail(cli, NC_EXIT_USAGE, "there is no command '%.200s'",
		                   how.command[0]);
	}
	int exit_code = nc_cli_sub_subject(cli, "sub.info", subject, sizeof subject);
	if (exit_code == 0)
		exit_code = nc_cli_connect(cli);
	if (exit_code == 0)
		exit_code = nc_cli_ask(cli, subject, NULL, NC_CLI_REPEAT, &reply);
	if (exit_code != 0)
		return exit_code;
	struct nc_slice info = nc_cli_reply_slice(reply);
	uint64_t wait_ms = nc_cli_member_number(info, "ack_wait_ms", 30000);
	how.working_every_ms = wait_ms / 3 > 0 ? wait_ms / 3 : 1;
	bool pushed = nc_cli_member(info, "deliver", &deliver) && deliver.data[0] == '{';
	bool takes_along = nc_cli_member(info, "ack", &ack) && nc_slice_is(ack, "\"all\"");
	nacre_reply_free(reply);
	if (takes_along && parallel > 1) {
		return nc_cli_fail(cli, NC_EXIT_USAGE,
		                   "--parallel: with ack all, a command that ends well would "
		                   "acknowledge events whose commands still run, or fail");
	}
	if (pushed && nc_cli_has(&cli->args, "until-empty")) {
		return nc_cli_fail(
		        cli, NC_EXIT_USAGE,
		        "--until-empty goes with a pull subscription; this one is pushed");
	}
	return consume(cli, &how, pushed);
}

static const struct nc_cli_option options[] = {
	{ "parallel", 'j', "N", "So many commands at a time; 1.", false },
	{ "limit", 'n', "N", "End after so many events.", false },
	{ "until-empty", 0, NULL, "End when there is nothing more, for cron.", false },
	{ "retry-after", 0, "DURATION",
	  "After a failure; the subscription's own backoff if not said.", false },
	{ NULL, 0, NULL, NULL, false },
};

static const struct nc_cli_example examples[] = {
	{ "a consumer", "nacre sub run billing -- ./send-invoice" },
	{ "in shell, with what is in the environment",
	  "nacre sub run mail --parallel 8 -- sh -c 'mail -s \"$ES_TYPE of $ES_STREAM\" "
	  "me@example.org'" },
	{ "what has come in since, every hour", "nacre sub run report --until-empty -- ./report" },
	{ NULL, NULL },
};

const struct nc_cli_command nc_cli_sub_run = {
	.name = "sub run",
	.words = "NAME",
	.words_min = 1,
	.words_max = 1,
	.rest = "COMMAND [ARGUMENT...]",
	.summary = "Run a command for each event: a consumer in one line of shell.",
	.details = "The event's data is the command's standard input; its headers are in the "
	           "environment: ES_STREAM, "
	           "ES_TYPE, ES_SEQ, ES_POSITION, ES_TIME, ES_ID, ES_TAGS, ES_CONTENT_TYPE, "
	           "ES_SUBSCRIPTION, "
	           "ES_DELIVERY (the attempt, from 1), ES_PENDING, and the metadata as "
	           "ES_META_<NAME>.\n\n"
	           "Exit code 0 acknowledges the event; any other sends it again, after the "
	           "subscription's backoff, "
	           "until max_deliver parks it. A command that takes long keeps its event: that it "
	           "is still working is "
	           "said for it. With ack all an event that is done takes those before it along, "
	           "also one that failed and has not come again yet.\n\n"
	           "It waits for a node that is away. SIGTERM or ^C: no more events are taken, "
	           "what runs is "
	           "finished, exit code 0. With --limit or --until-empty exit code 1 says that "
	           "some failed.\n\n"
	           "Of a pull subscription an event is only taken when a command is free for "
	           "it. A pushed one sends ahead: what waits here is kept, and given back at "
	           "the end.",
	.options = options,
	.examples = examples,
	.run = run_run,
};
