/* SPDX-License-Identifier: Apache-2.0 */
/* Asynchronous appends: a window of slots, each an event that is asked for until its answer is
 * known.
 *
 * All answers come to one inbox, whose last tokens are the connection, the slot and how often that
 * has been used: so the answer to an earlier try is as good as that to the last, and one that comes
 * when the slot is another's is nobody's. A thread asks again what was refused for the moment or
 * not answered, what was under way when a connection was lost, and what is missed: in the order in
 * which it was appended.
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
	uint64_t number; /* of the append, in the order of the calls */
	int64_t sent_ms; /* last */
	int64_t late_ms; /* since then what was sent behind it is answered, and it is not; 0: no */
	int64_t due_ms;  /* SENT: it is not answered any more; WAITING: ask again */
	int64_t deadline_ms;
	natsMsg *msg;
	nacre_appended_fn *done;
	void *ctx;
};

struct nc_line {
	natsConnection *gathering; /* the second connection; NULL: there is none yet */
	bool refused;              /* it could not be had, or is being dialled */
	bool gathers;              /* it is taken */
	bool turns;                /* to the other one, as soon as nothing is under way */
	int64_t until_ms;          /* that long it is waited for */
	int64_t again_ms;          /* not before that is it looked at again */
	uint32_t most;             /* under way at once, since it was looked at */
};

/* What is known of the store by its answers over one connection. */
struct nc_heard {
	int64_t at_ms;     /* the last came */
	int64_t asked_ms;  /* what was sent last of all that is answered was sent */
	int64_t probed_ms; /* the oldest was sent again, to find out */
};

/* One that is to be attended. */
struct nc_due {
	uint64_t number;
	uint32_t index;
};

struct nc_window {
	struct nacre_client *client;
	pthread_mutex_t lock;
	pthread_mutex_t calling; /* one `done` at a time; taken without the lock */
	pthread_cond_t room;     /* a slot became free, or nothing is under way */
	pthread_cond_t timer;    /* something is due earlier than was known, or it ends */
	pthread_t thread;
	natsSubscription *subs[NC_LINES]; /* NULL: that connection is not there yet */
	uint32_t listening;               /* of them: those that have not ended */
	char inbox[NC_CLIENT_INBOX_SIZE];
	struct nc_slot *slots;
	struct nc_due *due; /* [size], the thread's own */
	uint32_t *free;     /* a stack of indexes */
	uint32_t size, free_count;
	uint32_t under_way;             /* `done` has not returned */
	uint64_t appended;              /* in all */
	uint64_t connections[NC_LINES]; /* how often each had been made again at the last look */
	struct nc_heard heard[NC_LINES];
	int64_t due_ms;  /* no slot is due earlier */
	int64_t wake_ms; /* when the thread looks next */
	struct nc_line line;
	bool begun, ending;
};

/* All with the lock held. */

/* Subscribe and start the thread, the first time. */
int nc_window_begin(struct nc_window *window, struct nacre_error *error);

/* Take answers over a connection; without the lock or with it. When it is in `subs` it is among
 * those that are listening, too. */
natsStatus nc_window_listen(struct nc_window *window, enum nc_line_name line, natsConnection *nc,
                            natsSubscription **sub_out);

/* Send what the slot holds, or keep it for later if it cannot leave now. Errors of NATS that asking
 * again does not heal; then the slot is as it was. */
natsStatus nc_window_publish(struct nc_window *window, struct nc_slot *slot);

/* The slot's end: call `done`, without the lock meanwhile. */
void nc_window_finish(struct nc_window *window, uint32_t index, int result,
                      const struct nacre_appended *appended, const struct nacre_error *error);

/* True: a connection was lost and is there again, and what was sent before is due now. lost.c. */
bool nc_window_look(struct nc_window *window);
/* Nothing is under way that could have been lost. */
void nc_window_look_from_now(struct nc_window *window);

/* The store has answered what the slot holds. silence.c. */
void nc_window_heard(struct nc_window *window, const struct nc_slot *slot);
/* True: something is missed, and due now. May send the oldest again. */
bool nc_window_miss(struct nc_window *window, int64_t now_ms);

/* Choose the line for an event that is about to be sent. True: it is to wait, until nothing is
 * under way or line.until_ms; then ask again. May let go of the lock meanwhile. */
bool nc_line_waits(struct nc_window *window);
enum nc_line_name nc_line(const struct nc_window *window);
/* NULL: it is not there yet. */
natsConnection *nc_line_connection(const struct nc_window *window, enum nc_line_name line);

#endif
