/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whether anybody listens. NATS answers a message to nobody with a 503; so what was sent with a
 * reply subject and has met none for NC_SUB_ANSWER_NS was heard. Into silence one event is sent,
 * again and again, and only where there is none a heartbeat: whoever comes gets events at once, and
 * nothing that a plain subscriber would not expect. */
#include "core/delivery/subscription_private.h"

static uint64_t beat_every(const struct nc_sub *sub)
{
	return sub->policy.inactive_ms * NS_PER_MS / 4;
}

/* While somebody listens, only a transient push subscription has to go on asking. */
static uint64_t next_beat(const struct nc_sub *sub)
{
	bool asks = sub->policy.push && !sub->policy.durable;
	return asks ? sub->now_ns + beat_every(sub) : NEVER;
}

void nc_sub_interest_init(struct nc_sub *sub)
{
	sub->interest = sub->policy.push;
	sub->heard_ns = sub->now_ns;
	sub->beat_ns = next_beat(sub);
	sub->beat_pause_ns = NC_SUB_PROBE_MIN_NS;
}

void nc_sub_heard(struct nc_sub *sub, uint64_t now_ns)
{
	sub->now_ns = now_ns > sub->now_ns ? now_ns : sub->now_ns;
	sub->heard_ns = sub->now_ns;
	if (!sub->policy.push)
		return;
	if (!sub->interest) {
		/* the event that was sent as a probe has been delivered after all */
		nc_sub_changed(sub);
		sub->say_flows = !sub->say_stalled;
		sub->say_stalled = false;
	}
	sub->interest = true;
	sub->probe_ns = 0;
	sub->beat_pause_ns = NC_SUB_PROBE_MIN_NS;
	sub->beat_ns = next_beat(sub);
}

void nc_sub_interest_renew(struct nc_sub *sub)
{
	sub->said_inactive = false;
	nc_sub_heard(sub, sub->now_ns);
}

void nc_sub_nobody(struct nc_sub *sub, uint64_t now_ns)
{
	sub->now_ns = now_ns > sub->now_ns ? now_ns : sub->now_ns;
	bool asked = sub->probe_ns != 0;
	sub->probe_ns = 0;
	sub->flow_mark = 0;
	if (!sub->interest && !asked) /* a further 503, of which nothing is new */
		return;
	if (sub->interest) {
		sub->say_stalled = !sub->say_flows;
		sub->say_flows = false;
		sub->interest = false;
	}
	sub->beat_ns = sub->now_ns + sub->beat_pause_ns;
	sub->beat_pause_ns *= 2;
	if (sub->beat_pause_ns > NC_SUB_PROBE_MAX_NS)
		sub->beat_pause_ns = NC_SUB_PROBE_MAX_NS;
}

static uint64_t inactive_at(const struct nc_sub *sub)
{
	if (sub->policy.durable || sub->said_inactive || sub->request_count > 0)
		return NEVER;
	uint64_t at = sub->heard_ns + sub->policy.inactive_ms * NS_PER_MS;
	/* A heartbeat under way is given time to be heard. */
	uint64_t answer = sub->probe_ns == 0 ? 0 : sub->probe_ns + NC_SUB_ANSWER_NS + 1;
	return at > answer ? at : answer;
}

/* Return STALLED or FLOWS, if one of them is due. */
static bool say_step(struct nc_sub *sub, struct nc_sub_action *action_out)
{
	if (!sub->say_stalled && !sub->say_flows)
		return false;
	action_out->kind = sub->say_stalled ? NC_SUB_STALLED : NC_SUB_FLOWS;
	sub->say_stalled = sub->say_flows = false;
	return true;
}

bool nc_sub_interest_step(struct nc_sub *sub, struct nc_sub_action *action_out)
{
	if (say_step(sub, action_out))
		return true;
	if (sub->probe_ns != 0 && sub->now_ns >= sub->probe_ns + NC_SUB_ANSWER_NS) {
		nc_sub_heard(sub, sub->now_ns);
		if (say_step(sub, action_out))
			return true;
	}
	if (sub->now_ns >= inactive_at(sub)) {
		sub->said_inactive = true;
		action_out->kind = NC_SUB_INACTIVE;
		return true;
	}
	return false;
}

bool nc_sub_probe(struct nc_sub *sub)
{
	if (!sub->policy.push || sub->probe_ns != 0 || sub->now_ns < sub->beat_ns)
		return false;
	sub->probe_ns = sub->now_ns == 0 ? 1 : sub->now_ns;
	sub->beat_ns = NEVER;
	sub->probe_progress = sub->progress_number;
	return true;
}

void nc_sub_probe_unsent(struct nc_sub *sub)
{
	if (sub->interest || sub->probe_ns == 0)
		return;
	sub->probe_ns = 0;
	sub->beat_ns = sub->now_ns;
}

bool nc_sub_probing(const struct nc_sub *sub)
{
	return sub->policy.push && !sub->interest && sub->probe_ns != 0 &&
	       sub->probe_progress == sub->progress_number;
}

bool nc_sub_beat_step(struct nc_sub *sub, struct nc_sub_action *action_out)
{
	if (!nc_sub_probe(sub))
		return false;
	action_out->kind = NC_SUB_HEARTBEAT;
	return true;
}

uint64_t nc_sub_interest_deadline(const struct nc_sub *sub)
{
	uint64_t deadline = inactive_at(sub);
	if (sub->policy.push && sub->beat_ns < deadline)
		deadline = sub->beat_ns;
	if (sub->probe_ns != 0 && sub->probe_ns + NC_SUB_ANSWER_NS < deadline)
		deadline = sub->probe_ns + NC_SUB_ANSWER_NS;
	return deadline;
}
