/* SPDX-License-Identifier: GPL-3.0-or-later */
/* engine_private.h -- what the files of the engine share: its state between transactions, and what
 * each kind of command does to it, file by file.
 *
 * Each command is applied as a whole or, with a fault in its outcome, not at all. An error is what
 * should not have come: the transaction is rolled back, and `committed` and its like say what was
 * before it.
 *
 * Threads:   whoever applies, one at a time; but for the calls that take a reader, which any thread
 *            may make with a reader of its own.
 * Ownership: the engine owns its buffers; slices of events and commands are of the entry applied.
 */
#ifndef NC_CORE_ENGINE_ENGINE_PRIVATE_H
#define NC_CORE_ENGINE_ENGINE_PRIVATE_H

#include "core/engine/engine.h"
#include "core/engine/mutants_private.h"
#include "core/engine/name_cache.h"
#include "core/engine/stream.h"

struct nc_batch_room;

struct nc_engine {
	struct nc_state *state;
	struct nc_state_reader *reader; /* the applier's own view */
	struct nc_engine_head head;     /* with what the open transaction adds */
	struct nc_engine_head committed;
	uint64_t names; /* how many ids of names were given out: the last one is this */
	uint64_t committed_names;
	uint64_t epochs; /* how many epochs of subscriptions were given out, likewise */
	uint64_t committed_epochs;
	struct nc_buf scratch; /* a row being read or written */
	struct nc_buf row;     /* of the event being appended */
	struct nc_name_cache cache;
	bool hides;     /* the open transaction hides events */
	uint64_t ages;  /* streams that have a limit of age, with the open transaction */
	bool acks_kept; /* there may be rows of acks.c: most stores never have one */
	struct nc_batch_room *batch_room; /* NULL before the first batch */
};

/* Commands, each applied by a file of its own, which tells `fn` what became of it. */

/* Append one event (append.c). Errors: those of the state. */
int nc_engine_append(struct nc_engine *engine, uint64_t leader_time_ns,
                     const struct nc_command *command, nc_outcome_fn *fn, void *ctx);

/* Append a batch of events (batch.c). Errors: NC_UNSUPPORTED, a newer record; those of the state.
 */
int nc_engine_batch(struct nc_engine *engine, uint64_t leader_time_ns,
                    const struct nc_command *command, nc_outcome_fn *fn, void *ctx);
void nc_batch_room_free(struct nc_batch_room *room);

/* Write one event that was found to be allowed: put its row, and bring `stream` and the head up to
 * date. The caller puts the stream's row. Errors: those of the state. */
int nc_engine_write(struct nc_engine *engine, uint64_t leader_time_ns, struct nc_slice record,
                    const struct nc_event *event, struct nc_stream *stream);

/* The time for what is to be written to `stream`. It is the leader's; but if the stream is deleted,
 * it is later than the time at which the stream was created. So two lives of a stream never begin
 * at the same time, whatever the leader's clock does, and the time tells to which of them a
 * snapshot belongs (snap.h). */
uint64_t nc_engine_life_time(const struct nc_engine *engine, uint64_t leader_time_ns,
                             const struct nc_stream *stream);

/* Find out whether the event was appended before. Errors: NC_NOTFOUND, its id is new to the stream;
 * NC_CONFLICT, the stream has the id with other content; those of the state. */
int nc_engine_recognise(struct nc_engine *engine, const struct nc_event *event,
                        const struct nc_stream *stream, struct nc_id_row *row_out);

/* A command on a subscription (subs.c). Errors: NC_CORRUPT; those of the state. */
int nc_engine_sub(struct nc_engine *engine, const struct nc_command *command, nc_outcome_fn *fn,
                  void *ctx);

/* A command on snapshots (snap.c). Errors: NC_UNSUPPORTED, a newer record; NC_CORRUPT; those of the
 * state. */
int nc_engine_snap(struct nc_engine *engine, uint64_t leader_time_ns,
                   const struct nc_command *command, nc_outcome_fn *fn, void *ctx);

/* Acknowledgements within batches (acks.c). A row of each is kept until the subscription's progress
 * covers it. Errors of all: NC_CORRUPT; NC_UNSUPPORTED, a newer format; those of the state. */

/* Whether the delivery that `ack` names may still be acknowledged. */
int nc_engine_ack_stands(struct nc_engine *engine, const struct nc_batch_ack *ack,
                         bool *stands_out);
/* Keep the acknowledgement. If the event is being replayed, it is acknowledged alone, and
 * ack->through becomes false: what came before it was not delivered in order. */
int nc_engine_ack_keep(struct nc_engine *engine, struct nc_batch_ack *ack);
/* Whether a batch has acknowledged `position`, and no progress has covered that yet. */
int nc_engine_ack_kept(struct nc_engine *engine, struct nc_slice name, uint64_t epoch,
                       uint64_t position, bool *kept_out);
/* Drop the acknowledgements that `progress` covers, and those of any epoch but its own. */
int nc_engine_acks_settle(struct nc_engine *engine, struct nc_slice name, struct nc_slice progress);
/* Carry the acknowledgements of epoch `from` into epoch `to`, and drop those of all others. */
enum nc_acks_carried {
	NC_ACKS_AS_THEY_ARE,
	NC_ACKS_OF_ONE,       /* drop those that took others along */
	NC_ACKS_INTO_BACKFILL /* those that took others along now take what the backfill listed */
};
int nc_engine_acks_carry(struct nc_engine *engine, struct nc_slice name, uint64_t from, uint64_t to,
                         enum nc_acks_carried how);
/* Drop all acknowledgements of a subscription. */
int nc_engine_acks_forget(struct nc_engine *engine, struct nc_slice name);
/* Whether any subscription has one. Within a snapshot. */
int nc_engine_acks_any(struct nc_state_reader *reader, bool *any_out);

/* A command on a stream (stream_change.c). Errors: NC_CORRUPT; those of the state. */
int nc_engine_stream(struct nc_engine *engine, uint64_t leader_time_ns,
                     const struct nc_command *command, nc_outcome_fn *fn, void *ctx);
/* Hide what is beyond the stream's limit of count, and count anew how many events are seen. */
void nc_engine_stream_limit(struct nc_stream *stream);
/* Put the stream's row, and its bounds (seen.h) if they have changed. */
int nc_engine_stream_put(struct nc_engine *engine, struct nc_slice name, struct nc_stream *stream);

/* The key of a parked event's row (subs.c). */
#define NC_SUB_KEY_ROOM 128 /* bytes, for any key of a subscription's rows */
struct nc_slice nc_sub_parked_key(struct nc_slice name, uint64_t position,
                                  uint8_t room[NC_SUB_KEY_ROOM]);

/* Whether `stream` is as expected. A stream that never was has head 0. */
bool nc_expect_holds(struct nc_expect expect, const struct nc_stream *stream);

/* Find the event of a stream that has the id `id`, by the index of ids or by the position that a
 * made id claims. Errors: NC_NOTFOUND; those of the state. */
int nc_engine_id_find(struct nc_state_reader *reader, struct nc_slice stream_name,
                      uint64_t stream_id, struct nc_slice id, struct nc_id_row *row_out);

#endif
