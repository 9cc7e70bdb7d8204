/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Threads that read. */
#include "core/node/replica/reader_pool.h"
#include "core/node/common/clock.h"

#include <pthread.h>
#include <stdlib.h>

#define WAITING_MAX 65536u

struct reader_thread {
	struct nc_reader_pool *pool;
	struct nc_state_reader *reader;
	pthread_t thread;
};

struct nc_reader_pool {
	pthread_mutex_t lock;
	pthread_cond_t change;
	struct nc_fifo waiting; /* under lock, as is all below */
	bool stopping;
	size_t thread_count; /* started */
	struct reader_thread threads[];
};

void nc_reader_look_now(struct nc_state_reader *reader)
{
	reader->now_ns = nc_clock_wall_ns();
}

static void *reader_main(void *arg)
{
	struct reader_thread *self = arg;
	struct nc_reader_pool *pool = self->pool;
	pthread_mutex_lock(&pool->lock);
	while (!pool->stopping) {
		struct nc_read_job *job = nc_fifo_take(&pool->waiting);
		if (job == NULL) {
			pthread_cond_wait(&pool->change, &pool->lock);
			continue;
		}
		pthread_mutex_unlock(&pool->lock);
		nc_reader_look_now(self->reader);
		bool done = job->step(job, self->reader);
		if (done)
			job->free(job);
		pthread_mutex_lock(&pool->lock);
		if (!done)
			nc_fifo_put(&pool->waiting, &job->link);
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

static int thread_start(struct nc_reader_pool *pool, struct nc_state *state)
{
	struct reader_thread *self = &pool->threads[pool->thread_count];
	self->pool = pool;
	int err = nc_state_reader_open(state, &self->reader);
	if (err != NC_OK)
		return err;
	if (pthread_create(&self->thread, NULL, reader_main, self) != 0) {
		nc_state_reader_close(self->reader);
		return NC_IO;
	}
	(void)pthread_setname_np(self->thread, "nacre-read");
	pool->thread_count++;
	return NC_OK;
}

int nc_reader_pool_start(struct nc_state *state, size_t thread_count,
                         struct nc_reader_pool **pool_out)
{
	struct nc_reader_pool *pool =
	        calloc(1, sizeof *pool + thread_count * sizeof pool->threads[0]);
	if (pool == NULL)
		return NC_NOMEM;
	(void)pthread_mutex_init(&pool->lock, NULL);
	(void)pthread_cond_init(&pool->change, NULL);
	for (size_t i = 0; i < thread_count; i++) {
		int err = thread_start(pool, state);
		if (err != NC_OK) {
			nc_reader_pool_stop(pool);
			return err;
		}
	}
	*pool_out = pool;
	return NC_OK;
}

int nc_reader_pool_put(struct nc_reader_pool *pool, struct nc_read_job *job)
{
	pthread_mutex_lock(&pool->lock);
	bool room = pool->waiting.count < WAITING_MAX;
	if (room)
		nc_fifo_put(&pool->waiting, &job->link);
	pthread_cond_signal(&pool->change);
	pthread_mutex_unlock(&pool->lock);
	return room ? NC_OK : NC_BUSY;
}

void nc_reader_pool_stop(struct nc_reader_pool *pool)
{
	if (pool == NULL)
		return;
	pthread_mutex_lock(&pool->lock);
	pool->stopping = true;
	pthread_cond_broadcast(&pool->change);
	pthread_mutex_unlock(&pool->lock);
	for (size_t i = 0; i < pool->thread_count; i++) {
		(void)pthread_join(pool->threads[i].thread, NULL);
		nc_state_reader_close(pool->threads[i].reader);
	}
	struct nc_read_job *job;
	while ((job = nc_fifo_take(&pool->waiting)) != NULL)
		job->free(job);
	(void)pthread_cond_destroy(&pool->change);
	(void)pthread_mutex_destroy(&pool->lock);
	free(pool);
}
