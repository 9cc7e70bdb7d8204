/* SPDX-License-Identifier: GPL-3.0-or-later */
/* engine.h -- what an event store does: entry in, outcomes out.
 *
 * Deterministic: the outcome depends on the entry and the applied state alone; every replica comes
 * to the same. No clock, no I/O but through the state's port.
 *
 * Threads: one at a time for apply, the applier's or who applies in its stead; readers use query.h
 * with readers of their own.
 */
#ifndef NC_CORE_ENGINE_ENGINE_H
#define NC_CORE_ENGINE_ENGINE_H

#include "core/base/sha256.h"
#include "core/engine/command.h"
#include "core/engine/stream.h"

/* The errors of PROTOCOL.md section 4. */
struct nc_fault {
	uint16_t code;     /* 0: no fault; else 400, 404, 409, ... */
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
#define NC_FAULT_VERSION     ((struct nc_fault){ 400, 40006 }) /* not in this engine version yet */
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

/* The versions of what entries mean. A store begins with the first, and goes up by an entry, when
 * all voters know the new meaning; a command that came with a version is refused below it. */
#define NC_ENGINE_VERSION_FIRST  1u
#define NC_ENGINE_VERSION_BATCH  2u  /* NC_COMMAND_BATCH */
#define NC_ENGINE_VERSION_ACK    3u  /* an acknowledgement within a batch */
#define NC_ENGINE_VERSION_DIGEST 3u  /* marks of the digest; NC_COMMAND_DIGEST */
#define NC_ENGINE_VERSION_SUBS   4u  /* NC_COMMAND_SUB_SEEK, NC_COMMAND_SUB_UPDATE */
#define NC_ENGINE_VERSION_FLOOR  5u  /* a start that lies ahead is kept, and waited for */
#define NC_ENGINE_VERSION_OWN    6u  /* NC_COMMAND_SUB_OWN */
#define NC_ENGINE_VERSION_FORM   7u  /* definitions whose deliveries are packed */
#define NC_ENGINE_VERSION_SNAP   8u  /* NC_COMMAND_SNAP_PUT, NC_COMMAND_SNAP_DELETE */
#define NC_ENGINE_VERSION_STREAM 9u  /* NC_COMMAND_STREAM_DELETE, NC_COMMAND_STREAM_META */
#define NC_ENGINE_VERSION_LIVES  10u /* a next life of a stream begins later than the one before */
#define NC_ENGINE_VERSION_PAST   11u /* a backfill knows what batches acknowledged meanwhile */
#define NC_ENGINE_VERSION_AGE    12u /* what is about to be too old is settled, too */
#define NC_ENGINE_VERSION_ALL    13u /* as 11, of what batches acknowledged with all before it */
#define NC_ENGINE_VERSION_STAYS  14u /* a new epoch stays paused; batches know replays */

/* Builds for tests/e2e/test_upgrade.py, beside the real one: 1, with one more meaning, gated by a
 * version as each must be; 2, with the same meaning and no gate, which leads astray; 3, which knows
 * no floors. */
#ifndef NC_ENGINE_TRIAL
#define NC_ENGINE_TRIAL 0
#endif

#define NC_ENGINE_VERSION_LAST NC_ENGINE_VERSION_STAYS /* the newest of those above */
#define NC_ENGINE_VERSION                              /* this build's */ \
	(NC_ENGINE_TRIAL == 3 ? NC_ENGINE_VERSION_FLOOR - 1               \
	                      : NC_ENGINE_VERSION_LAST + (NC_ENGINE_TRIAL == 1))

/* NC_ENGINE_VERSION of the engine that is linked. */
uint32_t nc_engine_version_can(void);

/* One event of a batch: where it went; or an expectation that failed, and the stream it spoke of.
 */
struct nc_batch_result {
	struct nc_slice stream;
	uint64_t version;  /* of the event; of the stream, where the expectation failed */
	uint64_t position; /* 0 where it failed */
	struct nc_slice record;
	struct nc_expect expect;
};

/* What a command has made of a durable subscription: for who runs it, and who decides that. */
enum nc_sub_told {
	NC_SUB_TOLD_NOTHING,
	NC_SUB_TOLD_MADE,
	NC_SUB_TOLD_CHANGED, /* sought, or updated */
	NC_SUB_TOLD_OWNED,   /* runs on `owner`, from `epoch` on */
	NC_SUB_TOLD_GONE
};

/* What became of one command. Slices point into the entry's payload. */
struct nc_outcome {
	struct nc_fault fault;
	uint64_t version;  /* of the event, the snapshot; of the stream, where that is refused */
	uint64_t position; /* of the event; a batch's last; what met the condition */
	uint64_t time_ns;  /* of the new event */
	uint64_t epoch, cursor; /* of a subscription that was created, or was there */
	struct nc_floor floor;  /* likewise */
	bool duplicate;         /* a retry that was recognised: the first answer */
	enum nc_sub_told told;  /* of the subscription `sub`, whose epoch this is */
	struct nc_slice sub;
	struct nc_sub_owner owner;
	struct nc_slice stream;
	struct nc_slice record; /* of the new event, for the feed; empty when nothing was written */
	/* Of a batch: its events, or all expectations that failed. Valid during the call. */
	const struct nc_batch_result *results; /* NULL: none */
	size_t result_count;
	struct nc_batch_ack ack; /* committed with the batch; without a name: none */
	/* Of snapshots of `stream`: how many went; what was to go with them and is left (none:
	 * left_before is 0); and that the one which was put went at once, since newer ones are as
	 * many as are kept. Of a put that is refused because the version is of an earlier life of
	 * the stream left_from is the first that is not; 0: it lies above the stream's. */
	uint64_t removed, left_from, left_before;
	bool unkept;
	/* What a command on the stream `stream` has made of it: what is seen of it begins at
	 * `first`. Nothing, where its state is 0; `version` is the stream's, or of a meta that is
	 * refused because it would truncate what has not come. */
	struct nc_stream_told {
		uint8_t state; /* enum nc_stream_state */
		uint64_t first;
		struct nc_stream_limits limits;
	} stream_is;
	/* This replica's history differs from the leader's, at the latest from this position on; 0:
	 * it does not, as far as has been compared. */
	uint64_t differs_at;
	uint32_t engine_version; /* that the command has raised it to; 0: it was another command */
};

typedef void nc_outcome_fn(void *ctx, const struct nc_outcome *outcome);

struct nc_engine;

/* Numbers of the store as of the last commit. */
struct nc_engine_head {
	uint64_t position;              /* of the last event, 0: none */
	uint64_t time_ns;               /* of the last event */
	uint64_t streams;               /* ever created */
	uint64_t events;                /* ever appended */
	uint64_t bytes;                 /* of data, ever appended */
	uint32_t version;               /* of the engine, as the entries have it */
	uint8_t digest[NC_SHA256_SIZE]; /* of all events; docs/formats.md */
};

/* Errors: NC_UNSUPPORTED, the state was written by a newer engine; NC_CORRUPT; as the state. */
int nc_engine_open(struct nc_state *state, struct nc_engine **engine_out);
/* What a state that is refused with NC_UNSUPPORTED says of itself: the format of the engine's own
 * row, and, where that is one that this build reads, the engine version (else 0). */
int nc_engine_newer(struct nc_state *state, uint32_t *format_out, uint32_t *version_out);
void nc_engine_close(struct nc_engine *engine); /* NULL is a no-op; the state stays open */

/* Apply entries between begin and commit; what `fn` was told holds when commit has returned NC_OK.
 * After an error other than a fault in an outcome: nc_engine_rollback(), and the node stops, since
 * it cannot follow the log.
 * Errors: NC_CORRUPT, NC_UNSUPPORTED, and those of the state. */
int nc_engine_begin(struct nc_engine *engine);
int nc_engine_apply(struct nc_engine *engine, struct nc_slice payload, nc_outcome_fn *fn,
                    void *ctx);
int nc_engine_commit(struct nc_engine *engine, struct nc_state_applied applied);
void nc_engine_rollback(struct nc_engine *engine);

/* For the applier's thread. */
struct nc_engine_head nc_engine_head(const struct nc_engine *engine);

/* The head as a reader sees it, between reader begin and end. */
int nc_engine_head_read(struct nc_state_reader *reader, struct nc_engine_head *head_out);
/* The same from bytes: where the head stands in NC_SPACE_META, and what stands there. Errors:
 * NC_CORRUPT; NC_UNSUPPORTED, a newer build's. */
struct nc_slice nc_engine_head_key(void);
int nc_engine_head_decode(struct nc_slice value, struct nc_engine_head *head_out);

#endif
