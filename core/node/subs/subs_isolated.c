/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Filters of plugins in processes of their own: asking them may take seconds, so the loop never
 * does. Each such plugin has one reader of its own, that all questions to it go through, so that
 * one that stalls keeps only itself waiting. Live events are found by a search from where the
 * subscription stands; a filter is compiled there before its request is carried out. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/json.h"
#include "core/node/common/say.h"
#include "core/node/subs/filtered.h"
#include "core/node/subs/subs_ask.h"
#include "transport/nats/reply.h"

/* A plugin's reader. */
struct nc_sub_pool {
	struct nc_sub_pool *next;
	struct nc_reader_pool *pool;
	char plugin[NC_PLUGIN_NAME_SIZE_MAX + 1];
};

/* A request that waits until its filter is compiled. */
struct nc_sub_prepare {
	struct nc_read_job job; /* first */
	struct nc_sub_prepare *next;
	struct nc_subs *subs;
	enum nc_operation op;
	int endpoint, err;
	uint64_t since_ms; /* when the request came */
	struct nc_filter *filter;
	struct nc_filter_error error;
	struct nc_slice name, body, reply, plugin, selector; /* in `text` */
	struct nc_buf text;
	size_t size; /* bytes that the node counts as kept */
	bool renews; /* of no request: the subscription's plugin was replaced */
	/* Of R.sub.explain: its filter is asked about one event. */
	uint64_t position;
	struct nc_sub_verdict verdict;
};

/* ---- Readers of their own ------------------------------------------------------------------- */

static struct nc_sub_pool *pool_new(struct nc_subs *subs, struct nc_slice plugin)
{
	struct nc_sub_pool *made = calloc(1, sizeof *made);
	if (made == NULL)
		return NULL;
	if (nc_reader_pool_start(subs->service->options.state, 1, &made->pool) != NC_OK) {
		free(made);
		return NULL;
	}
	(void)snprintf(made->plugin, sizeof made->plugin, "%.*s", (int)plugin.size,
	               (const char *)plugin.data);
	made->next = subs->pools;
	subs->pools = made;
	return made;
}

struct nc_reader_pool *nc_subs_pool(struct nc_subs *subs, struct nc_slice plugin)
{
	if (!nc_plugin_host_isolates(subs->host, plugin))
		return subs->service->readers;
	for (struct nc_sub_pool *at = subs->pools; at != NULL; at = at->next) {
		if (nc_slice_is(plugin, at->plugin))
			return at->pool;
	}
	/* No thread for a reader of its own: use the node's, where others may have to wait for
	 * it. */
	struct nc_sub_pool *made = pool_new(subs, plugin);
	return made == NULL ? subs->service->readers : made->pool;
}

void nc_subs_pools_stop(struct nc_subs *subs)
{
	while (subs->pools != NULL) {
		struct nc_sub_pool *pool = subs->pools;
		subs->pools = pool->next;
		nc_reader_pool_stop(pool->pool);
		free(pool);
	}
}

/* ---- Compiling before a request is carried out ---------------------------------------------- */

static void prepare_free(struct nc_sub_prepare *prepare)
{
	nc_service_let_go(prepare->subs->service, prepare->size);
	nc_filter_unref(prepare->filter);
	nc_buf_release(&prepare->text);
	free(prepare);
}

static void on_judged(void *ctx, const struct nc_event *event)
{
	struct nc_sub_prepare *prepare = ctx;
	struct nc_filter_batch *batch;
	uint64_t matched = 0;
	int err = nc_filter_batch_new(&batch);
	if (err == NC_OK) {
		err = nc_filter_batch_add(batch, event);
		if (err == NC_OK)
			err = nc_filter_match(prepare->filter, batch, &matched);
		nc_filter_batch_free(batch);
	}
	prepare->verdict.matches = matched & 1;
	if (err == NC_OK)
		return;
	nc_filter_trouble(prepare->filter, prepare->verdict.fault, sizeof prepare->verdict.fault);
	if (prepare->verdict.fault[0] == '\0') {
		(void)snprintf(prepare->verdict.fault, sizeof prepare->verdict.fault, "%s",
		               nc_err_name(err));
	}
}

/* If the event cannot be read, whoever carries out the request finds that too and says so. If it
 * can be read by then, the verdict says that the filter was not asked. */
static void judge(struct nc_sub_prepare *prepare, struct nc_state_reader *reader)
{
	const struct nc_get_spec spec = { .kind = NC_GET_POSITION, .number = prepare->position };
	int err = nc_query_get(reader, &spec, on_judged, prepare);
	if (err != NC_OK)
		(void)snprintf(prepare->verdict.fault, sizeof prepare->verdict.fault,
		               "the filter was not asked: %s", nc_err_name(err));
	prepare->err = NC_OK;
}

static bool prepare_step(struct nc_read_job *job, struct nc_state_reader *reader)
{
	struct nc_sub_prepare *prepare = (struct nc_sub_prepare *)job;
	if (prepare->op == NC_OP_SUB_EXPLAIN) {
		judge(prepare, reader);
		return true;
	}
	prepare->err = nc_filter_compile(prepare->subs->host, prepare->plugin, prepare->selector,
	                                 &prepare->filter, &prepare->error);
	return true;
}

static void prepare_return(struct nc_read_job *job)
{
	struct nc_sub_prepare *prepare = (struct nc_sub_prepare *)job;
	struct nc_subs *subs = prepare->subs;
	pthread_mutex_lock(&subs->lock);
	prepare->next = subs->prepared_list;
	subs->prepared_list = prepare;
	pthread_mutex_unlock(&subs->lock);
	(void)uv_async_send(&subs->wake);
}

/* The filter that a body names, if its plugin is isolated. A body that is wrong is refused
 * later. */
static bool filter_find(const struct nc_subs_ask *ask, struct nc_filter_named *named_out)
{
	return nc_filter_named_find(ask->body, &ask->subs->scratch, named_out) &&
	       nc_plugin_host_isolates(ask->subs->host, named_out->plugin);
}

static struct nc_slice text_keep(struct nc_buf *text, struct nc_slice from)
{
	size_t at = text->size;
	nc_buf_put_slice(text, from); /* room for all was made before */
	nc_buf_put_u8(text, 0);
	return nc_slice(text->data + at, from.size);
}

/* NULL: no memory, or too much is kept already. */
static struct nc_sub_prepare *prepare_new(const struct nc_subs_ask *ask, enum nc_operation op,
                                          const struct nc_filter_named *named)
{
	struct nc_service *service = ask->subs->service;
	size_t size = ask->name.size + ask->body.size + ask->reply.size + named->plugin.size +
	              named->selector.size + 5;
	if (!nc_service_keep(service, sizeof(struct nc_sub_prepare) + size))
		return NULL;
	struct nc_sub_prepare *prepare = calloc(1, sizeof *prepare);
	if (prepare == NULL || nc_buf_extend(&prepare->text, size) == NULL) {
		free(prepare);
		nc_service_let_go(service, sizeof(struct nc_sub_prepare) + size);
		return NULL;
	}
	struct nc_buf *text = &prepare->text;
	text->size = 0;
	prepare->size = sizeof *prepare + size;
	prepare->job = (struct nc_read_job){ .step = prepare_step, .free = prepare_return };
	prepare->subs = ask->subs;
	prepare->op = op;
	prepare->endpoint = ask->endpoint;
	prepare->since_ms = ask->since_ms != 0 ? ask->since_ms : nc_clock_ms();
	prepare->err = NC_CLOSED; /* if no reader comes to it */
	prepare->name = text_keep(text, ask->name);
	prepare->body = text_keep(text, ask->body);
	prepare->reply = text_keep(text, ask->reply);
	prepare->plugin = text_keep(text, named->plugin);
	prepare->selector = text_keep(text, named->selector);
	return prepare;
}

bool nc_subs_prepare(const struct nc_subs_ask *ask, enum nc_operation op)
{
	struct nc_filter_named named;
	if (ask->subs->prepared != NULL || !filter_find(ask, &named))
		return false;
	struct nc_sub_prepare *prepare = prepare_new(ask, op, &named);
	if (prepare != NULL &&
	    nc_reader_pool_put(nc_subs_pool(ask->subs, named.plugin), &prepare->job) == NC_OK) {
		nc_subs_line_enter(ask->subs, ask->name);
		return true;
	}
	nc_subs_ask_error(ask, NC_FAULT_BUSY, "too much to do; try again");
	if (prepare != NULL)
		prepare_free(prepare);
	return true;
}

bool nc_subs_judge(const struct nc_subs_ask *ask, const struct nc_subscription *sub,
                   uint64_t position)
{
	const struct nc_filter_named named = { sub->definition.plugin, nc_slice(NULL, 0) };
	if (ask->subs->verdict != NULL || sub->filter == NULL || !nc_filter_isolated(sub->filter))
		return false;
	struct nc_sub_prepare *prepare = prepare_new(ask, NC_OP_SUB_EXPLAIN, &named);
	if (prepare != NULL) {
		prepare->filter = nc_filter_ref(sub->filter);
		prepare->position = position;
		if (nc_reader_pool_put(nc_subs_pool(ask->subs, named.plugin), &prepare->job) ==
		    NC_OK)
			return true;
		prepare_free(prepare);
	}
	nc_subs_ask_error(ask, NC_FAULT_BUSY, "too much to do; try again");
	return true;
}

bool nc_subs_prepare_renewal(struct nc_subs *subs, struct nc_subscription *sub)
{
	const struct nc_subs_ask ask = { .subs = subs, .name = nc_slice_str(sub->name) };
	const struct nc_filter_named named = { sub->definition.plugin, sub->definition.selector };
	if (!nc_plugin_host_isolates(subs->host, named.plugin))
		return false;
	struct nc_sub_prepare *prepare = prepare_new(&ask, NC_OP_SUB_UPDATE, &named);
	if (prepare != NULL)
		prepare->renews = true;
	if (prepare != NULL &&
	    nc_reader_pool_put(nc_subs_pool(subs, named.plugin), &prepare->job) == NC_OK) {
		sub->plugin.renewed = true;
		return true;
	}
	if (prepare != NULL)
		prepare_free(prepare);
	sub->plugin.renew = subs->renewing = true; /* the next tick tries again */
	return true;
}

/* By now there may be another subscription of this name, or another filter. */
static void renewal_finish(struct nc_subs *subs, struct nc_sub_prepare *prepare)
{
	struct nc_refusal refusal;
	struct nc_subscription *sub = nc_subs_find(subs, prepare->name);
	if (sub == NULL || !sub->plugin.renewed)
		return;
	sub->plugin.renewed = false;
	bool same = nc_slice_eq(sub->definition.plugin, prepare->plugin) &&
	            nc_slice_eq(sub->definition.selector, prepare->selector);
	if (sub->move != NULL || !same) {
		sub->plugin.renew = subs->renewing = true;
	} else if (prepare->err == NC_OK) {
		subs->prepared = prepare->filter;
		nc_subs_renew_now(subs, sub);
		subs->prepared = NULL;
	} else {
		(void)nc_filter_refuse(&refusal, prepare->plugin, prepare->err, &prepare->error);
		nc_subs_renew_refused(subs, sub, &refusal);
	}
	nc_subs_mark(sub);
}

static void prepare_finish(struct nc_subs *subs, struct nc_sub_prepare *prepare)
{
	struct nc_refusal refusal;
	const struct nc_subs_ask ask = { .subs = subs,
		                         .op = prepare->op,
		                         .name = prepare->name,
		                         .body = prepare->body,
		                         .reply = prepare->reply,
		                         .endpoint = prepare->endpoint,
		                         .since_ms = prepare->since_ms };
	if (!subs->service->serving && !nc_subs_has(subs, prepare->name)) {
		/* This node does not lead any more: a transient subscription would be made where
		 * nobody looks for it. */
		nc_subs_ask_error(&ask, NC_FAULT_UNAVAILABLE, nc_fault_text(NC_FAULT_UNAVAILABLE));
	} else if (prepare->err == NC_OK) {
		if (prepare->op == NC_OP_SUB_EXPLAIN) {
			subs->verdict = &prepare->verdict;
		} else {
			subs->prepared = prepare->filter;
		}
		/* What came before it was applied before its filter was compiled; to wait for all
		 * that came since would be to wait for ever, where others append all the time. */
		subs->lines.settled = true;
		nc_subs_carry_out(&ask); /* requests behind it still wait */
		subs->lines.settled = false;
		subs->prepared = NULL;
		subs->verdict = NULL;
	} else {
		(void)nc_filter_refuse(&refusal, prepare->plugin, prepare->err, &prepare->error);
		nc_subs_ask_error(&ask, refusal.fault, refusal.text);
	}
}

/* Reverse the list: the last one that was ready stands first. */
static struct nc_sub_prepare *in_order(struct nc_sub_prepare *list)
{
	struct nc_sub_prepare *ordered = NULL;
	while (list != NULL) {
		struct nc_sub_prepare *next = list->next;
		list->next = ordered;
		ordered = list;
		list = next;
	}
	return ordered;
}

void nc_subs_prepared_take(struct nc_subs *subs)
{
	pthread_mutex_lock(&subs->lock);
	struct nc_sub_prepare *prepare = in_order(subs->prepared_list);
	subs->prepared_list = NULL;
	pthread_mutex_unlock(&subs->lock);
	while (prepare != NULL) {
		struct nc_sub_prepare *next = prepare->next;
		if (!subs->service->stopping && prepare->renews) {
			renewal_finish(subs, prepare);
		} else if (!subs->service->stopping) {
			prepare_finish(subs, prepare);
		}
		/* if it is put into the log now, a list goes on waiting for it */
		if (!prepare->renews && prepare->op != NC_OP_SUB_EXPLAIN)
			nc_subs_line_leave(subs, prepare->name);
		prepare_free(prepare);
		prepare = next;
	}
}

/* ---- No answer, and one again --------------------------------------------------------------- */

/* the pause before a filter is asked again: it doubles … */
#define PAUSE_MIN_NS UINT64_C(500000000)
#define PAUSE_MAX_NS UINT64_C(30000000000) /* … up to this */

void nc_subs_fault(struct nc_subs *subs, struct nc_subscription *sub, int err, uint64_t position)
{
	char why[NC_SUB_FAULT_SIZE / 2 + 80];
	bool news = sub->fault[0] == '\0';
	nc_filter_trouble(sub->filter, why, sizeof why);
	(void)snprintf(sub->fault, sizeof sub->fault, "its filter gave no answer: %.150s",
	               why[0] == '\0' ? nc_err_name(err) : why);
	sub->plugin.pause_ns = sub->plugin.pause_ns == 0 ? PAUSE_MIN_NS : sub->plugin.pause_ns * 2;
	if (sub->plugin.pause_ns > PAUSE_MAX_NS)
		sub->plugin.pause_ns = PAUSE_MAX_NS;
	sub->plugin.retry_ns = nc_clock_ns() + sub->plugin.pause_ns;
	/* The subscription leaves the head: its next search begins with this event. */
	nc_sub_leave_head(sub->machine);
	nc_subs_mark(sub);
	if (!news)
		return;
	nc_subs_advise(subs, sub, "halted", position, sub->fault);
	nc_say_warning("subscription %s halts at position %llu: %s", sub->name,
	               (unsigned long long)position, sub->fault);
}

void nc_subs_fault_ends(struct nc_subs *subs, struct nc_subscription *sub, const char *why)
{
	if (sub->fault[0] == '\0')
		return;
	sub->fault[0] = '\0';
	sub->plugin.pause_ns = 0;
	nc_subs_advise(subs, sub, "resumed", 0, why);
	nc_say_info("subscription %s goes on: %s", sub->name, why);
	nc_subs_mark(sub);
}
