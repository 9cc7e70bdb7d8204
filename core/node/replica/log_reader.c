/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading the log beside the loop. */
#include "core/node/replica/log_reader.h"

#include <pthread.h>
#include <stdlib.h>

struct nc_log_reader {
	struct nc_log *log;
	void (*wake)(void *wake_ctx);
	void *wake_ctx;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t change;
	struct nc_fifo todo, done;
	bool stopping;
};

static void job_do(struct nc_log *log, struct nc_log_read_job *job)
{
	const struct nc_raft_message *message = &job->message;
	struct nc_log_range range = { .from = message->index + 1,
		                      .to = message->index + message->entry_count,
		                      .entry_max = message->entry_count,
		                      .size_max = (size_t)job->size_max };
	job->entries = calloc(message->entry_count, sizeof *job->entries);
	job->err = job->entries == NULL
	                   ? NC_NOMEM
	                   : nc_log_read(log, range, &job->buf, job->entries, &job->count);
}

static void *run(void *ctx)
{
	struct nc_log_reader *reader = ctx;
	pthread_mutex_lock(&reader->lock);
	while (!reader->stopping) {
		struct nc_log_read_job *job = nc_fifo_take(&reader->todo);
		if (job == NULL) {
			pthread_cond_wait(&reader->change, &reader->lock);
			continue;
		}
		pthread_mutex_unlock(&reader->lock);
		job_do(reader->log, job);
		pthread_mutex_lock(&reader->lock);
		nc_fifo_put(&reader->done, &job->link);
		reader->wake(reader->wake_ctx);
	}
	pthread_mutex_unlock(&reader->lock);
	return NULL;
}

int nc_log_reader_start(struct nc_log *log, void (*wake)(void *wake_ctx), void *wake_ctx,
                        struct nc_log_reader **reader_out)
{
	struct nc_log_reader *reader = calloc(1, sizeof *reader);
	if (reader == NULL)
		return NC_NOMEM;
	reader->log = log;
	reader->wake = wake;
	reader->wake_ctx = wake_ctx;
	(void)pthread_mutex_init(&reader->lock, NULL);
	(void)pthread_cond_init(&reader->change, NULL);
	if (pthread_create(&reader->thread, NULL, run, reader) != 0) {
		free(reader);
		return NC_IO;
	}
	(void)pthread_setname_np(reader->thread, "nacre-log-read");
	*reader_out = reader;
	return NC_OK;
}

int nc_log_reader_put(struct nc_log_reader *reader, const struct nc_raft_message *message,
                      uint64_t size_max)
{
	struct nc_log_read_job *job = calloc(1, sizeof *job);
	if (job == NULL)
		return NC_NOMEM;
	job->message = *message;
	job->message.entries = NULL;
	job->size_max = size_max;
	pthread_mutex_lock(&reader->lock);
	nc_fifo_put(&reader->todo, &job->link);
	(void)pthread_cond_signal(&reader->change);
	pthread_mutex_unlock(&reader->lock);
	return NC_OK;
}

struct nc_log_read_job *nc_log_reader_take(struct nc_log_reader *reader)
{
	pthread_mutex_lock(&reader->lock);
	struct nc_log_read_job *job = nc_fifo_take(&reader->done);
	pthread_mutex_unlock(&reader->lock);
	return job;
}

void nc_log_read_job_free(struct nc_log_read_job *job)
{
	if (job == NULL)
		return;
	nc_buf_release(&job->buf);
	free(job->entries);
	free(job);
}

void nc_log_reader_stop(struct nc_log_reader *reader)
{
	if (reader == NULL)
		return;
	pthread_mutex_lock(&reader->lock);
	reader->stopping = true;
	(void)pthread_cond_signal(&reader->change);
	pthread_mutex_unlock(&reader->lock);
	(void)pthread_join(reader->thread, NULL);
	struct nc_log_read_job *job;
	while ((job = nc_fifo_take(&reader->todo)) != NULL ||
	       (job = nc_fifo_take(&reader->done)) != NULL)
		nc_log_read_job_free(job);
	(void)pthread_cond_destroy(&reader->change);
	(void)pthread_mutex_destroy(&reader->lock);
	free(reader);
}
