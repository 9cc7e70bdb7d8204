/* SPDX-License-Identifier: GPL-3.0-or-later */
/* request.h -- a message on one of the node's subjects, understood or refused (PROTOCOL.md sections
 * 2, 3, 6, 10).
 *
 * Knows nothing of nats.c: a message is slices, so that all of this can be tested and fuzzed
 * without a server. Headers are read only when there are any.
 *
 * Ownership: a request's slices point into the message and into the decoder's buffers: valid until
 * the next decode. Threads: a decoder belongs to one.
 */
#ifndef NC_TRANSPORT_NATS_REQUEST_H
#define NC_TRANSPORT_NATS_REQUEST_H

#include "core/base/header.h"
#include "core/engine/command.h"
#include "core/engine/engine.h"
#include "core/engine/query.h"
#include "core/engine/snap.h"
#include "core/engine/stats.h"
#include "core/engine/streams.h"

enum nc_operation {
	NC_OP_APPEND,
	NC_OP_BATCH, /* R.batch */
	NC_OP_READ,  /* R.read.<stream>, R.all, R.type.<type>, R.category.…, R.tag.…, R.query */
	NC_OP_GET,   /* R.get */
	NC_OP_INFO,  /* R.store.info */
	NC_OP_STATS, /* R.store.stats */
	NC_OP_STREAM_INFO,    /* R.stream.info.<stream> */
	NC_OP_STREAM_LIST,    /* R.stream.list */
	NC_OP_STREAM_DELETE,  /* R.stream.delete.<stream> */
	NC_OP_STREAM_META,    /* R.stream.meta.<stream> */
	NC_OP_STATUS,         /* R.node.<id>.status */
	NC_OP_HEALTH,         /* R.node.<id>.healthz */
	NC_OP_DRAIN,          /* R.node.<id>.drain */
	NC_OP_CLUSTER_STATUS, /* R.cluster.status */
	/* Bodies are understood by who does them. */
	NC_OP_CLUSTER_TRANSFER, /* R.cluster.transfer */
	NC_OP_CLUSTER_REMOVE,
	NC_OP_CLUSTER_PROMOTE,
	NC_OP_VERIFY, /* R.node.<id>.verify */
	NC_OP_BACKUP, /* R.backup */
	NC_OP_SUB_CREATE,
	NC_OP_SUB_DELETE,
	NC_OP_SUB_INFO,
	NC_OP_SUB_LIST,
	NC_OP_SUB_NEXT,
	NC_OP_SUB_PARKED,
	NC_OP_SUB_UPDATE,
	NC_OP_SUB_PAUSE,
	NC_OP_SUB_RESUME,
	NC_OP_SUB_SEEK,
	NC_OP_SUB_REPLAY,
	NC_OP_SUB_EXPLAIN,
	NC_OP_SUB_ACK,     /* R.ack.<name>.<epoch>.<pos>.<attempt> */
	NC_OP_FILTER_LIST, /* R.filter.list */
	NC_OP_FILTER_INFO, /* R.filter.info.<plugin> */
	NC_OP_FILTER_TEST, /* R.filter.test: a read that counts */
	NC_OP_SNAP_PUT,    /* R.snap.put.<stream> */
	NC_OP_SNAP_GET,
	NC_OP_SNAP_LIST, /* R.snap.list.<stream>, R.snap.list */
	NC_OP_SNAP_DELETE,
	NC_OP_LOAD /* R.load.<stream>: a read behind a snapshot */
};

/* How many of the matches R.filter.test shows. */
#define NC_FILTER_TEST_LIMIT_DEFAULT 10u
#define NC_FILTER_TEST_LIMIT_MAX     1000u

/* How many one answer to R.snap.list tells of at most; fewer fit one message, mostly. */
#define NC_SNAP_LIST_LIMIT_DEFAULT 1000u
#define NC_SNAP_LIST_LIMIT_MAX     10000u

struct nc_snap_list {
	struct nc_slice stream; /* empty: streams that have snapshots */
	uint64_t after;         /* of one stream: a version */
	struct nc_slice after_name, prefix;
	uint64_t limit;
};

enum nc_format { NC_FORMAT_MESSAGES, NC_FORMAT_MSGPACK, NC_FORMAT_JSON };

struct nc_request {
	enum nc_operation op;
	bool direct; /* R.direct.…: any node, from its own state */
	/* NC_OP_APPEND */
	struct nc_expect expect;
	struct nc_slice record; /* event.h; of NC_OP_SNAP_PUT snap.h */
	/* NC_OP_BATCH */
	struct nc_batch batch;
	struct nc_slice ack; /* the reply subject of a delivery; empty: none */
	/* NC_OP_READ, NC_OP_LOAD */
	struct nc_query_spec query;
	enum nc_format format;
	/* NC_OP_READ, NC_OP_FILTER_TEST: give only what this filter matches; empty: no filter. The
	 * selector is JSON text. */
	struct nc_slice plugin, selector;
	/* NC_OP_GET */
	struct nc_get_spec get;
	/* NC_OP_STREAM_INFO; NC_OP_STREAM_LIST */
	struct nc_slice stream;
	struct nc_streams_spec streams;
	struct nc_stream_change change; /* NC_OP_STREAM_DELETE, NC_OP_STREAM_META */
	uint64_t stats_limit;           /* NC_OP_STATS */
	/* NC_OP_SNAP_GET, NC_OP_SNAP_DELETE, NC_OP_SNAP_LIST */
	struct nc_snap_spec snap;
	struct nc_snap_range range;
	bool one; /* of the range: that one is asked for, which must be there */
	struct nc_snap_list list;
	/* NC_OP_SUB_…, NC_OP_FILTER_… */
	struct nc_slice name; /* what follows the verb in the subject */
	struct nc_slice body;
	/* direct ones: wait until this position is applied; 0: do not */
	uint64_t min_position;
};

#define NC_REFUSAL_SIZE 400 /* bytes with the NUL */

/* Why a message is refused: what the error reply says. */
struct nc_refusal {
	struct nc_fault fault;
	char text[NC_REFUSAL_SIZE];
};

/* A message, as the decoder sees it. */
struct nc_message {
	struct nc_slice subject; /* after the root and its dot: "append.T.orders.42" */
	struct nc_slice data;
	const struct nc_header *headers;
	size_t header_count;
};

struct nc_decoder {
	const char *store;                                    /* its id */
	size_t event_size_max;                                /* bytes of data */
	size_t payload_size_max;                              /* the server's max_payload */
	struct nc_buf stream, type, tags, meta, record, text; /* rooms */
	struct nc_buf events, checks, items, item_names[2], names, blob; /* a batch's */
};

void nc_decoder_release(struct nc_decoder *decoder);

/* Understand `message`. True, or false with the refusal. `operation` is what its subscription
 * stands for, `direct` whether its subject had "direct." before, which is no longer in it. */
bool nc_request_decode(struct nc_decoder *decoder, enum nc_operation operation, bool direct,
                       const struct nc_message *message, struct nc_request *request_out,
                       struct nc_refusal *refusal_out);

#endif
