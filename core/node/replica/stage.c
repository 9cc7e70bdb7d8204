/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A thread between two queues. */
#include "core/node/replica/stage.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "core/base/assert.h"

struct nc_stage {
	struct nc_stage_work work;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t change;
	struct nc_entry_queue in, out; /* under lock */
	bool stopping;                 /* under lock */
};

static struct timespec deadline_in(unsigned ms)
{
	struct timespec at;
	(void)clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_sec += ms / 1000;
	at.tv_nsec += (long)(ms % 1000) * 1000000;
	if (at.tv_nsec >= 1000000000) {
		at.tv_nsec -= 1000000000;
		at.tv_sec++;
	}
	return at;
}

/* Wait for entries; the lock is held. False: the stage is to stop, and nothing is left. */
static bool wait_for_work(struct nc_stage *stage, bool *idle_due)
{
	while (stage->in.first == NULL && !stage->stopping) {
		if (!*idle_due) {
			pthread_cond_wait(&stage->change, &stage->lock);
			continue;
		}
		struct timespec at = deadline_in(stage->work.idle_ms);
		if (pthread_cond_timedwait(&stage->change, &stage->lock, &at) == 0 ||
		    stage->in.first != NULL || stage->stopping)
			continue;
		*idle_due = false;
		pthread_mutex_unlock(&stage->lock);
		stage->work.idle(stage->work.ctx);
		pthread_mutex_lock(&stage->lock);
	}
	return stage->in.first != NULL;
}

static void *stage_main(void *arg)
{
	struct nc_stage *stage = arg;
	bool idle_due = false;
	pthread_mutex_lock(&stage->lock);
	while (wait_for_work(stage, &idle_due)) {
		struct nc_entry_queue batch = { 0 }, done = { 0 };
		nc_entry_queue_move(&batch, &stage->in);
		pthread_mutex_unlock(&stage->lock);
		while (batch.first != NULL) {
			stage->work.run(stage->work.ctx, &batch, &done);
			pthread_mutex_lock(&stage->lock);
			nc_entry_queue_move(&stage->out, &done);
			pthread_mutex_unlock(&stage->lock);
			stage->work.wake(stage->work.wake_ctx);
		}
		idle_due = stage->work.idle != NULL;
		pthread_mutex_lock(&stage->lock);
	}
	pthread_mutex_unlock(&stage->lock);
	return NULL;
}

int nc_stage_start(const struct nc_stage_work *work, struct nc_stage **stage_out)
{
	struct nc_stage *stage = calloc(1, sizeof *stage);
	if (stage == NULL)
		return NC_NOMEM;
	stage->work = *work;
	pthread_condattr_t monotonic;
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_mutex_init(&stage->lock, NULL);
	(void)pthread_cond_init(&stage->change, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
	if (pthread_create(&stage->thread, NULL, stage_main, stage) != 0) {
		free(stage);
		return NC_IO;
	}
	(void)pthread_setname_np(stage->thread, work->name);
	*stage_out = stage;
	return NC_OK;
}

void nc_stage_put(struct nc_stage *stage, struct nc_entry_queue *entries)
{
	pthread_mutex_lock(&stage->lock);
	nc_assert(!stage->stopping);
	nc_entry_queue_move(&stage->in, entries);
	pthread_mutex_unlock(&stage->lock);
	/* Signal only after unlocking: the thread may run at once, and would have to wait for the
	 * lock. */
	pthread_cond_signal(&stage->change);
}

void nc_stage_take(struct nc_stage *stage, struct nc_entry_queue *done)
{
	pthread_mutex_lock(&stage->lock);
	nc_entry_queue_move(done, &stage->out);
	pthread_mutex_unlock(&stage->lock);
}

size_t nc_stage_waiting(struct nc_stage *stage)
{
	pthread_mutex_lock(&stage->lock);
	size_t count = stage->in.count;
	pthread_mutex_unlock(&stage->lock);
	return count;
}

void nc_stage_stop(struct nc_stage *stage)
{
	if (stage == NULL)
		return;
	pthread_mutex_lock(&stage->lock);
	stage->stopping = true;
	pthread_cond_signal(&stage->change);
	pthread_mutex_unlock(&stage->lock);
	(void)pthread_join(stage->thread, NULL);
	struct nc_entry *entry;
	while ((entry = nc_entry_queue_take(&stage->out)) != NULL)
		nc_entry_drop(entry);
	(void)pthread_cond_destroy(&stage->change);
	(void)pthread_mutex_destroy(&stage->lock);
	free(stage);
}
