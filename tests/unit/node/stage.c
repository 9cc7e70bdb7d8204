/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A thread between two queues. */
#include <criterion/criterion.h>
#include <semaphore.h>

#include "core/node/replica/stage.h"

static sem_t woken, idled;

static void run(void *ctx, struct nc_entry_queue *batch, struct nc_entry_queue *done)
{
	struct nc_entry *entry = nc_entry_queue_take(batch);
	entry->term = ++*(uint64_t *)ctx;
	nc_entry_queue_put(done, entry);
}

static void wake(void *wake_ctx)
{
	(void)sem_post(wake_ctx);
}

static void idle(void *ctx)
{
	(void)ctx;
	(void)sem_post(&idled);
}

static struct nc_stage *started(uint64_t *count)
{
	cr_assert_eq(sem_init(&woken, 0, 0), 0);
	cr_assert_eq(sem_init(&idled, 0, 0), 0);
	const struct nc_stage_work work = { .name = "test",
		                            .run = run,
		                            .idle = idle,
		                            .idle_ms = 1,
		                            .wake = wake,
		                            .ctx = count,
		                            .wake_ctx = &woken };
	struct nc_stage *stage = NULL;
	cr_assert_eq(nc_stage_start(&work, &stage), NC_OK);
	return stage;
}

static void put(struct nc_stage *stage, uint64_t first, uint64_t last)
{
	struct nc_entry_queue queue = { 0 };
	for (uint64_t i = first; i <= last; i++) {
		struct nc_entry *entry = nc_entry_new(NC_LOG_COMMAND);
		cr_assert_not_null(entry);
		entry->index = i;
		nc_entry_queue_put(&queue, entry);
	}
	nc_stage_put(stage, &queue);
	cr_expect_null(queue.first);
}

Test(stage, gives_back_everything_in_order)
{
	uint64_t count = 0;
	struct nc_stage *stage = started(&count);
	for (uint64_t i = 0; i < 100; i++)
		put(stage, i * 10 + 1, i * 10 + 10);
	struct nc_entry_queue done = { 0 };
	uint64_t seen = 0;
	while (seen < 1000) {
		cr_assert_eq(sem_wait(&woken), 0);
		nc_stage_take(stage, &done);
		struct nc_entry *entry;
		while ((entry = nc_entry_queue_take(&done)) != NULL) {
			cr_assert_eq(entry->index, ++seen);
			cr_assert_eq(entry->term, seen);
			nc_entry_free(entry);
		}
	}
	nc_stage_stop(stage);
}

Test(stage, is_idle_once_after_work)
{
	uint64_t count = 0;
	struct nc_stage *stage = started(&count);
	put(stage, 1, 1);
	cr_assert_eq(sem_wait(&idled), 0);
	put(stage, 2, 2);
	cr_assert_eq(sem_wait(&idled), 0);
	nc_stage_stop(stage);
	int left = -1;
	cr_assert_eq(sem_getvalue(&idled, &left), 0);
	cr_expect_eq(left, 0);
}

Test(stage, finishes_what_is_in_before_it_stops)
{
	uint64_t count = 0;
	struct nc_stage *stage = started(&count);
	put(stage, 1, 500);
	nc_stage_stop(stage);
	cr_expect_eq(count, 500u);
}
