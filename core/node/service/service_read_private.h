/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A read, from when it is taken up until its answer has left: on the loop while it waits for what
 * it must see, then on a reader's thread. */
#ifndef NC_CORE_NODE_SERVICE_SERVICE_READ_PRIVATE_H
#define NC_CORE_NODE_SERVICE_SERVICE_READ_PRIVATE_H

#include "core/node/service/service_private.h"
#include "core/node/subs/filtered.h"
#include "transport/nats/packed.h"

struct read {
	struct nc_read_job job; /* first */
	struct nc_replica_wait wait;
	struct read *next; /* among those that wait for a position */
	struct nc_service *service;
	struct nc_srv_stats *stats;
	struct nc_ticket *ticket; /* while it waits */
	uint64_t taken_ms;
	enum nc_operation op;
	int endpoint;
	bool failed;
	uint64_t min_position;
	struct nc_query_spec query_spec;
	struct nc_get_spec get_spec;
	struct nc_slice stream;         /* that is looked at */
	struct nc_streams_spec streams; /* likewise, many */
	uint64_t stats_limit;
	struct nc_stats *stats_made; /* so far; NULL: not begun */
	struct nc_snap_spec snap_spec;
	struct nc_snap_list snap_list;
	struct nc_query *query;
	enum nc_format format;
	struct nc_packed packed;
	struct nc_filtered filtered; /* its plugin empty: all are given */
	uint64_t begun_ms;           /* when a reader first came to it */
	size_t size;                 /* bytes that are kept of the request until it is answered */
	struct nc_buf keys;          /* what the specs' slices point into */
	struct nc_buf out;
	struct nc_outbox outbox; /* sent at the end of each step */
	uint64_t connection;     /* the bus's, over which the whole answer leaves; 0: not begun */
	bool torn;               /* a message of it is lost: nothing may follow */
	bool too_big;            /* for the server: asking again will not help */
	char reply[];            /* NUL-terminated */
};

/* The job's: of a reader's thread, and of whoever has it last. */
bool nc_service_read_step(struct nc_read_job *job, struct nc_state_reader *reader);
void nc_service_read_free(struct nc_read_job *job);

/* Answer that it failed, in place of what is left of the answer. */
void nc_service_read_fail(struct read *read, struct nc_fault fault, const char *text);

/* The same where the state could not be read: the node says so, and the client may try elsewhere.
 */
void nc_service_read_broken(struct read *read, int err);
/* Put a message of the answer into the read's outbox. */
void nc_service_read_post(struct read *read, struct nc_slice message, size_t header_size);

/* service_read_stream.c: a step of what looks at streams; each is done with one. */
void nc_service_read_stream(struct read *read, struct nc_state_reader *reader);
void nc_service_read_streams(struct read *read, struct nc_state_reader *reader);

/* service_read_stats.c: true, it is done. */
bool nc_service_read_stats(struct read *read, struct nc_state_reader *reader);

/* service_read_snap.c: the whole answer; or how a load begins. Errors: as the state. */
void nc_service_snap_get_step(struct read *read, struct nc_state_reader *reader);
void nc_service_snap_list_step(struct read *read, struct nc_state_reader *reader);
int nc_service_load_begin(struct read *read, struct nc_state_reader *reader);

/* Its outbox asks: whether more of the answer may leave. */
bool nc_service_read_may_answer(void *ctx);

#endif
