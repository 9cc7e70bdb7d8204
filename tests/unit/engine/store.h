/* SPDX-License-Identifier: GPL-3.0-or-later */
/* store.h -- a store in memory for tests of the engine: append by words, read by words. */
#ifndef NC_TESTS_UNIT_ENGINE_STORE_H
#define NC_TESTS_UNIT_ENGINE_STORE_H

#include <criterion/criterion.h>

#include "core/engine/engine.h"
#include "core/engine/query.h"
#include "storage/state/memory_state.h"

struct store {
	struct nc_state *state;
	struct nc_engine *engine;
	struct nc_state_reader *reader;
	uint64_t index;
	uint64_t time_ns; /* of the leader, for the next append */
};

struct ask {
	const char *stream, *type, *id, *data, *tags[3];
	struct nc_expect expect;
};

static inline void store_open(struct store *store)
{
	*store = (struct store){ .time_ns = 1000000000 };
	cr_assert_eq(nc_memory_state_open(&store->state), NC_OK);
	cr_assert_eq(nc_engine_open(store->state, &store->engine), NC_OK);
	cr_assert_eq(nc_state_reader_open(store->state, &store->reader), NC_OK);
}

/* As the leader does before it takes anything up. */
static inline void store_raise(struct store *store, uint32_t version);

static inline void store_close(struct store *store)
{
	nc_state_reader_close(store->reader);
	nc_engine_close(store->engine);
	nc_state_close(store->state);
}

static inline void store_keep(void *ctx, const struct nc_outcome *outcome)
{
	struct nc_outcome *kept = ctx;
	*kept = *outcome;
	kept->stream = kept->record = nc_slice(NULL, 0); /* borrowed from the payload */
	kept->results = NULL;
}

/* One entry of these commands, and the last one's outcome. */
static inline struct nc_outcome store_apply(struct store *store, struct nc_slice payload)
{
	struct nc_outcome outcome = { .fault = { 999, 999 } };
	cr_assert_eq(nc_engine_begin(store->engine), NC_OK);
	cr_assert_eq(nc_engine_apply(store->engine, payload, store_keep, &outcome), NC_OK);
	store->index++;
	cr_assert_eq(nc_engine_commit(store->engine, (struct nc_state_applied){ store->index, 1 }),
	             NC_OK);
	return outcome;
}

static inline void store_raise(struct store *store, uint32_t version)
{
	struct nc_buf payload = { 0 };
	nc_entry_begin(&payload, store->time_ns);
	nc_command_put_engine_version(&payload, version);
	cr_assert_eq(store_apply(store, nc_buf_slice(&payload)).fault.code, 0);
	nc_buf_release(&payload);
}

/* Open, at the newest engine version. */
static inline void store_open_newest(struct store *store)
{
	store_open(store);
	store_raise(store, NC_ENGINE_VERSION);
}

/* The event of these words, as an append has it. */
static inline void store_record_put(struct nc_buf *record, struct ask ask)
{
	struct nc_buf tags = { 0 };
	for (size_t i = 0; i < 3 && ask.tags[i] != NULL; i++)
		nc_event_tag_put(&tags, nc_slice_str(ask.tags[i]));
	struct nc_event event = {
		.stream = nc_slice_str(ask.stream),
		.type = nc_slice_str(ask.type == NULL ? "T" : ask.type),
		.id = nc_slice_str(ask.id),
		.data = nc_slice_str(ask.data == NULL ? "{}" : ask.data),
		.tags = nc_buf_slice(&tags),
	};
	nc_event_record_put(record, &event);
	nc_buf_release(&tags);
}

/* One entry with one append. */
static inline struct nc_outcome store_append(struct store *store, struct ask ask)
{
	struct nc_buf record = { 0 }, payload = { 0 };
	store_record_put(&record, ask);
	nc_entry_begin(&payload, store->time_ns);
	nc_command_put_append(&payload, ask.expect, nc_buf_slice(&record));
	struct nc_outcome outcome = store_apply(store, nc_buf_slice(&payload));
	nc_buf_release(&record);
	nc_buf_release(&payload);
	return outcome;
}

#define APPEND(store, ...) store_append((store), (struct ask){ __VA_ARGS__ })
#define VERSION(n)                                        \
	{                                                 \
		.kind = NC_EXPECT_VERSION, .version = (n) \
	}

/* Open, at an engine version, with eight events of stream `in` and the subscription `w`. */
static inline void store_open_with_sub(struct store *store, uint32_t version)
{
	struct nc_buf payload = { 0 };
	const struct nc_sub_create create = { .name = NC_SLICE("w"),
		                              .definition = NC_SLICE("one") };
	store_open(store);
	store_raise(store, version);
	for (int i = 0; i < 8; i++)
		APPEND(store, .stream = "in");
	nc_entry_begin(&payload, store->time_ns);
	nc_command_put_sub_create(&payload, &create);
	cr_assert_eq(store_apply(store, nc_buf_slice(&payload)).told, NC_SUB_TOLD_MADE);
	nc_buf_release(&payload);
}

struct ask_ack {
	struct nc_batch_ack ack;
	const char *id; /* NULL: none */
	struct nc_expect expect;
};

/* The record of an event {} of this type in the stream `s`; and an entry that appends a record. */
static inline struct nc_buf store_record(const char *type)
{
	struct nc_buf record = { 0 };
	const struct nc_event event = { .stream = NC_SLICE("s"),
		                        .type = nc_slice_str(type),
		                        .data = NC_SLICE("{}") };
	nc_event_record_put(&record, &event);
	return record;
}

static inline struct nc_buf store_entry(const struct nc_buf *record)
{
	struct nc_buf payload = { 0 };
	nc_entry_begin(&payload, 1);
	nc_command_put_append(&payload, (struct nc_expect){ 0 }, nc_buf_slice(record));
	return payload;
}

/* A batch of one event, with an acknowledgement of subscription `w` in epoch 1 unless told. */
static inline struct nc_outcome store_acknowledge(struct store *store, struct ask_ack ask)
{
	struct nc_buf record = { 0 }, events = { 0 }, payload = { 0 };
	struct nc_event event = { .stream = NC_SLICE("out"),
		                  .type = NC_SLICE("T"),
		                  .id = nc_slice_str(ask.id),
		                  .data = NC_SLICE("{}") };
	nc_event_record_put(&record, &event);
	nc_batch_event_put(&events, &(struct nc_batch_event){ ask.expect, nc_buf_slice(&record) });
	struct nc_batch batch = { .event_count = 1, .events = nc_buf_slice(&events) };
	batch.ack = ask.ack;
	if (batch.ack.name.size == 0)
		batch.ack.name = NC_SLICE("w");
	if (batch.ack.epoch == 0)
		batch.ack.epoch = 1;
	nc_entry_begin(&payload, store->time_ns);
	nc_command_put_batch(&payload, &batch);
	struct nc_outcome outcome = store_apply(store, nc_buf_slice(&payload));
	nc_buf_release(&record);
	nc_buf_release(&events);
	nc_buf_release(&payload);
	return outcome;
}

#endif
