/* SPDX-License-Identifier: GPL-3.0-or-later */
/* engine_private.h -- what the files of the engine share. */
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
	uint64_t names; /* ids of names given out */
	uint64_t committed_names;
	uint64_t epochs; /* of subscriptions, given out */
	uint64_t committed_epochs;
	struct nc_buf scratch; /* a row being read or written */
	struct nc_buf row;     /* of the event being appended */
	struct nc_name_cache cache;
	bool hides;     /* what the open transaction takes out of sight, and … */
	uint64_t ages;  /* … how many streams have an age with it */
	bool acks_kept; /* there may be rows of acks.c: most stores never have one */
	struct nc_batch_room *batch_room; /* NULL: no batch yet */
};

/* Append one event (append.c). Tells `fn` what became of it. Errors: those of the state. */
int nc_engine_append(struct nc_engine *engine, uint64_t leader_time_ns,
                     const struct nc_command *command, nc_outcome_fn *fn, void *ctx);

/* Append a batch of them (batch.c). Same errors; NC_UNSUPPORTED, a newer record. */
int nc_engine_batch(struct nc_engine *engine, uint64_t leader_time_ns,
                    const struct nc_command *command, nc_outcome_fn *fn, void *ctx);
void nc_batch_room_free(struct nc_batch_room *room);

/* Write one event that nothing forbids: its row, and what it makes of `stream`, which the caller
 * puts, and of the head. Errors: those of the state. */
int nc_engine_write(struct nc_engine *engine, uint64_t leader_time_ns, struct nc_slice record,
                    const struct nc_event *event, struct nc_stream *stream);

/* The time for what is to be written to `stream`: the leader's, but if the stream is deleted, then
 * later than that at which it was created. So no two of its lives began at one time, whatever the
 * leader's clock does: what belongs to one of them (snap.h) is told by that. */
uint64_t nc_engine_life_time(const struct nc_engine *engine, uint64_t leader_time_ns,
                             const struct nc_stream *stream);

/* Recognise a retry. Errors: NC_NOTFOUND, the id is new to the stream; NC_CONFLICT, it stands there
 * with other content; those of the state. */
int nc_engine_recognise(struct nc_engine *engine, const struct nc_event *event,
                        const struct nc_stream *stream, struct nc_id_row *row_out);

/* A command on a subscription (subs.c). Errors: NC_CORRUPT; those of the state. */
int nc_engine_sub(struct nc_engine *engine, const struct nc_command *command, nc_outcome_fn *fn,
                  void *ctx);

/* A command on snapshots (snap.c). Errors: NC_UNSUPPORTED, a newer record; NC_CORRUPT, a row; those
 * of the state. */
int nc_engine_snap(struct nc_engine *engine, uint64_t leader_time_ns,
                   const struct nc_command *command, nc_outcome_fn *fn, void *ctx);

/* An acknowledgement within a batch (acks.c): whether it still stands; keep it, and say so where it
 * takes no others along after all, being of a replay; drop those that `progress` covers, or that
 * are of another epoch than its; drop all. Errors: those of the state; NC_CORRUPT; NC_UNSUPPORTED.
 */
int nc_engine_ack_stands(struct nc_engine *engine, const struct nc_batch_ack *ack,
                         bool *stands_out);
int nc_engine_ack_keep(struct nc_engine *engine, struct nc_batch_ack *ack);
/* Whether a batch has acknowledged `position`, and no progress has covered that yet. */
int nc_engine_ack_kept(struct nc_engine *engine, struct nc_slice name, uint64_t epoch,
                       uint64_t position, bool *kept_out);
int nc_engine_acks_settle(struct nc_engine *engine, struct nc_slice name, struct nc_slice progress);
/* What was acknowledged in epoch `from` is in epoch `to`; what is of another goes. */
enum nc_acks_carried {
	NC_ACKS_AS_THEY_ARE,
	NC_ACKS_OF_ONE,       /* what took others along goes */
	NC_ACKS_INTO_BACKFILL /* what took others along takes those of the list alone */
};
int nc_engine_acks_carry(struct nc_engine *engine, struct nc_slice name, uint64_t from, uint64_t to,
                         enum nc_acks_carried how);
int nc_engine_acks_forget(struct nc_engine *engine, struct nc_slice name);
/* Whether there is one, of any subscription. Within a snapshot. */
int nc_engine_acks_any(struct nc_state_reader *reader, bool *any_out);

/* A command on a stream (stream_change.c). Errors: those of the state; NC_CORRUPT. */
int nc_engine_stream(struct nc_engine *engine, uint64_t leader_time_ns,
                     const struct nc_command *command, nc_outcome_fn *fn, void *ctx);
/* Of a stream that has just got a head: what its limits leave of it. */
void nc_engine_stream_limit(struct nc_stream *stream);
/* Put its row, and what says how much of it is seen, where that has changed. */
int nc_engine_stream_put(struct nc_engine *engine, struct nc_slice name, struct nc_stream *stream);

/* Keys of a subscription's rows (subs.c). */
#define NC_SUB_KEY_ROOM 128 /* bytes */
struct nc_slice nc_sub_parked_key(struct nc_slice name, uint64_t position,
                                  uint8_t room[NC_SUB_KEY_ROOM]);

/* Whether `stream` (head 0: never was) is as expected. */
bool nc_expect_holds(struct nc_expect expect, const struct nc_stream *stream);

/* Find an event of `stream_id` that bears `id`, by the index of ids or by the position that a made
 * id claims. Errors: NC_NOTFOUND; those of the state. */
int nc_engine_id_find(struct nc_state_reader *reader, struct nc_slice stream_name,
                      uint64_t stream_id, struct nc_slice id, struct nc_id_row *row_out);

#endif
