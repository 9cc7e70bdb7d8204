/* SPDX-License-Identifier: Apache-2.0 */
/* nacre.h -- libnacre, the C client of the Nacre event store.
 *
 * Life:      client > readers. Close the readers of a client before it.
 * Threads:   a client may be used by many threads at once; a reader belongs to one at a time.
 * Ownership: what is passed to a call is borrowed until it returns. What a reader gives is borrowed
 *            until its next call. Everything that is opened has its close, which accepts NULL.
 * Errors:    0 or a negative NACRE_* member; out-parameters are untouched on failure. Each call
 * that can fail takes a struct nacre_error, or NULL, and fills it when it fails. Retries:   a
 * client asks again, with the same event id, while nobody answers, the outcome is unknown (503) or
 * the node sheds load (429), until timeout_ms is over. The store recognises a repeated id however
 * late it comes, so nothing is appended twice. Source:    docs/protocol.md, sections 2 to 6.
 */
#ifndef NACRE_H
#define NACRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define NACRE_API __attribute__((visibility("default")))
#else
#define NACRE_API
#endif

enum nacre_status {
	NACRE_OK = 0,
	NACRE_END = -1,        /* a reader has given its last event */
	NACRE_NOMEM = -2,      /* an allocation failed */
	NACRE_INVALID = -3,    /* an argument is missing or out of range; nothing was sent */
	NACRE_CONNECTION = -4, /* NATS cannot be reached, or refuses the credentials */
	NACRE_UNAVAILABLE =
	        -5,         /* not answered within the timeout; the outcome of a write is unknown */
	NACRE_REFUSED = -6, /* the store's own answer: nacre_error has its code and err_code */
	NACRE_PROTOCOL = -7 /* an answer that is not understood */
};

/* The store's code and err_code (docs/protocol.md, section 4), 0 when the fault is on this side. */
struct nacre_error {
	int code;     /* 400, 404, 409, 410, 413, 429, 503, 507 */
	int err_code; /* such as 10071, wrong last sequence */
	char description[512];
};

/* ---- The client ----------------------------------------------------------------------------- */

struct nacre_client; /* opaque */

/* Begin with nacre_options_init(). NULL members are absent. */
struct nacre_options {
	const char *url;    /* NATS servers, comma-separated; "nats://127.0.0.1:4222" */
	const char *store;  /* required */
	const char *prefix; /* "es" */
	const char *name;   /* of the connection, as NATS shows it; "libnacre" */
	const char *user, *password, *token;
	const char *creds_file;           /* JWT and seed */
	const char *ca_file;              /* certificates to trust; turns TLS on */
	const char *cert_file, *key_file; /* of this client; turn TLS on */
	int64_t timeout_ms;               /* of a call with all its retries; 10000 */
};

NACRE_API void nacre_options_init(struct nacre_options *options);

/* Errors: NACRE_INVALID, NACRE_CONNECTION, NACRE_NOMEM. */
NACRE_API int nacre_connect(const struct nacre_options *options, struct nacre_client **client_out,
                            struct nacre_error *error);
NACRE_API void nacre_close(struct nacre_client *client);

/* ---- Append --------------------------------------------------------------------------------- */

#define NACRE_EXPECT_ANY    (-1) /* whatever is there */
#define NACRE_EXPECT_EXISTS (-2) /* the stream exists */
#define NACRE_EXPECT_NONE   0    /* it does not */

struct nacre_pair {
	const char *name, *value;
};

/* Names as they are, unescaped. */
struct nacre_append {
	const char *stream; /* required, 1 to 255 bytes */
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
	bool duplicate; /* the id was known: this is the first answer */
};

/* Append one event; when this returns NACRE_OK it is durable.
 * Errors: NACRE_REFUSED, nothing was written; NACRE_UNAVAILABLE, the outcome is unknown: call again
 *         with the same id (which must then be the caller's); NACRE_INVALID, NACRE_NOMEM,
 *         NACRE_CONNECTION, NACRE_PROTOCOL. */
NACRE_API int nacre_append(struct nacre_client *client, const struct nacre_append *event,
                           struct nacre_appended *appended_out, struct nacre_error *error);

/* ---- Read ----------------------------------------------------------------------------------- */

struct nacre_reader; /* opaque */

enum nacre_source { NACRE_STREAM, NACRE_ALL, NACRE_TYPE, NACRE_CATEGORY };

/* Zeros read a whole stream forward, linearizably. */
struct nacre_read {
	enum nacre_source source;
	const char *name;      /* of the stream, type or category; NULL for NACRE_ALL */
	uint64_t from, to;     /* inclusive; versions of a stream, else positions; 0: open */
	uint64_t limit;        /* events in all; 0: no limit */
	bool backward;         /* newest first */
	bool direct;           /* any node, from what it has applied */
	uint64_t min_position; /* direct: wait until that node has applied it */
};

struct nacre_event {
	const char *stream, *type, *id, *time; /* RFC 3339, UTC, nine decimals */
	const char *content_type, *tags;       /* "" if none; tags comma-separated */
	uint64_t seq, pos;
	const void *data;
	size_t size;
};

/* Begin to read; goes on over as many requests as it takes. Errors: as nacre_append(), but that
 * nothing is ever written. */
NACRE_API int nacre_read_open(struct nacre_client *client, const struct nacre_read *read,
                              struct nacre_reader **reader_out, struct nacre_error *error);
/* The next event. NACRE_END after the last; a stream that does not exist is just the end. */
NACRE_API int nacre_read_next(struct nacre_reader *reader, struct nacre_event *event_out,
                              struct nacre_error *error);
NACRE_API void nacre_read_close(struct nacre_reader *reader);

#ifdef __cplusplus
}
#endif
#endif
