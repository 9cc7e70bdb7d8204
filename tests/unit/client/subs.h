/* SPDX-License-Identifier: GPL-3.0-or-later */
/* subs.h -- what the programs that try subscriptions share. */
#ifndef NC_TESTS_CLIENT_SUBS_H
#define NC_TESTS_CLIENT_SUBS_H

#include <time.h>

#include "check.h"

#define WAIT_MS 10000

static inline const struct nacre_delivery *next(struct nacre_subscription *sub)
{
	const struct nacre_delivery *delivery = NULL;
	struct nacre_error error = { 0 };
	if (nacre_next(sub, WAIT_MS, &delivery, &error) == NACRE_OK)
		return delivery;
	(void)printf("no delivery: %s\n", error.description);
	exit(1);
}

static inline bool silent(struct nacre_subscription *sub)
{
	const struct nacre_delivery *delivery = NULL;
	return nacre_next(sub, 200, &delivery, NULL) == NACRE_END && delivery == NULL;
}

static inline void make(const char *name, const char *definition)
{
	struct nacre_error error;
	if (nacre_sub_create(client, name, definition, NULL, &error) == NACRE_OK)
		return;
	(void)printf("%s: %s\n", name, error.description);
	exit(1);
}

static inline struct nacre_subscription *consume(const char *name, const struct nacre_consume *how)
{
	struct nacre_subscription *sub = NULL;
	struct nacre_error error;
	if (nacre_subscribe(client, name, how, &sub, &error) == NACRE_OK)
		return sub;
	(void)printf("%s: %s\n", name, error.description);
	exit(1);
}

/* A pushed one whose definition says "start":"new", from the first event on, but only when somebody
 * listens: what finds nobody comes again, behind what does not. */
static inline struct nacre_subscription *listen_from_first(const char *name, const char *definition)
{
	struct nacre_error error;
	make(name, definition);
	struct nacre_subscription *sub = consume(name, NULL);
	if (nacre_sub_seek(client, name, "\"first\"", NULL, &error) == NACRE_OK)
		return sub;
	(void)printf("%s: %s\n", name, error.description);
	exit(1);
}

static inline void fill(const char *stream, int events)
{
	for (int i = 0; i < events; i++) {
		if (!append(stream, NULL))
			exit(1);
	}
}

/* The time of a clock that only goes forward. */
static inline int64_t now_ms(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Whether to look (again) at what is waited for: 200 times, with a pause between them. */
static inline bool look(int tries)
{
	const struct timespec pause = { .tv_nsec = 50000000 };
	if (tries > 0)
		(void)nanosleep(&pause, NULL);
	return tries < 200;
}

/* Wait until a number of R.sub.info is this one. */
static inline bool comes_to(const char *name, const char *member, uint64_t wanted)
{
	uint64_t number = wanted + 1;
	for (int i = 0; number != wanted && look(i); i++) {
		struct nacre_reply *info = NULL;
		if (nacre_sub_info(client, name, &info, NULL) == NACRE_OK)
			(void)nacre_reply_number(info, member, &number);
		nacre_reply_free(info);
	}
	return number == wanted;
}

/* Wait until the list of what is parked, which is of what is replicated, holds this reason. */
static inline bool parked_with(const char *name, const char *reason)
{
	bool there = false;
	for (int i = 0; !there && look(i); i++) {
		struct nacre_reply *parked = NULL;
		if (nacre_sub_parked(client, name, NULL, &parked, NULL) == NACRE_OK)
			there = says(parked, reason);
		nacre_reply_free(parked);
	}
	return there;
}

#endif
