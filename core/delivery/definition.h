/* SPDX-License-Identifier: GPL-3.0-or-later */
/* definition.h -- what a subscription is: the members of PROTOCOL.md section 8, from JSON, to and
 * from bytes for the log, and back to JSON.
 *
 * A definition that was parsed or decoded owns its bytes: nc_definition_release(). Its canonical
 * bytes depend only on what it means: bodies that differ in white space, in the order of members,
 * or in whether defaults are written out have the same bytes. So nc_definition_eq() tells whether a
 * request creates the same subscription once more.
 *
 * Threads: any; a definition belongs to one at a time.
 */
#ifndef NC_CORE_DELIVERY_DEFINITION_H
#define NC_CORE_DELIVERY_DEFINITION_H

#include "core/base/buf.h"

#define NC_DEFINITION_SIZE_MAX      (256u << 10)              /* bytes of the JSON body */
#define NC_DEFINITION_BACKOFF_MAX   32                        /* members of backoff_ms */
#define NC_DEFINITION_MS_MAX        (UINT64_C(86400000) * 30) /* any duration: 30 days */
#define NC_DEFINITION_INACTIVE_MIN  UINT64_C(100)             /* inactive_ms */
#define NC_DEFINITION_ACK_WAIT_MIN  UINT64_C(10)              /* ack_wait_ms */
#define NC_DEFINITION_DELIVER_MAX   UINT32_C(1000000)         /* max_deliver */
#define NC_DEFINITION_IN_FLIGHT_MAX UINT32_C(65536)           /* max_in_flight */
#define NC_DEFINITION_SUBJECT_MAX   255 /* bytes: subject, queue, order's argument */

/* The numbers are in the log: never give one another meaning. */
enum nc_start {
	NC_START_FIRST = 0,
	NC_START_NEW = 1,
	NC_START_POS = 2,
	NC_START_SEQ = 3,
	NC_START_TIME = 4
};
enum nc_ack_policy { NC_ACK_EXPLICIT = 0, NC_ACK_ALL = 1, NC_ACK_NONE = 2 };
enum nc_order {
	NC_ORDER_NONE = 0,
	NC_ORDER_GLOBAL = 1,
	NC_ORDER_STREAM = 2,
	NC_ORDER_TAG = 3,
	NC_ORDER_PAYLOAD = 4
};
enum nc_exhausted { NC_EXHAUSTED_PARK = 0, NC_EXHAUSTED_SKIP = 1, NC_EXHAUSTED_STOP = 2 };
enum nc_placement { NC_PLACEMENT_LEADER = 0, NC_PLACEMENT_SPREAD = 1 };
/* How events are delivered: one per message, with headers, or packed, many in one message. */
enum nc_form { NC_FORM_HEADERS = 0, NC_FORM_JSON = 1, NC_FORM_MSGPACK = 2 };

/* Why a packed form with ack explicit is refused: a message is answered as a whole. */
#define NC_FORM_ACK_FAULT "packed deliveries go with ack \"all\" or \"none\" only"

struct nc_definition {
	/* The filter. */
	struct nc_slice plugin;   /* a name */
	struct nc_slice selector; /* JSON without insignificant white space; judged by the plugin */
	/* The plugin that judged the selector when the subscription was created or its filter
	 * changed: its version, for people, and the SHA-256 of its file in hex. Empty: not known.
	 * Recorded only: nc_definition_eq() does not compare them. */
	struct nc_slice plugin_build, plugin_sha256;

	enum nc_start start;
	uint64_t start_value; /* POS, SEQ: from 1; TIME: ns since 1970 */

	bool durable;
	uint64_t inactive_ms; /* of a transient one */

	bool push;
	struct nc_slice subject; /* of push: literal */
	struct nc_slice queue;   /* of push: empty if none; for people to read */
	enum nc_form form;       /* of push; packed only with ack all and none */

	enum nc_ack_policy ack;
	uint64_t ack_wait_ms;
	uint32_t max_deliver; /* attempts; 0: no end (written -1 in JSON) */
	uint64_t backoff_ms[NC_DEFINITION_BACKOFF_MAX];
	size_t backoff_count;
	uint32_t max_in_flight;

	enum nc_order order;
	struct nc_slice order_arg; /* the tag's prefix, the payload's path; else empty */

	enum nc_exhausted on_exhausted;
	enum nc_placement placement;
	bool headers_only;

	void *memory; /* what the slices point into */
};

/* All members as they are by default, without a filter, for which there is no default. Owns
 * nothing. */
void nc_definition_init(struct nc_definition *definition);
void nc_definition_release(struct nc_definition *definition);

/* Read a request's body. `forbidden` is the public prefix with its dot ("es."), in which no
 * delivery may lie; `_es.` and `$` are refused by themselves.
 * Errors: NC_INVALID, and `why` says which member and why, for the client ("ack_wait_ms: from 10 to
 *           2592000000"); NC_TOOBIG, `why` too; NC_NOMEM. */
int nc_definition_parse(struct nc_slice json, struct nc_slice forbidden,
                        struct nc_definition *definition_out, struct nc_buf *why);

/* The same for an update: members that the body does not name stay as in `base`, and it may name
 * `backfill`. Same errors. */
int nc_definition_amend(const struct nc_definition *base, struct nc_slice json,
                        struct nc_slice forbidden, struct nc_definition *definition_out,
                        bool *backfill_out, struct nc_buf *why);

/* Append the canonical bytes: a version byte, the lowest version that can express the definition,
 * then every member. */
void nc_definition_put(struct nc_buf *buf, const struct nc_definition *definition);
/* All of `bytes`. Errors: NC_CORRUPT, a length or number out of range, or bytes left over;
 * NC_UNSUPPORTED, a newer version; NC_NOMEM. */
int nc_definition_get(struct nc_slice bytes, struct nc_definition *definition_out);

/* Whether both mean the same. */
bool nc_definition_eq(const struct nc_definition *a, const struct nc_definition *b);

/* Whether both give every event the same key. */
bool nc_definition_order_eq(const struct nc_definition *a, const struct nc_definition *b);
/* Whether both match the same events. */
bool nc_definition_filter_eq(const struct nc_definition *a, const struct nc_definition *b);

/* Append the members as JSON, all of them, without the braces: `"filter":{…},"start":"first",…`. */
void nc_definition_put_json(struct nc_buf *buf, const struct nc_definition *definition);

#endif
