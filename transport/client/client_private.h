/* SPDX-License-Identifier: Apache-2.0 */
/* client_private.h -- what the parts of libnacre share. Answers come from elsewhere, so whatever is
 * missing or malformed in one is an error: NACRE_PROTOCOL. */
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
	natsOptions *dialling; /* with which it was connected */
	char *root;            /* <prefix>.<store> */
	char *inbox_prefix;    /* the program's prefix, a dot, and a token of our own */
	int64_t timeout_ms;
	struct nc_window *window; /* of asynchronous appends */
	pthread_mutex_t lock;
	struct nc_buf retired; /* under lock: subscriptions that wait to be destroyed */
};

struct nacre_reply {
	natsMsg *msg;
	struct nc_buf headers; /* as nc_client_headers_copy() makes them */
};

/* ---- support.c ------------------------------------------------------------------------------ */

int64_t nc_client_now_ms(void);
struct timespec nc_client_timespec(int64_t ms); /* of the same clock */
/* How long to wait before the `attempt`th retry, from 0: short, then longer. */
int64_t nc_client_pause_ms(unsigned attempt);
/* Sleep for that long. False, without sleeping, if `deadline_ms` would be over then. */
bool nc_client_pause(unsigned attempt, int64_t deadline_ms);

/* Copy a struct of the program's, which had `from_size` bytes when the program was compiled. False
 * if it has members that this library does not know, and they are set. */
bool nc_client_take(void *to, size_t to_size, const void *from, size_t from_size);

/* Do `work` on a thread on which all signals are blocked, as they then are on the threads that it
 * begins, and wait for it: nats.c gives a connection up when a signal's handler runs where it
 * reads. False: there is no thread to be had, and nothing was done. */
bool nc_client_apart(void (*work)(void *ctx), void *ctx);

/* Make a random id in hex, and an inbox of our own. False if there are no random bytes. */
bool nc_client_id_make(char id[NC_CLIENT_ID_SIZE]);
bool nc_client_inbox_make(const struct nacre_client *client, char inbox[NC_CLIENT_INBOX_SIZE]);

/* Append a name as subjects spell it, with =HH for every byte that is not of [A-Za-z0-9_/-]. A
 * stream's name keeps its dots; another name is one token, and its dots are spelled too. */
void nc_client_put_stream(struct nc_buf *subject, const char *stream);
void nc_client_put_token(struct nc_buf *subject, const char *name);
bool nc_client_name_valid(const char *name);
/* Check a stream's name, which must make no empty token in a subject. Errors: NACRE_INVALID, and
 * `error` says what is wrong. */
int nc_client_stream_check(const char *stream, struct nacre_error *error);
/* Whether a subject has only tokens that are neither empty nor a wildcard. */
bool nc_client_subject_valid(const char *subject);

/* ---- fault.c -------------------------------------------------------------------------------- */

/* Fill `error`, which may be NULL, and return `status`. */
__attribute__((format(printf, 3, 4))) int nc_client_fail(struct nacre_error *error, int status,
                                                         const char *format, ...);
int nc_client_fail_nats(struct nacre_error *error, natsStatus status, const char *what);
int nc_client_fail_nomem(struct nacre_error *error);

/* Whether `last`, the token after an object's members, closes the object, and the text ends there.
 */
bool nc_client_json_ended(struct nc_json *json, const struct nc_json_token *last);

/* What an answer says: NACRE_OK; NACRE_REFUSED; NACRE_UNAVAILABLE, a 503; NACRE_PROTOCOL. `error`
 * is not NULL. */
int nc_client_judge(natsMsg *msg, struct nacre_error *error);

/* ---- headers.c ------------------------------------------------------------------------------ */

/* All of these are of messages that came in. */

/* The bytes of all headers. */
struct nc_slice nc_client_block(const natsMsg *msg);
/* A header's first value; empty if it is not there. */
struct nc_slice nc_client_header(const natsMsg *msg, const char *name);
/* A header that is a whole number; false if it is not there, or is none. */
bool nc_client_header_number(const natsMsg *msg, const char *name, uint64_t *number_out);
bool nc_client_number(struct nc_slice text, uint64_t *number_out);
/* The status line: whether there is one; its code, 100 to 999, or 0 if it has none; its words. */
bool nc_client_has_status(const natsMsg *msg);
unsigned nc_client_status(const natsMsg *msg);
struct nc_slice nc_client_description(const natsMsg *msg);

/* Put all headers into `texts`, in place of what it has: names and values, each with a NUL behind
 * it. A status line comes first, as "Status" and "Description". Errors: NACRE_NOMEM;
 * NACRE_PROTOCOL, the headers cannot be read. */
int nc_client_headers_copy(const natsMsg *msg, struct nc_buf *texts);
/* The next header of those; `*at` is 0 for the first. False if there are no more. */
bool nc_client_headers_next(const struct nc_buf *texts, size_t *at, struct nacre_pair *pair_out);
/* The first value of a header of those; "" if it is not there. */
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

/* Whether a request certainly had no effect: it did not leave, or nobody was there to hear it. */
bool nc_client_not_sent(natsStatus status);
/* Whether it is not known if a request had an effect: no answer came in time, or the connection
 * ended before the answer, or while the request was written, which nats.c may not have noticed yet.
 */
bool nc_client_unknown(natsStatus status);

/* Ask until there is an answer, or the client's timeout is over. The request must be one that may
 * be repeated: it is, if the outcome of a try is unknown. With NACRE_OK and NACRE_REFUSED there is
 * a reply. `error` is not NULL. */
int nc_client_ask(struct nacre_client *client, natsMsg *msg, natsMsg **reply_out,
                  struct nacre_error *error);

/* ---- lost.c --------------------------------------------------------------------------------- */

/* How often a connection has been made again. If that has changed, what was asked for before may be
 * lost, or its answer. Errors: NATS_NO_MEMORY. */
natsStatus nc_client_connections(natsConnection *nc, uint64_t *count_out);
/* Whether the connection is there, as far as nats.c has noticed. */
bool nc_client_connected(natsConnection *nc);

/* ---- retire.c ------------------------------------------------------------------------------- */

/* End a subscription, which may be NULL. `at_rest` says that nothing waits in it, and nothing more
 * is expected. */
void nc_client_retire(struct nacre_client *client, natsSubscription *sub, bool at_rest);
/* Destroy those that wait for it, when the connection is closed. */
void nc_client_retired_free(struct nacre_client *client);

/* ---- append.c ------------------------------------------------------------------------------- */

/* An event as it is sent: with an id, which may be `made`. Not to be copied. */
struct nc_client_append {
	struct nacre_append is;
	char made[NC_CLIENT_ID_SIZE];
};

/* Take what the caller gave, if it can be an event, and give it an id if it has none. The strings
 * stay the caller's. Errors: NACRE_INVALID; NACRE_CONNECTION, there are no random bytes. */
int nc_client_append_take(struct nc_client_append *append, const struct nacre_append *given,
                          size_t size, struct nacre_error *error);
/* Make the message of an event. `reply` may be NULL. */
natsStatus nc_client_append_msg(const struct nacre_client *client, const struct nacre_append *event,
                                const char *reply, natsMsg **msg_out);
/* Errors: NACRE_PROTOCOL. */
int nc_client_appended_read(natsMsg *msg, struct nacre_appended *appended_out);

/* ---- window.c: asynchronous appends --------------------------------------------------------- */

/* The connection on which a request does not overtake what the calling thread has appended
 * asynchronously (line.c). */
natsConnection *nc_client_line(struct nacre_client *client);

/* Make a window for `size` appends at a time. Its thread and subscription begin with the first
 * append. Errors: NACRE_NOMEM. */
int nc_window_new(struct nacre_client *client, uint32_t size);
/* Stop asking. To be called before the connection is closed. */
void nc_window_end(struct nc_window *window);
/* End what is under way, when the connection is closed. NULL is a no-op. */
void nc_window_free(struct nc_window *window);

/* ---- pack.c: MessagePack -------------------------------------------------------------------- */

void nc_pack_map(struct nc_buf *buf, uint32_t count);
void nc_pack_array(struct nc_buf *buf, uint32_t count);
void nc_pack_text(struct nc_buf *buf, const char *text);
void nc_pack_bytes(struct nc_buf *buf, const void *data, size_t size);
void nc_pack_number(struct nc_buf *buf, uint64_t number);

/* ---- event.c -------------------------------------------------------------------------------- */

/* An event that is being given. It points into its message, and into `text`, which has the headers,
 * or what was packed. Begins as zeros. */
struct nc_client_event {
	struct nacre_event event;
	natsMsg *msg; /* owned */
	struct nc_buf text;
	struct nacre_pair *meta;
	size_t meta_room;
	/* Of a packed delivery; 0 if it does not say. */
	uint64_t attempt;
	uint64_t bare_size; /* bytes of data that were left out */
	size_t member_next; /* the member that is looked for first, as they come in a fixed order */
};

/* Take over `msg`, even if this fails, and read what headers of an event it has. Errors:
 * NACRE_NOMEM. */
int nc_client_message_take(struct nc_client_event *holder, natsMsg *msg);
/* The same, of a message that must be a whole event. Errors: NACRE_NOMEM, NACRE_PROTOCOL. */
int nc_client_event_take(struct nc_client_event *holder, natsMsg *msg);
/* Add a pair of metadata, whose texts are kept elsewhere. Errors: NACRE_NOMEM. */
int nc_client_event_meta(struct nc_client_event *holder, const char *name, const char *value);
/* Take the next event of a packed answer, whose bytes the holder does not keep: of MessagePack
 * (event_packed.c), or of JSON (event_json.c). The JSON cursor stands behind the array's bracket,
 * or behind the event before. Errors: those of nc_client_event_take(). */
int nc_client_event_unpack(struct nc_client_event *holder, struct nc_unpack *array);
int nc_client_event_json(struct nc_client_event *holder, struct nc_json *array);

/* For these two: empty the event; find out what the member of a name is, and where a text or a
 * number goes; and tell whether the event has all that one must have. */
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
/* Make a snapshot of a message, which is taken over even if this fails (snapshot.c). Errors:
 * NACRE_NOMEM, NACRE_PROTOCOL. */
int nc_client_snapshot_new(natsMsg *msg, const struct nacre_snapshot **snapshot_out);
/* Destroy the event's message; and free all of it. */
void nc_client_event_drop(struct nc_client_event *holder);
void nc_client_event_release(struct nc_client_event *holder);

#endif
