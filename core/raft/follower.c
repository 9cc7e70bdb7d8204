/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A follower: taking a leader's entries and its commit [3.5]. */
#include "core/raft/raft_private.h"

void nc_raft_halt(struct nc_raft *raft)
{
	nc_raft_become_follower(raft, raft->hard.term, 0);
	raft->halted = true;
	raft->held.count = 0; /* promises that will not be kept */
	raft->out.count = 0;
}

void nc_raft_disk_failed(struct nc_raft *raft)
{
	if (!raft->halted && !NC_MUTANT(DISK_ERROR_IGNORED))
		nc_raft_halt(raft);
}

void nc_raft_commit_to(struct nc_raft *raft, uint64_t commit)
{
	if (commit <= raft->commit)
		return;
	nc_assert(commit <= raft->trail.last);
	for (uint64_t i = raft->commit + 1; raft->role == NC_RAFT_LEADER && i <= commit; i++)
		raft->uncommitted_bytes -= nc_trail_size(&raft->trail, i);
	raft->commit = commit;
	nc_raft_doubt_settle(raft);
}

void nc_raft_truncate(struct nc_raft *raft, uint64_t from)
{
	nc_assert(from > raft->commit);
	nc_trail_truncate(&raft->trail, from);
	nc_raft_config_truncate(raft, from);
	if (raft->handed < from)
		return;
	/* Orders that the log writer still has wrote entries that are now replaced. When they
	 * complete, they vouch only for what is left. */
	bool void_already = raft->void_order > raft->durable && raft->void_index < from;
	if (!void_already)
		raft->void_index = from - 1;
	raft->void_order = raft->orders;
	raft->handed = from - 1;
	if (raft->stable >= from)
		raft->stable = from - 1;
}

static bool has(const struct nc_raft *raft, uint64_t index, uint64_t term)
{
	uint64_t found = 0;
	return nc_trail_term(&raft->trail, index, &found) && found == term;
}

/* Take the entries after one that matches. Entries that are here already are kept; the first that
 * differs is replaced, with all that follow it. */
static void take(struct nc_raft *raft, const struct nc_raft_message *message)
{
	for (uint32_t i = 0; i < message->entry_count; i++) {
		const struct nc_raft_entry *entry = &message->entries[i];
		uint64_t index = message->index + 1 + i;
		if (has(raft, index, entry->term))
			continue;
		if (index <= raft->trail.last) {
			if (NC_MUTANT(NO_TRUNCATION))
				continue;
			nc_raft_truncate(raft,
			                 index); /* beyond the commit, since prev is not below it */
		}
		nc_trail_append(&raft->trail, entry->term, entry->size);
		if (entry->kind == NC_LOG_CONFIG)
			nc_raft_config_push(raft, index, entry->members);
	}
}

static void refuse(struct nc_raft *raft, const struct nc_raft_message *message)
{
	uint64_t term = 0;
	uint64_t hint = nc_trail_may_match(&raft->trail, message->index, message->log_term, &term);
	nc_raft_send(raft, (struct nc_raft_message){ .type = NC_RAFT_APPEND_RESP,
	                                             .to = message->from,
	                                             .reject = true,
	                                             .index = message->index,
	                                             .hint = hint,
	                                             .log_term = term });
}

static void acknowledge(struct nc_raft *raft, uint64_t to, uint64_t index)
{
	struct nc_raft_message answer = { .type = NC_RAFT_APPEND_RESP, .to = to, .index = index };
	if (NC_MUTANT(ACK_LAST_STORED))
		answer.index = raft->trail.last;
	if (NC_MUTANT(ACK_BEFORE_SYNC)) {
		nc_raft_send(raft, answer);
	} else {
		nc_raft_send_after(raft, answer);
	}
}

void nc_raft_append_heard(struct nc_raft *raft, const struct nc_raft_message *message)
{
	if (raft->install.index != 0)
		return; /* the log is about to be replaced */
	if (message->index < raft->commit) {
		acknowledge(raft, message->from, raft->commit); /* what is committed matches */
		return;
	}
	if (!has(raft, message->index, message->log_term)) {
		refuse(raft, message);
		return;
	}
	take(raft, message);
	uint64_t last = message->index + message->entry_count;
	if (last > raft->doubt.shown)
		raft->doubt.shown = last;
	if (NC_MUTANT(TRUNCATE_ON_STALE) && last < raft->trail.last && last >= raft->commit)
		nc_raft_truncate(raft, last + 1);
	/* Commit no further than what this message showed to match: later entries may be another
	 * leader's. */
	uint64_t commit = message->commit < last ? message->commit : last;
	if (NC_MUTANT(COMMIT_BEYOND_MATCH))
		commit = message->commit < raft->trail.last ? message->commit : raft->trail.last;
	nc_raft_commit_to(raft, commit);
	if (NC_MUTANT(DOUBT_ENDS_EARLY) && message->commit <= last)
		raft->doubt.nonce = 0;
	acknowledge(raft, message->from, last);
}

/* How far a heartbeat may commit. The leader names nothing that this node has not acknowledged. But
 * a node in doubt may have lost that, and have older entries in its place. */
static uint64_t told_commit(const struct nc_raft *raft, const struct nc_raft_message *message)
{
	bool doubts = raft->doubt.nonce != 0;
	return doubts && message->commit > raft->doubt.shown ? raft->doubt.shown : message->commit;
}

void nc_raft_heartbeat_heard(struct nc_raft *raft, const struct nc_raft_message *message)
{
	if (raft->install.index == 0) {
		if (message->commit <= raft->trail.last) {
			nc_raft_commit_to(raft, told_commit(raft, message));
		} else if (NC_MUTANT(HEARTBEAT_COMMITS_ALL)) {
			nc_raft_commit_to(raft, raft->trail.last);
		}
	}
	nc_raft_send(raft, (struct nc_raft_message){ .type = NC_RAFT_HEARTBEAT_RESP,
	                                             .to = message->from,
	                                             .force = raft->doubt.nonce != 0,
	                                             .index = raft->install.index,
	                                             .context = message->context });
	nc_raft_doubt_ask(raft);
}
