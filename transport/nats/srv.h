/* SPDX-License-Identifier: GPL-3.0-or-later */
/* srv.h -- the answers to $SRV.PING, INFO and STATS (NATS ADR-32, the micro-service protocol). */
#ifndef NC_TRANSPORT_NATS_SRV_H
#define NC_TRANSPORT_NATS_SRV_H

#include <stdatomic.h>

#include "core/base/buf.h"

#define NC_SRV_ID_SIZE 23 /* bytes with the NUL */

/* What is counted of an endpoint; any thread counts. */
struct nc_srv_stats {
	atomic_uint_fast64_t requests, errors, time_ns;
	_Atomic(const char *) last_error; /* static text; NULL: none */
};

struct nc_srv_endpoint {
	const char *name;  /* [A-Za-z0-9_-]+ */
	char subject[256]; /* with the longest prefix, store and node there may be */
	const char *queue; /* NULL: none */
	struct nc_srv_stats stats;
};

struct nc_srv {
	char id[NC_SRV_ID_SIZE]; /* unique to the process */
	const char *version;     /* semantic */
	const char *store, *node;
	char started[31];                  /* RFC 3339 */
	struct nc_srv_endpoint *endpoints; /* [endpoint_count] */
	size_t endpoint_count;
};

enum nc_srv_verb { NC_SRV_PING, NC_SRV_INFO, NC_SRV_STATS, NC_SRV_VERB_COUNT };

/* A new id from the system's randomness. */
void nc_srv_id_make(char id_out[NC_SRV_ID_SIZE]);

/* How the node is when it answers. */
struct nc_srv_state {
	const char *role;
	uint64_t lag;         /* in log entries */
	struct nc_slice data; /* a JSON object */
};

/* Append the JSON answer: role and lag are in the metadata, `data` with each endpoint's statistics.
 * The answer is one message: what is longer than
 * `size_max` bytes, the server's max_payload, is shortened: first `data` is shown with the first
 * endpoint alone, then there are only as many endpoints, without it, as fit. */
void nc_srv_answer(struct nc_buf *out, const struct nc_srv *srv, enum nc_srv_verb verb,
                   const struct nc_srv_state *state, size_t size_max);

#endif
