/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Threads that read. */
#include <criterion/criterion.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "core/node/replica/reader_pool.h"
#include "storage/state/memory_state.h"

struct job {
	struct nc_read_job job; /* first */
	int steps_left;
	atomic_int *freed;
	sem_t *done;
};

static bool step(struct nc_read_job *at, struct nc_state_reader *reader)
{
	struct job *job = (struct job *)at;
	cr_assert_not_null(reader);
	return --job->steps_left == 0;
}

static void job_free(struct nc_read_job *at)
{
	struct job *job = (struct job *)at;
	atomic_fetch_add(job->freed, 1);
	(void)sem_post(job->done);
	free(job);
}

struct fixture {
	struct nc_state *state;
	struct nc_reader_pool *pool;
	atomic_int freed;
	sem_t done; /* posted for each job that is freed */
};

static void open_with(struct fixture *f, unsigned threads)
{
	*f = (struct fixture){ 0 };
	cr_assert_eq(sem_init(&f->done, 0, 0), 0);
	cr_assert_eq(nc_memory_state_open(&f->state), NC_OK);
	cr_assert_eq(nc_reader_pool_start(f->state, threads, &f->pool), NC_OK);
}

static void put(struct fixture *f, int steps)
{
	struct job *job = calloc(1, sizeof *job);
	cr_assert_not_null(job);
	*job = (struct job){ { .step = step, .free = job_free }, steps, &f->freed, &f->done };
	cr_assert_eq(nc_reader_pool_put(f->pool, &job->job), NC_OK);
}

Test(reader_pool, steps_each_job_to_its_end_and_frees_it)
{
	struct fixture f;
	open_with(&f, 3);
	for (int i = 1; i <= 200; i++)
		put(&f, i % 7 + 1);
	for (int i = 0; i < 200; i++)
		cr_assert_eq(sem_wait(&f.done), 0);
	cr_expect_eq(atomic_load(&f.freed), 200);
	nc_reader_pool_stop(f.pool);
	nc_state_close(f.state);
}

Test(reader_pool, frees_what_is_not_done_when_it_stops)
{
	struct fixture f;
	open_with(&f, 1);
	for (int i = 0; i < 50; i++)
		put(&f, 1 << 30);
	nc_reader_pool_stop(f.pool);
	cr_expect_eq(atomic_load(&f.freed), 50);
	nc_state_close(f.state);
}
