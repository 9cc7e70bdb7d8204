/* SPDX-License-Identifier: GPL-3.0-or-later */
/* check.h -- what the programs beside it share: a client of the store "shop", and claims counted.
 */
#ifndef NC_TESTS_CLIENT_CHECK_H
#define NC_TESTS_CLIENT_CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transport/client/nacre.h"

static struct nacre_client *client;
static int failed;

static inline void expect(bool holds, const char *what)
{
	(void)printf("%s: %s\n", what, holds ? "ok" : "FAILED");
	(void)fflush(stdout);
	failed += !holds;
}

static inline struct nacre_client *connect_to(const char *url, const char *store,
                                              int64_t timeout_ms)
{
	struct nacre_options options;
	struct nacre_client *made = NULL;
	struct nacre_error error;
	nacre_options_init(&options);
	options.url = url;
	options.store = store;
	options.timeout_ms = timeout_ms;
	if (nacre_connect(&options, &made, &error) != NACRE_OK) {
		(void)fprintf(stderr, "connect: %s\n", error.description);
		exit(2);
	}
	return made;
}

/* An event with tags and metadata, as these programs append it. */
static inline struct nacre_append order(const char *stream, int64_t at, const char *id)
{
	static const char *const tags[] = { "customer:7", "vip" };
	static const struct nacre_pair meta[] = { { "user", "7" },
		                                  { "role", "a" },
		                                  { "role", "b" } };
	return (struct nacre_append){ .stream = stream,
		                      .type = "Order.Placed",
		                      .data = "{\"n\":1}",
		                      .size = 7,
		                      .expect = at,
		                      .id = id,
		                      .content_type = "application/json",
		                      .tags = tags,
		                      .tag_count = 2,
		                      .meta = meta,
		                      .meta_count = 3 };
}

static inline bool append(const char *stream, const char *id)
{
	const struct nacre_append event = order(stream, NACRE_EXPECT_ANY, id);
	return nacre_append(client, &event, NULL, NULL) == NACRE_OK;
}

/* One append, and a batch of one, with ids of the library's; what they come to. */
static inline int ask_append(void)
{
	const struct nacre_append event = order("s", NACRE_EXPECT_ANY, NULL);
	return nacre_append(client, &event, NULL, NULL);
}

static inline int ask_batch(void)
{
	struct nacre_batch *batch = NULL;
	const struct nacre_append event = order("s", NACRE_EXPECT_ANY, NULL);
	if (nacre_batch_new(&batch) != NACRE_OK || nacre_batch_add(batch, &event, NULL) != NACRE_OK)
		exit(2);
	int result = nacre_batch_send(client, batch, NULL, NULL);
	nacre_batch_free(batch);
	return result;
}

static inline bool says(const struct nacre_reply *reply, const char *text)
{
	size_t size;
	const char *data = nacre_reply_data(reply, &size);
	return memmem(data, size, text, strlen(text)) != NULL;
}

/* Likewise of a reply that is not needed any more, and is freed. */
static inline bool said(struct nacre_reply *reply, const char *text)
{
	bool found = says(reply, text);
	nacre_reply_free(reply);
	return found;
}

/* What an append that is not waited for came to: `ctx` is an int. */
static inline void told(void *ctx, int result, const struct nacre_appended *appended,
                        const struct nacre_error *error)
{
	(void)appended;
	(void)error;
	*(int *)ctx = result;
}

#endif
