/* SPDX-License-Identifier: GPL-3.0-or-later */
/* seen.h -- which events are seen: not those of a stream that was deleted, nor what was truncated,
 * nor what is beyond a stream's count or age (PROTOCOL.md section 11). The rows stay where they
 * are; each read asks here, and nothing else decides it.
 *
 * Of a stream of which something is unseen, or may come to be, there is a row in NC_SPACE_META by
 * its id: the first version that is seen, and how old an event may be. An event is seen if no row
 * speaks against it. While the state has no such row, nc_state.sifted says so, and nothing is
 * looked up.
 *
 * Age is counted up to the time of the store's last event, or to the reader's own (now_ns),
 * whichever is later; at apply the leader's time in the entry is taken for the reader's. So
 * replicas decide alike, and in a store where nothing happens events grow old all the same.
 *
 * Threads: a sight is of one reader's thread. Reads are within a snapshot of the reader.
 * Errors: NC_CORRUPT; NC_UNSUPPORTED, a newer form; as the state.
 */
#ifndef NC_CORE_ENGINE_SEEN_H
#define NC_CORE_ENGINE_SEEN_H

#include "core/engine/engine.h"

/* What is seen of a stream. */
struct nc_bounds {
	uint64_t first;     /* versions below it are not */
	uint64_t age_max_s; /* 0: however old */
};

/* Write them down; from here on the state is sifted, also if the transaction is given up. */
int nc_bounds_put(struct nc_state *state, uint64_t stream_id, const struct nc_bounds *bounds,
                  struct nc_buf *scratch);

/* A commit has moved bounds, and can be seen; `ages` streams have an age now. */
void nc_hidden_tell(struct nc_state *state, uint64_t ages);

/* When a state is opened: whether it has such rows, and how many of them have an age, for which all
 * are read. Within a snapshot. */
int nc_seen_open(struct nc_state *state, struct nc_state_reader *reader);

/* Every event that is there is seen. Once a snapshot is open it holds for that. */
static inline bool nc_seen_all(const struct nc_state_reader *reader)
{
	return !atomic_load_explicit(&reader->state->sifted, memory_order_acquire);
}

/* Events may go out of sight as time passes, without a commit. */
static inline bool nc_seen_ages(const struct nc_state_reader *reader)
{
	return atomic_load_explicit(&reader->state->ages, memory_order_acquire) > 0;
}

/* How many commits have taken something out of sight since the state was opened, appends to a
 * stream with a count among them. Counted when the commit can be seen: what is looked at behind it
 * is as all of them have left it. */
static inline uint64_t nc_seen_hidings(const struct nc_state_reader *reader)
{
	return atomic_load_explicit(&reader->state->hidings, memory_order_acquire);
}

/* Looking at events, one after the other. Begins as zeros. */
struct nc_sight {
	struct nc_state_reader *reader;
	uint64_t now_ns;    /* since 1970; 0: to be asked for */
	uint64_t stream_id; /* of the last one looked at in this snapshot; 0: none */
	struct nc_bounds bounds;
	struct nc_buf row;
};

/* In each snapshot anew. What time it is stays as it was. */
void nc_sight_begin(struct nc_sight *sight, struct nc_state_reader *reader);
void nc_sight_release(struct nc_sight *sight);

/* Whether the event of this row is seen. */
int nc_sight_row(struct nc_sight *sight, uint64_t position, struct nc_slice row, bool *seen_out);

/* What can be said of it without its row: false, it is not seen; true, its row tells. */
int nc_sight_version(struct nc_sight *sight, uint64_t stream_id, uint64_t version, bool *may_out);

/* What time it is for who reads the head `head`. */
uint64_t nc_seen_now(const struct nc_state_reader *reader, const struct nc_engine_head *head);

/* The first position that is young enough at `now_ns`; one above `head`, the store's last, if none
 * is. */
int nc_seen_young(struct nc_state_reader *reader, uint64_t head, uint64_t now_ns,
                  uint64_t age_max_s, uint64_t *position_out);

/* The first version of `stream` that is seen at `now_ns`; one above its head if none is. `head` as
 * above. */
int nc_seen_first(struct nc_state_reader *reader, uint64_t head, uint64_t now_ns,
                  const struct nc_stream *stream, uint64_t *first_out);

#endif
