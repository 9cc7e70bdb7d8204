/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What it takes until a thread that sleeps runs, from when another one wakes it: as one line of
 * JSON, in microseconds. Between two rounds both sleep, so that processors are as idle as beside
 * one request at a time. usage: thread_wake ROUNDS PAUSE_US */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t change = PTHREAD_COND_INITIALIZER;
static uint64_t woken_at_ns; /* 0: it sleeps */
static long called;          /* rounds so far */

static uint64_t now_ns(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void *sleeper(void *arg)
{
	long rounds = *(const long *)arg;
	pthread_mutex_lock(&lock);
	for (long i = 0; i < rounds; i++) {
		while (called <= i)
			pthread_cond_wait(&change, &lock);
		woken_at_ns = now_ns();
	}
	pthread_mutex_unlock(&lock);
	return NULL;
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

/* One round's nanoseconds. */
static uint64_t wake(unsigned pause_us)
{
	(void)usleep(pause_us);
	pthread_mutex_lock(&lock);
	called++;
	woken_at_ns = 0;
	pthread_mutex_unlock(&lock);
	uint64_t began = now_ns(), woken = 0;
	pthread_cond_signal(&change);
	while (woken == 0) {
		(void)usleep(pause_us);
		pthread_mutex_lock(&lock);
		woken = woken_at_ns;
		pthread_mutex_unlock(&lock);
	}
	return woken > began ? woken - began : 0;
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	long rounds = atol(argv[1]);
	unsigned pause_us = (unsigned)atol(argv[2]);
	uint64_t *took_ns = calloc((size_t)rounds, sizeof *took_ns);
	pthread_t thread;
	if (rounds < 1 || took_ns == NULL || pthread_create(&thread, NULL, sleeper, &rounds) != 0)
		return 2;
	for (long i = 0; i < rounds; i++)
		took_ns[i] = wake(pause_us);
	(void)pthread_join(thread, NULL);
	qsort(took_ns, (size_t)rounds, sizeof *took_ns, by_size);
	(void)printf("{\"p50_us\":%.1f,\"p99_us\":%.1f}\n", (double)took_ns[rounds / 2] / 1e3,
	             (double)took_ns[rounds * 99 / 100] / 1e3);
	free(took_ns);
	return 0;
}
