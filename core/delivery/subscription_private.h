/* SPDX-License-Identifier: GPL-3.0-or-later */
/* subscription_private.h -- what the files of a subscription share. The machine is one struct; each
 * file changes one part of it and is the only one that does so directly: window.c the entries,
 * queue.c their queues, key.c the keys, moves.c the state of an event, interest.c what is known of
 * listeners, pull.c the pull requests, progress.c what goes into the log.
 *
 * Entries and keys are named by their indexes in arrays, NONE being no index, since the arrays move
 * when they grow. A file's functions expect what nc_sub_step() and the other calls of
 * subscription.h leave: sub->now_ns is set first of all.
 */
#ifndef NC_CORE_DELIVERY_SUBSCRIPTION_PRIVATE_H
#define NC_CORE_DELIVERY_SUBSCRIPTION_PRIVATE_H

#include "core/base/assert.h"
#include "core/base/hashmap.h"
#include "core/delivery/mutants_private.h"
#include "core/delivery/subscription.h"

#define NONE      UINT32_MAX       /* no entry, no key */
#define IN_LINE   (UINT32_MAX - 1) /* of entry.queue_at */
#define NEVER     UINT64_MAX       /* of a time in nanoseconds */
#define NS_PER_MS UINT64_C(1000000)
#define KEY_SIZE  16 /* bytes of a key's digest */

/* The action by which an event leaves the window. */
enum leave { LEAVE_PARK = 1, LEAVE_SKIP, LEAVE_UNPARK };

/* An event of the window. */
struct entry {
	uint64_t position;
	uint64_t rank;    /* its place in the queue it is in: smallest first */
	uint64_t request; /* the pull request that it was last given to */
	uint64_t flight;  /* number of its last delivery */
	uint64_t message; /* packed: the flight of the last event of its message; 0: not packed */
	char *reason;     /* of a +TERM; owned */
	uint32_t size;
	uint32_t attempts;
	uint32_t queue_at; /* index in the queue's heap; NONE: in no queue; IN_LINE: in its line */
	uint32_t queue_prev, queue_next; /* in the queue's line */
	uint32_t line_prev, line_next;   /* in sub->window, or sub->replayed */
	uint32_t key;                    /* NONE: without */
	uint32_t key_prev, key_next;     /* among its key's events; key_next also links free ones */
	uint32_t leave_next;             /* in sub->leaving */
	uint8_t state;                   /* enum nc_sub_entry_state; NOT_HERE: free */
	uint8_t leave;                   /* enum leave, if it is LEAVING */
	bool timed;                      /* it was last put into sub->timed, not sub->ready */
	bool replay;                     /* it has a row, and is delivered once more */
	bool taken;                      /* counts against max_in_flight: delivered and not done */
	bool key_parks;                  /* leaves because its key is parked */
	bool joined;                     /* is among its key's events */
	bool doomed; /* +TERM came while RECALLED: parked as soon as its key is known */
	bool acked;  /* a replay acknowledged while RECALLED: done as soon as its key is known */
	bool fades;  /* FLYING, but deleted or expired since: done when its flight ends */
};

struct key {
	uint8_t digest[KEY_SIZE];
	uint32_t first, last; /* its events in the window, in order; only the first is delivered */
	uint32_t replaying;   /* how many of these are replays */
	uint64_t parked;      /* its rows, those of replays included */
	/* The position of its oldest row that is not being replayed; 0: none. Only kept while
	 * something is RECALLED: keys of recalled events are not known until they are read, and
	 * those that turn out to be younger than this one of the same key are parked too. */
	uint64_t stands;
};

struct line {
	uint32_t first, last;
};

/* Smallest rank first (queue.c). Room is made when an entry is made, so that putting cannot fail.
 */
struct queue {
	struct line line; /* by queue_next */
	uint32_t *heap;   /* [entry_capacity] */
	uint32_t heap_count;
};

struct request {
	struct nc_sub_request is;
	uint32_t given;            /* events */
	uint64_t bytes;            /* given */
	enum nc_sub_status status; /* 0: waiting; else to be ended so */
};

struct nc_sub {
	/* The definition's numbers. */
	struct nc_definition policy; /* its slices are empty */
	uint32_t window_max;         /* how many entries the window takes, without replays */

	/* The window. */
	struct entry *entries;
	uint32_t entry_count;    /* in use */
	uint32_t entry_capacity; /* allocated */
	uint32_t free_first;     /* free entries, linked by key_next */
	struct nc_hashmap by_position;
	struct line window;    /* all that are no replays, ascending */
	struct line replayed;  /* replays, in the order in which they were asked for */
	struct line leaving;   /* LEAVING, by leave_next */
	struct queue ready;    /* READY, by position; those delivered before come first */
	struct queue timed;    /* FLYING and DELAYED, by the time at which they are due */
	uint32_t recalled;     /* how many are RECALLED */
	uint32_t recall_at[2]; /* [replay]: in that line, no entry before this one is RECALLED */
	uint32_t taken;        /* how many count against max_in_flight */
	uint32_t leaving_count;

	/* Keys. */
	struct key *keys;
	uint32_t key_capacity, key_count, key_free; /* free ones are linked by `first` */
	struct nc_hashmap by_key;
	uint64_t parked, parked_keys; /* rows, and keys that have some */
	uint64_t replaying;           /* how many of the rows are being replayed */

	struct request *requests; /* in order of arrival */
	uint32_t request_count;

	uint64_t epoch, cursor, last_delivered, delivered, redelivered;
	uint64_t flights; /* numbers of deliveries given out */
	struct nc_floor floor;
	bool paused, halted, at_head;
	/* Actions that nc_sub_step() has still to return, and one that it has returned. */
	bool say_halted, say_stalled, say_flows, said_inactive;
	uint64_t halted_at; /* position */
	const char *halted_why;

	/* Interest: whether somebody listens, which is found out by probes: messages with a reply
	 * subject, to which the server answers 503 if nobody does. */
	bool interest;
	uint64_t heard_ns;       /* when somebody last listened */
	uint64_t probe_ns;       /* when the probe was sent that is under way; 0: none is */
	uint64_t beat_ns;        /* when to send the next; NEVER */
	uint64_t beat_pause_ns;  /* how long to wait with the next while nobody listens */
	uint64_t probe_progress; /* progress_number when the probe was sent */

	/* Flow control, of ack none. */
	uint64_t flow_mark;  /* position that the request under way names; 0: none is */
	uint64_t flow_until; /* without an answer by then it counts as answered */
	uint32_t flow_count; /* events delivered since the last request */

	/* Progress. */
	bool dirty;               /* something changed since progress was last taken … */
	uint64_t dirty_ns;        /* … first at this time */
	uint32_t acks;            /* how often it changed by an acknowledgement since */
	uint64_t progress_number; /* of the progress taken last */
	/* Events were not delivered in their order: this progress, or a later one, must be in the
	 * log before it can be told of an event that everything before it was delivered. 0: they
	 * were, as far as the log does not know. */
	uint64_t uneven;

	/* Positions beyond the cursor that are acknowledged already, ascending, 8 bytes each. */
	struct nc_buf acked;
	size_t acked_at;        /* offset of the first that the cursor has not reached */
	uint64_t acked_through; /* everything up to this position is acknowledged too */

	uint64_t now_ns;                         /* the latest time that the caller has told */
	char reason[NC_SUB_REASON_SIZE_MAX + 1]; /* of the last action */
};

/* ---- subscription.c ------------------------------------------------------------------------- */

/* How many more events the window takes; and how many replays. */
uint32_t nc_sub_room(const struct nc_sub *sub);
uint32_t nc_sub_replay_room(const struct nc_sub *sub);

/* ---- window.c ------------------------------------------------------------------------------- */

/* A new entry, HELD, at the end of its line and in no queue. The caller has made sure that there is
 * room. Errors: NC_NOMEM. */
int nc_sub_entry_new(struct nc_sub *sub, uint64_t position, bool replay, uint32_t *id_out);
/* Free an entry that has left its key and is not taken; it leaves its queue and its line. It must
 * not be in the line `leaving`. */
void nc_sub_entry_free(struct nc_sub *sub, uint32_t id);
/* NONE: there is no entry for this position. */
uint32_t nc_sub_entry_find(const struct nc_sub *sub, uint64_t position);

/* ---- queue.c -------------------------------------------------------------------------------- */

/* Put an entry that is in no queue into this one. */
void nc_sub_queue_put(struct nc_sub *sub, struct queue *queue, uint32_t id, uint64_t rank);
/* The entry with the smallest rank; NONE: the queue is empty. */
uint32_t nc_sub_queue_first(const struct nc_sub *sub, const struct queue *queue);
/* Take the entry out of the queue that it is in, if it is in one. */
void nc_sub_queue_leave(struct nc_sub *sub, uint32_t id);

/* ---- key.c ---------------------------------------------------------------------------------- */

/* The index of the key, which is added if it is new; NONE: by the subscription's order the event
 * has no key. Errors: NC_NOMEM. */
int nc_sub_key_get(struct nc_sub *sub, struct nc_slice key, uint32_t *key_out);
/* Likewise, but a key that is not there is NONE too. */
uint32_t nc_sub_key_find(const struct nc_sub *sub, struct nc_slice key);
/* Count one row more, or one less. `key` may be NONE. */
void nc_sub_key_park(struct nc_sub *sub, uint32_t key);
void nc_sub_key_unpark(struct nc_sub *sub, uint32_t key);
/* Put the entry behind the other events of the key. */
void nc_sub_key_join(struct nc_sub *sub, uint32_t key, uint32_t id);
/* The row at `position` is not being replayed: see `stands`. `key` may be NONE. */
void nc_sub_key_stand(struct nc_sub *sub, uint32_t key, uint64_t position);
/* Take the entry off its key, if it joined one; the next event of the key becomes READY if it was
 * HELD. A key without events and rows is dropped. */
void nc_sub_key_leave(struct nc_sub *sub, uint32_t id);
/* Forget the key if it has neither events nor rows. `key` may be NONE. */
void nc_sub_key_drop(struct nc_sub *sub, uint32_t key);

/* ---- moves.c -------------------------------------------------------------------------------- */

/* Progress has changed; and: by an acknowledgement, which counts for NC_SUB_PROGRESS_ACKS. */
void nc_sub_changed(struct nc_sub *sub);
void nc_sub_changed_by_ack(struct nc_sub *sub);
/* An event is waiting, or delivered, while it is the other way round with a later one. */
void nc_sub_uneven(struct nc_sub *sub);
void nc_sub_make_ready(struct nc_sub *sub, uint32_t id);
/* The event is done. A replay goes on to leave by UNPARK. */
void nc_sub_make_done(struct nc_sub *sub, uint32_t id);
/* Park the event, and all that wait behind it in its key. */
void nc_sub_make_parked(struct nc_sub *sub, uint32_t id);
/* The event's flight ended without an acknowledgement. True: the event fades, and is done now.
 * False: nothing changed; the caller tries it again or parks it. */
bool nc_sub_flight_over(struct nc_sub *sub, uint32_t id);
/* Deliver the event again after `delay_ns`; if it has had max_deliver attempts, do what the
 * definition says of exhausted ones. */
void nc_sub_retry(struct nc_sub *sub, uint32_t id, uint64_t delay_ns);
/* The pause after so many attempts, by backoff_ms. */
uint64_t nc_sub_backoff(const struct nc_sub *sub, uint32_t attempts);
/* The entry counts against max_in_flight no more. */
void nc_sub_untake(struct nc_sub *sub, struct entry *entry);
/* `why` is a literal. A subscription that is halted already keeps its first reason. */
void nc_sub_halt(struct nc_sub *sub, uint64_t position, const char *why);
/* Put a new entry, whose key is now known, to its place: ready, behind others of its key, or
 * parked. `parks`: older rows of its key are not being replayed, so that it has to be parked behind
 * them. */
void nc_sub_admit(struct nc_sub *sub, uint32_t id, uint32_t key, bool parks);

/* ---- answer.c ------------------------------------------------------------------------------- */

/* Every event up to `position` that was delivered is done. `elsewhere`: all of them were, by the
 * node that ran the subscription before; the progress that this one restored does not say so. */
void nc_sub_ack_through(struct nc_sub *sub, uint64_t position, bool elsewhere);

/* ---- progress.c ----------------------------------------------------------------------------- */

/* Whether an event that is offered for the first time is acknowledged already. Asked in ascending
 * order. */
bool nc_sub_acked_before(struct nc_sub *sub, uint64_t position);
/* Remember that an event beyond the cursor is acknowledged. Errors: NC_NOMEM. */
int nc_sub_acked_insert(struct nc_sub *sub, uint64_t position);

/* ---- interest.c ----------------------------------------------------------------------------- */

void nc_sub_interest_init(struct nc_sub *sub);
/* The definition has changed: somebody is assumed to listen, and probes follow the new one. */
void nc_sub_interest_renew(struct nc_sub *sub);
/* True: STALLED, FLOWS or INACTIVE is to be returned. */
bool nc_sub_interest_step(struct nc_sub *sub, struct nc_sub_action *action_out);
/* True: it is time for a probe, and the caller sends one now. */
bool nc_sub_probe(struct nc_sub *sub);
/* The probe could not be sent: the next one may go at once. */
void nc_sub_probe_unsent(struct nc_sub *sub);
/* Whether a probe is all that was sent since progress was last taken. Nothing is written for that
 * until it is heard; otherwise a subscription without listeners would fill the log. */
bool nc_sub_probing(const struct nc_sub *sub);
/* True: HEARTBEAT is to be returned, as a probe, since there was no event to send as one. */
bool nc_sub_beat_step(struct nc_sub *sub, struct nc_sub_action *action_out);
uint64_t nc_sub_interest_deadline(const struct nc_sub *sub);

/* ---- pull.c --------------------------------------------------------------------------------- */

bool nc_sub_requests_step(struct nc_sub *sub, struct nc_sub_action *action_out);
uint64_t nc_sub_requests_deadline(const struct nc_sub *sub);
/* The request that takes an event of this size now, or NULL; one that it is too big for is ended.
 */
struct request *nc_sub_request_for(struct nc_sub *sub, uint32_t size);
/* Nobody waits for it: it is given nothing more, and ended. */
void nc_sub_request_drop(struct nc_sub *sub, uint64_t id);

#endif
