/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nacre sub run: a consumer in one line of shell.
 *
 * Threads: this one takes deliveries, one at a time and only when a worker is free, so that nothing
 * waits here while its time runs; each worker runs one command at a time and answers for it. The
 * mutex guards struct run's members below it; counts and the hand-over are all that is shared.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transport/cli/ask.h"
#include "transport/cli/commands.h"
#include "transport/cli/job.h"
#include "transport/cli/progress.h"
#include "transport/cli/say.h"
#include "transport/cli/sub.h"

enum { PARALLEL_MAX = 256, LOOK_UP_MS = 200, RETRY_MS = 500 };

struct run {
	struct nc_cli *cli;
	const char *name;
	char **command;
	uint64_t working_every_ms;
	int64_t nak_delay_ms; /* below 0: the subscription's own */
	uint64_t limit;

	pthread_mutex_t mutex;
	pthread_cond_t changed;
	size_t idle;  /* workers without a command */
	bool has_job; /* `job` waits for a worker */
	struct nc_cli_job job;
	bool ending; /* no job comes any more */
	bool broken; /* a command cannot be begun */
	uint64_t taken, acked, failed;
};

struct at_work {
	struct run *run;
	const struct nc_cli_job *job;
};

static void say_working(void *ctx)
{
	const struct at_work *work = ctx;
	struct nacre_error error;
	(void)nacre_working(work->run->cli->client, work->job->reply,
	                    &error); /* else it comes again */
}

/* ---- Workers -------------------------------------------------------------------------------- */

/* Answer for a command that has ended; whether it was done. */
static bool answer(struct run *run, const struct nc_cli_job *job, int ended)
{
	struct nacre_error error = { 0 };
	const char *reply = job->reply;
	int status = NACRE_OK;
	if (reply[0] != '\0' && ended == 0)
		status = nacre_ack(run->cli->client, reply, false, &error);
	else if (reply[0] != '\0')
		status = nacre_nak(run->cli->client, reply, run->nak_delay_ms, &error);
	if (ended > 0)
		nc_cli_note(run->cli, "event %llu: the command ended with %d",
		            (unsigned long long)job->pos, ended);
	if (status != NACRE_OK)
		(void)nc_cli_fail_nacre(run->cli, status, &error, "sub run: answer");
	return ended == 0 && status == NACRE_OK;
}

static void do_job(struct run *run, const struct nc_cli_job *job)
{
	struct at_work work = { run, job };
	int ended = nc_cli_job_run(job, run->command, run->working_every_ms, say_working, &work);
	(void)pthread_mutex_lock(&run->mutex);
	bool first = ended < 0 && !run->broken;
	run->broken |= ended < 0; /* before it is answered: it may come again at once */
	(void)pthread_mutex_unlock(&run->mutex);
	if (first)
		(void)nc_cli_fail(run->cli, NC_EXIT_FAILED, "%s: %s", run->command[0],
		                  strerror(-ended));
	bool done = answer(run, job, ended);
	(void)pthread_mutex_lock(&run->mutex);
	run->acked += done;
	run->failed += !done;
	(void)pthread_mutex_unlock(&run->mutex);
}

static void *worker(void *ctx)
{
	struct run *run = ctx;
	(void)pthread_mutex_lock(&run->mutex);
	for (;;) {
		run->idle++;
		(void)pthread_cond_broadcast(&run->changed);
		while (!run->has_job && !run->ending)
			(void)pthread_cond_wait(&run->changed, &run->mutex);
		if (!run->has_job)
			break;
		struct nc_cli_job job = run->job;
		run->has_job = false;
		run->idle--;
		(void)pthread_mutex_unlock(&run->mutex);
		do_job(run, &job);
		nc_cli_job_release(&job);
		(void)pthread_mutex_lock(&run->mutex);
	}
	(void)pthread_mutex_unlock(&run->mutex);
	return NULL;
}

/* ---- Taking deliveries ---------------------------------------------------------------------- */

/* Wait a while for a worker that has nothing to do. */
static bool worker_is_free(struct run *run)
{
	struct timespec until;
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += LOOK_UP_MS * 1000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	(void)pthread_mutex_lock(&run->mutex);
	int late = 0;
	while (late == 0 && (run->has_job || run->idle == 0))
		late = pthread_cond_timedwait(&run->changed, &run->mutex, &until);
	bool is_free = !run->has_job && run->idle > 0;
	(void)pthread_mutex_unlock(&run->mutex);
	return is_free;
}

static bool hand_over(struct run *run, const struct nacre_delivery *delivery)
{
	struct nc_cli_job job;
	if (!nc_cli_job_init(&job, delivery, run->name))
		return false;
	(void)pthread_mutex_lock(&run->mutex);
	run->job = job;
	run->has_job = true;
	run->taken++;
	(void)pthread_cond_broadcast(&run->changed);
	(void)pthread_mutex_unlock(&run->mutex);
	return true;
}

static bool goes_on(struct run *run)
{
	(void)pthread_mutex_lock(&run->mutex);
	bool more = !run->broken && run->taken < run->limit;
	(void)pthread_mutex_unlock(&run->mutex);
	return more && nc_cli_signal() == 0;
}

/* Until it is told to end, or there is nothing more. A node that is away is waited for. */
static int take_all(struct run *run, struct nacre_subscription *sub, bool until_empty)
{
	struct nacre_error error = { 0 };
	const struct nacre_delivery *delivery;
	bool said = false;
	while (goes_on(run)) {
		if (!worker_is_free(run))
			continue;
		int status = nacre_next(sub, LOOK_UP_MS, &delivery, &error);
		if (status == NACRE_OK) {
			said = false;
			if (!hand_over(run, delivery))
				return nc_cli_fail(run->cli, NC_EXIT_FAILED, "out of memory");
		} else if (status == NACRE_END && until_empty) {
			return 0;
		} else if (status == NACRE_UNAVAILABLE && !until_empty) {
			if (!said)
				nc_cli_note(run->cli, "%s; waiting", error.description);
			said = true;
			struct timespec pause = { 0, RETRY_MS * 1000000 };
			(void)nanosleep(&pause, NULL);
		} else if (status != NACRE_END) {
			return nc_cli_fail_nacre(run->cli, status, &error, NULL);
		}
	}
	return 0;
}

static int work(struct run *run, struct nacre_subscription *sub, size_t parallel)
{
	pthread_t threads[PARALLEL_MAX];
	size_t begun = 0;
	int exit_code = 0;
	while (begun < parallel && pthread_create(&threads[begun], NULL, worker, run) == 0)
		begun++;
	if (begun == parallel)
		exit_code = take_all(run, sub, nc_cli_has(&run->cli->args, "until-empty"));
	else
		exit_code = nc_cli_fail(run->cli, NC_EXIT_FAILED, "threads: %s", strerror(errno));
	if (nc_cli_signal() != 0)
		nc_cli_note(run->cli, "ending; what runs is finished first");
	(void)pthread_mutex_lock(&run->mutex);
	run->ending = true;
	(void)pthread_cond_broadcast(&run->changed);
	(void)pthread_mutex_unlock(&run->mutex);
	for (size_t i = 0; i < begun; i++)
		(void)pthread_join(threads[i], NULL);
	nc_cli_note(run->cli, "%llu done, %llu not", (unsigned long long)run->acked,
	            (unsigned long long)run->failed);
	bool failed = run->broken || (run->failed > 0 && nc_cli_signal() == 0);
	return exit_code != 0 ? exit_code : failed ? NC_EXIT_FAILED : 0;
}

static int consume(struct run *run, size_t parallel)
{
	struct nacre_error error = { 0 };
	struct nacre_subscription *sub;
	pthread_condattr_t attributes;
	const struct nacre_consume how = { .batch = 1,
		                           .no_wait = nc_cli_has(&run->cli->args, "until-empty") };
	int status = nacre_subscribe(run->cli->client, run->name, &how, &sub, &error);
	if (status != NACRE_OK)
		return nc_cli_fail_nacre(run->cli, status, &error, NULL);
	(void)pthread_mutex_init(&run->mutex, NULL);
	(void)pthread_condattr_init(&attributes);
	(void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&run->changed, &attributes);
	(void)pthread_condattr_destroy(&attributes);
	nc_cli_signals_catch();
	int exit_code = work(run, sub, parallel);
	nacre_unsubscribe(sub);
	(void)pthread_cond_destroy(&run->changed);
	(void)pthread_mutex_destroy(&run->mutex);
	return exit_code;
}

static int run_run(struct nc_cli *cli)
{
	struct run run = { .cli = cli,
		           .name = nc_cli_word(&cli->args, 0),
		           .command = cli->args.rest };
	uint64_t parallel = nc_cli_number(&cli->args, "parallel", 1);
	struct nacre_reply *reply;
	char subject[160];
	run.limit = nc_cli_number(&cli->args, "limit", UINT64_MAX);
	run.nak_delay_ms = nc_cli_has(&cli->args, "retry-after")
	                           ? (int64_t)nc_cli_duration_ms(&cli->args, "retry-after", 0)
	                           : -1;
	if (parallel < 1 || parallel > PARALLEL_MAX)
		return nc_cli_fail(cli, NC_EXIT_USAGE, "--parallel: from 1 to %d", PARALLEL_MAX);
	if (!nc_cli_job_can_run(run.command[0]))
		return nc_cli_fail(cli, NC_EXIT_USAGE, "there is no command '%.200s'",
		                   run.command[0]);
	int exit_code = nc_cli_sub_subject(cli, "sub.info", subject, sizeof subject);
	if (exit_code == 0)
		exit_code = nc_cli_connect(cli);
	if (exit_code == 0)
		exit_code = nc_cli_ask(cli, subject, NULL, true, &reply);
	if (exit_code != 0)
		return exit_code;
	uint64_t wait_ms = nc_cli_member_number(nc_cli_reply_slice(reply), "ack_wait_ms", 30000);
	run.working_every_ms = wait_ms / 3 > 0 ? wait_ms / 3 : 1;
	nacre_reply_free(reply);
	return consume(&run, (size_t)parallel);
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
	           "said for it.\n\n"
	           "It waits for a node that is away. SIGTERM or ^C: no more events are taken, "
	           "what runs is "
	           "finished, exit code 0. With --limit or --until-empty exit code 1 says that "
	           "some failed.\n\n"
	           "Pull subscriptions suit best: an event is only taken when a command is free "
	           "for it.",
	.options = options,
	.examples = examples,
	.run = run_run,
};
