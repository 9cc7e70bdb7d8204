/* SPDX-License-Identifier: GPL-3.0-or-later */
/* subscription.h -- one subscription as a state machine: which events are in its window, who was
 * given what, when to try again, and what is parked (PROTOCOL.md section 8).
 *
 * The machine knows no NATS, no clock and no event data. Positions, keys and sizes come in; what is
 * to be done comes out of nc_sub_step(), one action per call. The caller carries the actions out:
 * it reads events by position, publishes them, and replicates progress. After every input, call
 * nc_sub_step() until it returns false; call it again at nc_sub_deadline().
 *
 * The way of an event:
 *
 *   offer ─► held (its key is busy) ─► ready ─► flying ─► done
 *                                       ▲         │ nak, expiry, no responders
 *                                       └─ delayed ◄┘
 *                                                 └─► parked | skipped | the subscription halts
 *
 * Every event up to `cursor` has been judged; those that match and are not done yet are in the
 * window. The ack floor is the position before the oldest event that is not done; within an epoch
 * it never goes back. So progress is the cursor and the window.
 *
 * Words used below: an event "flies" from its delivery until it is answered or its wait runs out. A
 * parked event has a "row", which the caller keeps (in the log, or in memory for a transient
 * subscription). A "replay" delivers a parked event again. "Recalled" events were in flight on the
 * node that ran the subscription before, and must be read again by position.
 *
 * Memory is bounded by the window (max_in_flight, a look-ahead, and some replays), however far
 * behind the subscription is, plus about 64 bytes for each parked key. There are at most
 * NC_SUB_PARKED_KEYS_MAX of those: one more halts the subscription. A transient subscription is
 * also halted by more than NC_SUB_PARKED_MAX parked events; until there are fewer, it takes in
 * replays only.
 *
 * Time:      nanoseconds of any clock that does not go back; the same one in all calls.
 * Threads:   one at a time.
 * Ownership: arguments are copied or only read during the call; nc_sub_free() frees everything.
 * Errors:    NC_OK or negative enum nc_err.
 */
#ifndef NC_CORE_DELIVERY_SUBSCRIPTION_H
#define NC_CORE_DELIVERY_SUBSCRIPTION_H

#include "core/delivery/definition.h"
#include "core/engine/floor.h"
#include "core/engine/progress.h"

/* How many events may wait in the window beyond max_in_flight. With an order it is more, so that
 * the subscription sees past a key that is busy. As many replays may wait beside them. */
#define NC_SUB_AHEAD       256u
#define NC_SUB_AHEAD_KEYED 4096u

/* While events wait for delivery, history is searched only if there is room for so many more. */
#define NC_SUB_SEARCH_MIN 128u

#define NC_SUB_REQUESTS_MAX    512u   /* pull requests that may wait */
#define NC_SUB_REASON_SIZE_MAX 256u   /* bytes kept of the reason in a +TERM */
#define NC_SUB_PARKED_KEYS_MAX 65536u /* keys with parked events */
#define NC_SUB_PARKED_MAX      65536u /* parked events of a transient subscription */

/* Progress is due so long after the first change, or after so many acknowledgements. */
#define NC_SUB_PROGRESS_NS   UINT64_C(100000000)
#define NC_SUB_PROGRESS_ACKS 1000u

/* A server's 503 (nobody listens) comes within this time or not at all. */
#define NC_SUB_ANSWER_NS UINT64_C(500000000)

/* The pause between two probes while nobody listens begins with the first and doubles up to the
 * second. */
#define NC_SUB_PROBE_MIN_NS UINT64_C(250000000)
#define NC_SUB_PROBE_MAX_NS UINT64_C(4000000000)

struct nc_sub;

/* ---- Life ----------------------------------------------------------------------------------- */

/* A new subscription that starts after position `cursor`; 0: with the first event. Only the
 * definition's numbers are copied, not its texts. A push subscription is assumed to have a listener
 * until the caller says otherwise. Errors: NC_NOMEM. */
int nc_sub_new(const struct nc_definition *definition, uint64_t epoch, uint64_t cursor,
               uint64_t now_ns, struct nc_sub **sub_out);

/* A subscription that goes on from replicated progress. Next, call nc_sub_restore_parked() for each
 * parked event; after that nc_sub_want() asks for the events that were in flight. Errors:
 * NC_CORRUPT, NC_UNSUPPORTED (a newer format), NC_NOMEM. */
int nc_sub_restore(const struct nc_definition *definition, struct nc_slice progress,
                   uint64_t now_ns, struct nc_sub **sub_out);

/* Tell of a parked event. Call it in ascending order of positions; `key` is the one the event was
 * offered with. If the event was being replayed, but an older parked event of its key is not, its
 * replay is cancelled. Errors: NC_NOMEM; NC_FULL, too many keys: the subscription is halted. */
int nc_sub_restore_parked(struct nc_sub *sub, uint64_t position, struct nc_slice key);

/* Tell of an acknowledgement that a batch committed (core/engine/subs.h) and that the progress does
 * not contain yet. The event may not even have been offered. `through`: it also acknowledges
 * everything delivered before, whatever the definition says now. Errors: NC_NOMEM. */
int nc_sub_restore_acked(struct nc_sub *sub, uint64_t position, bool through);

/* Set the floor of this epoch's start (core/engine/floor.h): events below it are ignored when
 * offered, as if they did not match. A new subscription has no floor, and nc_sub_seek() removes
 * it. */
void nc_sub_floor(struct nc_sub *sub, const struct nc_floor *floor);

void nc_sub_free(struct nc_sub *sub);

/* ---- Events in ------------------------------------------------------------------------------ */

enum nc_sub_want_kind {
	NC_SUB_WANT_NOTHING, /* no room, or at the head: live events are offered as they come */
	NC_SUB_WANT_EVENT,   /* the event at `position`: nc_sub_offer(), or nc_sub_gone() */
	NC_SUB_WANT_SCAN     /* search from `position` on for events that match */
};

struct nc_sub_want {
	enum nc_sub_want_kind kind;
	uint64_t position;
	uint32_t room; /* of SCAN: how many may be offered */
};

/* Which events the machine needs next. */
void nc_sub_want(const struct nc_sub *sub, struct nc_sub_want *want_out);

struct nc_sub_event {
	uint64_t position;
	/* By the subscription's order; empty: the event has none. Ignored with order none and
	 * global. */
	struct nc_slice key;
	uint64_t version, time_ns; /* compared with the floor, if there is one */
	uint32_t size;             /* bytes of data, for max_bytes; 0: not known yet */
	bool live;                 /* comes from the head, not from a scan */
};

/* Offer an event that matches. A scan offers in ascending order. An event at or below the cursor
 * that is not wanted by position is ignored (NC_OK): so what is offered both live and by a scan is
 * delivered once.
 * Errors: NC_FULL, no room: a scan goes on from here later; after a live event the subscription has
 *           left the head and wants a scan;
 *         NC_BUSY, a live event while the subscription is not at the head: a scan will find it;
 *         NC_CONFLICT, an event of a scan while older ones are still wanted by position;
 *         NC_NOMEM. */
int nc_sub_offer(struct nc_sub *sub, const struct nc_sub_event *event);

/* The scan has judged every event through `position`; there may be later ones. */
void nc_sub_scanned(struct nc_sub *sub, uint64_t position);
/* Likewise, and there are no later ones: the caller offers live events from now on. */
void nc_sub_scanned_to_head(struct nc_sub *sub, uint64_t position);
/* The caller offers no live events any more: a scan is to find them. */
void nc_sub_leave_head(struct nc_sub *sub);

/* An event of the window does not exist any more: it counts as done. Errors: NC_NOTFOUND, it is not
 * in the window. */
int nc_sub_gone(struct nc_sub *sub, uint64_t position);
/* Likewise, but an event in flight stays until its flight ends: it may still be acknowledged, and
 * is neither delivered again nor parked. An event that is wanted by position is left alone, since
 * whoever reads it will find that it is gone. Errors: as nc_sub_gone(). */
int nc_sub_fade(struct nc_sub *sub, uint64_t position);

/* Deliver a parked event again, with attempts counted from 1. The caller, who has the rows, replays
 * the events of a key in ascending order from its oldest, and none for which UNPARK has been
 * returned. The row stays until UNPARK.
 * Errors: NC_EXISTS, it is being replayed already;
 *         NC_NOTFOUND, every parked event of its key is being replayed already, or none is parked;
 *         NC_BUSY, older events are still wanted by position;
 *         NC_FULL; NC_NOMEM. */
int nc_sub_replay(struct nc_sub *sub, const struct nc_sub_event *event);

/* ---- Answers -------------------------------------------------------------------------------- */

/* All of these return NC_OK also where nothing is left to do: the event was done before, or the
 * answer is a late one to an earlier attempt. Errors: NC_CONFLICT, the answer is of another epoch,
 * or names an event beyond the cursor, which cannot have been delivered from here. */
int nc_sub_ack(struct nc_sub *sub, uint64_t epoch, uint64_t position, uint64_t now_ns);
/* A batch that acknowledges `position`, which is in flight, is about to be proposed. The waits of
 * everything that it acknowledges begin again, so that none of it runs out and is parked meanwhile.
 * Returns what the log may say of it. With ack all that is that everything before it is
 * acknowledged too: who restores a progress that lists this event as delivered takes for done what
 * it lists as delivered before it; with one that lists it as waiting, all that it lists before it,
 * since events are delivered in their order. Where they were not, because one met nobody (503), or
 * one is being parked, the log must have a progress first that says so. */
enum nc_sub_reach {
	NC_SUB_REACH_ALONE,
	NC_SUB_REACH_THROUGH, /* everything before it too */
	NC_SUB_REACH_BEHIND,  /* likewise, in the log behind the progress that was taken last */
	NC_SUB_REACH_UNSAID,  /* likewise, but behind a progress that has yet to be taken; it is due
	                       */
	NC_SUB_REACH_UNKNOWN, /* it was delivered elsewhere, and what was before it is not known */
	NC_SUB_REACH_REPLAY   /* it is replayed, which the progress in the log may not say yet */
};
enum nc_sub_reach nc_sub_batch_begins(struct nc_sub *sub, uint64_t position, uint64_t now_ns);
/* An acknowledgement that a batch has committed, told when the batch is applied. The event may be
 * beyond the cursor, if the node that ran the subscription before delivered it. `through`: the log
 * says that everything before it is acknowledged with it. Errors: NC_CONFLICT, of another epoch;
 * NC_NOMEM. */
struct nc_sub_batch_ack {
	uint64_t epoch, position;
	bool through;
};
int nc_sub_batch_acked(struct nc_sub *sub, const struct nc_sub_batch_ack *ack, uint64_t now_ns);
/* Deliver it again after the pause that backoff_ms says, or after `delay_ns`. */
int nc_sub_nak(struct nc_sub *sub, uint64_t epoch, uint64_t position, uint32_t attempt,
               uint64_t now_ns);
int nc_sub_nak_delay(struct nc_sub *sub, uint64_t epoch, uint64_t position, uint32_t attempt,
                     uint64_t delay_ns, uint64_t now_ns);
/* A batch acknowledged an event for which PARK has already been returned: its row is gone, or was
 * never written. `key` is the one the event was offered with. */
void nc_sub_parked_gone(struct nc_sub *sub, struct nc_slice key);
/* To be called before that: if PARK is yet to be returned for the event, it will not be. False: it
 * has been, or the event is not being parked. */
bool nc_sub_park_cancel(struct nc_sub *sub, uint64_t position);
/* The delivery with number `flight` went out in one message with others. `message` is the flight
 * number of the last event in it: an answer to that event counts for all of them. Call it before
 * any answer to the message; until then each event counts as a message of its own. Ignored if that
 * flight is over. */
void nc_sub_packed(struct nc_sub *sub, uint64_t position, uint64_t flight, uint64_t message);
/* The consumer is still working on it: ack_wait_ms begins again. */
int nc_sub_wpi(struct nc_sub *sub, uint64_t epoch, uint64_t position, uint32_t attempt,
               uint64_t now_ns);
/* Do not deliver it again: it is parked. `reason` is cut to NC_SUB_REASON_SIZE_MAX bytes, between
 * characters. */
int nc_sub_term(struct nc_sub *sub, uint64_t epoch, uint64_t position, struct nc_slice reason,
                uint64_t now_ns);
/* The server answered a delivery with 503: nobody listened. The attempt does not count. The pull
 * request that the delivery was for is ended; a push subscription waits until somebody listens. */
int nc_sub_no_responders(struct nc_sub *sub, uint64_t epoch, uint64_t position, uint32_t attempt,
                         uint64_t now_ns);
/* The same for a heartbeat or a flow control request. */
void nc_sub_nobody(struct nc_sub *sub, uint64_t now_ns);
/* The delivery with number `flight` cannot be sent: the server takes no message of its size. The
 * attempt does not count, and the event is parked for `reason`, whatever on_exhausted says. Ignored
 * if that flight is over. */
void nc_sub_unsendable(struct nc_sub *sub, uint64_t position, uint64_t flight,
                       struct nc_slice reason, uint64_t now_ns);
/* A heartbeat was answered: somebody listens. */
void nc_sub_heard(struct nc_sub *sub, uint64_t now_ns);
/* The flow control request that named `position` was answered. */
void nc_sub_flowed(struct nc_sub *sub, uint64_t position, uint64_t now_ns);

/* ---- Pull ----------------------------------------------------------------------------------- */

struct nc_sub_request {
	uint64_t id;        /* chosen by the caller, unique among those waiting; named in actions */
	uint32_t batch;     /* events, from 1 */
	uint64_t max_bytes; /* 0: no limit */
	uint64_t expires_ns; /* a moment, not a duration */
	bool no_wait;
};

/* The events of the window whose size is not known, at most `room` of them; returns how many.
 * nc_sub_size() tells the size of one. All sizes must be known before a request that has max_bytes
 * is made. */
size_t nc_sub_unsized(const struct nc_sub *sub, uint64_t *positions, size_t room);
void nc_sub_size(struct nc_sub *sub, uint64_t position, uint32_t size);

/* The events of the window above `after` that wait or are in flight, ascending, at most `room` of
 * them; returns how many. Left out are replays and events that nc_sub_fade() was called for. It
 * serves the caller that looks for events which have been deleted or have expired. */
size_t nc_sub_undone(const struct nc_sub *sub, uint64_t after, uint64_t *positions, size_t room);

/* Take a pull request. Errors: NC_INVALID, a push subscription, or batch 0; NC_FULL,
 * NC_SUB_REQUESTS_MAX wait; NC_NOMEM. */
int nc_sub_request(struct nc_sub *sub, const struct nc_sub_request *request, uint64_t now_ns);
/* The caller has ended this request. Ignored if there is none with that id. */
void nc_sub_request_forget(struct nc_sub *sub, uint64_t id);

/* ---- What to do ----------------------------------------------------------------------------- */

enum nc_sub_action_kind {
	/* Publish the event. Uses position, attempt, flight, alone, and request of a pull one. */
	NC_SUB_DELIVER,
	/* Write the row of a parked event. Uses position, reason, replay, and attempt: 0 if it was
	 * never delivered, since its key is parked. */
	NC_SUB_PARK,
	NC_SUB_UNPARK, /* the replay of `position` is done: remove its row */
	/* `position` was delivered `attempt` times in vain and is left out: send an advisory. With
	 * `replay` it has a row to remove. */
	NC_SUB_SKIP,
	/* Nothing is delivered until nc_sub_resume(), because of `position` and `reason`: send an
	 * advisory. */
	NC_SUB_HALTED,
	NC_SUB_END, /* close a pull request: request, status, reason, left */
	/* There is no event to probe with: send `100 Idle Heartbeat` with a reply subject, and call
	 * nc_sub_nobody() if a 503 comes back. */
	NC_SUB_HEARTBEAT,
	NC_SUB_FLOW,    /* send `100 FlowControl Request`, naming `position` */
	NC_SUB_STALLED, /* nobody listens: send an advisory */
	NC_SUB_FLOWS,   /* somebody listens again: send an advisory */
	NC_SUB_INACTIVE /* a transient one had no listener for inactive_ms: delete it. Once */
};

/* The status of the line that ends a pull request, as JetStream has them. */
enum nc_sub_status {
	NC_SUB_STATUS_NO_MESSAGES = 404, /* no_wait, and nothing was there to give */
	NC_SUB_STATUS_TIMEOUT = 408,     /* it expired; or no_wait, and less was there than asked */
	NC_SUB_STATUS_TOO_LARGE = 409,   /* the next event does not fit what max_bytes leaves */
	NC_SUB_STATUS_NO_RESPONDERS = 503 /* nobody is there: send nothing */
};

struct nc_sub_action {
	enum nc_sub_action_kind kind;
	uint64_t position;
	uint32_t attempt;
	uint64_t request;
	uint64_t flight;           /* of DELIVER: the delivery's number, unique in this machine */
	bool alone;                /* of DELIVER: not to be packed with others */
	bool replay;               /* it has a row: PARK overwrites it, SKIP removes it */
	enum nc_sub_status status; /* of END */
	const char *reason; /* NUL-terminated; valid until the next call. Of END: the status line's
	                       text */
	uint64_t pending;   /* of DELIVER: see nc_sub_info */
	bool pending_known;
	uint32_t left;       /* of END: events that were asked for and not given */
	uint64_t left_bytes; /* of END: what is left of max_bytes; 0 if there was no limit */
};

/* The next thing to do; false: nothing at present. The caller puts rows that are written (PARK) or
 * removed (UNPARK, SKIP) into the same log entry as the next progress, so that after a crash both
 * are there or neither is. Allocates nothing. */
bool nc_sub_step(struct nc_sub *sub, uint64_t now_ns, struct nc_sub_action *action_out);
/* Likewise, but only PARK, UNPARK and SKIP: what has already been decided. Used before a change
 * that empties the window, when anything delivered would be lost. */
bool nc_sub_step_leaving(struct nc_sub *sub, struct nc_sub_action *action_out);

/* When to call nc_sub_step() again, or to take progress, if nothing else happens; UINT64_MAX:
 * never. */
uint64_t nc_sub_deadline(const struct nc_sub *sub);

/* ---- Commands ------------------------------------------------------------------------------- */

void nc_sub_pause(struct nc_sub *sub);
/* Ends a pause or a halt. An event that had used up its attempts gets them again. */
void nc_sub_resume(struct nc_sub *sub);

/* Go on after position `cursor` in a new epoch, which is greater than the last, without a floor.
 * The window is emptied and all parked events are forgotten: the caller removes the rows beyond
 * `cursor`, whose events will come again, and tells of the others with nc_sub_restore_parked().
 * Pull requests stay. */
void nc_sub_seek(struct nc_sub *sub, uint64_t epoch, uint64_t cursor, uint64_t now_ns);

/* Begin a new epoch, different from the last, without moving: what was delivered before cannot be
 * answered any more. Call it right after nc_sub_restore(), so that all of that is delivered
 * again. */
void nc_sub_epoch(struct nc_sub *sub, uint64_t epoch);

/* Replace the definition by one with the same order and the same kind of delivery (push or pull).
 * Events in flight stay in flight, and waits that have begun end when they would have. A push
 * subscription is assumed to have a listener again. */
void nc_sub_redefine(struct nc_sub *sub, const struct nc_definition *definition, uint64_t now_ns);

/* ---- Progress ------------------------------------------------------------------------------- */

/* Whether something changed NC_SUB_PROGRESS_NS or NC_SUB_PROGRESS_ACKS ago and has not been
 * taken. */
bool nc_sub_progress_due(const struct nc_sub *sub, uint64_t now_ns);
/* Whether anything changed and has not been taken. Asked when an acknowledgement waits to be
 * confirmed. */
bool nc_sub_progress_dirty(const struct nc_sub *sub);

/* Append the whole progress to `buf` and count it as taken; its size is bounded by the window.
 * Returns its number, 1, 2, 3, …: it contains everything that happened before. */
uint64_t nc_sub_progress_take(struct nc_sub *sub, struct nc_buf *buf);
/* The machine goes on from another progress than the log has: what it takes next is news. */
void nc_sub_progress_unknown(struct nc_sub *sub);
/* The progress with this number is in the log. */
void nc_sub_progress_saved(struct nc_sub *sub, uint64_t number);
/* The number of the next one: what has been acknowledged by now is replicated when that one is. */
uint64_t nc_sub_progress_next(const struct nc_sub *sub);

/* ---- Information ---------------------------------------------------------------------------- */

enum nc_sub_entry_state {
	NC_SUB_NOT_HERE, /* done, never matched, parked, or not reached yet */
	NC_SUB_RECALLED, /* was in flight on another node; wanted by position */
	NC_SUB_HELD,     /* waits until an older event of its key is done */
	NC_SUB_READY,    /* may be delivered */
	NC_SUB_FLYING,   /* delivered; an answer is awaited */
	NC_SUB_DELAYED,  /* waits for its next attempt */
	NC_SUB_LEAVING   /* nc_sub_step() is about to return its PARK, SKIP or UNPARK */
};

struct nc_sub_info {
	uint64_t epoch, ack_floor, cursor, last_delivered;
	uint64_t delivered, redelivered;
	uint64_t in_flight; /* delivered once or more, not done */
	uint64_t pending;   /* never delivered yet, of what has been searched */
	bool pending_known; /* all history has been searched, so pending is exact */
	uint64_t parked, parked_keys;
	uint64_t replaying;   /* how many of the parked ones are being replayed */
	uint64_t requests;    /* pull requests that wait */
	uint32_t room;        /* events that the window still takes */
	uint32_t replay_room; /* replays that it still takes */
	bool paused, halted, at_head;
	bool interest; /* push: somebody listens; pull: a request waits */
	/* A literal; NULL: it is not halted, or was before its progress came here. */
	const char *halted_why;
};

void nc_sub_info(const struct nc_sub *sub, struct nc_sub_info *info_out);

/* The state of an event and how often it was delivered, for `explain`. */
enum nc_sub_entry_state nc_sub_find(const struct nc_sub *sub, uint64_t position,
                                    uint32_t *attempts_out);
/* Whether events of this key wait because one is parked. */
bool nc_sub_key_parked(const struct nc_sub *sub, struct nc_slice key);

/* Bytes of memory that the subscription takes. */
size_t nc_sub_memory(const struct nc_sub *sub);

#endif
