/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checkpoints in the background. */
#include "core/node/replica/checkpointer.h"

#include <pthread.h>
#include <stdlib.h>

struct nc_checkpointer {
	struct nc_state *state;
	void (*wake)(void *wake_ctx);
	void *wake_ctx;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t change;
	bool asked, running, done, stopping; /* under lock, as are the results */
	int err;
	struct nc_state_applied covered;
};

static void *checkpointer_main(void *arg)
{
	struct nc_checkpointer *checkpointer = arg;
	pthread_mutex_lock(&checkpointer->lock);
	while (!checkpointer->stopping) {
		if (!checkpointer->asked) {
			pthread_cond_wait(&checkpointer->change, &checkpointer->lock);
			continue;
		}
		checkpointer->asked = false;
		checkpointer->running = true;
		pthread_mutex_unlock(&checkpointer->lock);
		struct nc_state_applied covered = { 0 };
		int err = nc_state_checkpoint(checkpointer->state, &covered);
		pthread_mutex_lock(&checkpointer->lock);
		checkpointer->running = false;
		checkpointer->done = true;
		checkpointer->err = err;
		checkpointer->covered = covered;
		checkpointer->wake(checkpointer->wake_ctx);
	}
	pthread_mutex_unlock(&checkpointer->lock);
	return NULL;
}

int nc_checkpointer_start(struct nc_state *state, void (*wake)(void *wake_ctx), void *wake_ctx,
                          struct nc_checkpointer **checkpointer_out)
{
	struct nc_checkpointer *checkpointer = calloc(1, sizeof *checkpointer);
	if (checkpointer == NULL)
		return NC_NOMEM;
	checkpointer->state = state;
	checkpointer->wake = wake;
	checkpointer->wake_ctx = wake_ctx;
	(void)pthread_mutex_init(&checkpointer->lock, NULL);
	(void)pthread_cond_init(&checkpointer->change, NULL);
	if (pthread_create(&checkpointer->thread, NULL, checkpointer_main, checkpointer) != 0) {
		free(checkpointer);
		return NC_IO;
	}
	(void)pthread_setname_np(checkpointer->thread, "nacre-check");
	*checkpointer_out = checkpointer;
	return NC_OK;
}

void nc_checkpointer_ask(struct nc_checkpointer *checkpointer)
{
	pthread_mutex_lock(&checkpointer->lock);
	checkpointer->asked = !checkpointer->running;
	pthread_cond_signal(&checkpointer->change);
	pthread_mutex_unlock(&checkpointer->lock);
}

bool nc_checkpointer_busy(struct nc_checkpointer *checkpointer)
{
	pthread_mutex_lock(&checkpointer->lock);
	bool busy = checkpointer->asked || checkpointer->running;
	pthread_mutex_unlock(&checkpointer->lock);
	return busy;
}

bool nc_checkpointer_take(struct nc_checkpointer *checkpointer, int *err_out,
                          struct nc_state_applied *covered_out)
{
	pthread_mutex_lock(&checkpointer->lock);
	bool done = checkpointer->done;
	if (done) {
		*err_out = checkpointer->err;
		*covered_out = checkpointer->covered;
		checkpointer->done = false;
	}
	pthread_mutex_unlock(&checkpointer->lock);
	return done;
}

void nc_checkpointer_stop(struct nc_checkpointer *checkpointer)
{
	if (checkpointer == NULL)
		return;
	pthread_mutex_lock(&checkpointer->lock);
	checkpointer->stopping = true;
	pthread_cond_signal(&checkpointer->change);
	pthread_mutex_unlock(&checkpointer->lock);
	(void)pthread_join(checkpointer->thread, NULL);
	(void)pthread_cond_destroy(&checkpointer->change);
	(void)pthread_mutex_destroy(&checkpointer->lock);
	free(checkpointer);
}
