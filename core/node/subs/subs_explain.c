/* SPDX-License-Identifier: GPL-3.0-or-later */
/* R.sub.explain: of one event, why it was delivered or was not. */
#include <stdio.h>

#include "core/base/json.h"
#include "core/node/subs/members.h"
#include "core/node/subs/subs_ask.h"

struct explaining {
	struct nc_subs *subs;
	struct nc_subscription *sub;
	uint64_t position;
	bool matches, key_parked, below; /* below: the event is before the start */
	char fault[NC_SUB_FAULT_SIZE];   /* the filter gave no answer */
	/* If it is parked: what its row says. */
	bool parked;
	uint32_t attempts;
	struct nc_buf reason;
};

static void filter_ask(struct explaining *explaining, const struct nc_event *event)
{
	struct nc_subs *subs = explaining->subs;
	uint64_t matched = 0;
	if (subs->verdict != NULL) { /* of a plugin in a process of its own: it was asked before */
		explaining->matches = subs->verdict->matches;
		(void)snprintf(explaining->fault, sizeof explaining->fault, "%s",
		               subs->verdict->fault);
		return;
	}
	nc_filter_batch_clear(subs->batch);
	int err = explaining->sub->filter == NULL ? NC_NOTFOUND
	                                          : nc_filter_batch_add(subs->batch, event);
	if (err == NC_OK)
		err = nc_filter_match(explaining->sub->filter, subs->batch, &matched);
	if (err != NC_OK) {
		(void)snprintf(explaining->fault, sizeof explaining->fault,
		               "the filter gives no answer: %s",
		               explaining->sub->fault[0] != '\0' ? explaining->sub->fault
		                                                 : nc_err_name(err));
	}
	explaining->matches = matched & 1;
}

static void on_event(void *ctx, const struct nc_event *event)
{
	struct explaining *explaining = ctx;
	struct nc_subscription *sub = explaining->sub;
	struct nc_buf *out = &explaining->subs->scratch;
	struct nc_slice key;
	if (nc_subs_key(&explaining->subs->keys, &sub->definition, event, &key) != NC_OK)
		out->failed = true; /* the request is refused */
	filter_ask(explaining, event);
	explaining->key_parked = nc_sub_key_parked(sub->machine, key);
	explaining->below = !nc_floor_admits(&sub->floor, event->version, event->time_ns);
	nc_buf_put_u8(out, '{');
	nc_members_event_put(out, event);
	nc_buf_printf(out, ",\"matches\":%s,",
	              explaining->fault[0] != '\0' ? "null"
	              : explaining->matches        ? "true"
	                                           : "false");
	nc_members_key_put(out, key);
}

static bool on_parked(void *ctx, const struct nc_parked *parked)
{
	struct explaining *explaining = ctx;
	explaining->attempts = parked->attempts;
	nc_buf_clear(&explaining->reason);
	nc_buf_put_slice(&explaining->reason, parked->reason);
	return false;
}

/* A word for programs and a sentence for people. */
struct verdict {
	const char *state, *why;
};

/* Why an event that could be delivered is not; or `otherwise`. */
static const char *stands_still(const struct nc_sub_info *info, const char *otherwise)
{
	if (info->paused)
		return "the subscription is paused";
	return info->halted ? "the subscription is halted" : otherwise;
}

/* The verdict of an event that is in the window; if it is not, `state` is NULL. */
static struct verdict verdict_of_entry(const struct nc_sub_info *info,
                                       enum nc_sub_entry_state state)
{
	switch (state) {
	case NC_SUB_FLYING:
		return (struct verdict){ "in_flight", "delivered, and not acknowledged yet" };
	case NC_SUB_DELAYED:
		return (struct verdict){ "delayed", "to be delivered again after its pause" };
	case NC_SUB_HELD:
		return (struct verdict){ "held", "an earlier event of its key is not done" };
	case NC_SUB_READY:
	case NC_SUB_RECALLED:
		return (struct verdict){ "ready", stands_still(info, "about to be delivered") };
	default:
		return (struct verdict){ NULL, NULL };
	}
}

static struct verdict verdict_of(const struct explaining *explaining, uint32_t *attempts)
{
	const struct nc_subscription *sub = explaining->sub;
	struct nc_sub_info info;
	nc_sub_info(sub->machine, &info);
	/* A subscription at the head has judged every event as it came. */
	uint64_t reached =
	        info.at_head ? atomic_load(&explaining->subs->service->position) : info.cursor;
	enum nc_sub_entry_state state = nc_sub_find(sub->machine, explaining->position, attempts);
	struct verdict verdict = verdict_of_entry(&info, state);
	if (verdict.state != NULL)
		return verdict;
	if (explaining->parked || state == NC_SUB_LEAVING)
		return (struct verdict){ "parked", "parked; replay releases it" };
	if (explaining->position > info.cursor && sub->fault[0] != '\0')
		return (struct verdict){ "not_reached", sub->fault };
	if (explaining->position > reached) {
		return (struct verdict){
			"not_reached",
			stands_still(&info, "history before it is still being worked through")
		};
	}
	if (explaining->position <= sub->started || explaining->below)
		return (struct verdict){ "before_start", "the subscription started after it" };
	if (explaining->fault[0] != '\0')
		return (struct verdict){ "unknown", explaining->fault };
	if (!explaining->matches)
		return (struct verdict){ "not_matching", "the filter does not match it" };
	return (struct verdict){ "done", "acknowledged, or skipped" };
}

/* All that is to be known of it is there: put the rest behind what on_event() has put. */
static void answer(const struct nc_subs_ask *ask, const struct explaining *explaining)
{
	struct nc_buf *out = &ask->subs->scratch;
	uint32_t attempts = explaining->attempts;
	struct verdict verdict = verdict_of(explaining, &attempts);
	nc_buf_printf(out, ",\"attempts\":%u,\"state\":\"%s\",\"why\":", attempts, verdict.state);
	nc_json_put_string(out, nc_slice_str(verdict.why));
	if (explaining->parked) {
		nc_buf_put_str(out, ",\"reason\":");
		nc_json_put_string(out, nc_buf_slice(&explaining->reason));
		out->failed |= explaining->reason.failed;
	}
	nc_buf_printf(out, ",\"key_parked\":%s}", explaining->key_parked ? "true" : "false");
	nc_subs_ask_answer_buf(ask, out);
}

void nc_subs_explain(const struct nc_subs_ask *ask)
{
	struct nc_subs *subs = ask->subs;
	struct explaining explaining = { .subs = subs, .sub = nc_subs_ask_find(ask) };
	if (explaining.sub == NULL)
		return;
	nc_buf_clear(&subs->scratch);
	int err = nc_explain_parse(ask->body, &explaining.position, &subs->scratch);
	if (err != NC_OK) {
		nc_subs_ask_refuse(ask, err);
		return;
	}
	if (nc_subs_judge(ask, explaining.sub, explaining.position))
		return;
	const struct nc_get_spec spec = { .kind = NC_GET_POSITION, .number = explaining.position };
	nc_buf_clear(&subs->scratch);
	nc_reader_look_now(subs->reader);
	err = nc_query_get(subs->reader, &spec, on_event, &explaining);
	if (err == NC_OK) {
		err = nc_subs_parked_find(subs, explaining.sub, explaining.position, on_parked,
		                          &explaining, &explaining.parked);
	}
	if (err == NC_OK) {
		answer(ask, &explaining);
	} else if (err == NC_NOTFOUND) {
		nc_subs_ask_error(ask, NC_FAULT_NO_EVENT,
		                  "no such event, or it is not seen any more");
	} else {
		nc_subs_ask_error(ask, NC_FAULT_UNAVAILABLE, nc_err_name(err));
	}
	nc_buf_release(&explaining.reason);
}
