/* SPDX-License-Identifier: GPL-3.0-or-later */
/* engine.h -- what an event store does: an entry of the log goes in, outcomes come out.
 *
 * The outcome depends on nothing but the entry and the state that was applied before, so every
 * replica comes to the same. There is no clock here, and no I/O but through the port of the state.
 *
 * Threads: one at a time applies, the applier's or whoever applies in its stead. Readers use
 * query.h, each with a state reader of its own.
 */
#ifndef NC_CORE_ENGINE_ENGINE_H
#define NC_CORE_ENGINE_ENGINE_H

#include "core/base/sha256.h"
#include "core/engine/command.h"
#include "core/engine/stream.h"

/* The errors of PROTOCOL.md section 4. */
struct nc_fault {
	uint16_t code;     /* 400, 404, 409, ..., or 0 if there is no fault */
	uint16_t err_code; /* 10071, 40901, ... */
};

#define NC_FAULT_NONE        ((struct nc_fault){ 0, 0 })
#define NC_FAULT_EXPECTATION ((struct nc_fault){ 400, 10071 })
#define NC_FAULT_REQUEST     ((struct nc_fault){ 400, 10003 })
#define NC_FAULT_NOT_STREAM  ((struct nc_fault){ 400, 10060 })
#define NC_FAULT_STREAM_NAME ((struct nc_fault){ 400, 40001 })
#define NC_FAULT_TYPE_NAME   ((struct nc_fault){ 400, 40002 })
#define NC_FAULT_EMPTY       ((struct nc_fault){ 400, 40003 })
#define NC_FAULT_SELECTOR    ((struct nc_fault){ 400, 40004 })
#define NC_FAULT_CONDITION_WIDE \
	((struct nc_fault){ 400, 40005 })                      /* a condition that costs too much */
#define NC_FAULT_VERSION     ((struct nc_fault){ 400, 40006 }) /* the store is at an older version */
#define NC_FAULT_NO_STREAM   ((struct nc_fault){ 404, 10059 })
#define NC_FAULT_NO_SUB      ((struct nc_fault){ 404, 10014 })
#define NC_FAULT_NO_EVENT    ((struct nc_fault){ 404, 10037 })
#define NC_FAULT_NO_SNAPSHOT ((struct nc_fault){ 404, 40401 })
#define NC_FAULT_NO_PLUGIN   ((struct nc_fault){ 404, 40402 })
#define NC_FAULT_ID_REUSED   ((struct nc_fault){ 409, 40901 })
#define NC_FAULT_CONDITION   ((struct nc_fault){ 409, 40902 })
#define NC_FAULT_NAME_TAKEN  ((struct nc_fault){ 409, 40903 })
#define NC_FAULT_STALE_ACK   ((struct nc_fault){ 409, 40904 })
#define NC_FAULT_TOMBSTONED  ((struct nc_fault){ 410, 41001 })
#define NC_FAULT_TOO_LARGE   ((struct nc_fault){ 413, 10054 })
#define NC_FAULT_BUSY        ((struct nc_fault){ 429, 10023 })
#define NC_FAULT_UNAVAILABLE ((struct nc_fault){ 503, 10008 })
#define NC_FAULT_DISK_FULL   ((struct nc_fault){ 507, 50701 })

/* Engine versions: what the entries of the log mean. A store begins at the first version. Once
 * every voter's build knows a newer one, an entry raises the store to it. A command that a version
 * brought is refused as long as the store is below that version. */
#define NC_ENGINE_VERSION_FIRST  1u
#define NC_ENGINE_VERSION_BATCH  2u  /* NC_COMMAND_BATCH */
#define NC_ENGINE_VERSION_ACK    3u  /* an acknowledgement within a batch */
#define NC_ENGINE_VERSION_DIGEST 3u  /* marks of the digest; NC_COMMAND_DIGEST */
#define NC_ENGINE_VERSION_SUBS   4u  /* NC_COMMAND_SUB_SEEK, NC_COMMAND_SUB_UPDATE */
#define NC_ENGINE_VERSION_FLOOR  5u  /* a subscription may start at what has yet to come */
#define NC_ENGINE_VERSION_OWN    6u  /* NC_COMMAND_SUB_OWN */
#define NC_ENGINE_VERSION_FORM   7u  /* definitions that ask for packed deliveries */
#define NC_ENGINE_VERSION_SNAP   8u  /* NC_COMMAND_SNAP_PUT, NC_COMMAND_SNAP_DELETE */
#define NC_ENGINE_VERSION_STREAM 9u  /* NC_COMMAND_STREAM_DELETE, NC_COMMAND_STREAM_META */
#define NC_ENGINE_VERSION_LIVES  10u /* a stream made again has a later time of creation */
#define NC_ENGINE_VERSION_PAST   11u /* a backfill knows what batches acknowledged while it ran */
#define NC_ENGINE_VERSION_AGE    12u /* events about to pass a limit of age are settled, too */
#define NC_ENGINE_VERSION_ALL    13u /* as 11, also if they acknowledged all before an event */
/* A paused subscription stays paused in a new epoch. A batch acknowledges a replayed event by
 * itself, without all before it. */
#define NC_ENGINE_VERSION_STAYS  14u

/* Builds for tests/e2e/test_upgrade.py beside the real one. 1: knows one more engine version, and
 * waits for it as it must. 2: has the same change without a version, so that its replicas differ.
 * 3: an older build, which knows no floors. */
#ifndef NC_ENGINE_TRIAL
#define NC_ENGINE_TRIAL 0
#endif

#define NC_ENGINE_VERSION_LAST NC_ENGINE_VERSION_STAYS /* the newest of those above */
#define NC_ENGINE_VERSION                              /* this build's */ \
	(NC_ENGINE_TRIAL == 3 ? NC_ENGINE_VERSION_FLOOR - 1               \
	                      : NC_ENGINE_VERSION_LAST + (NC_ENGINE_TRIAL == 1))

/* NC_ENGINE_VERSION of the engine that is linked. */
uint32_t nc_engine_version_can(void);

/* For one event of a batch: where it was appended, or which expectation failed and on which
 * stream. */
struct nc_batch_result {
	struct nc_slice stream;
	uint64_t version;  /* of the event, or of the stream if the expectation failed */
	uint64_t position; /* 0 if the expectation failed */
	struct nc_slice record;
	struct nc_expect expect;
};

/* What a command did to a durable subscription. The node that runs it needs to know, and so does
 * the leader, which decides where it runs. */
enum nc_sub_told {
	NC_SUB_TOLD_NOTHING,
	NC_SUB_TOLD_MADE,
	NC_SUB_TOLD_CHANGED, /* moved by a seek, or given another definition */
	NC_SUB_TOLD_OWNED,   /* runs on `owner` from `epoch` on */
	NC_SUB_TOLD_GONE
};

/* What one command did. Slices point into the entry's payload. */
struct nc_outcome {
	struct nc_fault fault;
	/* the version of the event or snapshot, or of the stream if the command is refused */
	uint64_t version;
	/* the position of the event, of a batch's last event, or of what met the condition */
	uint64_t position;
	uint64_t time_ns;       /* of the new event */
	uint64_t epoch, cursor; /* of a subscription that was created or existed already */
	struct nc_floor floor;  /* of the same subscription */
	bool duplicate;         /* the command is a retry; this is the outcome of the first try */
	enum nc_sub_told told;  /* what happened to the subscription `sub`, now in `epoch` */
	struct nc_slice sub;
	struct nc_sub_owner owner;
	struct nc_slice stream;
	struct nc_slice record; /* of the new event, for the feed; empty if none was written */
	/* Of a batch: one for each event, or one for each expectation that failed. Valid during the
	 * call only. */
	const struct nc_batch_result *results; /* NULL if there are none */
	size_t result_count;
	/* what was acknowledged with the batch; its name is empty if nothing was */
	struct nc_batch_ack ack;
	/* A command on snapshots of `stream` removed so many. Others that were to go with them, of
	 * the versions from left_from up to, without, left_before, are still there: one command
	 * removes only so many. If none are left, left_before is 0.
	 *
	 * If a put is refused, left_from says why: the version belongs to an earlier life of the
	 * stream, and left_from is the first that does not; or it is 0, and the version lies above
	 * the stream's. */
	uint64_t removed, left_from, left_before;
	/* The snapshot that was put is removed already: enough newer ones are there. */
	bool unkept;
	/* What a command on a stream has made of `stream`, whose version is `version`. The state is
	 * 0 if the command was refused, or is of another kind. */
	struct nc_stream_told {
		uint8_t state;  /* enum nc_stream_state, or 0 */
		uint64_t first; /* the lowest version that is seen */
		struct nc_stream_limits limits;
	} stream_is;
	/* If not 0: this replica's history differs from the leader's, at this position or earlier.
	 * 0: no difference was found. */
	uint64_t differs_at;
	/* the version that the command raised the store to; 0 for other commands */
	uint32_t engine_version;
};

typedef void nc_outcome_fn(void *ctx, const struct nc_outcome *outcome);

struct nc_engine;

/* Numbers of the store as of the last commit. */
struct nc_engine_head {
	uint64_t position;              /* of the last event; 0 if there is none */
	uint64_t time_ns;               /* of the last event */
	uint64_t streams;               /* ever created */
	uint64_t events;                /* ever appended */
	uint64_t bytes;                 /* of data, ever appended */
	uint32_t version;               /* the engine version that the store is at */
	uint8_t digest[NC_SHA256_SIZE]; /* of all events (docs/formats.md) */
};

/* Errors: NC_UNSUPPORTED, the state was written by a newer engine; NC_CORRUPT; those of the
 * state. */
int nc_engine_open(struct nc_state *state, struct nc_engine **engine_out);
/* For a state that nc_engine_open() refused with NC_UNSUPPORTED: the format of the engine's row,
 * and the engine version, or 0 if this build cannot read that format. */
int nc_engine_newer(struct nc_state *state, uint32_t *format_out, uint32_t *version_out);
void nc_engine_close(struct nc_engine *engine); /* NULL is a no-op; the state stays open */

/* Apply entries between begin and commit. The outcomes told to `fn` hold once commit has returned
 * NC_OK. If a call fails (a fault in an outcome is no failure), call nc_engine_rollback() and stop
 * the node: it cannot follow the log. Errors: NC_CORRUPT, NC_UNSUPPORTED, and those of the
 * state. */
int nc_engine_begin(struct nc_engine *engine);
int nc_engine_apply(struct nc_engine *engine, struct nc_slice payload, nc_outcome_fn *fn,
                    void *ctx);
int nc_engine_commit(struct nc_engine *engine, struct nc_state_applied applied);
void nc_engine_rollback(struct nc_engine *engine);

/* The head as last applied. For the applier's thread. */
struct nc_engine_head nc_engine_head(const struct nc_engine *engine);

/* The head as a reader sees it, between reader begin and end. */
int nc_engine_head_read(struct nc_state_reader *reader, struct nc_engine_head *head_out);
/* The same, outside of reader begin and end. */
int nc_engine_head_now(struct nc_state_reader *reader, struct nc_engine_head *head_out);
/* The key of the head's row in NC_SPACE_META, and how to read that row's value. Errors: NC_CORRUPT;
 * NC_UNSUPPORTED, a newer build wrote it. */
struct nc_slice nc_engine_head_key(void);
int nc_engine_head_decode(struct nc_slice value, struct nc_engine_head *head_out);

#endif
