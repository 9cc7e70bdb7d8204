/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The loop is woken for all that is there to take, by whichever thread, and for nothing else. */
#include <criterion/criterion.h>
#include <pthread.h>

#include "core/base/err.h"
#include "core/node/common/wake.h"

#define THREADS 4
#define EACH    20000u

struct bench {
	struct nc_wake wake; /* first */
	uv_loop_t loop;
	pthread_mutex_t lock;
	unsigned there, taken, woken;
};

static void on_wake(struct nc_wake *wake)
{
	struct bench *b = (struct bench *)wake;
	pthread_mutex_lock(&b->lock);
	b->taken += b->there;
	b->there = 0;
	pthread_mutex_unlock(&b->lock);
	b->woken++;
	if (b->taken == THREADS * EACH)
		uv_stop(&b->loop);
}

static void *put(void *ctx)
{
	struct bench *b = ctx;
	for (unsigned i = 0; i < EACH; i++) {
		pthread_mutex_lock(&b->lock);
		b->there++;
		pthread_mutex_unlock(&b->lock);
		nc_wake_send(&b->wake);
	}
	return NULL;
}

/* A wake that is lost leaves the loop asleep, and the test hanging. */
Test(wake, is_never_lost_whoever_sends)
{
	struct bench b = { .lock = PTHREAD_MUTEX_INITIALIZER };
	pthread_t threads[THREADS];
	cr_assert_eq(uv_loop_init(&b.loop), 0);
	cr_assert_eq(nc_wake_open(&b.wake, &b.loop, on_wake), NC_OK);
	for (int i = 0; i < THREADS; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, put, &b), 0);
	(void)uv_run(&b.loop, UV_RUN_DEFAULT);
	for (int i = 0; i < THREADS; i++)
		cr_assert_eq(pthread_join(threads[i], NULL), 0);
	nc_wake_close(&b.wake, NULL);
	cr_assert_eq(uv_run(&b.loop, UV_RUN_DEFAULT), 0);
	cr_expect_eq(b.taken, THREADS * EACH);
	cr_expect(b.woken > 0 && b.woken <= THREADS * EACH);
	cr_assert_eq(uv_loop_close(&b.loop), 0);
}

Test(wake, is_one_for_many_sends_and_none_without)
{
	struct bench b = { .lock = PTHREAD_MUTEX_INITIALIZER };
	cr_assert_eq(uv_loop_init(&b.loop), 0);
	cr_assert_eq(nc_wake_open(&b.wake, &b.loop, on_wake), NC_OK);
	(void)uv_run(&b.loop, UV_RUN_NOWAIT);
	cr_expect_eq(b.woken, 0u);
	for (int i = 0; i < 3; i++)
		nc_wake_send(&b.wake);
	(void)uv_run(&b.loop, UV_RUN_NOWAIT);
	(void)uv_run(&b.loop, UV_RUN_NOWAIT);
	cr_expect_eq(b.woken, 1u);
	nc_wake_send(&b.wake);
	(void)uv_run(&b.loop, UV_RUN_NOWAIT);
	cr_expect_eq(b.woken, 2u);
	nc_wake_close(&b.wake, NULL);
	cr_assert_eq(uv_run(&b.loop, UV_RUN_DEFAULT), 0);
	cr_assert_eq(uv_loop_close(&b.loop), 0);
}
