/* SPDX-License-Identifier: GPL-3.0-or-later */
/* entry.h -- one entry of the log on its way through the node: gathered on the loop, made durable
 * by the log writer, applied by the applier, answered on the loop. It is in one place at a time;
 * who holds it owns it. Queues of entries are singly linked, first in, first out.
 */
#ifndef NC_CORE_NODE_REPLICA_ENTRY_H
#define NC_CORE_NODE_REPLICA_ENTRY_H

#include "core/base/buf.h"
#include "core/engine/engine.h"
#include "core/raft/raft.h"

/* Besides enum nc_log_kind: what the log writer is asked in the same queue. */
#define NC_ENTRY_HARD    0u   /* only the hard state */
#define NC_ENTRY_TRUST   254u /* nothing of the log is missing: nc_log_trust() */
#define NC_ENTRY_COMPACT 255u /* entries through `index` are no longer needed */

struct nc_entry {
	struct nc_entry *next;
	uint64_t index; /* 0 while it is gathered */
	uint64_t term;
	uint8_t kind;  /* enum nc_log_kind, NC_ENTRY_HARD, _TRUST or _COMPACT */
	bool has_hard; /* the hard state becomes durable with it */
	bool has_mark; /* it is the last of an order, which is durable when this entry is */
	bool staged;   /* a stage owns it */
	/* it was cut from the tail meanwhile: free it when the stage gives it back */
	bool orphan;
	bool kept;    /* the tail has it */
	bool at_once; /* committed when it is durable, and next to be applied: the log writer may
	                 apply it */
	bool applied; /* which it has done */
	bool written; /* while one before it was refused: the log may have it (orders.h) */
	struct nc_log_hard hard;
	struct nc_raft_mark mark;
	int err; /* the result of the last stage */
	struct nc_buf payload;
	void **tickets; /* [ticket_count], who asked; a command each, in order */
	size_t ticket_count, ticket_room;
	/* [outcome_count], when applied; slices into payload, a batch's results the entry's own */
	struct nc_outcome *outcomes;
	size_t outcome_count, outcome_room;
};

/* NULL: out of memory. */
struct nc_entry *nc_entry_new(uint8_t kind);
void nc_entry_free(struct nc_entry *entry); /* NULL is a no-op */
/* Free it unless the tail keeps it. */
void nc_entry_drop(struct nc_entry *entry);

/* Its outcomes have been told: free everything but the payload, which may still be wanted. */
void nc_entry_settle(struct nc_entry *entry);

/* Forget what became of its commands. */
void nc_entry_outcomes_clear(struct nc_entry *entry);

/* Remember who asked for the command that was just put into the payload. Errors: NC_NOMEM. */
int nc_entry_ticket_add(struct nc_entry *entry, void *ticket);

struct nc_entry_queue {
	struct nc_entry *first, *last;
	size_t count;
};

void nc_entry_queue_put(struct nc_entry_queue *queue, struct nc_entry *entry);
void nc_entry_queue_put_first(struct nc_entry_queue *queue, struct nc_entry *entry);
struct nc_entry *nc_entry_queue_take(struct nc_entry_queue *queue); /* NULL: empty */
/* Move all of `from` behind `to`. */
void nc_entry_queue_move(struct nc_entry_queue *to, struct nc_entry_queue *from);

#endif
