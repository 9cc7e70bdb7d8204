/* SPDX-License-Identifier: GPL-3.0-or-later */
/* service_read_private.h -- a read, from the request until its answer has left. It is on the loop
 * while it waits until the state has what it must see, then on a reader's thread. */
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
	struct nc_ticket *ticket; /* while it waits; then NULL */
	uint64_t taken_ms;        /* when the request came */
	enum nc_operation op;
	int endpoint;
	bool failed;
	uint64_t min_position;
	struct nc_query_spec query_spec;
	struct nc_get_spec get_spec;
	struct nc_slice stream;         /* of R.stream.info */
	struct nc_streams_spec streams; /* of R.stream.list */
	uint64_t stats_limit;
	struct nc_stats *stats_made; /* of R.store.stats, so far; NULL: not begun */
	struct nc_snap_spec snap_spec;
	struct nc_snap_list snap_list;
	struct nc_query *query;
	enum nc_format format;
	struct nc_packed packed;
	struct nc_filtered filtered; /* without a plugin every event is given */
	uint64_t begun_ms;           /* when a reader first worked on it */
	size_t size;                 /* what nc_service_keep() was told */
	struct nc_buf keys;          /* what the slices of the specs point into */
	struct nc_buf out;
	struct nc_outbox outbox; /* sent at the end of each step */
	uint64_t connection;     /* number of the one over which all of it leaves; 0: not begun */
	bool torn;               /* a message of the answer was lost: nothing may follow */
	bool too_big;            /* a message is too big for the server: asking again is no use */
	char reply[];            /* NUL-terminated */
};

/* The functions of the job: a step, on a reader's thread; and whoever has it last frees it. */
bool nc_service_read_step(struct nc_read_job *job, struct nc_state_reader *reader);
void nc_service_read_free(struct nc_read_job *job);

/* End the answer with an error, in place of what is left of it. */
void nc_service_read_fail(struct read *read, struct nc_fault fault, const char *text);

/* The same since the state could not be read: the node logs it, and the client may ask another. */
void nc_service_read_broken(struct read *read, int err);
/* Put a message of the answer into the read's outbox: what was written into read->out. If there was
 * no memory for all of it, the answer is torn. */
void nc_service_read_post(struct read *read, size_t header_size);

/* service_read_stream.c: R.stream.info and R.stream.list, each in one step. */
void nc_service_read_stream(struct read *read, struct nc_state_reader *reader);
void nc_service_read_streams(struct read *read, struct nc_state_reader *reader);

/* service_read_stats.c: a step of R.store.stats. True: it is done. */
bool nc_service_read_stats(struct read *read, struct nc_state_reader *reader);

/* service_read_snap.c: the whole answer of a get or a list; the snapshot with which a load begins.
 * Errors: those of the state. */
void nc_service_snap_get_step(struct read *read, struct nc_state_reader *reader);
void nc_service_snap_list_step(struct read *read, struct nc_state_reader *reader);
int nc_service_load_begin(struct read *read, struct nc_state_reader *reader);

/* nc_outbox.may_send: whether more of the answer may leave. `ctx` is the read. */
bool nc_service_read_may_answer(void *ctx);

#endif
