/* SPDX-License-Identifier: GPL-3.0-or-later */
/* replica_private.h -- what the files of the replica share. When another thread has something for
 * the loop, that is woken: it takes what they are done with (nc_replica_take_…), tells core/raft of
 * it, and carries out what core/raft then wants (nc_replica_turn()).
 *
 * Threads:   the loop's. The writer, the applier, the checkpointer and the log reader have threads
 *            of their own, behind the queues of their headers.
 * Ownership: the replica owns all that it points to, but for what its options borrow.
 */
#ifndef NC_CORE_NODE_REPLICA_REPLICA_PRIVATE_H
#define NC_CORE_NODE_REPLICA_REPLICA_PRIVATE_H

#include "core/node/common/clock.h"
#include "core/node/common/wake.h"
#include "core/node/replica/ages.h"
#include "core/node/replica/applier.h"
#include "core/node/replica/checkpointer.h"
#include "core/node/replica/hold.h"
#include "core/node/replica/log_reader.h"
#include "core/node/replica/log_writer.h"
#include "core/node/replica/orders.h"
#include "core/node/replica/replica.h"
#include "core/node/replica/tail.h"
#include "core/raft/message_codec.h"

/* What the disk has room for: replica_room.c. Bytes. */
struct nc_replica_room {
	bool checkpoint_fits; /* as of the last measurement */
	bool given;           /* full, and a checkpoint has been taken since */
	uint64_t left;        /* for appends, until the next measurement */
	uint64_t behind;      /* of entries that the state has and its last checkpoint has not */
	uint64_t asked;       /* of these, what the checkpoint under way has */
};

struct nc_replica {
	struct nc_replica_options options;
	struct nc_raft *raft;
	struct nc_tail tail;
	struct nc_log_writer *writer;
	struct nc_applier *applier;
	struct nc_checkpointer *checkpointer;
	struct nc_log_reader *log_reader; /* for followers behind the tail; NULL without peers */
	struct nc_wake wake;
	uv_timer_t ticker;
	unsigned handles; /* open ones */

	struct nc_entry *gathered; /* NULL: nothing */
	struct nc_orders orders;   /* of the log's writer */
	uint64_t pending_commands, pending_bytes;

	uint64_t apply_next, apply_last;     /* to be handed to the applier */
	size_t apply_bytes;                  /* at the applier */
	struct nc_entry_queue applied_ahead; /* by the log writer: to be told */
	uint64_t applied;

	bool doubtful;       /* the log says so still */
	bool leads;          /* as of the last turn */
	bool stands;         /* likewise: a candidate */
	uint64_t settled_at; /* leading: the commit when it was settled; 0: not yet */
	uint64_t read_batch; /* number of the batch of reads that is being gathered, from 1 */
	struct nc_replica_wait *read_first, *read_last; /* gathered */
	struct nc_replica_asked *asked;                 /* batches under way to an index */
	struct nc_replica_wait *wait_first, *wait_last; /* for `applied` */

	bool draining, fatal, turning, retracting;
	uint64_t log_bytes_at_checkpoint, checkpoint_applied, checkpoint_at_ms, checkpoints;
	uint64_t log_appended; /* bytes, since the start */
	struct nc_replica_room room;
	struct nc_hold hold; /* of the log, for who fetches a state */
	struct nc_ages ages; /* of the log */
	struct nc_buf frame; /* being written */
};

/* A batch of reads that asked for an index. */
struct nc_replica_asked {
	struct nc_replica_asked *next;
	uint64_t batch;
	struct nc_replica_wait *first, *last;
};

void nc_replica_fatal(struct nc_replica *replica, int err, const char *what);

/* What core/raft has to be done, done: replica_turn.c. */
void nc_replica_turn(struct nc_replica *replica);
/* What became of an entry that is cut from the tail: replica_gather.c. */
void nc_replica_lost(void *ctx, struct nc_entry *entry);
/* The stages have ended, and nothing more will be told: all that is pending. */
void nc_replica_give_up(struct nc_replica *replica);

/* What the log's writer and the checkpointer are done with: replica_written.c. */
void nc_replica_take_written(struct nc_replica *replica);
void nc_replica_take_checkpoint(struct nc_replica *replica);
/* Have the log's writer do something, NC_ENTRY_TRUST or _COMPACT, behind all that it has to write.
 * False: out of memory. */
bool nc_replica_send_writer(struct nc_replica *replica, uint8_t kind, uint64_t index);
/* What had no room: once more, or forgotten. */
void nc_replica_refused_turn(struct nc_replica *replica);

/* Room on the disk: replica_room.c. */
void nc_replica_room_start(struct nc_replica *replica);
bool nc_replica_room_has(struct nc_replica *replica, size_t size);
void nc_replica_room_use(struct nc_replica *replica, size_t size);
void nc_replica_room_checkpoint_begins(struct nc_replica *replica);
void nc_replica_room_checkpoint_ends(struct nc_replica *replica, bool done);
/* A checkpoint is to be tried although none is due: it gives the log's room back. */
bool nc_replica_room_is_needed(const struct nc_replica *replica);

/* Messages to peers: replica_send.c. */
void nc_replica_send(struct nc_replica *replica, const struct nc_raft_message *messages,
                     size_t count);
void nc_replica_take_read(struct nc_replica *replica);

/* Entries through the applier: replica_apply.c. */
void nc_replica_apply(struct nc_replica *replica);
void nc_replica_take_applied(struct nc_replica *replica);

/* Reads: replica_read.c. */
void nc_replica_reads_ask(struct nc_replica *replica);
void nc_replica_reads_answer(struct nc_replica *replica, const struct nc_raft_read *read);
void nc_replica_reads_wake(struct nc_replica *replica);
void nc_replica_reads_fail(struct nc_replica *replica);

#endif
