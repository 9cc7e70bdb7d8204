/* SPDX-License-Identifier: Apache-2.0 */
/* nacre.h -- libnacre, the C client of the Nacre event store.
 *
 * Life:      client > readers, subscriptions, backups. Close those of a client before it. Batches,
 *            events and replies stand by themselves.
 * Threads:   a client may be used by many threads at once; a reader, a subscription, a backup, a
 *            batch or a reply belongs to one at a time. Callbacks come on threads of the
 *            library's, on which the program's signals are blocked: a handler does not run
 *            there, and breaks no connection.
 * Ownership: what is passed to a call is borrowed until it returns. What a reader, a subscription
 *            or a backup gives is borrowed until its next call. Everything that is opened has its
 *            close, which accepts NULL.
 * Errors:    0 or a negative NACRE_* member; out-parameters are untouched on failure. Each call
 *            that can fail takes a struct nacre_error, or NULL, and fills it when it fails.
 * Retries:   a client asks again, with the same event id, while nobody answers, the outcome is
 *            unknown (503, a connection that was lost: as soon as it is back) or the node sheds
 *            load (429), until timeout_ms is over. The store recognises a repeated id however
 *            late it comes: nothing is appended twice.
 * Growth:    structs that calls read grow at their end, and zeros are their defaults: the inline
 *            calls below pass the size that the program was compiled with, so an old program
 *            goes on with a new library. Structs that the library gives are its own and grow
 *            likewise. nacre_error, nacre_appended, nacre_pair and nacre_item never do. Other
 *            languages bind the calls that end in _sized.
 * Source:    docs/protocol.md, sections 2 to 12.
 */
#ifndef NACRE_H
#define NACRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#if defined(__GNUC__) /* a struct and its call share a name, as those of stat(2) do */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#endif
#endif

#if defined(__GNUC__)
#define NACRE_API __attribute__((visibility("default")))
#else
#define NACRE_API
#endif

enum nacre_status {
	NACRE_OK = 0,
	NACRE_END = -1,         /* a reader has given its last event */
	NACRE_NOMEM = -2,       /* an allocation failed */
	NACRE_INVALID = -3,     /* an argument is missing or out of range; nothing was sent */
	NACRE_CONNECTION = -4,  /* NATS cannot be reached, or refuses the credentials */
	NACRE_UNAVAILABLE = -5, /* not answered in time; the outcome of a write is unknown */
	NACRE_REFUSED = -6,     /* the store's own answer: nacre_error has its code and err_code */
	NACRE_PROTOCOL = -7     /* an answer that is not understood */
};

/* The store's code and err_code (docs/protocol.md, section 4), 0 when the fault is on this side. */
struct nacre_error {
	int code;     /* 400, 404, 409, 410, 413, 429, 503, 507 */
	int err_code; /* such as 10071, wrong last sequence */
	uint64_t pos; /* of the event that a condition failed by (40902); else 0 */
	char description[512];
};

NACRE_API const char *nacre_status_name(int status); /* "NACRE_REFUSED" */
NACRE_API const char *nacre_version(void);           /* of the library: "0.1.0" */

struct nacre_pair {
	const char *name, *value;
};

/* ---- The client ----------------------------------------------------------------------------- */

struct nacre_client; /* opaque */

/* Begin with nacre_options_init(). NULL members are absent. */
struct nacre_options {
	/* NATS servers, comma-separated; "nats://127.0.0.1:4222". One with tls:// turns TLS on. */
	const char *url;
	const char *store;  /* required */
	const char *prefix; /* "es" */
	const char *name;   /* of the connection, as NATS shows it; "libnacre" */
	const char *user, *password, *token;
	const char *creds_file;           /* JWT and seed */
	const char *nkey_file;            /* the seed of a user ("SU…") */
	const char *ca_file;              /* certificates to trust; turns TLS on */
	const char *cert_file, *key_file; /* of this client; turn TLS on */
	const char *inbox_prefix;         /* where answers come in; "_INBOX" */
	int64_t timeout_ms;               /* of a call with all its retries; 10000 */
	uint32_t window;                  /* asynchronous appends under way at most; 1000 */
};

NACRE_API void nacre_options_init_sized(struct nacre_options *options, size_t size);
NACRE_API int nacre_connect_sized(const struct nacre_options *options, size_t size,
                                  struct nacre_client **client_out, struct nacre_error *error);

static inline void nacre_options_init(struct nacre_options *options)
{
	nacre_options_init_sized(options, sizeof *options);
}

/* Errors: NACRE_INVALID (a file that cannot be read too), NACRE_CONNECTION, NACRE_NOMEM. */
static inline int nacre_connect(const struct nacre_options *options,
                                struct nacre_client **client_out, struct nacre_error *error)
{
	return nacre_connect_sized(options, sizeof *options, client_out, error);
}

NACRE_API void nacre_close(struct nacre_client *client);

/* ---- Append --------------------------------------------------------------------------------- */

/* 0 means "none", so that a program can expect the version that it has read, which is 0 for a
 * stream that does not exist. */
#define NACRE_EXPECT_ANY    (-1) /* whatever is there */
#define NACRE_EXPECT_EXISTS (-2) /* the stream exists */
#define NACRE_EXPECT_NONE   0    /* the stream does not exist */

/* Names are given as they are, unescaped. */
struct nacre_append {
	const char *stream; /* required, 1 to 255 bytes; no dot at an end, nor two together */
	const char *type;   /* required, 1 to 255 bytes */
	const void *data;   /* required */
	size_t size;        /* bytes of it, at least 1 */
	int64_t expect;     /* NACRE_EXPECT_*, or the version the stream must be at */
	const char *id;     /* NULL: one is made */
	const char *content_type;
	const char *const *tags; /* [tag_count], no commas, no spaces */
	size_t tag_count;
	const struct nacre_pair *meta; /* [meta_count]; names are header tokens */
	size_t meta_count;
};

struct nacre_appended {
	uint64_t seq;   /* version in the stream, from 1 */
	uint64_t pos;   /* position in the store, from 1 */
	bool duplicate; /* the id was known: this is the answer of the first append */
};

NACRE_API int nacre_append_sized(struct nacre_client *client, const struct nacre_append *event,
                                 size_t size, struct nacre_appended *appended_out,
                                 struct nacre_error *error);

/* Append one event; when this returns NACRE_OK it is durable.
 * Errors: NACRE_REFUSED, nothing was written; NACRE_UNAVAILABLE, the outcome is unknown: call again
 *         with the same id (which must then be the caller's); NACRE_INVALID, NACRE_NOMEM,
 *         NACRE_CONNECTION, NACRE_PROTOCOL. */
static inline int nacre_append(struct nacre_client *client, const struct nacre_append *event,
                               struct nacre_appended *appended_out, struct nacre_error *error)
{
	return nacre_append_sized(client, event, sizeof *event, appended_out, error);
}

/* Called with the result of an asynchronous append, as nacre_append() would have returned it.
 * `appended` is NULL unless that is NACRE_OK; then `error` is NULL. The call comes on a thread of
 * the library, one at a time for each client. It must neither call this client nor wait. */
typedef void nacre_appended_fn(void *ctx, int result, const struct nacre_appended *appended,
                               const struct nacre_error *error);

NACRE_API int nacre_append_async_sized(struct nacre_client *client,
                                       const struct nacre_append *event, size_t size,
                                       nacre_appended_fn *done, void *ctx,
                                       struct nacre_error *error);

/* Append without waiting for the answer. This returns when the event has been sent; `done`, which
 * may be NULL, is called once, at most timeout_ms later (two seconds more while a server that the
 * client connects to does not answer). It waits while options.window appends are under way. If many
 * are (256), they use a second connection, which gathers them for at most a millisecond. Events of
 * one thread are taken up in the order of the calls, but one that has to be sent again may come
 * after later ones: if that matters, expect versions. Errors: NACRE_INVALID, NACRE_NOMEM,
 * NACRE_CONNECTION; then `done` is not called. */
static inline int nacre_append_async(struct nacre_client *client, const struct nacre_append *event,
                                     nacre_appended_fn *done, void *ctx, struct nacre_error *error)
{
	return nacre_append_async_sized(client, event, sizeof *event, done, ctx, error);
}

/* Wait until `done` has returned for all asynchronous appends; `timeout_ms` below 0: for ever.
 * nacre_close() does not wait: it ends them with NACRE_UNAVAILABLE. Errors: NACRE_UNAVAILABLE, some
 * are still under way, and go on. */
NACRE_API int nacre_flush(struct nacre_client *client, int64_t timeout_ms,
                          struct nacre_error *error);

/* ---- Append many, atomically ---------------------------------------------------------------- */

struct nacre_batch; /* opaque */

/* Matches an event whose type is one of `types` (none: any type) and that has all of `tags`. */
struct nacre_item {
	const char *const *types; /* [type_count] */
	size_t type_count;
	const char *const *tags; /* [tag_count] */
	size_t tag_count;
};

NACRE_API int nacre_batch_new(struct nacre_batch **batch_out);
NACRE_API void nacre_batch_free(struct nacre_batch *batch);

NACRE_API int nacre_batch_add_sized(struct nacre_batch *batch, const struct nacre_append *event,
                                    size_t size, struct nacre_error *error);

/* Add an event, which is copied. `expect` of a stream's first event is about the stream before the
 * batch; later events of the same stream have NACRE_EXPECT_ANY. An event without an id gets one
 * now, so that the batch can be sent again. Errors of these four calls: NACRE_INVALID, also for
 * more than 1,000 events; NACRE_NOMEM, after which the batch is of no use. */
static inline int nacre_batch_add(struct nacre_batch *batch, const struct nacre_append *event,
                                  struct nacre_error *error)
{
	return nacre_batch_add_sized(batch, event, sizeof *event, error);
}
/* Expect something of a stream that the batch does not write. */
NACRE_API int nacre_batch_check(struct nacre_batch *batch, const char *stream, int64_t expect,
                                struct nacre_error *error);
/* Refuse the batch (409/40902) if any event after position `after` matches one of 1 to 16 items. At
 * most one condition in a batch. */
NACRE_API int nacre_batch_condition(struct nacre_batch *batch, const struct nacre_item *items,
                                    size_t count, uint64_t after, struct nacre_error *error);
/* Acknowledge a delivery (nacre_delivery.reply) in the same step. The batch is refused with
 * 409/40904 if the acknowledgement is stale. At most one in a batch. */
NACRE_API int nacre_batch_ack(struct nacre_batch *batch, const char *reply,
                              struct nacre_error *error);

/* Send the batch; it may be sent again, for instance after NACRE_UNAVAILABLE. `appended_out` has
 * room for as many results as events were added; NULL: they are not wanted. Errors: as
 * nacre_append(). */
NACRE_API int nacre_batch_send(struct nacre_client *client, struct nacre_batch *batch,
                               struct nacre_appended *appended_out, struct nacre_error *error);

/* ---- Any verb ------------------------------------------------------------------------------- */

struct nacre_reply; /* opaque */

struct nacre_request {
	const char *subject; /* after the root: "store.info", "sub.info.billing" */
	const void *body;
	size_t size;
	const struct nacre_pair *headers; /* [header_count] */
	size_t header_count;
	bool repeatable;    /* it may be sent again when its outcome is unknown */
	int64_t timeout_ms; /* 0: the client's */
};

NACRE_API int nacre_request_sized(struct nacre_client *client, const struct nacre_request *request,
                                  size_t size, struct nacre_reply **reply_out,
                                  struct nacre_error *error);

/* One request with one answer. It is sent again if certainly nothing was done (no responders, 429).
 * If it is `repeatable`, also after a 503, after 5 s of silence, and when the connection was lost
 * meanwhile; if it is not, these are NACRE_UNAVAILABLE. Errors: NACRE_REFUSED, and then *reply_out
 * is given too, with the store's whole answer; and as nacre_append(). */
static inline int nacre_request(struct nacre_client *client, const struct nacre_request *request,
                                struct nacre_reply **reply_out, struct nacre_error *error)
{
	return nacre_request_sized(client, request, sizeof *request, reply_out, error);
}

NACRE_API const void *nacre_reply_data(const struct nacre_reply *reply, size_t *size_out);
/* A header's value; "" if absent. */
NACRE_API const char *nacre_reply_header(const struct nacre_reply *reply, const char *name);
/* A member of the answer's JSON object: a whole number; a string, cut to `size` bytes with its NUL.
 * False: there is no such member, or it is not of this kind. */
NACRE_API bool nacre_reply_number(const struct nacre_reply *reply, const char *member,
                                  uint64_t *number_out);
NACRE_API bool nacre_reply_text(const struct nacre_reply *reply, const char *member, char *text_out,
                                size_t size);
NACRE_API void nacre_reply_free(struct nacre_reply *reply);

enum nacre_name_kind {
	NACRE_NAME_STREAM, /* its dots stay */
	NACRE_NAME_TOKEN   /* of a type, a category, a tag */
};

/* Write a name as subjects spell it into `out`, cut to `size` bytes with its NUL. Like snprintf(),
 * this returns how many bytes the whole name takes without the NUL. */
NACRE_API size_t nacre_name(enum nacre_name_kind kind, const char *name, char *out, size_t size);

/* ---- Read ----------------------------------------------------------------------------------- */

struct nacre_reader; /* opaque */

enum nacre_source {
	NACRE_STREAM,
	NACRE_ALL,
	NACRE_TYPE,
	NACRE_CATEGORY,
	NACRE_TAG,
	NACRE_QUERY /* events that match one of the items */
};

/* Zeros read a whole stream forward, linearizably. */
struct nacre_read {
	enum nacre_source source;
	const char *name;      /* of the stream, type, category or tag */
	uint64_t from, to;     /* inclusive; versions of a stream, else positions; 0: open */
	uint64_t limit;        /* events in all; 0: no limit */
	bool backward;         /* newest first */
	bool direct;           /* any node, from what it has applied */
	uint64_t min_position; /* direct: wait until that node has applied it */
	const struct nacre_item *items; /* [item_count], of a query: 1 to 16 */
	size_t item_count;
	const char *items_json; /* or as JSON: [{"types":["T"],"tags":["a:1"]}] */
	const char *from_time;  /* RFC 3339, inclusive, instead of `from` */
	const char *filter;     /* JSON: {"plugin":"by_payload","selector":…} */
};

struct nacre_event {
	const char *stream, *type, *id, *time; /* RFC 3339, UTC, nine decimals */
	const char *content_type, *tags;       /* "" if none; tags comma-separated */
	uint64_t seq, pos;
	const void *data;
	size_t size;
	const struct nacre_pair *meta; /* [meta_count]; a name with many values comes as often */
	size_t meta_count;
};

NACRE_API int nacre_read_open_sized(struct nacre_client *client, const struct nacre_read *read,
                                    size_t size, struct nacre_reader **reader_out,
                                    struct nacre_error *error);

/* Begin to read. The reader makes as many requests as it takes, and makes them ahead, so that in a
 * long read up to 32 MiB may wait. Events come in messages as large as the server takes: a program
 * on glibc that reads much is a third faster if it keeps their memory (mallopt(3), M_MMAP_THRESHOLD
 * and M_TRIM_THRESHOLD). Errors: NACRE_INVALID, NACRE_NOMEM. */
static inline int nacre_read_open(struct nacre_client *client, const struct nacre_read *read,
                                  struct nacre_reader **reader_out, struct nacre_error *error)
{
	return nacre_read_open_sized(client, read, sizeof *read, reader_out, error);
}

/* The next event. NACRE_END comes after the last; a stream that does not exist has no events.
 * Errors: as nacre_append(), except that nothing is ever written. */
NACRE_API int nacre_read_next(struct nacre_reader *reader, const struct nacre_event **event_out,
                              struct nacre_error *error);
/* The last version of the stream, or the last position of the store, as of the last page: to
 * expect, or for a condition. 0 before the first page has ended, and for what does not exist. */
NACRE_API uint64_t nacre_read_head(const struct nacre_reader *reader);
NACRE_API void nacre_read_close(struct nacre_reader *reader);

/* One event: by position; or by stream and version; or by stream and id; or by id alone. */
struct nacre_get {
	uint64_t pos;
	const char *stream;
	uint64_t seq;
	const char *id;
	bool direct;
	uint64_t min_position;
};

NACRE_API int nacre_get_sized(struct nacre_client *client, const struct nacre_get *get, size_t size,
                              const struct nacre_event **event_out, struct nacre_error *error);

/* The event is the caller's: nacre_event_free(). Errors: NACRE_REFUSED, 404/10037; and the others.
 */
static inline int nacre_get(struct nacre_client *client, const struct nacre_get *get,
                            const struct nacre_event **event_out, struct nacre_error *error)
{
	return nacre_get_sized(client, get, sizeof *get, event_out, error);
}
NACRE_API void nacre_event_free(const struct nacre_event *event);

/* ---- Snapshots of aggregates ---------------------------------------------------------------- */

/* A snapshot of the state that a program has computed from a stream's events up to a version. */
struct nacre_snapshot_put {
	const char *stream; /* required */
	uint64_t seq; /* required: the version that it is of, which the stream must have reached */
	const void *data; /* required */
	size_t size;      /* bytes of it, at least 1 */
	const char *content_type;
	const struct nacre_pair *meta; /* [meta_count]; names are header tokens */
	size_t meta_count;
};

struct nacre_snapshot {
	const char *stream, *time; /* when it was put: RFC 3339, UTC, nine decimals */
	const char *content_type;  /* "" if none */
	uint64_t seq;
	const void *data;
	size_t size;
	const struct nacre_pair *meta; /* [meta_count] */
	size_t meta_count;
};

NACRE_API int nacre_snapshot_put_sized(struct nacre_client *client,
                                       const struct nacre_snapshot_put *put, size_t size,
                                       struct nacre_error *error);

/* Put a snapshot, which replaces one of the same version. When this returns NACRE_OK it is durable.
 * How many of a stream are kept is a setting of the store (NACRE_SNAPSHOT_KEEP). Errors:
 * NACRE_REFUSED, 400/10003 if the stream has not reached that version; and as nacre_append(). */
static inline int nacre_snapshot_put(struct nacre_client *client,
                                     const struct nacre_snapshot_put *put,
                                     struct nacre_error *error)
{
	return nacre_snapshot_put_sized(client, put, sizeof *put, error);
}

/* Which snapshot: the newest; or that of version `seq`; or the newest up to version `at_most`. */
struct nacre_snapshot_get {
	const char *stream; /* required */
	uint64_t seq, at_most;
	bool direct;           /* any node, from what it has applied */
	uint64_t min_position; /* direct: wait until that node has applied it */
};

NACRE_API int nacre_snapshot_get_sized(struct nacre_client *client,
                                       const struct nacre_snapshot_get *get, size_t size,
                                       const struct nacre_snapshot **snapshot_out,
                                       struct nacre_error *error);

/* The snapshot is the caller's: nacre_snapshot_free(). Errors: NACRE_REFUSED, 404/40401 if there is
 * none; and the others. */
static inline int nacre_snapshot_get(struct nacre_client *client,
                                     const struct nacre_snapshot_get *get,
                                     const struct nacre_snapshot **snapshot_out,
                                     struct nacre_error *error)
{
	return nacre_snapshot_get_sized(client, get, sizeof *get, snapshot_out, error);
}
NACRE_API void nacre_snapshot_free(const struct nacre_snapshot *snapshot);

/* Pages and answers are the JSON of docs/protocol.md, section 10. `stream` NULL: the streams that
 * have snapshots. `page`: {"limit":100,"after":7}, of streams {"prefix":"orders.","after":"…"};
 * NULL: from the first. The answer's `next` is there if there is more. */
NACRE_API int nacre_snapshot_list(struct nacre_client *client, const char *stream, const char *page,
                                  struct nacre_reply **reply_out, struct nacre_error *error);
/* `which`: {"seq":7} or {"before":7}; NULL: all. The answer says how many were deleted: `deleted`.
 * `reply_out` may be NULL. 404/40401 may also mean that an earlier try of this call has deleted
 * it. */
NACRE_API int nacre_snapshot_delete(struct nacre_client *client, const char *stream,
                                    const char *which, struct nacre_reply **reply_out,
                                    struct nacre_error *error);

struct nacre_load {
	const char *stream; /* required */
	uint64_t limit;     /* events in all; 0: no limit */
	bool direct;        /* any node, from what it has applied */
	uint64_t min_position;
};

NACRE_API int nacre_load_sized(struct nacre_client *client, const struct nacre_load *load,
                               size_t size, const struct nacre_snapshot **snapshot_out,
                               struct nacre_reader **reader_out, struct nacre_error *error);

/* A stream's newest snapshot, and a reader of the events after it, as of one moment. If there is no
 * snapshot, *snapshot_out is NULL, and the reader gives all events. Both are the caller's:
 * nacre_snapshot_free(), nacre_read_close(). Errors: as nacre_read_next(). */
static inline int nacre_load(struct nacre_client *client, const struct nacre_load *load,
                             const struct nacre_snapshot **snapshot_out,
                             struct nacre_reader **reader_out, struct nacre_error *error)
{
	return nacre_load_sized(client, load, sizeof *load, snapshot_out, reader_out, error);
}

/* ---- Streams --------------------------------------------------------------------------------- */

/* Answers are the JSON of docs/protocol.md, section 11. What is known of a stream: seq, first_seq,
 * events, bytes, created, last, state. Errors: NACRE_REFUSED, 404/10059 if there is no such stream;
 * and as nacre_request(). */
NACRE_API int nacre_stream_info(struct nacre_client *client, const char *stream,
                                struct nacre_reply **reply_out, struct nacre_error *error);
/* The streams, by name. `page`: {"prefix":"orders.","after":"orders.42","limit":1000}; NULL: from
 * the first. If there are more, the answer's `next` is the `after` of the next page. */
NACRE_API int nacre_stream_list(struct nacre_client *client, const char *page,
                                struct nacre_reply **reply_out, struct nacre_error *error);
/* Delete a stream. Its events are not visible any more, and no version is used again. `how`:
 * {"mode":"tombstone","expect":7}; NULL: a soft delete, whatever the version, after which the next
 * append revives the stream. A tombstone is for ever: from then on 410/41001, which may also mean
 * that an earlier try of this call has made it. `reply_out` may be NULL. Errors: NACRE_REFUSED,
 * 404/10059 if there never was such a stream, 400/10071 if its version is not the expected one; and
 * as nacre_request(). */
NACRE_API int nacre_stream_delete(struct nacre_client *client, const char *stream, const char *how,
                                  struct nacre_reply **reply_out, struct nacre_error *error);
/* Set a stream's limits. `limits`:
 * {"max_count":1000,"max_age_s":86400,"truncate_before":7,"expect":9}. Limits that are not named
 * stay; 0 removes one. Events that have become invisible stay so. Errors: as
 * nacre_stream_delete(). */
NACRE_API int nacre_stream_meta(struct nacre_client *client, const char *stream, const char *limits,
                                struct nacre_reply **reply_out, struct nacre_error *error);
/* The store's head, its bytes, and how many events the most frequent types and categories have.
 * `page`: {"limit":100} of each; NULL: 1,000. */
NACRE_API int nacre_store_stats(struct nacre_client *client, const char *page,
                                struct nacre_reply **reply_out, struct nacre_error *error);

/* ---- Backup ---------------------------------------------------------------------------------- */

struct nacre_backup; /* opaque */

/* A part of a file. Files come one after the other, each from its beginning. */
struct nacre_backup_chunk {
	const char *file; /* [A-Za-z0-9._-], not beginning with a dot */
	uint64_t offset;
	const void *data;
	size_t size; /* at least 1 */
};

/* Ask a node for a backup of the store: it has everything that was acknowledged before the call
 * (docs/protocol.md, section 12). Its files are given chunk by chunk, as fast as the program takes
 * them; the node sends at most half a mebibyte ahead. The program must not take a minute for a
 * chunk. Errors: NACRE_REFUSED, 429/10023, the node gives a backup to somebody else all the time;
 * 507/50701, no room for a checkpoint; NACRE_INVALID, NACRE_NOMEM, NACRE_CONNECTION,
 * NACRE_UNAVAILABLE, NACRE_PROTOCOL. */
NACRE_API int nacre_backup_open(struct nacre_client *client, struct nacre_backup **backup_out,
                                struct nacre_error *error);
/* What it is: the node's answer, JSON. {"backup","store","cluster_id","node","version","pos",
 * "time","events","digest","bytes","files":[{"name","size"}]} */
NACRE_API const char *nacre_backup_info(const struct nacre_backup *backup);
/* The next chunk, checked by its hash; valid until the next call. NACRE_END: that was all, and
 * every byte was given. After an error the backup has ended, what was given is not a backup, and
 * each further call returns the same error. Errors: NACRE_UNAVAILABLE, the node or the connection
 * is gone, or the node has ended the backup; and as above. */
NACRE_API int nacre_backup_next(struct nacre_backup *backup,
                                const struct nacre_backup_chunk **chunk_out,
                                struct nacre_error *error);
/* If there was more, the node is told. */
NACRE_API void nacre_backup_close(struct nacre_backup *backup);

/* ---- Subscriptions: as an administrator ----------------------------------------------------- */

/* Definitions, bodies and answers are the JSON of docs/protocol.md, section 8. `reply_out` may be
 * NULL, and is given with NACRE_REFUSED too. Names: [A-Za-z0-9_-], 1 to 64.
 * Errors: NACRE_REFUSED, 404/10014 where there is no such subscription; and as nacre_append(). */

/* `definition`: {"filter":{"plugin":"by_stream","selector":"orders.42"},…}. Creating the same
 * subscription again is fine; 409/40903: another one has this name. */
NACRE_API int nacre_sub_create(struct nacre_client *client, const char *name,
                               const char *definition, struct nacre_reply **reply_out,
                               struct nacre_error *error);
/* `change`: the members that change, and "backfill". */
NACRE_API int nacre_sub_update(struct nacre_client *client, const char *name, const char *change,
                               struct nacre_reply **reply_out, struct nacre_error *error);
/* 404/10014 may also mean that an earlier try of this call has deleted it. */
NACRE_API int nacre_sub_delete(struct nacre_client *client, const char *name,
                               struct nacre_error *error);
NACRE_API int nacre_sub_info(struct nacre_client *client, const char *name,
                             struct nacre_reply **reply_out, struct nacre_error *error);
/* `page`: {"after":"billing","limit":100}; NULL: from the first. If there are more, the answer has
 * `next`. */
NACRE_API int nacre_sub_list(struct nacre_client *client, const char *page,
                             struct nacre_reply **reply_out, struct nacre_error *error);
NACRE_API int nacre_sub_pause(struct nacre_client *client, const char *name,
                              struct nacre_reply **reply_out, struct nacre_error *error);
NACRE_API int nacre_sub_resume(struct nacre_client *client, const char *name,
                               struct nacre_reply **reply_out, struct nacre_error *error);
/* `to`: {"pos":1040}, {"time":"RFC 3339"}, "first" or "new", the words with their quotes. */
NACRE_API int nacre_sub_seek(struct nacre_client *client, const char *name, const char *to,
                             struct nacre_reply **reply_out, struct nacre_error *error);
/* `page`: {"after":1040,"limit":100}; NULL: from the first. */
NACRE_API int nacre_sub_parked(struct nacre_client *client, const char *name, const char *page,
                               struct nacre_reply **reply_out, struct nacre_error *error);
/* `which`: {"pos":[1040]} or {"key":"7"}; NULL: all that is parked. */
NACRE_API int nacre_sub_replay(struct nacre_client *client, const char *name, const char *which,
                               struct nacre_reply **reply_out, struct nacre_error *error);
/* Why the event at `pos` was or was not delivered. */
NACRE_API int nacre_sub_explain(struct nacre_client *client, const char *name, uint64_t pos,
                                struct nacre_reply **reply_out, struct nacre_error *error);

/* ---- Subscriptions: as a consumer ----------------------------------------------------------- */

struct nacre_subscription; /* opaque */

/* Zeros are the defaults. */
struct nacre_consume {
	uint32_t batch; /* of a pull: how many events to ask for ahead; 100. They must be answered
	                   within the subscription's ack_wait_ms */
	uint64_t max_bytes; /* of a pull: of one request; 0: no limit */
	bool no_wait;       /* of a pull: NACRE_END when the store says that there is none */
	uint64_t limit;     /* of a pull: events in all, then NACRE_END; 0: no limit */
	bool packed; /* of a pull: many events in a message, which costs less. The subscription's
	                ack must be all or none; else NACRE_REFUSED, 400/10003 */
};

struct nacre_delivery {
	const struct nacre_event *event;
	const char *subject;
	const char *reply;  /* where it is answered; "" in the live feed. See `left` */
	uint32_t attempt;   /* from 1; 0 in the live feed */
	bool pending_known; /* whether `pending` is exact */
	uint64_t pending;   /* matching events that have not been delivered */
	uint64_t
	        stored_size; /* bytes of data in the store; with headers_only event->data is "{}" */
	/* of the live feed: events lost so far, because this program was too slow */
	uint64_t dropped;
	/* Events behind it in the same message; 0: it came alone, or is the last. Of packed
	 * deliveries, whichever way they come, each is given with a reply of its own. With ack all
	 * nacre_ack() there is about all up to it, so it is enough to acknowledge the last; the
	 * other answers are about this event alone, and to the last about the whole message. */
	uint32_t left;
};

NACRE_API int nacre_subscribe_sized(struct nacre_client *client, const char *name,
                                    const struct nacre_consume *how, size_t size,
                                    struct nacre_subscription **sub_out, struct nacre_error *error);

/* Consume an existing subscription of either kind: for a push subscription the library listens on
 * its subject, in its queue group if it names one; from others it pulls. `how` may be NULL. Several
 * consumers share the work of a pull subscription, and of a push subscription with a queue group.
 * Errors: NACRE_INVALID; NACRE_REFUSED, 404/10014; and the others. */
static inline int nacre_subscribe(struct nacre_client *client, const char *name,
                                  const struct nacre_consume *how,
                                  struct nacre_subscription **sub_out, struct nacre_error *error)
{
	return nacre_subscribe_sized(client, name, how, how == NULL ? 0 : sizeof *how, sub_out,
	                             error);
}

/* The live feed, at most once: `type` and `stream` as subjects spell them (nacre_name()), wildcards
 * allowed; NULL: all. */
NACRE_API int nacre_tail(struct nacre_client *client, const char *type, const char *stream,
                         struct nacre_subscription **sub_out, struct nacre_error *error);
/* Any subject after the root, wildcards allowed: "advisory.>". NULL: an inbox of its own. */
NACRE_API int nacre_listen(struct nacre_client *client, const char *subject,
                           struct nacre_subscription **sub_out, struct nacre_error *error);
/* The subject that is listened to. */
NACRE_API const char *nacre_listening(const struct nacre_subscription *sub);

NACRE_API int nacre_request_many_sized(struct nacre_client *client,
                                       const struct nacre_request *request, size_t size,
                                       struct nacre_subscription **sub_out,
                                       struct nacre_error *error);
/* One request with an answer of many messages. nacre_next() gives each, and NACRE_END after the
 * last; NACRE_UNAVAILABLE if the connection, and part of the answer, was lost meanwhile. It is sent
 * only once, since it is not known how much of an answer is wanted again. */
static inline int nacre_request_many(struct nacre_client *client,
                                     const struct nacre_request *request,
                                     struct nacre_subscription **sub_out, struct nacre_error *error)
{
	return nacre_request_many_sized(client, request, sizeof *request, sub_out, error);
}

/* The next delivery. `timeout_ms` below 0: wait for ever. The library answers heartbeats and flow
 * control. Errors: NACRE_END, none came in time, or, with no_wait or nacre_request_many(), there
 * are no more; NACRE_UNAVAILABLE, nobody answers at present; NACRE_REFUSED, such as 404/10014, the
 * subscription was deleted; NACRE_PROTOCOL, a message is not understood. After any of these it may
 * be called again. */
NACRE_API int nacre_next(struct nacre_subscription *sub, int64_t timeout_ms,
                         const struct nacre_delivery **delivery_out, struct nacre_error *error);
/* Whether the last nacre_next() gave NACRE_END because there are no more, and not because none came
 * in time. */
NACRE_API bool nacre_has_ended(const struct nacre_subscription *sub);
/* A header of the last delivery, or of its message if it came packed; "" if absent. */
NACRE_API const char *nacre_header(const struct nacre_subscription *sub, const char *name);
/* Events that were given and not answered are delivered again, to some consumer, after
 * ack_wait_ms. */
NACRE_API void nacre_unsubscribe(struct nacre_subscription *sub);

/* Answer a delivery, by its `reply`. The answers have been sent when these calls return. With
 * `wait`, nacre_ack() returns when it is replicated that the event is done; if it is stale:
 * NACRE_REFUSED, 409/40904. */
NACRE_API int nacre_ack(struct nacre_client *client, const char *reply, bool wait,
                        struct nacre_error *error);
/* Deliver it again after delay_ms; below 0: after the subscription's own pause. */
NACRE_API int nacre_nak(struct nacre_client *client, const char *reply, int64_t delay_ms,
                        struct nacre_error *error);
/* Still working on it: the wait begins again. */
NACRE_API int nacre_working(struct nacre_client *client, const char *reply,
                            struct nacre_error *error);
/* Do not deliver it again: it is parked with the reason, which may be NULL. */
NACRE_API int nacre_term(struct nacre_client *client, const char *reply, const char *reason,
                         struct nacre_error *error);
/* Of a pull: acknowledge, and ask for the next event, in one message; nacre_next() gives that
 * event. */
NACRE_API int nacre_ack_next(struct nacre_subscription *sub, const char *reply,
                             struct nacre_error *error);

#ifdef __cplusplus
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif
}
#endif
#endif
