/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages on their way out: at once, or held until what they promise is durable [3.8]. */
#include "core/base/grow.h"
#include "core/raft/raft_private.h"

/* Losing a message for lack of memory is what a network may do too: it is counted, no more. */
static void list_put(struct nc_raft *raft, const struct nc_raft_message *message)
{
	struct nc_raft_message_list *list = &raft->out;
	if (!nc_grow(&list->at, sizeof *list->at, list->count, &list->room, 16)) {
		raft->dropped++;
		return;
	}
	list->at[list->count++] = *message;
}

static void address(const struct nc_raft *raft, struct nc_raft_message *message)
{
	message->from = raft->options.self;
	if (message->term == 0)
		message->term = raft->hard.term;
	nc_assert(message->to != 0 && message->to != raft->options.self);
}

void nc_raft_send(struct nc_raft *raft, struct nc_raft_message message)
{
	address(raft, &message);
	list_put(raft, &message);
}

bool nc_raft_order_due(const struct nc_raft *raft)
{
	return raft->hard_dirty || raft->handed < raft->trail.last;
}

void nc_raft_send_after(struct nc_raft *raft, struct nc_raft_message message)
{
	address(raft, &message);
	bool due = nc_raft_order_due(raft);
	if (!due && raft->durable == raft->orders) {
		list_put(raft, &message);
		return;
	}
	struct nc_raft_held_list *held = &raft->held;
	if (!nc_grow(&held->at, sizeof *held->at, held->count, &held->room, 16)) {
		raft->dropped++;
		return;
	}
	held->at[held->count++] =
	        (struct nc_raft_held){ .order = raft->orders + due, .message = message };
}

void nc_raft_release_held(struct nc_raft *raft)
{
	size_t kept = 0;
	for (size_t i = 0; i < raft->held.count; i++) {
		if (raft->held.at[i].order <= raft->durable) {
			list_put(raft, &raft->held.at[i].message);
		} else {
			raft->held.at[kept++] = raft->held.at[i];
		}
	}
	raft->held.count = kept;
}
