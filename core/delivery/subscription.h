/* SPDX-License-Identifier: GPL-3.0-or-later */
/* subscription.h -- one subscription as a state machine: a window of events on their way, who has
 * been given what, when to try again, what is parked (PROTOCOL.md section 8).
 *
 * It knows no NATS, no clock, no events: positions, keys and sizes come in, and what to do comes
 * out of nc_sub_step(), one action a call. The caller performs them: reads events by position,
 * publishes, replicates. Call nc_sub_step() until it returns false after every input, and again at
 * nc_sub_deadline().
 *
 * The way of an event:
 *
 *   offer ─► held (its key is busy) ─► ready ─► flying ─► done
 *                                       ▲         │ nak, expiry, no responders
 *                                       └─ delayed ◄┘
 *                                                 └─► parked | skipped | the subscription halts
 *
 * Everything up to `cursor` has been looked at; what of it is not done is in the window. The ack
 * floor is the position before the oldest event that is not done; it never goes back within an
 * epoch. So progress is the cursor and the window, and memory is bounded by the window
 * (max_in_flight, a look-ahead, and some replays), however far behind the subscription is, plus 64
 * bytes or so a parked key, of which there are at most NC_SUB_PARKED_KEYS_MAX: one more halts the
 * subscription. So does one row more than NC_SUB_PARKED_MAX of a transient one, whose rows are in
 * the caller's memory; it then takes in nothing but replays until there are fewer.
 *
 * Time:      nanoseconds of any clock that does not go back; the same one in all calls.
 * Threads:   one at a time.
 * Ownership: nothing given is kept; nc_sub_free() frees all.
 * Errors:    NC_OK or negative enum nc_err.
 */
#ifndef NC_CORE_DELIVERY_SUBSCRIPTION_H
#define NC_CORE_DELIVERY_SUBSCRIPTION_H

#include "core/delivery/definition.h"
#include "core/engine/floor.h"
#include "core/engine/progress.h"

#define NC_SUB_AHEAD           256u  /* events waiting beyond max_in_flight; beyond these replays */
#define NC_SUB_AHEAD_KEYED     4096u /* the same with an order: how far past a busy key it sees */
#define NC_SUB_SEARCH_MIN      128u  /* no search for fewer, while others wait for delivery */
#define NC_SUB_REQUESTS_MAX    512u  /* waiting pull requests */
#define NC_SUB_REASON_SIZE_MAX 256u  /* bytes kept of a +TERM's reason */
#define NC_SUB_PARKED_KEYS_MAX 65536u
#define NC_SUB_PARKED_MAX      65536u /* rows of a transient one, which are in memory */
#define NC_SUB_PROGRESS_NS     UINT64_C(100000000)  /* progress is due so long after a change … */
#define NC_SUB_PROGRESS_ACKS   1000u                /* … or so many acks after */
#define NC_SUB_ANSWER_NS       UINT64_C(500000000)  /* a 503 comes by then or not at all */
#define NC_SUB_PROBE_MIN_NS    UINT64_C(250000000)  /* between probes into silence: doubled … */
#define NC_SUB_PROBE_MAX_NS    UINT64_C(4000000000) /* … up to this */

struct nc_sub;

/* ---- Life ----------------------------------------------------------------------------------- */

/* A subscription that starts after position `cursor` (0: at the first). Of the definition only
 * numbers are taken. Until the caller knows better a push one is taken to be listened to. Errors:
 * NC_NOMEM. */
int nc_sub_new(const struct nc_definition *definition, uint64_t epoch, uint64_t cursor,
               uint64_t now_ns, struct nc_sub **sub_out);

/* One that goes on from replicated progress. Follow with nc_sub_restore_parked() for each parked
 * event; then nc_sub_want() asks for the events that were on their way.
 * Errors: NC_CORRUPT, NC_UNSUPPORTED (a newer format), NC_NOMEM. */
int nc_sub_restore(const struct nc_definition *definition, struct nc_slice progress,
                   uint64_t now_ns, struct nc_sub **sub_out);

/* Count a parked event; in ascending order. `key` is what its offer had. A replay that stands
 * behind an older row of its key, one that is not on its way, is no replay any more. Errors:
 * NC_NOMEM, NC_FULL (too many keys: the subscription is halted). */
int nc_sub_restore_parked(struct nc_sub *sub, uint64_t position, struct nc_slice key);

/* An acknowledgement that was committed beside the progress (by a batch, core/engine/subs.h), of an
 * event that the progress leaves undone; also of one that has not been offered yet. `through`: of
 * all that was delivered before, too, whatever the definition says by now.
 * Errors: NC_NOMEM. */
int nc_sub_restore_acked(struct nc_sub *sub, uint64_t position, bool through);

/* What this epoch's start has left: offers of events below it are taken without effect, as if they
 * did not match. A new subscription, and one that seeks, begins without. */
void nc_sub_floor(struct nc_sub *sub, const struct nc_floor *floor);

void nc_sub_free(struct nc_sub *sub);

/* ---- Events in ------------------------------------------------------------------------------ */

enum nc_sub_want_kind {
	NC_SUB_WANT_NOTHING, /* no room, or at the head: live events are offered as they come */
	NC_SUB_WANT_EVENT,   /* exactly `position`: offer it, or say that it is gone */
	NC_SUB_WANT_SCAN     /* search from `position` on for events that match */
};

struct nc_sub_want {
	enum nc_sub_want_kind kind;
	uint64_t position;
	uint32_t room; /* of SCAN: how many may be offered */
};

void nc_sub_want(const struct nc_sub *sub, struct nc_sub_want *want_out);

struct nc_sub_event {
	uint64_t position;
	struct nc_slice key; /* by the subscription's order; empty: none. Ignored with order none
	                        and global */
	uint64_t version, time_ns; /* for the floor: looked at only where there is one */
	uint32_t size;             /* bytes of data, for max_bytes; 0: not known yet */
	bool live;                 /* comes from the head, not from a scan */
};

/* An event that matches. Offers of a scan come in ascending order; one at or below the cursor that
 * is not wanted is taken without effect: so live and catch-up cannot double. Errors: NC_FULL, no
 * room: a scan goes on later from here (for a live one the subscription has now left the head and
 * wants a scan); NC_BUSY, a live event while the subscription is not at the head: a scan will find
 * it; NC_CONFLICT, a scan's event while older ones are still wanted by position; NC_NOMEM. */
int nc_sub_offer(struct nc_sub *sub, const struct nc_sub_event *event);

/* The scan has judged everything through `position`. `at_head`: that is all there is, and the
 * caller offers live events from now on. */
void nc_sub_scanned(struct nc_sub *sub, uint64_t position, bool at_head);

/* An event in the window no longer exists: done. NC_NOTFOUND if it is not there. */
int nc_sub_gone(struct nc_sub *sub, uint64_t position);
/* The same, but of one that is in flight only when its flight ends, however that is: it may still
 * be acknowledged, and is neither delivered again nor parked. Without effect on one that is wanted
 * by position: who reads it finds that it is gone. */
int nc_sub_fade(struct nc_sub *sub, uint64_t position);

/* Deliver a parked event again, attempts from 1. In ascending order within a key, beginning with
 * the key's oldest (whoever keeps the rows sees to it), and not one whose UNPARK has been said.
 * Its row stays until then.
 * Errors: NC_EXISTS, on its way already; NC_NOTFOUND, nothing of its key is parked that is not on
 * its way; NC_BUSY, older
 *           ones are still wanted by position; NC_FULL; NC_NOMEM. */
int nc_sub_replay(struct nc_sub *sub, const struct nc_sub_event *event);

/* ---- Answers -------------------------------------------------------------------------------- */

/* All: NC_OK also where there is nothing left to do (done before, a late answer to an earlier
 * attempt). Errors: NC_CONFLICT, of another epoch, or of an event beyond the cursor, which cannot
 * have been delivered from here. */
int nc_sub_ack(struct nc_sub *sub, uint64_t epoch, uint64_t position, uint64_t now_ns);
/* One that a batch has committed, as it is applied. It may be beyond the cursor: delivered by who
 * ran the subscription before. Errors: NC_CONFLICT, of another epoch; NC_NOMEM. */
int nc_sub_batch_acked(struct nc_sub *sub, uint64_t epoch, uint64_t position, uint64_t now_ns);
/* Again, after the pause of backoff_ms. */
int nc_sub_nak(struct nc_sub *sub, uint64_t epoch, uint64_t position, uint32_t attempt,
               uint64_t now_ns);
/* Again, after `delay_ns`. */
int nc_sub_nak_delay(struct nc_sub *sub, uint64_t epoch, uint64_t position, uint32_t attempt,
                     uint64_t delay_ns, uint64_t now_ns);
/* A batch acknowledged an event whose PARK has been said meanwhile: it has no row, or none any
 * more. `key` is what its offer had. */
void nc_sub_parked_gone(struct nc_sub *sub, struct nc_slice key);
/* The event that flies by this number leaves packed into one message with others; `message` is the
 * number of the last of them: an answer to that one is about all. Known before any answer is told;
 * until then it is in a message of its own. Of a flight that is over: without effect. */
void nc_sub_packed(struct nc_sub *sub, uint64_t position, uint64_t flight, uint64_t message);
/* Still working: the wait begins anew. */
int nc_sub_wpi(struct nc_sub *sub, uint64_t epoch, uint64_t position, uint32_t attempt,
               uint64_t now_ns);
/* Never again: parked. `reason` is cut to NC_SUB_REASON_SIZE_MAX at a character's edge. */
int nc_sub_term(struct nc_sub *sub, uint64_t epoch, uint64_t position, struct nc_slice reason,
                uint64_t now_ns);
/* A 503 came to a delivery's reply subject: the attempt is not counted. The pull request that it
 * answered is ended; a push subscription waits for interest. */
int nc_sub_no_responders(struct nc_sub *sub, uint64_t epoch, uint64_t position, uint32_t attempt,
                         uint64_t now_ns);
/* A 503 came to a heartbeat or to a flow control request. */
void nc_sub_nobody(struct nc_sub *sub, uint64_t now_ns);
/* Somebody listens: an answer to a heartbeat. */
void nc_sub_heard(struct nc_sub *sub, uint64_t now_ns);
/* The flow control request that named `position` was answered. */
void nc_sub_flowed(struct nc_sub *sub, uint64_t position, uint64_t now_ns);

/* ---- Pull ----------------------------------------------------------------------------------- */

struct nc_sub_request {
	uint64_t id;         /* the caller's; comes back in actions; unique among those waiting */
	uint32_t batch;      /* events, from 1 */
	uint64_t max_bytes;  /* 0: no limit */
	uint64_t expires_ns; /* a moment, not a duration */
	bool no_wait;
};

/* Events in the window whose size is not known, at most `room` of them; and its size. Before a
 * request that names max_bytes all must be known. */
size_t nc_sub_unsized(const struct nc_sub *sub, uint64_t *positions, size_t room);
void nc_sub_size(struct nc_sub *sub, uint64_t position, uint32_t size);

/* Events in the window, of positions above `after`, that wait to be delivered or are in flight, but
 * for replays and for those of which it is known already that they are not seen any more: at most
 * `room` of them, ascending. For who makes events go: nc_sub_fade(). */
size_t nc_sub_undone(const struct nc_sub *sub, uint64_t after, uint64_t *positions, size_t room);

/* Ask for events. Errors: NC_INVALID, a push subscription, or batch 0; NC_FULL; NC_NOMEM. */
int nc_sub_request(struct nc_sub *sub, const struct nc_sub_request *request, uint64_t now_ns);
/* The caller has ended it by itself. Without effect if it is not there. */
void nc_sub_request_forget(struct nc_sub *sub, uint64_t id);

/* ---- What to do ----------------------------------------------------------------------------- */

enum nc_sub_action_kind {
	NC_SUB_DELIVER, /* position, attempt, request (pull) */
	NC_SUB_PARK, /* position, attempt (0: never tried, its key is parked), reason, replay: write
	                the row */
	NC_SUB_UNPARK, /* position: the replay is done, remove the row */
	NC_SUB_SKIP,   /* position, attempt, replay: exhausted and left out; tell people */
	NC_SUB_HALTED, /* position, reason: delivers nothing until nc_sub_resume(); tell people */
	NC_SUB_END,    /* request, status, reason: close a pull request */
	NC_SUB_HEARTBEAT, /* there is no event to probe with: send `100 Idle Heartbeat` with a reply
	                     subject; tell of a 503 */
	NC_SUB_FLOW,      /* position: send `100 FlowControl Request` */
	NC_SUB_STALLED,   /* nobody listens; tell people */
	NC_SUB_FLOWS,     /* somebody listens again; tell people */
	NC_SUB_INACTIVE   /* a transient one that nobody has listened to for long: delete it. Said
	                     once */
};

struct nc_sub_action {
	enum nc_sub_action_kind kind;
	uint64_t position;
	uint32_t attempt;
	uint64_t request;
	uint64_t flight;    /* of DELIVER: its number, no other's of this machine */
	bool alone;         /* of DELIVER: not to be packed with others */
	bool replay;        /* it has a row: of PARK to be written over, of SKIP to be removed */
	uint16_t status;    /* of END: 404, 408, 409; 503: nobody waits there, say nothing */
	const char *reason; /* NUL-terminated; valid until the next call. Of END: the status line's
	                       text */
	uint64_t pending;   /* of DELIVER: see nc_sub_info */
	bool pending_known;
	uint32_t left;       /* of END: events that were asked for and not given */
	uint64_t left_bytes; /* of END: the same of max_bytes, 0 if there was no limit */
};

/* The next thing to do, false if there is none just now. Rows that PARK writes and UNPARK and SKIP
 * remove go into the log in the same entry as the next progress: then a crash finds both or
 * neither. Allocates nothing. */
bool nc_sub_step(struct nc_sub *sub, uint64_t now_ns, struct nc_sub_action *action_out);
/* The same of PARK, UNPARK and SKIP alone: what has been decided of events already. Before a change
 * that leaves the window behind; nothing is delivered to where it would be lost. */
bool nc_sub_step_leaving(struct nc_sub *sub, struct nc_sub_action *action_out);

/* When to step again if nothing else happens, progress included; UINT64_MAX: never. */
uint64_t nc_sub_deadline(const struct nc_sub *sub);

/* ---- Commands ------------------------------------------------------------------------------- */

void nc_sub_pause(struct nc_sub *sub);
/* Also out of a halt; an exhausted event then has its attempts anew. */
void nc_sub_resume(struct nc_sub *sub);

/* Go on after position `cursor`, in a new epoch (greater than the last), without a floor. The
 * window is emptied, and what is parked forgotten: the caller removes the rows beyond `cursor`
 * (their events will come again), and tells the rest with nc_sub_restore_parked(). Pull requests
 * stay. */
void nc_sub_seek(struct nc_sub *sub, uint64_t epoch, uint64_t cursor, uint64_t now_ns);

/* A new epoch (another than the last) of one that stays where it is: what was delivered before it
 * cannot be answered any more. Right behind nc_sub_restore(), so that it is delivered again. */
void nc_sub_epoch(struct nc_sub *sub, uint64_t epoch);

/* Another definition of the same order and the same way of delivery (pushed or pulled): what is on
 * its way stays so, waits that have begun end as they would have. Of push it is taken to be
 * listened to anew. */
void nc_sub_redefine(struct nc_sub *sub, const struct nc_definition *definition, uint64_t now_ns);

/* ---- Progress ------------------------------------------------------------------------------- */

/* Something changed 100 ms or 1,000 acks ago and has not been taken. */
bool nc_sub_progress_due(const struct nc_sub *sub, uint64_t now_ns);
/* Something changed and has not been taken: for an ack that waits for its answer. */
bool nc_sub_progress_dirty(const struct nc_sub *sub);

/* Append the whole progress to `buf` (its size is bounded by the window) and call it taken. Returns
 * its number, 1, 2, 3, …: whatever happened before is in it. */
uint64_t nc_sub_progress_take(struct nc_sub *sub, struct nc_buf *buf);
/* The number that the next one will have: an ack is replicated when that one is. */
uint64_t nc_sub_progress_next(const struct nc_sub *sub);

/* ---- Information ---------------------------------------------------------------------------- */

enum nc_sub_entry_state {
	NC_SUB_NOT_HERE, /* done, never matched, parked, or not reached yet */
	NC_SUB_RECALLED, /* was on its way elsewhere; wanted by position */
	NC_SUB_HELD,     /* an older event of its key is not done */
	NC_SUB_READY,
	NC_SUB_FLYING,
	NC_SUB_DELAYED,
	NC_SUB_LEAVING /* its PARK, SKIP or UNPARK is about to be said */
};

struct nc_sub_info {
	uint64_t epoch, ack_floor, cursor, last_delivered;
	uint64_t delivered, redelivered;
	uint64_t in_flight; /* delivered once or more, not done */
	uint64_t pending;   /* to be delivered for the first time, as far as has been searched */
	bool pending_known; /* all has been searched: pending is exact */
	uint64_t parked, parked_keys;
	uint64_t replaying;   /* of the parked: on their way, their rows stay until they are done */
	uint64_t requests;    /* waiting */
	uint32_t room;        /* events that the window still takes */
	uint32_t replay_room; /* and so many that are replayed */
	bool paused, halted, at_head;
	bool interest; /* push: listened to; pull: a request waits */
};

void nc_sub_info(const struct nc_sub *sub, struct nc_sub_info *info_out);

/* Where an event stands, with its attempts, for `explain`. */
enum nc_sub_entry_state nc_sub_find(const struct nc_sub *sub, uint64_t position,
                                    uint32_t *attempts_out);
/* Whether events of this key wait because one is parked. */
bool nc_sub_key_parked(const struct nc_sub *sub, struct nc_slice key);

/* Bytes that the subscription takes. */
size_t nc_sub_memory(const struct nc_sub *sub);

#endif
