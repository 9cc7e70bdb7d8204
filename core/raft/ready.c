/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is to be done, taken out; and what has been done, told back. */
#include "core/raft/raft_private.h"

static uint64_t apply_limit(const struct nc_raft *raft)
{
	if (raft->install.index != 0)
		return raft->applying; /* the state is about to be replaced */
	/* What is applied must be here after a crash: a checkpoint may hold it. */
	return raft->commit < raft->stable || NC_MUTANT(APPLY_UNSYNCED) ? raft->commit
	                                                                : raft->stable;
}

bool nc_raft_has_ready(const struct nc_raft *raft)
{
	return (nc_raft_order_due(raft) && !raft->halted) || raft->out.count > 0 ||
	       raft->answer_count > 0 || apply_limit(raft) > raft->applying ||
	       (raft->install.index != 0 && !raft->install_told);
}

static void give_order(struct nc_raft *raft, struct nc_raft_ready *ready)
{
	ready->first = raft->handed + 1;
	ready->last = raft->trail.last;
	if (raft->halted || !nc_raft_order_due(raft)) {
		ready->last = raft->handed;
		return;
	}
	raft->orders++;
	ready->hard_changed = raft->hard_dirty;
	ready->hard = raft->hard;
	if (raft->hard_dirty)
		raft->hard_order = raft->orders;
	raft->hard_dirty = false;
	raft->handed = raft->trail.last;
	if (raft->noop >= ready->first && raft->noop <= ready->last &&
	    nc_raft_config_at(raft, raft->noop) == NULL)
		ready->noop = raft->noop;
	ready->mark = (struct nc_raft_mark){ .order = raft->orders,
		                             .term = nc_trail_last_term(&raft->trail),
		                             .index = raft->trail.last };
	ready->sole = raft->role == NC_RAFT_LEADER &&
	              (nc_raft_alone(raft) || NC_MUTANT(SOLE_AMONG_OTHERS));
}

static void give_messages(struct nc_raft *raft, struct nc_raft_ready *ready)
{
	struct nc_raft_message_list given = raft->out;
	raft->out = raft->out_given;
	raft->out.count = 0;
	raft->out_given = given;
	ready->messages = given.at;
	ready->message_count = given.count;
	struct nc_raft_read *answers = raft->answers;
	raft->answers = raft->answers_given;
	raft->answers_given = answers;
	ready->reads = answers;
	ready->read_count = raft->answer_count;
	raft->answer_count = 0;
}

void nc_raft_ready(struct nc_raft *raft, struct nc_raft_ready *ready_out)
{
	const char *failed_claim = nc_raft_check(raft);
	if (failed_claim != NULL)
		nc_assert_failed(failed_claim, __FILE__, __LINE__);
	struct nc_raft_ready ready = { .hard = raft->hard };
	give_order(raft, &ready);
	give_messages(raft, &ready);
	ready.apply_first = raft->applying + 1;
	ready.apply_last = raft->applying = apply_limit(raft);
	if (raft->install.index != 0 && !raft->install_told) {
		ready.install = raft->install;
		raft->install_told = true;
	}
	*ready_out = ready;
}

int nc_raft_appended(struct nc_raft *raft, struct nc_raft_mark mark)
{
	if (raft->halted || mark.order <= raft->durable)
		return NC_OK;
	nc_assert(mark.order <= raft->orders);
	int err = nc_raft_reserve(raft, 1, 1);
	if (err != NC_OK)
		return err;
	uint64_t index = mark.index;
	if (mark.order <= raft->void_order && index > raft->void_index && !NC_MUTANT(ABA_MARK))
		index = raft->void_index;
	if (NC_MUTANT(ABA_MARK) && index > raft->handed)
		index = raft->handed;
	if (index > raft->stable)
		raft->stable = index;
	raft->durable = mark.order;
	nc_raft_doubt_settle(raft);
	nc_raft_release_held(raft);
	nc_raft_own_vote_durable(raft);
	if (raft->role == NC_RAFT_LEADER) {
		nc_raft_own_match(raft);
		nc_raft_maybe_commit(raft);
	}
	return NC_OK;
}

void nc_raft_applied(struct nc_raft *raft, uint64_t index)
{
	nc_assert(index <= raft->applying);
	if (index > raft->applied)
		raft->applied = index;
}

int nc_raft_retract(struct nc_raft *raft, uint64_t index)
{
	if (index > raft->trail.last)
		return NC_OK;
	if (!nc_raft_alone(raft) || raft->role != NC_RAFT_LEADER || index <= raft->stable ||
	    index <= raft->noop)
		return NC_CONFLICT;
	for (uint64_t i = index; i <= raft->trail.last; i++)
		raft->uncommitted_bytes -= nc_trail_size(&raft->trail, i);
	nc_raft_truncate(raft, index);
	if (raft->hard_order > raft->durable)
		raft->hard_dirty = true; /* it may have been refused with them */
	nc_raft_own_match(raft);
	return NC_OK;
}
