/* SPDX-License-Identifier: GPL-3.0-or-later */
/* subscription_private.h -- what the files of a subscription share: the window (window.c), keys
 * (key.c), and the moves of an event (moves.c).
 */
#ifndef NC_CORE_DELIVERY_SUBSCRIPTION_PRIVATE_H
#define NC_CORE_DELIVERY_SUBSCRIPTION_PRIVATE_H

#include "core/base/assert.h"
#include "core/base/hashmap.h"
#include "core/delivery/mutants_private.h"
#include "core/delivery/subscription.h"

#define NONE      UINT32_MAX
#define IN_LINE   (UINT32_MAX - 1)
#define NEVER     UINT64_MAX
#define NS_PER_MS UINT64_C(1000000)
#define KEY_SIZE  16 /* bytes of a key's digest */

enum leave { LEAVE_PARK = 1, LEAVE_SKIP, LEAVE_UNPARK };

struct entry {
	uint64_t position;
	uint64_t rank;    /* its place in the queue it is in: smallest first */
	uint64_t request; /* the pull request that it was last given to */
	uint64_t flight;  /* number of its last delivery */
	uint64_t message; /* packed: that of the last event in its message; 0: it has its own */
	char *reason;     /* of a +TERM; owned */
	uint32_t size;
	uint32_t attempts;
	uint32_t queue_at; /* in the queue's heap; NONE: in no queue, IN_LINE: in its line */
	uint32_t queue_prev, queue_next; /* in the queue's line */
	uint32_t line_prev, line_next;   /* of the window, by position; or of the replayed */
	uint32_t key;                    /* NONE: without */
	uint32_t key_prev, key_next;     /* of the key's events; key_next also of the free */
	uint32_t leave_next;
	uint8_t state; /* enum nc_sub_entry_state; NOT_HERE: free */
	uint8_t leave; /* enum leave, of LEAVING */
	bool timed;    /* of the two queues, the last one that it was put into */
	bool replay;
	bool taken;     /* counts against max_in_flight: delivered, not done */
	bool key_parks; /* leaves because its key is parked */
	bool joined;    /* is among its key's events */
	bool doomed;    /* a +TERM came while RECALLED: parked as soon as its key is known */
	bool acked;     /* of a replay, likewise an ack: done then, and its row goes */
	bool fades;     /* FLYING, and not seen any more: done when its flight ends */
};

struct key {
	uint8_t digest[KEY_SIZE];
	uint32_t first, last; /* events in the window, in order; the first may be delivered */
	uint32_t replaying;   /* of them: parked ones */
	uint64_t parked;      /* rows, the replaying ones included */
	/* The oldest row that is not on its way, as far as what is RECALLED is concerned: its keys
	 * are not known until it comes, and behind this it is parked, or stays so. 0: none. */
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
	uint32_t given;  /* events */
	uint64_t bytes;  /* given */
	uint16_t status; /* 0: waiting; else to be ended so */
	const char *reason;
};

struct nc_sub {
	/* The definition's numbers. */
	struct nc_definition policy; /* its slices are empty */
	uint32_t window_max;

	/* The window. */
	struct entry *entries;
	uint32_t entry_count;    /* in use */
	uint32_t entry_capacity; /* allocated */
	uint32_t free_first;
	struct nc_hashmap by_position;
	struct line window;    /* not replayed, ascending */
	struct line replayed;  /* in the order of their offers */
	struct line leaving;   /* by leave_next */
	struct queue ready;    /* by position; those delivered before come first */
	struct queue timed;    /* flying and delayed, by time */
	uint32_t recalled;     /* how many are RECALLED */
	uint32_t recall_at[2]; /* of the window, of the replayed: none RECALLED stands before it */
	uint32_t taken;
	uint32_t leaving_count;

	struct key *keys;
	uint32_t key_capacity, key_count, key_free; /* free ones are linked by first */
	struct nc_hashmap by_key;
	uint64_t parked, parked_keys;
	uint64_t replaying; /* parked ones that are on their way */

	struct request *requests; /* in order of arrival */
	uint32_t request_count;

	uint64_t epoch, cursor, last_delivered, delivered, redelivered;
	uint64_t flights; /* numbers given out */
	struct nc_floor floor;
	bool paused, halted, at_head;
	bool say_halted, say_stalled, say_flows, said_inactive;
	uint64_t halted_at; /* position */
	const char *halted_why;

	/* Interest. */
	bool interest;
	uint64_t heard_ns;       /* when somebody last listened */
	uint64_t probe_ns;       /* an event or a heartbeat awaits its 503 since then; 0: none */
	uint64_t beat_ns;        /* when to send the next; NEVER */
	uint64_t beat_pause_ns;  /* into silence */
	uint64_t probe_progress; /* the progress' number when the probe was sent */

	/* Flow control, of ack none. */
	uint64_t flow_mark;  /* position asked about; 0: none */
	uint64_t flow_until; /* no answer by then is one */
	uint32_t flow_count; /* delivered since the last request */

	/* Progress. */
	bool dirty;
	uint64_t dirty_ns; /* since */
	uint32_t acks;     /* since the last one was taken */
	uint64_t progress_number;

	/* Positions beyond the cursor that are acknowledged already, ascending, 8 bytes each. */
	struct nc_buf acked;
	size_t acked_at;        /* of the first that has not been met */
	uint64_t acked_through; /* all before it too */

	uint64_t now_ns;                         /* the latest that was told */
	char reason[NC_SUB_REASON_SIZE_MAX + 1]; /* of the last action */
};

/* ---- subscription.c ------------------------------------------------------------------------- */

/* How many events may still be taken in, of new ones or of replays. */
uint32_t nc_sub_room(const struct nc_sub *sub, bool replay);

/* ---- window.c ------------------------------------------------------------------------------- */

/* A new entry in its line and in the map, in no queue. NC_FULL, NC_NOMEM. */
int nc_sub_entry_new(struct nc_sub *sub, uint64_t position, bool replay, uint32_t *id_out);
/* Out of everything but the leaving line. */
void nc_sub_entry_free(struct nc_sub *sub, uint32_t id);
uint32_t nc_sub_entry_find(const struct nc_sub *sub, uint64_t position);

/* ---- queue.c -------------------------------------------------------------------------------- */

/* It is in none. */
void nc_sub_queue_put(struct nc_sub *sub, struct queue *queue, uint32_t id, uint64_t rank);
/* NONE: it is empty. */
uint32_t nc_sub_queue_first(const struct nc_sub *sub, const struct queue *queue);
/* From whichever it is in, if any. */
void nc_sub_queue_leave(struct nc_sub *sub, uint32_t id);

/* ---- key.c ---------------------------------------------------------------------------------- */

/* The key's number, made if need be. NC_NOMEM. */
int nc_sub_key_get(struct nc_sub *sub, struct nc_slice key, uint32_t *key_out);
uint32_t nc_sub_key_find(const struct nc_sub *sub, struct nc_slice key);
/* One more or one less parked row, `key` may be NONE. */
void nc_sub_key_park(struct nc_sub *sub, uint32_t key);
void nc_sub_key_unpark(struct nc_sub *sub, uint32_t key);
void nc_sub_key_join(struct nc_sub *sub, uint32_t key, uint32_t id);
/* The row at `position` is not on its way: what is RECALLED and younger stays parked behind it. */
void nc_sub_key_stand(struct nc_sub *sub, uint32_t key, uint64_t position);
/* Takes the entry off its key, which may then be gone. */
void nc_sub_key_leave(struct nc_sub *sub, uint32_t id);
/* Forget the key if nothing refers to it. */
void nc_sub_key_drop(struct nc_sub *sub, uint32_t key);

/* ---- moves.c -------------------------------------------------------------------------------- */

void nc_sub_changed(struct nc_sub *sub, bool ack);
void nc_sub_make_ready(struct nc_sub *sub, uint32_t id);
void nc_sub_make_done(struct nc_sub *sub, uint32_t id);
/* With what is behind it of its key. */
void nc_sub_make_parked(struct nc_sub *sub, uint32_t id);
/* Its flight has ended, not by an acknowledgement. True: it is not seen any more, and done; else it
 * is as it was, to be tried again or parked. */
bool nc_sub_flight_over(struct nc_sub *sub, uint32_t id);
void nc_sub_retry(struct nc_sub *sub, uint32_t id, uint64_t delay_ns);
/* The pause after this attempt. */
uint64_t nc_sub_backoff(const struct nc_sub *sub, uint32_t attempts);
void nc_sub_untake(struct nc_sub *sub, struct entry *entry);
void nc_sub_halt(struct nc_sub *sub, uint64_t position, const char *why);
/* Take the entry in, its key known. `parks`: rows of its key that are not under way come before it;
 * if all are, it may wait here. */
void nc_sub_admit(struct nc_sub *sub, uint32_t id, uint32_t key, bool parks);

/* ---- answer.c ------------------------------------------------------------------------------- */

/* Everything that was delivered up to `position` is done. */
void nc_sub_ack_through(struct nc_sub *sub, uint64_t position);

/* ---- progress.c ----------------------------------------------------------------------------- */

/* Whether the event, to be offered for the first time, is acknowledged already. Ascending. */
bool nc_sub_acked_before(struct nc_sub *sub, uint64_t position);
/* One of these, beyond the cursor. NC_NOMEM. */
int nc_sub_acked_insert(struct nc_sub *sub, uint64_t position);

/* ---- interest.c ----------------------------------------------------------------------------- */

void nc_sub_interest_init(struct nc_sub *sub);
/* The definition has changed: ask by the new one. */
void nc_sub_interest_renew(struct nc_sub *sub);
bool nc_sub_interest_step(struct nc_sub *sub, struct nc_sub_action *action_out);
/* Whether it is time to send something to learn whether anybody listens; then it is on its way. */
bool nc_sub_probe(struct nc_sub *sub);
/* Whether what is in flight since the progress was last taken is a probe alone: of that nothing is
 * written until it is heard, or a silent subscription would fill the log. */
bool nc_sub_probing(const struct nc_sub *sub);
/* A heartbeat, if it is time and no event did for it. */
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
