/* SPDX-License-Identifier: GPL-3.0-or-later */
/* R.sub.replay: parked events on their way back, in order, as the window has room. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/ascending.h"
#include "core/node/subs/subs_ask.h"
#include "core/node/subs/subs_job.h"

bool nc_subs_replay_wants(const struct nc_subscription *sub)
{
	struct nc_sub_info info;
	if (!sub->replay.under_way)
		return false;
	nc_sub_info(sub->machine, &info);
	/* the request is to be answered */
	return info.replay_room > 0 || sub->replay.reply != NULL;
}

bool nc_subs_replay_rows(const struct nc_subscription *sub, struct nc_sub_job *job)
{
	struct nc_slice list = nc_buf_slice(&sub->save.parked);
	struct nc_parked parked;
	size_t count = 0;
	if (sub->definition.durable)
		return true;
	while (nc_parked_next(&list, &parked))
		count++;
	job->rows = calloc(count + 1, sizeof *job->rows);
	if (job->rows == NULL)
		return false;
	list = nc_buf_slice(&sub->save.parked);
	while (job->row_count < count && nc_parked_next(&list, &parked))
		job->rows[job->row_count++] = parked.position;
	qsort(job->rows, job->row_count, sizeof *job->rows, nc_ascending);
	return true;
}

static void refuse(struct nc_subs *subs, struct nc_subscription *sub, struct nc_fault fault,
                   const char *text)
{
	struct nc_service *service = subs->service;
	if (sub->replay.reply != NULL) {
		nc_service_error(service, &service->out, sub->replay.reply,
		                 &service->srv.endpoints[sub->replay.endpoint].stats,
		                 &(struct nc_service_refusal){ .fault = fault, .text = text });
	}
	free(sub->replay.reply);
	sub->replay.reply = NULL;
	sub->replay.under_way = false;
}

void nc_subs_replay_end(struct nc_subs *subs, struct nc_subscription *sub, struct nc_fault fault,
                        const char *why)
{
	if (sub->replay.under_way)
		refuse(subs, sub, fault, why);
}

/* Answer how many are on their way; `more`: others follow as the window has room. */
static void tell(struct nc_subs *subs, struct nc_subscription *sub, bool more)
{
	char text[80];
	if (sub->replay.reply == NULL)
		return;
	if (sub->replay.count == 0 && !more && sub->replay.ask.kind == NC_REPLAY_KEY) {
		refuse(subs, sub, NC_FAULT_NO_EVENT, "no parked event has this key");
		return;
	}
	(void)snprintf(text, sizeof text, "{\"replayed\":%llu,\"more\":%s}",
	               (unsigned long long)sub->replay.count, more ? "true" : "false");
	nc_subs_wait_saved(subs, sub, nc_slice_str(sub->replay.reply), text);
	free(sub->replay.reply);
	sub->replay.reply = NULL;
}

static bool is_unparked(const struct nc_subscription *sub, uint64_t position)
{
	struct nc_slice list = nc_buf_slice(&sub->replay.unparked);
	uint64_t gone;
	while (nc_unparked_next(&list, &gone)) {
		if (gone == position)
			return true;
	}
	return false;
}

/* Offer what a job has found. True: all of it is on its way. False: the rest is read again when
 * there is room. */
static bool feed(struct nc_subscription *sub, const struct nc_sub_job *job)
{
	for (size_t i = 0; i < job->found_count; i++) {
		const struct nc_sub_found *found = &job->found[i];
		const struct nc_sub_event event = { .position = found->position,
			                            .key = { job->keys.data + found->key.offset,
			                                     found->key.size },
			                            .size = found->size };
		if (found->gone || is_unparked(sub, found->position))
			continue;
		int err = nc_sub_replay(sub->machine, &event);
		sub->replay.count += err == NC_OK;
		if (err == NC_FULL || err == NC_BUSY || err == NC_NOMEM) {
			sub->replay.after = found->position - 1;
			return false;
		}
	}
	sub->replay.after = job->through;
	return true;
}

static void next_advance(struct nc_sub_replaying *replay)
{
	while (replay->next < replay->ask.count &&
	       replay->ask.positions[replay->next] <= replay->after)
		replay->next++;
}

void nc_subs_replay_take(struct nc_subs *subs, struct nc_subscription *sub, struct nc_sub_job *job)
{
	char text[120];
	sub->replay.scan_next = true;
	if (!sub->replay.under_way)
		return;
	if (job->err != NC_OK) {
		refuse(subs, sub, NC_FAULT_UNAVAILABLE, "parked events could not be read");
	} else if (job->missing != 0) {
		(void)snprintf(text, sizeof text, "event %llu is not parked",
		               (unsigned long long)job->missing);
		refuse(subs, sub, NC_FAULT_NO_EVENT, text);
	} else if (job->behind != 0) {
		(void)snprintf(text, sizeof text,
		               "an older event of its key is parked before event %llu: name it too",
		               (unsigned long long)job->behind);
		refuse(subs, sub, NC_FAULT_STALE_ACK, text);
	} else if (job->checks) {
		sub->replay.checked = true;
	} else {
		nc_subs_gone_release(sub, job, &sub->replay.unparked);
		bool whole = feed(sub, job);
		next_advance(&sub->replay);
		tell(subs, sub, !whole || !job->ended);
		sub->replay.under_way = !whole || !job->ended;
	}
}

/* The last position that a replay of all looks at: what is parked later was not asked for. With a
 * backfill, parked events may lie beyond the cursor. */
static uint64_t parked_through(const struct nc_subscription *sub)
{
	struct nc_sub_info info;
	nc_sub_info(sub->machine, &info);
	bool beyond = sub->backfill != NULL && sub->backfill->is.through > info.cursor;
	return beyond ? sub->backfill->is.through : info.cursor;
}

void nc_subs_replay(const struct nc_subs_ask *ask)
{
	struct nc_subscription *sub = nc_subs_ask_find(ask);
	struct nc_replay_ask wanted;
	if (sub == NULL)
		return;
	if (sub->definition.durable && nc_replica_status(ask->subs->service->replica).full) {
		nc_subs_ask_shed(ask);
		return;
	}
	if (sub->filter == NULL) { /* nothing of it moves until its plugin is back */
		nc_subs_ask_error(ask, NC_FAULT_NO_PLUGIN, sub->fault);
		return;
	}
	if (nc_subs_ask_later(ask, sub))
		return;
	nc_buf_clear(&ask->subs->scratch);
	int err = nc_replay_parse(ask->body, &wanted, &ask->subs->scratch);
	if (err != NC_OK) {
		nc_subs_ask_refuse(ask, err);
		return;
	}
	if (sub->replay.under_way || sub->jobs.searching_replay || sub->move != NULL) {
		nc_replay_ask_release(&wanted);
		nc_subs_ask_error(ask, NC_FAULT_BUSY, "another replay or change is under way");
		return;
	}
	nc_replay_ask_release(&sub->replay.ask);
	nc_buf_clear(&sub->replay.unparked);
	struct nc_buf unparked = sub->replay.unparked;
	sub->replay = (struct nc_sub_replaying){ .under_way = true,
		                                 .ask = wanted,
		                                 .through = parked_through(sub),
		                                 .unparked = unparked,
		                                 .endpoint = ask->endpoint };
	if (ask->reply.size > 0)
		sub->replay.reply = strdup((const char *)ask->reply.data);
	nc_subs_mark(sub);
}
