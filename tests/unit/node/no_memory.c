/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What readers have found for a subscription when there was no memory for an event's key: the event
 * is neither given another key nor passed by, and none counts as deleted. */
#include "core/node/subs/subs_job.h"
#include "plugins/host/view.h"
#include "tests/unit/engine/store.h"

bool __wrap_nc_filter_hints_come(struct nc_filter *filter);
struct nc_filter_hints __wrap_nc_filter_hints(const struct nc_filter *filter);
void __wrap_nc_filter_unref(struct nc_filter *filter);
int __wrap_nc_subs_live_add(struct nc_subs *subs, struct nc_subscription *sub);

/* A filter that has just said which events it may be for, and no memory to note that. */
bool __wrap_nc_filter_hints_come(struct nc_filter *filter)
{
	return filter != NULL;
}

struct nc_filter_hints __wrap_nc_filter_hints(const struct nc_filter *filter)
{
	(void)filter;
	return (struct nc_filter_hints){ 0 };
}

void __wrap_nc_filter_unref(struct nc_filter *filter)
{
	(void)filter;
}

int __wrap_nc_subs_live_add(struct nc_subs *subs, struct nc_subscription *sub)
{
	(void)subs, (void)sub;
	return NC_NOMEM;
}

const nacre_filter_view *__wrap_nc_view_data(struct nc_view_builder *builder,
                                             struct nc_arena *arena, struct nc_slice content_type,
                                             struct nc_slice data);

/* No memory for what is in the data of an event. */
const nacre_filter_view *__wrap_nc_view_data(struct nc_view_builder *builder,
                                             struct nc_arena *arena, struct nc_slice content_type,
                                             struct nc_slice data)
{
	(void)builder, (void)arena, (void)content_type, (void)data;
	return NULL;
}

static struct store store;
static struct nc_service service;
static struct nc_subs subs;
static struct nc_subscription sub;
static uint64_t rows[] = { 1, 2, 3 };

/* Three events that match; the index says so alone. */
static void setup(void)
{
	static const struct nc_filter_hint hint = { .stream_kind = NC_FILTER_EXACT,
		                                    .stream = NC_SLICE("in") };
	store_open_newest(&store);
	for (int i = 0; i < 3; i++)
		APPEND(&store, .stream = "in");
	subs = (struct nc_subs){ .service = &service, .reader = store.reader };
	sub = (struct nc_subscription){ .subs = &subs, .name = "w", .epoch = 1 };
	sub.definition = (struct nc_definition){ .order = NC_ORDER_STREAM };
	sub.hints = (struct nc_filter_hints){ .full = true, .count = 1, .hints = &hint };
	sub.replay.ask.kind = NC_REPLAY_ALL;
	sub.replay.through = 3;
}

static void teardown(void)
{
	store_close(&store);
}

TestSuite(no_memory, .init = setup, .fini = teardown);

/* A job whose buffer of keys has found no memory. */
static struct nc_sub_job *job_new(enum nc_sub_job_kind kind)
{
	struct nc_sub_job *job = nc_sub_job_new(&subs, &sub, kind, 1, 10);
	cr_assert_not_null(job);
	job->keys.failed = true;
	return job;
}

/* A search ends before the event, and is not at the end of history by that. */
static void expect_nothing_found(struct nc_sub_job *job)
{
	nc_sub_job_scan(job, store.reader);
	cr_expect_eq(job->found_count, 0);
	cr_expect_eq(job->through, 0);
	cr_expect_not(job->ended);
	cr_expect_eq(job->err, NC_NOMEM);
	nc_sub_job_free(job);
}

Test(no_memory, ends_a_search_before_the_event)
{
	expect_nothing_found(job_new(NC_SUB_JOB_SCAN));
}

Test(no_memory, leaves_an_event_that_is_wanted_to_be_read_again)
{
	struct nc_sub_job *job = job_new(NC_SUB_JOB_EVENT);
	nc_sub_job_event(job, store.reader);
	cr_expect_eq(job->found_count, 0);
	cr_expect_not(job->gone);
	cr_expect_eq(job->err, NC_NOMEM);
	nc_sub_job_free(job);
}

/* What a job comes to that reads the three of them again. */
static int err_of_rows(struct nc_sub_job *job,
                       void (*run)(struct nc_sub_job *job, struct nc_state_reader *reader))
{
	job->rows = rows;
	job->row_count = sizeof rows / sizeof *rows;
	run(job, store.reader);
	int err = job->err;
	job->rows = NULL;
	nc_sub_job_free(job);
	return err;
}

Test(no_memory, says_of_no_event_that_it_is_gone)
{
	cr_expect_eq(err_of_rows(job_new(NC_SUB_JOB_MEASURE), nc_sub_job_measure), NC_NOMEM);
}

Test(no_memory, replays_nothing_under_another_key)
{
	cr_expect_eq(err_of_rows(job_new(NC_SUB_JOB_REPLAY), nc_sub_job_replay), NC_NOMEM);
}

/* As job_new(); but what finds no memory is the view of the data, where the key lies. */
static struct nc_sub_job *job_by_payload(enum nc_sub_job_kind kind)
{
	sub.definition = (struct nc_definition){ .order = NC_ORDER_PAYLOAD,
		                                 .order_arg = NC_SLICE("customer") };
	struct nc_sub_job *job = nc_sub_job_new(&subs, &sub, kind, 1, 10);
	cr_assert_not_null(job);
	return job;
}

Test(no_memory, finds_no_event_without_the_key_that_its_data_may_have)
{
	expect_nothing_found(job_by_payload(NC_SUB_JOB_SCAN));
}

Test(no_memory, replays_nothing_without_the_key_that_its_data_may_have)
{
	cr_expect_eq(err_of_rows(job_by_payload(NC_SUB_JOB_REPLAY), nc_sub_job_replay), NC_NOMEM);
}

Test(no_memory, leaves_the_head_where_live_events_do_not_find_the_subscription)
{
	static char filter;
	struct nc_sub_info info;
	sub.definition.max_in_flight = 10;
	sub.filter = (struct nc_filter *)(void *)&filter;
	atomic_store(&service.position, 3);
	cr_assert_eq(nc_sub_new(&sub.definition, 1, 0, 1, &sub.machine), NC_OK);
	cr_assert_eq(nc_subs_live_open(&subs), NC_OK);
	(void)pthread_mutex_init(&subs.lock, NULL);
	struct nc_sub_job *job = nc_sub_job_new(&subs, &sub, NC_SUB_JOB_SCAN, 1, 10);
	job->through = 3;
	job->judged = job->ended = true;
	subs.done = job;
	nc_subs_jobs_take(&subs);
	nc_sub_info(sub.machine, &info);
	cr_expect_null(sub.filter);
	cr_expect_neq(sub.fault[0], '\0');
	cr_expect_not(info.at_head, "what comes now must be searched for");
	nc_sub_free(sub.machine);
	nc_subs_live_close(&subs);
	(void)pthread_mutex_destroy(&subs.lock);
}
