/* SPDX-License-Identifier: Apache-2.0 */
/* window_private.h -- asynchronous appends: a window of slots, each of which holds an event until
 * its answer is known.
 *
 * All answers come to one inbox. The last tokens of its subject name the connection, the slot, and
 * how often the slot has been used. So the answer to an earlier try of an event counts like that to
 * the last, and an answer that comes when the slot has another event is ignored. A thread asks
 * again for events that were refused for the moment or not answered, that were under way when a
 * connection was lost, or that are missed; it does so in the order in which they were appended.
 */
#ifndef NC_TRANSPORT_CLIENT_WINDOW_PRIVATE_H
#define NC_TRANSPORT_CLIENT_WINDOW_PRIVATE_H

#include <pthread.h>

#include "transport/client/client_private.h"

/* The client's connections that events take: line.c. Answers to what goes over one come back over
 * it: the server says that nobody was there to who asked, and to no other. */
enum nc_line_name { NC_LINE_FIRST, NC_LINE_GATHERING, NC_LINES };

enum nc_slot_state { NC_SLOT_FREE, NC_SLOT_SENT, NC_SLOT_WAITING };

struct nc_slot {
	enum nc_slot_state state;
	enum nc_line_name line;
	uint32_t uses;
	unsigned attempt;
	uint64_t number; /* counts the appends, in the order of the calls */
	int64_t sent_ms; /* when it was sent last */
	int64_t late_ms; /* since when events sent later are answered, and it is not; 0: none are */
	int64_t due_ms;  /* SENT: then it counts as not answered; WAITING: then it is sent again */
	int64_t deadline_ms;
	natsMsg *msg;
	nacre_appended_fn *done;
	void *ctx;
};

struct nc_line {
	natsConnection *gathering; /* the second connection; NULL: there is none yet */
	bool refused;              /* that one could not be made, or is being dialled */
	bool gathers;              /* events take the second connection */
	bool turns;                /* they take the other one as soon as nothing is under way */
	int64_t until_ms;          /* they wait for that until then */
	int64_t again_ms;          /* whether to turn is not looked at before then */
	uint32_t most;             /* events under way at once, since it was last looked at */
};

/* What the answers over one connection tell of the store. */
struct nc_window_heard {
	int64_t at_ms;     /* when the last answer came */
	int64_t asked_ms;  /* when that event was sent which is the latest of those answered */
	int64_t probed_ms; /* when the oldest event was sent again, to find out */
};

/* A slot that the thread has to attend to. */
struct nc_due {
	uint64_t number;
	uint32_t index;
};

struct nc_window {
	struct nacre_client *client;
	pthread_mutex_t lock;
	pthread_mutex_t
	        calling;      /* so that one `done` is called at a time; taken without the lock */
	pthread_cond_t room;  /* a slot became free, or nothing is under way */
	pthread_cond_t timer; /* something is due earlier than was known, or the window ends */
	pthread_t thread;
	natsSubscription *subs[NC_LINES]; /* NULL: that connection is not there yet */
	uint32_t listening;               /* how many of them have not ended */
	char inbox[NC_CLIENT_INBOX_SIZE];
	struct nc_slot *slots;
	struct nc_due *due; /* [size], the thread's own */
	uint32_t *free;     /* [free_count], a stack of indexes of slots */
	uint32_t size, free_count;
	uint32_t under_way;             /* events whose `done` has not returned */
	uint64_t appended;              /* how many appends there were, ever */
	uint64_t connections[NC_LINES]; /* how often each had been made again at the last look */
	struct nc_window_heard heard[NC_LINES];
	int64_t due_ms;  /* no slot is due earlier */
	int64_t wake_ms; /* when the thread looks next */
	struct nc_line line;
	bool begun, ending;
};

/* The lock is held for all of these. */

/* Subscribe and start the thread, if that has not been done. */
int nc_window_begin(struct nc_window *window, struct nacre_error *error);

/* Subscribe to the answers that come over a connection; also without the lock. When the
 * subscription is put into `subs`, it counts among those that are listening. */
natsStatus nc_window_listen(struct nc_window *window, enum nc_line_name line, natsConnection *nc,
                            natsSubscription **sub_out);

/* Send the slot's event, or keep it for later if it cannot leave now. Returns only errors of NATS
 * that asking again would not mend; the slot is then as it was. */
natsStatus nc_window_publish(struct nc_window *window, struct nc_slot *slot);

/* End the slot's event: call `done`, without the lock meanwhile, and free the slot. */
void nc_window_finish(struct nc_window *window, uint32_t index, int result,
                      const struct nacre_appended *appended, const struct nacre_error *error);

/* Whether a connection was lost and has been made again: what was sent over it before is then due
 * at once (lost.c). */
bool nc_window_look(struct nc_window *window);
/* Nothing is under way that could have been lost: look from now on. */
void nc_window_look_from_now(struct nc_window *window);

/* The store has answered the slot's event (silence.c). */
void nc_window_heard(struct nc_window *window, const struct nc_slot *slot);
/* Whether an event is missed, and thus due at once. May send the oldest event again to find out. */
bool nc_window_miss(struct nc_window *window, int64_t now_ms);

/* Choose the connection for an event that is about to be sent. True: the event has to wait until
 * nothing is under way, or until line.until_ms, and then ask again. May release the lock meanwhile.
 */
bool nc_line_waits(struct nc_window *window);
/* The connection that was chosen; and the one of a name, NULL if it is not there yet. */
enum nc_line_name nc_line(const struct nc_window *window);
natsConnection *nc_line_connection(const struct nc_window *window, enum nc_line_name line);

#endif
