/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Nodes and messages in a line each, for traces and scenarios. */
#include <inttypes.h>

#include "core/raft/raft_private.h"

static void put_members(struct nc_buf *buf, const struct nc_raft_members *members)
{
	nc_buf_put_str(buf, "(");
	for (uint32_t i = 0; i < members->count; i++) {
		nc_buf_printf(buf, "%s%" PRIu64 "%s", i == 0 ? "" : " ", members->at[i].id,
		              members->at[i].voter ? "" : "l");
	}
	nc_buf_put_str(buf, ")");
}

void nc_raft_describe(const struct nc_raft *raft, struct nc_buf *buf)
{
	static const char *const roles[] = { "follower", "pre-candidate", "candidate", "leader" };
	nc_buf_printf(buf,
	              "%" PRIu64 " %s term %" PRIu64 " vote %" PRIu64 " leader %" PRIu64
	              " log %" PRIu64 "..%" PRIu64 "@%" PRIu64 " stable %" PRIu64 " commit %" PRIu64
	              " applied %" PRIu64 " members ",
	              raft->options.self, raft->halted ? "halted" : roles[raft->role],
	              raft->hard.term, raft->hard.vote, raft->leader, raft->trail.base_index + 1,
	              raft->trail.last, nc_trail_last_term(&raft->trail), raft->stable,
	              raft->commit, raft->applied);
	put_members(buf, nc_raft_members(raft));
	if (raft->install.index != 0)
		nc_buf_printf(buf, " installing %" PRIu64, raft->install.index);
	if (raft->transferee != 0)
		nc_buf_printf(buf, " to %" PRIu64, raft->transferee);
	if (raft->doubt.nonce != 0)
		nc_buf_put_str(buf, " doubtful");
}

static void put_field(struct nc_buf *buf, const char *name, uint64_t value)
{
	if (value != 0)
		nc_buf_printf(buf, " %s %" PRIu64, name, value);
}

void nc_raft_message_describe(const struct nc_raft_message *message, struct nc_buf *buf)
{
	static const char *const types[] = { "?",           "prevote",   "prevote_resp",
		                             "vote",        "vote_resp", "append",
		                             "append_resp", "heartbeat", "heartbeat_resp",
		                             "snapshot",    "read",      "read_resp",
		                             "timeout_now" };
	nc_buf_printf(buf, "%" PRIu64 "->%" PRIu64 " %s term %" PRIu64, message->from, message->to,
	              types[message->type < NC_RAFT_TYPE_END ? message->type : 0], message->term);
	if (message->reject)
		nc_buf_put_str(buf, " reject");
	if (message->force)
		nc_buf_put_str(buf, " force");
	if (message->index != 0 || message->log_term != 0)
		nc_buf_printf(buf, " at %" PRIu64 "@%" PRIu64, message->index, message->log_term);
	if (message->entry_count > 0) {
		nc_buf_printf(buf, " entries %" PRIu64 "..%" PRIu64, message->index + 1,
		              message->index + message->entry_count);
	}
	put_field(buf, "commit", message->commit);
	put_field(buf, "hint", message->hint);
	if (message->type == NC_RAFT_HEARTBEAT || message->type == NC_RAFT_HEARTBEAT_RESP)
		put_field(buf, "round", message->context); /* elsewhere it is a nonce */
	if (message->members != NULL) {
		nc_buf_put_str(buf, " members ");
		put_members(buf, message->members);
	}
}
