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
	struct nacre_snapshot_put put;
	struct nacre_snapshot_get snap;
	struct nacre_load load;
	const struct nacre_snapshot *snapshot;
	nacre_options_init(&options);
	event.expect = NACRE_EXPECT_ANY;
	read.source = NACRE_ALL;
	request.subject = "store.info";
	get.pos = 1;
	how.batch = 1;
	put.seq = 1;
	snap.stream = load.stream = "s";
	return nacre_connect(&options, &client, &error) + nacre_append(client, &event, NULL, NULL) +
	       nacre_append_async(client, &event, NULL, NULL, NULL) +
	       nacre_batch_add(batch, &event, NULL) +
	       nacre_request(client, &request, &reply, NULL) +
	       nacre_read_open(client, &read, &reader, NULL) + nacre_get(client, &get, &got, NULL) +
	       nacre_subscribe(client, "s", &how, &sub, NULL) +
	       nacre_request_many(client, &request, &sub, NULL) +
	       nacre_snapshot_put(client, &put, NULL) +
	       nacre_snapshot_get(client, &snap, &snapshot, NULL) +
	       nacre_load(client, &load, &snapshot, &reader, NULL);
}
