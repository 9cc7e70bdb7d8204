/* SPDX-License-Identifier: GPL-3.0-or-later */
/* log_reader.h -- a thread that reads entries from the log for followers that are behind what is in
 * memory, one append message at a time.
 *
 * Threads: put, take and stop from the loop. The log may be read by many threads.
 */
#ifndef NC_CORE_NODE_REPLICA_LOG_READER_H
#define NC_CORE_NODE_REPLICA_LOG_READER_H

#include "core/base/fifo.h"
#include "core/raft/message.h"

struct nc_log_reader;

/* What is read for one message. */
struct nc_log_read_job {
	struct nc_fifo_link link;       /* the reader's */
	struct nc_raft_message message; /* of type append; owns no entries */
	uint64_t size_max;              /* bytes, but always one entry */
	int err;
	struct nc_buf buf;
	struct nc_log_entry *entries; /* [count], into buf */
	size_t count;
};

/* `wake` is called on the thread when a job is done. Errors: NC_NOMEM, NC_IO. */
int nc_log_reader_start(struct nc_log *log, void (*wake)(void *wake_ctx), void *wake_ctx,
                        struct nc_log_reader **reader_out);

/* Entries message->index + 1 and what follows, at most message->entry_count of them.
 * Errors: NC_NOMEM. */
int nc_log_reader_put(struct nc_log_reader *reader, const struct nc_raft_message *message,
                      uint64_t size_max);

/* The next job that is done, the caller's; NULL: none. */
struct nc_log_read_job *nc_log_reader_take(struct nc_log_reader *reader);
void nc_log_read_job_free(struct nc_log_read_job *job); /* NULL is a no-op */

void nc_log_reader_stop(struct nc_log_reader *reader); /* NULL is a no-op */

#endif
