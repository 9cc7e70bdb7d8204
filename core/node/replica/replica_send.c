/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages to peers. Entries come from the tail in memory, and what is older from the log. */
#include "core/node/common/say.h"
#include "core/node/replica/replica_private.h"

#define ENTRIES_MAX 1024 /* of a message: append_entries_max */

struct frame_entries {
	struct nc_raft_entry entries[ENTRIES_MAX];
	struct nc_slice payloads[ENTRIES_MAX];
};

static void frame_send(struct nc_replica *replica, uint64_t to, struct nc_raft_message *message,
                       const struct nc_slice *payloads)
{
	nc_buf_clear(&replica->frame);
	message->to = to;
	int err = nc_raft_frame_encode(message, payloads, &replica->frame);
	if (err == NC_OK) {
		replica->options.send(replica->options.ctx, to, nc_buf_slice(&replica->frame));
	} else {
		nc_say_warning("a message to a peer was dropped: %s", nc_err_name(err));
	}
}

static bool entries_from_tail(const struct nc_replica *replica,
                              const struct nc_raft_message *message, struct frame_entries *out)
{
	if (message->entry_count > ENTRIES_MAX)
		return false;
	for (uint32_t i = 0; i < message->entry_count; i++) {
		const struct nc_entry *entry = nc_tail_get(&replica->tail, message->index + 1 + i);
		if (entry == NULL)
			return false;
		out->entries[i] = (struct nc_raft_entry){ .term = entry->term,
			                                  .size = (uint32_t)entry->payload.size,
			                                  .kind = entry->kind };
		out->payloads[i] = nc_buf_slice(&entry->payload);
	}
	return true;
}

static void append_send(struct nc_replica *replica, uint64_t to,
                        const struct nc_raft_message *message)
{
	static struct frame_entries entries; /* the loop's thread alone */
	struct nc_raft_message out = *message;
	if (!message->partial && entries_from_tail(replica, message, &entries)) {
		out.entries = entries.entries;
		frame_send(replica, to, &out, entries.payloads);
		return;
	}
	out.to = to;
	uint64_t size_max = message->partial ? message->size_max : NC_LOG_PAYLOAD_SIZE_MAX;
	if (nc_log_reader_put(replica->log_reader, &out, size_max) != NC_OK && message->partial)
		(void)nc_raft_sent(replica->raft, to, message->index, message->index, 0);
}

/* Whether two appends with entries differ in their receiver only. */
static bool is_same_append(const struct nc_raft_message *a, const struct nc_raft_message *b)
{
	return b->type == NC_RAFT_APPEND && !b->partial && a->index == b->index &&
	       a->log_term == b->log_term && a->commit == b->commit && a->term == b->term &&
	       a->entry_count == b->entry_count;
}

/* Whether all peers get the same append, since all stand at the same index: then it is sent
 * once. */
static bool goes_to_all(const struct nc_raft_message *messages, size_t count, size_t at,
                        size_t peers)
{
	const struct nc_raft_message *message = &messages[at];
	size_t same = 0;
	if (message->type != NC_RAFT_APPEND || message->partial || message->entry_count == 0 ||
	    peers < 2)
		return false;
	for (size_t i = 0; i < count; i++)
		same += is_same_append(message, &messages[i]);
	return same == peers;
}

static bool went_out(const struct nc_raft_message *messages, size_t at)
{
	for (size_t i = 0; i < at; i++) {
		if (messages[i].type == NC_RAFT_APPEND && messages[i].entry_count > 0 &&
		    !messages[i].partial && is_same_append(&messages[i], &messages[at]))
			return true;
	}
	return false;
}

void nc_replica_send(struct nc_replica *replica, const struct nc_raft_message *messages,
                     size_t count)
{
	if (count == 0 || replica->options.send == NULL)
		return;
	struct nc_raft_status status;
	nc_raft_status(replica->raft, &status);
	size_t peers = 0;
	for (uint32_t i = 0; i < status.peer_count; i++)
		peers += status.peers[i].id != status.self;
	for (size_t i = 0; i < count; i++) {
		const struct nc_raft_message *message = &messages[i];
		if (goes_to_all(messages, count, i, peers)) {
			if (!went_out(messages, i))
				append_send(replica, 0, message);
		} else if (message->type == NC_RAFT_APPEND && message->entry_count > 0) {
			append_send(replica, message->to, message);
		} else {
			struct nc_raft_message out = *message;
			frame_send(replica, message->to, &out, NULL);
		}
	}
}

/* ---- From the log --------------------------------------------------------------------------- */

static void read_send(struct nc_replica *replica, struct nc_log_read_job *job)
{
	static struct frame_entries entries;
	struct nc_raft_message out = job->message;
	uint64_t bytes = 0;
	size_t count = job->err == NC_OK ? job->count : 0;
	for (size_t i = 0; i < count && i < ENTRIES_MAX; i++) {
		const struct nc_log_entry *from = &job->entries[i];
		entries.entries[i] = (struct nc_raft_entry){ .term = from->term,
			                                     .size = (uint32_t)from->payload.size,
			                                     .kind = from->kind };
		entries.payloads[i] = from->payload;
		bytes += from->payload.size;
	}
	struct nc_raft_status status;
	nc_raft_status(replica->raft, &status);
	bool current = status.role == NC_RAFT_LEADER && status.term == out.term;
	if (current && count > 0) {
		out.entries = entries.entries;
		out.entry_count = (uint32_t)count;
		frame_send(replica, out.to, &out, entries.payloads);
	}
	if (current && job->message.partial)
		(void)nc_raft_sent(replica->raft, out.to, out.index, out.index + count, bytes);
	if (job->err != NC_OK && job->err != NC_NOTFOUND)
		nc_replica_fatal(replica, job->err, "the log cannot be read");
}

void nc_replica_take_read(struct nc_replica *replica)
{
	struct nc_log_read_job *job;
	while (replica->log_reader != NULL &&
	       (job = nc_log_reader_take(replica->log_reader)) != NULL) {
		read_send(replica, job);
		nc_log_read_job_free(job);
	}
}
