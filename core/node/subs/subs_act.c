/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Doing what a subscription's machine asks for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/grow.h"
#include "core/base/json.h"
#include "core/engine/seen.h"
#include "core/node/common/say.h"
#include "core/node/spread/spread.h"
#include "core/node/subs/subs_private.h"

void nc_subs_advise(struct nc_subs *subs, const struct nc_subscription *sub, const char *what,
                    uint64_t position, const char *reason)
{
	struct nc_buf *members = &subs->scratch;
	nc_buf_clear(members);
	nc_buf_printf(members, "\"subscription\":\"%s\"", sub->name);
	if (position > 0)
		nc_buf_printf(members, ",\"pos\":%llu", (unsigned long long)position);
	if (reason != NULL) {
		nc_buf_put_str(members, ",\"reason\":");
		nc_json_put_string(members, nc_slice_str(reason));
	}
	nc_buf_put_u8(members, '\0');
	if (nc_buf_status(members) == NC_OK) {
		nc_service_advise(subs->service, "sub", what, (const char *)members->data);
	} else {
		atomic_fetch_add(&subs->service->counters.unsent, 1);
	}
}

/* ---- Deliveries ----------------------------------------------------------------------------- */

/* False: no memory. It is as if the message were lost: the event is delivered again after
 * ack_wait. */
static bool todo_push(struct nc_subscription *sub, const struct nc_delivery *delivery)
{
	struct nc_subs *subs = sub->subs;
	if (sub->out.todo == NULL) { /* use the memory that the deliveries before have left */
		sub->out.todo = subs->spare_todo;
		sub->out.room = sub->out.todo == NULL ? 0 : subs->spare_room;
		subs->spare_todo = NULL;
	}
	if (!nc_grow(&sub->out.todo, sizeof *sub->out.todo, sub->out.count, &sub->out.room, 8))
		return false;
	sub->out.todo[sub->out.count++] = *delivery;
	return true;
}

static void todo_add(struct nc_subscription *sub, const struct nc_sub_action *action)
{
	struct nc_sub_pull *pull = NULL;
	if (!sub->definition.push) {
		pull = nc_subs_pull_give(sub, action->request);
		if (pull == NULL)
			return;
	}
	const struct nc_delivery delivery = {
		.position = action->position,
		.pending = action->pending + (action->pending_known ? 0 : sub->unsearched),
		.attempt = action->attempt,
		.flight = action->flight,
		.alone = action->alone,
		.pull = pull
	};
	if (!todo_push(sub, &delivery))
		nc_subs_pull_let_go(pull);
}

void nc_subs_todo_status(struct nc_subscription *sub, const char *subject, const char *reply,
                         const char *block)
{
	const struct nc_delivery status = { .subject = strdup(subject),
		                            .status = strdup(block),
		                            .reply = reply == NULL ? NULL : strdup(reply) };
	bool whole = status.subject != NULL && status.status != NULL &&
	             (reply == NULL || status.reply != NULL);
	if (whole && todo_push(sub, &status))
		return;
	free(status.subject);
	free(status.status);
	free(status.reply);
}

/* Send a status line with a reply subject, on which an answer comes if somebody listens, and else a
 * 503. */
static void send_status(const struct nc_subs *subs, struct nc_subscription *sub, const char *line,
                        const char *answer)
{
	const struct nc_service *service = subs->service;
	char subject[NC_DEFINITION_SUBJECT_MAX + 1], reply[NC_ROOT_SIZE + 128], block[64];
	if (!sub->definition.push)
		return;
	(void)snprintf(subject, sizeof subject, "%.*s", (int)sub->definition.subject.size,
	               (const char *)sub->definition.subject.data);
	(void)snprintf(reply, sizeof reply, "%s.ack.%s.%s", service->root, sub->name, answer);
	(void)snprintf(block, sizeof block, "NATS/1.0 %s\r\n\r\n", line);
	nc_subs_todo_status(sub, subject, reply, block);
}

static void end_pull(struct nc_subscription *sub, const struct nc_sub_action *action)
{
	char block[200];
	bool heard = action->status != NC_SUB_STATUS_NO_RESPONDERS;
	const char *reply = heard ? nc_subs_pull_reply(sub, action->request) : NULL;
	if (reply != NULL) {
		(void)snprintf(block, sizeof block,
		               "NATS/1.0 %u %s\r\nNats-Pending-Messages: %u\r\nNats-Pending-Bytes: "
		               "%llu\r\n\r\n",
		               (unsigned)action->status, action->reason, action->left,
		               (unsigned long long)action->left_bytes);
		nc_subs_todo_status(sub, reply, NULL, block);
	}
	nc_subs_pull_forget(sub, action->request);
}

/* Remove the row of a transient subscription, which is in memory alone. */
static void memory_forget(struct nc_subscription *sub, uint64_t position)
{
	struct nc_slice list = nc_buf_slice(&sub->save.parked);
	struct nc_parked parked;
	for (struct nc_slice at = list; nc_parked_next(&list, &parked); at = list) {
		if (parked.position != position)
			continue;
		size_t offset = (size_t)(at.data - sub->save.parked.data),
		       size = at.size - list.size;
		memmove(sub->save.parked.data + offset, sub->save.parked.data + offset + size,
		        list.size);
		sub->save.parked.size -= size;
		return;
	}
}

void nc_subs_unparked(struct nc_subscription *sub, uint64_t position)
{
	if (sub->tidy.under_way)
		nc_unparked_put(&sub->tidy.unparked, position);
	if (sub->definition.durable && sub->jobs.searching_replay)
		nc_unparked_put(&sub->replay.unparked, position);
}

void nc_subs_unpark(struct nc_subscription *sub, uint64_t position)
{
	nc_subs_unparked(sub, position);
	if (sub->definition.durable) {
		nc_unparked_put(&sub->save.unparked, position);
	} else {
		memory_forget(sub, position);
	}
}

static void park(struct nc_subs *subs, struct nc_subscription *sub,
                 const struct nc_sub_action *action)
{
	const struct nc_parked parked = { .position = action->position,
		                          .attempts = action->attempt,
		                          .time_ns = nc_clock_wall_ns(),
		                          .reason = nc_slice_str(action->reason) };
	if (!sub->definition.durable && action->replay)
		memory_forget(sub, action->position);
	nc_parked_put(&sub->save.parked, &parked);
	if (!nc_seen_all(subs->reader)) /* its event may have been deleted while it was in flight */
		nc_subs_tidy_mark(sub, action->position, action->position);
	sub->save.hurry = true; /* a reader that looks for the row is to find it */
	nc_subs_advise(subs, sub, "parked", action->position, action->reason);
}

static void do_action(struct nc_subs *subs, struct nc_subscription *sub,
                      const struct nc_sub_action *action)
{
	char answer[32];
	switch (action->kind) {
	case NC_SUB_DELIVER:
		todo_add(sub, action);
		break;
	case NC_SUB_PARK:
		park(subs, sub, action);
		break;
	case NC_SUB_UNPARK:
		nc_subs_unpark(sub, action->position);
		break;
	case NC_SUB_SKIP:
		if (action->replay)
			nc_subs_unpark(sub, action->position);
		nc_subs_advise(subs, sub, "skipped", action->position, action->reason);
		break;
	case NC_SUB_HALTED:
		nc_subs_advise(subs, sub, "halted", action->position, action->reason);
		break;
	case NC_SUB_END:
		end_pull(sub, action);
		break;
	case NC_SUB_HEARTBEAT:
		send_status(subs, sub, "100 Idle Heartbeat", "hb");
		break;
	case NC_SUB_FLOW:
		(void)snprintf(answer, sizeof answer, "fc.%llu",
		               (unsigned long long)action->position);
		send_status(subs, sub, "100 FlowControl Request", answer);
		break;
	case NC_SUB_STALLED:
		nc_subs_advise(subs, sub, "stalled", 0, "nobody listens");
		break;
	case NC_SUB_FLOWS:
		nc_subs_advise(subs, sub, "flows", 0, NULL);
		break;
	case NC_SUB_INACTIVE: /* deleted when it acts next */
		sub->inactive = true;
		break;
	}
}

void nc_subs_steps(struct nc_subs *subs, struct nc_subscription *sub, uint64_t now_ns)
{
	struct nc_sub_action action;
	/* with ack none it would be done a while after its flight began */
	if (sub->jobs.delivering)
		nc_subs_too_large_tell(subs, sub);
	while (nc_sub_step(sub->machine, now_ns, &action))
		do_action(subs, sub, &action);
}

void nc_subs_steps_leaving(struct nc_subs *subs, struct nc_subscription *sub)
{
	struct nc_sub_action action;
	while (nc_sub_step_leaving(sub->machine, &action))
		do_action(subs, sub, &action);
}

void nc_subs_act(struct nc_subs *subs, struct nc_subscription *sub)
{
	uint64_t now_ns = nc_clock_ns();
	subs->due_ns[sub->id] = UINT64_MAX;
	if (nc_subs_own_sleeps(sub))
		return;
	if (sub->move != NULL)
		return; /* it is marked again when the move is done */
	if (nc_subs_own_yields(sub, now_ns)) {
		nc_subs_save(subs, sub, now_ns);
		subs->due_ns[sub->id] = sub->save.missed ? now_ns : sub->lease.yield_ns;
		return;
	}
	/* Without a connection nothing can be sent and nobody can answer. So deliveries that fall
	 * due are not made, which would count as attempts, and nothing is searched for. The next
	 * tick looks again. */
	if (!nc_bus_connected(subs->service->bus)) {
		nc_subs_save(subs, sub, now_ns);
		subs->due_ns[sub->id] = now_ns;
		return;
	}
	nc_subs_steps(subs, sub, now_ns);
	if (sub->inactive && !sub->definition.durable) {
		nc_spread_transient_gone(subs->service->spread, nc_slice_str(sub->name));
		nc_subs_remove(subs, sub, "nobody has listened for inactive_ms");
		return;
	}
	nc_subs_save(subs, sub, now_ns);
	nc_subs_jobs_start(subs, sub);
	uint64_t due_ns = nc_sub_deadline(sub->machine);
	if (sub->fault[0] != '\0' && sub->filter != NULL && sub->plugin.retry_ns < due_ns)
		due_ns = sub->plugin.retry_ns; /* its filter is asked again */
	if (sub->save.missed && due_ns > now_ns)
		due_ns = now_ns; /* at the next tick */
	subs->due_ns[sub->id] = due_ns;
}
