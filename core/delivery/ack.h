/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ack.h -- what a consumer answers to a delivery, where, and what it asks for with a pull request
 * (PROTOCOL.md section 8). Pure functions; any thread.
 */
#ifndef NC_CORE_DELIVERY_ACK_H
#define NC_CORE_DELIVERY_ACK_H

#include "core/delivery/definition.h"

#define NC_NEXT_BATCH_MAX   UINT32_C(65536)   /* events of one request */
#define NC_NEXT_EXPIRES_MAX UINT64_C(3600000) /* ms */
#define NC_NEXT_EXPIRES_MS  UINT64_C(30000)   /* when a request names none */

/* ---- Bodies --------------------------------------------------------------------------------- */

enum nc_ack_kind {
	NC_ACK_IS_NOTHING, /* not understood: to be ignored and counted */
	NC_ACK_IS_DONE,    /* +ACK, or an empty body */
	NC_ACK_IS_NAK,     /* -NAK: deliver it again */
	NC_ACK_IS_WPI,     /* +WPI: work in progress, wait longer */
	NC_ACK_IS_TERM,    /* +TERM: do not deliver it again */
	NC_ACK_IS_NEXT     /* +NXT: done, and the reply is a pull request */
};

struct nc_ack {
	enum nc_ack_kind kind;
	bool has_delay; /* of NAK: it names a delay; if not, the definition's backoff_ms applies */
	uint64_t delay_ns;
	struct nc_slice reason; /* of TERM: a slice of the body, without spaces at its ends */
	struct nc_slice next;   /* of NEXT: what follows the word, for nc_next_parse() */
};

/* What a message that has no status line means by its body. A `-NAK` whose JSON is not understood
 * counts as nothing: a client that asked for a pause must not be given the event at once. */
void nc_ack_parse(struct nc_slice body, struct nc_ack *ack_out);

/* ---- Subjects ------------------------------------------------------------------------------- */

struct nc_ack_address {
	struct nc_slice name; /* of the subscription; a slice of the subject */
	uint64_t epoch, position;
	uint32_t attempt;
};

/* Append what follows `R.ack.` in a delivery's reply subject: first `<name>.<epoch>.`, which all
 * deliveries of an epoch share, then `<pos>.<attempt>`. */
void nc_ack_address_begin(struct nc_buf *buf, struct nc_slice name, uint64_t epoch);
void nc_ack_address_end(struct nc_buf *buf, uint64_t position, uint32_t attempt);
/* Read that. Errors: NC_INVALID, these are not the four tokens: a number with a sign, a leading
 * zero or more than 64 bits, an attempt or position 0, or a name that no subscription can have. */
int nc_ack_address_get(struct nc_slice text, struct nc_ack_address *address_out);

/* ---- Within batches ---------------------------------------------------------------------------
 */

/* What whoever runs a subscription knows of a delivery that a batch acknowledges. */
enum nc_sub_word {
	NC_SUB_WORD_STALE,   /* it is not in flight */
	NC_SUB_WORD_ALONE,   /* in flight */
	NC_SUB_WORD_THROUGH, /* and everything before it is acknowledged with it */
	NC_SUB_WORD_REPLAY,  /* and replayed, which the log may not say yet */
	NC_SUB_WORD_LATER    /* the log has to be told something first; that is due */
};

/* ---- Pull requests -------------------------------------------------------------------------- */

struct nc_next {
	uint32_t batch;      /* from 1 */
	uint64_t expires_ms; /* from 1 */
	uint64_t max_bytes;  /* 0: no limit */
	bool no_wait;
	enum nc_form form;
};

/* The body of `R.sub.next.<name>`: empty for one event, a number of events, or a JSON object.
 * Errors: NC_INVALID, and `why` says which member is wrong and why. */
int nc_next_parse(struct nc_slice body, struct nc_next *next_out, struct nc_buf *why);

#endif
