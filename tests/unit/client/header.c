/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every inline call of nacre.h, as C99, C11, C17, C++11 and C++17 compile it: header.sh. */
#include "nacre.h"

int use(struct nacre_client *client, struct nacre_batch *batch);

int use(struct nacre_client *client, struct nacre_batch *batch)
{
	struct nacre_options options;
	struct nacre_append event;
	struct nacre_request request;
	struct nacre_read read;
	struct nacre_get get;
	struct nacre_consume how;
	struct nacre_error error;
	struct nacre_reader *reader;
	struct nacre_reply *reply;
	struct nacre_subscription *sub;
	const struct nacre_event *got;
	nacre_options_init(&options);
	event.expect = NACRE_EXPECT_ANY;
	read.source = NACRE_ALL;
	request.subject = "store.info";
	get.pos = 1;
	how.batch = 1;
	return nacre_connect(&options, &client, &error) + nacre_append(client, &event, NULL, NULL) +
	       nacre_append_async(client, &event, NULL, NULL, NULL) +
	       nacre_batch_add(batch, &event, NULL) +
	       nacre_request(client, &request, &reply, NULL) +
	       nacre_read_open(client, &read, &reader, NULL) + nacre_get(client, &get, &got, NULL) +
	       nacre_subscribe(client, "s", &how, &sub, NULL) +
	       nacre_request_many(client, &request, &sub, NULL);
}
