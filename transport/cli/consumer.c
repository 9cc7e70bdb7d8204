/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Workers that run a command for each delivery. */
#include "transport/cli/consumer.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "transport/cli/job.h"
#include "transport/cli/progress.h"
#include "transport/cli/say.h"

struct waiting {
	struct nc_cli_job job;
	struct waiting *next;
};

struct nc_cli_consumer {
	struct nc_cli_consume how;
	pthread_t *threads;
	size_t begun;
	uint64_t tended_ns;

	pthread_mutex_t mutex; /* of all below */
	pthread_cond_t changed;
	struct waiting *first, **last;
	size_t idle;    /* workers without a command */
	size_t waiting; /* length of the queue */
	bool ending;    /* nothing is begun any more */
	bool broken;
	uint64_t done, failed;
	uint64_t ended_seen; /* of both, when it was last asked whether one has ended */
	char *last_acked;    /* reply subject; NULL: none yet */
};

struct at_work {
	const struct nc_cli_consumer *consumer;
	const struct nc_cli_job *job;
};

/* ---- Workers -------------------------------------------------------------------------------- */

static void say_working(void *ctx)
{
	const struct at_work *work = ctx;
	struct nacre_error error; /* if it cannot be said, it comes again */
	(void)nacre_working(work->consumer->how.cli->client, work->job->reply, &error);
}

/* Answer the delivery of a command that has ended. Returns whether the command ended well. */
static bool answer(const struct nc_cli_consumer *consumer, const struct nc_cli_job *job, int ended)
{
	const struct nc_cli *cli = consumer->how.cli;
	struct nacre_error error = { 0 };
	int status = NACRE_OK;
	if (ended > 0) {
		nc_cli_note(cli, "event %llu: the command ended with %d",
		            (unsigned long long)job->pos, ended);
	}
	if (job->reply[0] == '\0')
		return ended == 0;
	if (ended == 0) {
		status = nacre_ack(cli->client, job->reply, false, &error);
	} else {
		status = nacre_nak(cli->client, job->reply, consumer->how.nak_delay_ms, &error);
	}
	if (status != NACRE_OK)
		(void)nc_cli_fail_nacre(cli, status, &error, "answer");
	return ended == 0 && status == NACRE_OK;
}

/* With the mutex held. */
static void remember_acked(struct nc_cli_consumer *consumer, const struct nc_cli_job *job)
{
	char *reply = strdup(job->reply);
	if (reply == NULL)
		return; /* an earlier one will do */
	free(consumer->last_acked);
	consumer->last_acked = reply;
}

static void do_job(struct nc_cli_consumer *consumer, const struct nc_cli_job *job)
{
	struct at_work work = { consumer, job };
	int ended = nc_cli_job_run(job, consumer->how.command, consumer->how.working_every_ms,
	                           say_working, &work);
	(void)pthread_mutex_lock(&consumer->mutex);
	bool first = ended < 0 && !consumer->broken;
	consumer->broken |= ended < 0; /* before it is answered: it may come again at once */
	(void)pthread_mutex_unlock(&consumer->mutex);
	if (first) {
		(void)nc_cli_fail(consumer->how.cli, NC_EXIT_FAILED, "%s: %s",
		                  consumer->how.command[0], strerror(-ended));
	}
	bool done = answer(consumer, job, ended);
	(void)pthread_mutex_lock(&consumer->mutex);
	consumer->done += done;
	consumer->failed += !done;
	(void)pthread_cond_broadcast(&consumer->changed);
	if (done && job->reply[0] != '\0')
		remember_acked(consumer, job);
	(void)pthread_mutex_unlock(&consumer->mutex);
}

/* With the mutex held. */
static struct waiting *take(struct nc_cli_consumer *consumer)
{
	struct waiting *taken = consumer->first;
	consumer->first = taken->next;
	if (consumer->first == NULL)
		consumer->last = &consumer->first;
	consumer->waiting--;
	return taken;
}

static void *worker(void *ctx)
{
	struct nc_cli_consumer *consumer = ctx;
	(void)pthread_mutex_lock(&consumer->mutex);
	for (;;) {
		consumer->idle++;
		(void)pthread_cond_broadcast(&consumer->changed);
		while (consumer->first == NULL && !consumer->ending)
			(void)pthread_cond_wait(&consumer->changed, &consumer->mutex);
		if (consumer->ending)
			break;
		struct waiting *taken = take(consumer);
		consumer->idle--;
		(void)pthread_mutex_unlock(&consumer->mutex);
		do_job(consumer, &taken->job);
		nc_cli_job_release(&taken->job);
		free(taken);
		(void)pthread_mutex_lock(&consumer->mutex);
	}
	(void)pthread_mutex_unlock(&consumer->mutex);
	return NULL;
}

/* ---- Life ----------------------------------------------------------------------------------- */

static void sync_init(struct nc_cli_consumer *consumer)
{
	pthread_condattr_t attributes;
	(void)pthread_mutex_init(&consumer->mutex, NULL);
	(void)pthread_condattr_init(&attributes);
	(void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&consumer->changed, &attributes);
	(void)pthread_condattr_destroy(&attributes);
}

struct nc_cli_consumer *nc_cli_consumer_new(const struct nc_cli_consume *how)
{
	struct nc_cli_consumer *consumer = calloc(1, sizeof *consumer);
	if (consumer == NULL)
		return NULL;
	consumer->how = *how;
	consumer->last = &consumer->first;
	consumer->tended_ns = nc_cli_now_ns();
	sync_init(consumer);
	consumer->threads = calloc(how->parallel, sizeof *consumer->threads);
	int fault = consumer->threads == NULL ? ENOMEM : 0;
	while (fault == 0 && consumer->begun < how->parallel) {
		fault = pthread_create(&consumer->threads[consumer->begun], NULL, worker, consumer);
		consumer->begun += fault == 0;
	}
	if (fault == 0)
		return consumer;
	nc_cli_consumer_finish(consumer);
	nc_cli_consumer_free(consumer);
	errno = fault;
	return NULL;
}

/* Acknowledgements are sent and not waited for. They are replicated in their order, so asking for
 * the last one once more says that all are kept. */
static void confirm(struct nc_cli_consumer *consumer)
{
	struct nacre_error error = { 0 };
	const struct nc_cli *cli = consumer->how.cli;
	if (consumer->last_acked != NULL &&
	    nacre_ack(cli->client, consumer->last_acked, true, &error) != NACRE_OK) {
		nc_cli_note(cli, "the last acknowledgements may be lost, and events come again: %s",
		            error.description);
	}
}

void nc_cli_consumer_finish(struct nc_cli_consumer *consumer)
{
	(void)pthread_mutex_lock(&consumer->mutex);
	consumer->ending = true;
	(void)pthread_cond_broadcast(&consumer->changed);
	(void)pthread_mutex_unlock(&consumer->mutex);
	for (size_t i = 0; i < consumer->begun; i++)
		(void)pthread_join(consumer->threads[i], NULL);
	consumer->begun = 0;
	confirm(consumer);
}

void nc_cli_consumer_free(struct nc_cli_consumer *consumer)
{
	struct nacre_error error; /* what cannot be given back comes again by itself */
	if (consumer == NULL)
		return;
	while (consumer->first != NULL) {
		struct waiting *taken = take(consumer);
		if (taken->job.reply[0] != '\0')
			(void)nacre_nak(consumer->how.cli->client, taken->job.reply, 0, &error);
		nc_cli_job_release(&taken->job);
		free(taken);
	}
	(void)pthread_cond_destroy(&consumer->changed);
	(void)pthread_mutex_destroy(&consumer->mutex);
	free(consumer->last_acked);
	free(consumer->threads);
	free(consumer);
}

/* ---- From outside --------------------------------------------------------------------------- */

static bool is_free(const struct nc_cli_consumer *consumer)
{
	return consumer->idle > consumer->waiting;
}

static bool is_idle(const struct nc_cli_consumer *consumer)
{
	return consumer->waiting == 0 && consumer->idle == consumer->how.parallel;
}

/* One is counted before its worker is idle. */
static bool has_ended(const struct nc_cli_consumer *consumer)
{
	return consumer->done + consumer->failed != consumer->ended_seen || is_idle(consumer);
}

static bool wait_for(struct nc_cli_consumer *consumer,
                     bool (*what)(const struct nc_cli_consumer *consumer), unsigned wait_ms)
{
	struct timespec until;
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += (long)wait_ms * 1000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	int late = 0;
	(void)pthread_mutex_lock(&consumer->mutex);
	while (late == 0 && !what(consumer))
		late = pthread_cond_timedwait(&consumer->changed, &consumer->mutex, &until);
	bool is_so = what(consumer);
	(void)pthread_mutex_unlock(&consumer->mutex);
	return is_so;
}

bool nc_cli_consumer_is_free(struct nc_cli_consumer *consumer, unsigned wait_ms)
{
	return wait_for(consumer, is_free, wait_ms);
}

bool nc_cli_consumer_is_idle(struct nc_cli_consumer *consumer, unsigned wait_ms)
{
	return wait_for(consumer, is_idle, wait_ms);
}

bool nc_cli_consumer_has_ended(struct nc_cli_consumer *consumer, unsigned wait_ms)
{
	bool ended = wait_for(consumer, has_ended, wait_ms);
	(void)pthread_mutex_lock(&consumer->mutex);
	consumer->ended_seen = consumer->done + consumer->failed;
	(void)pthread_mutex_unlock(&consumer->mutex);
	return ended;
}

bool nc_cli_consumer_give(struct nc_cli_consumer *consumer, const struct nacre_delivery *delivery)
{
	struct waiting *given = calloc(1, sizeof *given);
	if (given == NULL || !nc_cli_job_init(&given->job, delivery, consumer->how.subscription)) {
		free(given);
		return false;
	}
	(void)pthread_mutex_lock(&consumer->mutex);
	*consumer->last = given;
	consumer->last = &given->next;
	consumer->waiting++;
	(void)pthread_cond_broadcast(&consumer->changed);
	(void)pthread_mutex_unlock(&consumer->mutex);
	return true;
}

void nc_cli_consumer_tend(struct nc_cli_consumer *consumer)
{
	uint64_t now = nc_cli_now_ns();
	if (now - consumer->tended_ns < consumer->how.working_every_ms * 1000000)
		return;
	consumer->tended_ns = now;
	(void)pthread_mutex_lock(&consumer->mutex);
	for (const struct waiting *at = consumer->first; at != NULL; at = at->next) {
		struct at_work work = { consumer, &at->job };
		if (at->job.reply[0] != '\0')
			say_working(&work);
	}
	(void)pthread_mutex_unlock(&consumer->mutex);
}

bool nc_cli_consumer_is_broken(struct nc_cli_consumer *consumer)
{
	(void)pthread_mutex_lock(&consumer->mutex);
	bool broken = consumer->broken;
	(void)pthread_mutex_unlock(&consumer->mutex);
	return broken;
}

void nc_cli_consumer_count(struct nc_cli_consumer *consumer, uint64_t *done_out,
                           uint64_t *failed_out)
{
	(void)pthread_mutex_lock(&consumer->mutex);
	*done_out = consumer->done;
	*failed_out = consumer->failed;
	(void)pthread_mutex_unlock(&consumer->mutex);
}
