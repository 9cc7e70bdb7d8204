/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of libnacre share. Answers are foreign bytes: what is missing or malformed in one
 * is NACRE_PROTOCOL. */
#ifndef NC_TRANSPORT_CLIENT_PRIVATE_H
#define NC_TRANSPORT_CLIENT_PRIVATE_H

#include <nats/nats.h>
#include <pthread.h>
#include <time.h>

#include "core/base/buf.h"
#include "core/base/header.h"
#include "core/base/json.h"
#include "transport/client/nacre.h"
#include "transport/client/unpack.h"

#define NC_CLIENT_TRY_MS        5000 /* a node answers within 4 s; one that was deposed never does */
#define NC_CLIENT_ID_SIZE       33   /* 128 bits in hex, and the NUL */
#define NC_CLIENT_INBOX_SIZE    128  /* bytes with the NUL */
#define NC_CLIENT_WINDOW_MAX    65536u
#define NC_CLIENT_ITEMS_MAX     16
#define NC_CLIENT_DATA_SIZE_MAX INT32_MAX /* nats.c counts in int */

struct nc_window;

struct nacre_client {
	natsConnection *nc;
	natsOptions *dialling; /* what it was dialled with */
	char *root;            /* <prefix>.<store> */
	char *inbox_prefix;    /* begins with it, then a dot and a token of our own */
	int64_t timeout_ms;
	struct nc_window *window; /* of asynchronous appends */
	pthread_mutex_t lock;
	struct nc_buf retired; /* with the lock: subscriptions that wait to be destroyed */
};

struct nacre_reply {
	natsMsg *msg;
	struct nc_buf headers; /* nc_client_headers_copy() */
};

/* ---- support.c ------------------------------------------------------------------------------ */

int64_t nc_client_now_ms(void);
struct timespec nc_client_timespec(int64_t ms); /* of the same clock */
/* How long to wait before the `attempt`th retry, from 0: short, then longer. */
int64_t nc_client_pause_ms(unsigned attempt);
/* Sleep so long. False: `deadline_ms` forbids it. */
bool nc_client_pause(unsigned attempt, int64_t deadline_ms);

/* Take a struct of a program's, compiled when it was `from_size` bytes; false: it has members that
 * this library does not know, and they are set. */
bool nc_client_take(void *to, size_t to_size, const void *from, size_t from_size);

/* Do `work` on a thread on which all signals are blocked, as they then are on the threads that it
 * begins, and wait for it: nats.c gives a connection up when a signal's handler runs where it
 * reads. False: there is no thread to be had, and nothing was done. */
bool nc_client_apart(void (*work)(void *ctx), void *ctx);

/* An id in hex that nobody else makes. False: there are no random bytes to be had. */
bool nc_client_id_make(char id[NC_CLIENT_ID_SIZE]);
bool nc_client_inbox_make(const struct nacre_client *client, char inbox[NC_CLIENT_INBOX_SIZE]);

/* Append a name as subjects spell it, with =HH for every byte that is not of [A-Za-z0-9_/-]. A
 * stream's name keeps its dots; another name is one token, and its dots are spelled too. */
void nc_client_put_stream(struct nc_buf *subject, const char *stream);
void nc_client_put_token(struct nc_buf *subject, const char *name);
bool nc_client_name_valid(const char *name);
/* NACRE_INVALID, and what is wrong: subjects bear no empty token. */
int nc_client_stream_check(const char *stream, struct nacre_error *error);
/* One or more tokens, none of them empty or a wildcard. */
bool nc_client_subject_valid(const char *subject);

/* ---- fault.c -------------------------------------------------------------------------------- */

/* Fill `error`, which may be NULL, and give `status` back. */
__attribute__((format(printf, 3, 4))) int nc_client_fail(struct nacre_error *error, int status,
                                                         const char *format, ...);
int nc_client_fail_nats(struct nacre_error *error, natsStatus status, const char *what);
int nc_client_fail_nomem(struct nacre_error *error);

/* Whether `last`, the last token of an object's members, closes it, and the text ends with it. */
bool nc_client_json_ended(struct nc_json *json, const struct nc_json_token *last);

/* NACRE_OK, or what an error answer says: NACRE_REFUSED; NACRE_UNAVAILABLE, a 503; NACRE_PROTOCOL.
 * `error` is not NULL. */
int nc_client_judge(natsMsg *msg, struct nacre_error *error);

/* ---- headers.c ------------------------------------------------------------------------------ */

/* Of messages that came in. */
struct nc_slice nc_client_block(const natsMsg *msg);
/* A header's first value, empty if absent. */
struct nc_slice nc_client_header(const natsMsg *msg, const char *name);
/* One that is a whole number; false if absent or none. */
bool nc_client_header_number(const natsMsg *msg, const char *name, uint64_t *number_out);
bool nc_client_number(struct nc_slice text, uint64_t *number_out);
/* Whether it has a status line; of that 100 to 999, 0: it has none, or another; and its words. */
bool nc_client_has_status(const natsMsg *msg);
unsigned nc_client_status(const natsMsg *msg);
struct nc_slice nc_client_description(const natsMsg *msg);

/* All headers with a NUL behind each text, a status line as "Status" and "Description" first; what
 * is in `texts` goes. Errors: NACRE_NOMEM; NACRE_PROTOCOL, they cannot be read. */
int nc_client_headers_copy(const natsMsg *msg, struct nc_buf *texts);
/* The next of them; `at` begins with 0. False: there are no more. */
bool nc_client_headers_next(const struct nc_buf *texts, size_t *at, struct nacre_pair *pair_out);
/* The first value of a name, "" if absent. */
const char *nc_client_headers_find(const struct nc_buf *texts, const char *name);

/* ---- request.c ------------------------------------------------------------------------------ */

/* `subject` follows the root; `reply` may be NULL. */
natsStatus nc_client_msg_new(const struct nacre_client *client, const char *subject,
                             const char *reply, const void *body, size_t size, natsMsg **msg_out);
/* Check a program's request, and make its message. `error` is not NULL. */
int nc_client_request_take(const struct nacre_request *given, size_t size,
                           struct nacre_request *request_out, struct nacre_error *error);
int nc_client_request_msg(const struct nacre_client *client, const struct nacre_request *request,
                          const char *reply, natsMsg **msg_out, struct nacre_error *error);
/* Add "Es-Min-Position", unless 0. */
natsStatus nc_client_min_position(natsMsg *msg, uint64_t position);

/* Whether nobody can have done anything: nobody was there, or it did not leave. */
bool nc_client_not_sent(natsStatus status);
/* Whether that is not known: no answer came in time, or the connection ended before it, or while it
 * was written, which nats.c has not heard yet. */
bool nc_client_unknown(natsStatus status);

/* Ask until it is answered, or the deadline is over. `repeatable`: also when the outcome is
 * unknown. With NACRE_OK and NACRE_REFUSED there is a reply. `error` is not NULL. */
int nc_client_ask(struct nacre_client *client, natsMsg *msg, int64_t timeout_ms, bool repeatable,
                  natsMsg **reply_out, struct nacre_error *error);

/* ---- lost.c --------------------------------------------------------------------------------- */

/* How often a connection has been made again. What was asked for before may be lost since, or its
 * answer. Errors: NATS_NO_MEMORY. */
natsStatus nc_client_connections(natsConnection *nc, uint64_t *count_out);
/* Whether it is there, as far as nats.c has heard. */
bool nc_client_connected(natsConnection *nc);

/* ---- retire.c ------------------------------------------------------------------------------- */

/* End a subscription, which may be NULL. `at_rest`: nothing waits in it, and nothing is expected.
 */
void nc_client_retire(struct nacre_client *client, natsSubscription *sub, bool at_rest);
/* When the connection is closed. */
void nc_client_retired_free(struct nacre_client *client);

/* ---- append.c ------------------------------------------------------------------------------- */

/* An event as it is sent: with an id, which may be `made`. Not to be copied. */
struct nc_client_append {
	struct nacre_append is;
	char made[NC_CLIENT_ID_SIZE];
};

/* Take what the caller gave, if it can be an event, and give it an id if it has none. Its strings
 * stay the caller's. Errors: NACRE_INVALID; NACRE_CONNECTION, no random bytes. */
int nc_client_append_take(struct nc_client_append *append, const struct nacre_append *given,
                          size_t size, struct nacre_error *error);
/* `reply` may be NULL. */
natsStatus nc_client_append_msg(const struct nacre_client *client, const struct nacre_append *event,
                                const char *reply, natsMsg **msg_out);
/* Errors: NACRE_PROTOCOL. */
int nc_client_appended_read(natsMsg *msg, struct nacre_appended *appended_out);

/* ---- window.c: asynchronous appends --------------------------------------------------------- */

/* The connection on which a request does not overtake what the calling thread has appended
 * asynchronously: line.c. */
natsConnection *nc_client_line(struct nacre_client *client);

/* Room for `size`; the thread and the subscription begin with the first append. Errors:
 * NACRE_NOMEM. */
int nc_window_new(struct nacre_client *client, uint32_t size);
/* Ask no more: before the connection is closed. */
void nc_window_end(struct nc_window *window);
/* When it is closed: end what is under way. NULL is a no-op. */
void nc_window_free(struct nc_window *window);

/* ---- pack.c: MessagePack -------------------------------------------------------------------- */

void nc_pack_map(struct nc_buf *buf, uint32_t count);
void nc_pack_array(struct nc_buf *buf, uint32_t count);
void nc_pack_text(struct nc_buf *buf, const char *text);
void nc_pack_bytes(struct nc_buf *buf, const void *data, size_t size);
void nc_pack_number(struct nc_buf *buf, uint64_t number);

/* ---- event.c -------------------------------------------------------------------------------- */

/* An event that is being given: points into its message, and `text`: its headers, or what was
 * packed. */
struct nc_client_event {
	struct nacre_event event;
	natsMsg *msg; /* owned */
	struct nc_buf text;
	struct nacre_pair *meta;
	size_t meta_room;
	/* Of a packed delivery; 0: not there. */
	uint64_t attempt;
	uint64_t bare_size; /* of the data that is not in it */
	size_t member_next; /* the known one that is looked for first: they come in one order */
};

/* Take over `msg`, even if this fails, and read what headers of an event it has. Errors:
 * NACRE_NOMEM. */
int nc_client_message_take(struct nc_client_event *holder, natsMsg *msg);
/* The same, of a message that must be a whole event. Errors: NACRE_NOMEM, NACRE_PROTOCOL. */
int nc_client_event_take(struct nc_client_event *holder, natsMsg *msg);
/* One more pair of its metadata; its texts are kept elsewhere. Errors: NACRE_NOMEM. */
int nc_client_event_meta(struct nc_client_event *holder, const char *name, const char *value);
/* The next of a packed answer, whose bytes the holder does not keep: event_packed.c, in
 * MessagePack; event_json.c, in JSON, the cursor behind the array's bracket or the event before.
 * Errors: as above.
 */
int nc_client_event_unpack(struct nc_client_event *holder, struct nc_unpack *array);
int nc_client_event_json(struct nc_client_event *holder, struct nc_json *array);

/* What these two share: an event without anything in it; what the member of a name is, and where
 * it goes if it is a text or a number; and whether all is there that an event has. */
enum nc_client_member_kind {
	NC_CLIENT_MEMBER_UNKNOWN,
	NC_CLIENT_MEMBER_TEXT,
	NC_CLIENT_MEMBER_NUMBER,
	NC_CLIENT_MEMBER_TAGS,
	NC_CLIENT_MEMBER_META,
	NC_CLIENT_MEMBER_DATA,
	NC_CLIENT_MEMBER_BASE64, /* data; in JSON alone */
};
struct nc_client_member {
	enum nc_client_member_kind kind;
	const char **text;
	uint64_t *number;
};
void nc_client_event_clear(struct nc_client_event *holder);
struct nc_client_member nc_client_event_member(struct nc_client_event *holder,
                                               struct nc_slice name);
bool nc_client_event_whole(struct nc_client_event *holder);
/* A snapshot of a message, which is taken over, whatever becomes of it; snapshot.c. Errors:
 * NACRE_NOMEM, NACRE_PROTOCOL. */
int nc_client_snapshot_new(natsMsg *msg, const struct nacre_snapshot **snapshot_out);
/* Let go of its message. */
void nc_client_event_drop(struct nc_client_event *holder);
void nc_client_event_release(struct nc_client_event *holder);

#endif
