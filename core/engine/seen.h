/* SPDX-License-Identifier: GPL-3.0-or-later */
/* seen.h -- which events are seen. Hidden are those of a stream that was deleted, those that were
 * truncated, and those beyond a stream's limit of count or age (PROTOCOL.md section 11). Their rows
 * stay where they are: every read asks here, and nothing else decides it.
 *
 * If something of a stream is hidden, or may come to be, NC_SPACE_META has a row under the stream's
 * id: the first version that is seen, and how old an event may be. An event is seen unless such a
 * row says otherwise. As long as the state has no such row, nc_state.sifted is false, and nothing
 * is looked up.
 *
 * An event's age is counted up to the time of the store's last event, or up to the reader's now_ns
 * if that is later. At apply the leader's time, which stands in the entry, takes the place of
 * now_ns. So all replicas decide alike, and events also grow old in a store where nothing happens.
 *
 * Threads: a sight belongs to the thread of its reader. Calls that take a reader or a sight are
 * made within a snapshot of that reader. Errors: NC_CORRUPT; NC_UNSUPPORTED, a newer format; those
 * of the state.
 */
#ifndef NC_CORE_ENGINE_SEEN_H
#define NC_CORE_ENGINE_SEEN_H

#include "core/engine/engine.h"

/* What is seen of a stream. */
struct nc_bounds {
	uint64_t first;     /* versions below it are hidden */
	uint64_t age_max_s; /* seconds; older events are hidden. 0: no limit */
};

/* Put a stream's bounds into the state, at apply. From here on the state counts as sifted, even if
 * the transaction is rolled back. */
int nc_bounds_put(struct nc_state *state, uint64_t stream_id, const struct nc_bounds *bounds,
                  struct nc_buf *scratch);

/* Tell readers that a commit has moved bounds. To be called when readers can see that commit.
 * `ages` is how many streams have a limit of age now. */
void nc_hidden_tell(struct nc_state *state, uint64_t ages);

/* Called when a state is opened: set its `sifted` and its `ages`. Reads the bounds of every stream
 * that has some. */
int nc_seen_open(struct nc_state *state, struct nc_state_reader *reader);

/* Whether no event is hidden. If it is true within a snapshot, it stays true for that snapshot. */
static inline bool nc_seen_all(const struct nc_state_reader *reader)
{
	return !atomic_load_explicit(&reader->state->sifted, memory_order_acquire);
}

/* Whether events may become hidden as time passes, without a commit. */
static inline bool nc_seen_ages(const struct nc_state_reader *reader)
{
	return atomic_load_explicit(&reader->state->ages, memory_order_acquire) > 0;
}

/* How many commits have hidden something since the state was opened. Appends to a stream with a
 * limit of count are among them. A commit is counted once readers can see it: who asks first and
 * reads afterwards sees what all counted commits have left. */
static inline uint64_t nc_seen_hidings(const struct nc_state_reader *reader)
{
	return atomic_load_explicit(&reader->state->hidings, memory_order_acquire);
}

/* Asks of one event after the other whether it is seen. It remembers the bounds of the last stream,
 * as events of one stream often follow one another. Begins as zeros. */
struct nc_sight {
	struct nc_state_reader *reader;
	uint64_t now_ns;    /* since 1970; 0: not found out yet */
	uint64_t stream_id; /* whose bounds these are, in this snapshot; 0: nobody's yet */
	struct nc_bounds bounds;
	struct nc_buf row;
};

/* To be called anew in each snapshot. The time stays the one of the first, so that a read that
 * takes several snapshots judges all events alike. */
void nc_sight_begin(struct nc_sight *sight, struct nc_state_reader *reader);
void nc_sight_release(struct nc_sight *sight);

/* Whether the event of this row is seen. */
int nc_sight_row(struct nc_sight *sight, uint64_t position, struct nc_slice row, bool *seen_out);

/* Whether an event may be seen, as far as it can be told without its row. False: it is hidden.
 * True: nc_sight_row() decides. */
int nc_sight_version(struct nc_sight *sight, uint64_t stream_id, uint64_t version, bool *may_out);

/* The time, since 1970, up to which a reader that sees the head `head` counts ages. */
uint64_t nc_seen_now(const struct nc_state_reader *reader, const struct nc_engine_head *head);

/* The first position whose event is not older than `age_max_s` at `now_ns`. If there is none, one
 * above `head`, the position of the store's last event. */
int nc_seen_young(struct nc_state_reader *reader, uint64_t head, uint64_t now_ns,
                  uint64_t age_max_s, uint64_t *position_out);

/* The first version of `stream` that is seen at `now_ns`. If there is none, one above the stream's
 * head. `head` is the position of the store's last event. */
int nc_seen_first(struct nc_state_reader *reader, uint64_t head, uint64_t now_ns,
                  const struct nc_stream *stream, uint64_t *first_out);

#endif
