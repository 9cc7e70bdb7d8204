/* SPDX-License-Identifier: GPL-3.0-or-later */
/* command.h -- what an entry of the log asks the engine to do, in bytes.
 *
 * An entry's payload is a header (format, the leader's time) and then commands one after the other,
 * each with its size: the loop puts into one entry all that has come in since the last. The bytes
 * are laid out in docs/formats.md.
 *
 * Threads: none; no state. Ownership: what is read back points into the payload. A call that
 * appends to a buffer returns nothing: if memory runs out, the buffer's status says so.
 */
#ifndef NC_CORE_ENGINE_COMMAND_H
#define NC_CORE_ENGINE_COMMAND_H

#include "core/engine/batch.h"
#include "core/engine/event.h"
#include "core/engine/expect.h"
#include "core/engine/floor.h"

#define NC_ENTRY_HEADER_SIZE 16 /* bytes */

enum nc_command_kind {
	NC_COMMAND_APPEND = 1,     /* one event */
	NC_COMMAND_SUB_CREATE = 2, /* a durable subscription; the same once more changes nothing */
	NC_COMMAND_SUB_DELETE = 3,
	NC_COMMAND_SUB_PROGRESS = 4,   /* how far a subscription is, and what it has parked */
	NC_COMMAND_BATCH = 5,          /* events, all or none; from engine version 2 on */
	NC_COMMAND_ENGINE_VERSION = 6, /* from here on commands mean what they do in that version */
	NC_COMMAND_DIGEST = 7,         /* the leader's digest at a mark; from version 3 on */
	NC_COMMAND_SUB_SEEK = 8,       /* go on from elsewhere, in a new epoch; from version 4 on */
	NC_COMMAND_SUB_UPDATE = 9,     /* another definition; from version 4 on */
	NC_COMMAND_SUB_OWN = 10,       /* another node runs it, in a new epoch; from version 6 on */
	NC_COMMAND_SNAP_PUT = 11,      /* a snapshot of an aggregate; from version 8 on */
	NC_COMMAND_SNAP_DELETE = 12,   /* some of a stream's snapshots; from version 8 on */
	NC_COMMAND_STREAM_DELETE = 13, /* a stream, softly or for ever; from version 9 on */
	NC_COMMAND_STREAM_META = 14    /* the limits of a stream; from version 9 on */
};

/* ---- Subscriptions -------------------------------------------------------------------------- */

/* Where a subscription starts. Which position that is depends on the state, so it is found at
 * apply. The value of the last three is inclusive. */
enum nc_sub_start {
	NC_SUB_START_FIRST = 0,
	NC_SUB_START_NEW = 1,
	NC_SUB_START_POSITION = 2, /* a position */
	NC_SUB_START_VERSION = 3,  /* a version of `stream` */
	NC_SUB_START_TIME = 4      /* nanoseconds since 1970 */
};

struct nc_sub_create {
	struct nc_slice name;
	enum nc_sub_start start;
	uint64_t start_value;
	struct nc_slice stream;     /* read with NC_SUB_START_VERSION only */
	struct nc_slice definition; /* canonical: two that mean the same are equal bytes */
};

/* What has become of a subscription since the last command about it. */
struct nc_sub_change {
	struct nc_slice name;
	uint64_t epoch;           /* in which it was made; in any other it has no effect */
	struct nc_slice progress; /* progress.h */
	struct nc_slice parked;   /* packed; walk it with nc_parked_next() */
	struct nc_slice unparked; /* packed; walk it with nc_unparked_next() */
};

/* What a seek asks for. The definition stays. Parked events beyond the place where it goes will be
 * delivered again, so their rows are removed. */
struct nc_sub_seek {
	struct nc_sub_change change; /* the rows that are not in the log yet; no progress */
	enum nc_sub_start start;
	uint64_t start_value;
	struct nc_slice stream; /* read with NC_SUB_START_VERSION only */
};

/* Another definition, and the progress that was made under the last one. */
struct nc_sub_update {
	struct nc_sub_change change;
	struct nc_slice definition;
	struct nc_slice backfill; /* core/delivery reads it; empty if there is none */
	bool anew; /* for a backfill: begin a new epoch, which starts after `cursor` */
	uint64_t cursor;
	struct nc_floor floor; /* of the new epoch; from engine version 5 on */
};

/* Which node runs a subscription, and in which of its lives. */
struct nc_sub_owner {
	uint64_t number; /* of the node; 0: whoever leads */
	/* How often that node had started. What an earlier life of it sent thus belongs to an old
	 * epoch, and is not taken for the word of this one. */
	uint64_t boot;
};

static inline bool nc_sub_owner_same(struct nc_sub_owner a, struct nc_sub_owner b)
{
	return a.number == b.number && a.boot == b.boot;
}

struct nc_sub_own {
	struct nc_slice name;
	uint64_t epoch; /* in which it was made; in any other it has no effect */
	struct nc_sub_owner owner;
};

/* An event that is parked. */
struct nc_parked {
	uint64_t position;
	uint32_t attempts; /* deliveries before it was parked */
	uint64_t time_ns;  /* when it was parked, since 1970 */
	struct nc_slice reason, key;
};

/* Lists of parked events, and of positions that are parked no longer. The second call of each pair
 * takes an item off the front of the list. It returns false at the end, and if the list is
 * malformed: then something is left of it. */
void nc_parked_put(struct nc_buf *list, const struct nc_parked *parked);
bool nc_parked_next(struct nc_slice *list, struct nc_parked *parked_out);
void nc_unparked_put(struct nc_buf *list, uint64_t position);
bool nc_unparked_next(struct nc_slice *list, uint64_t *position_out);

/* ---- Snapshots and streams ------------------------------------------------------------------ */

/* The snapshots of a stream that stand for the versions from `from` up to, without, `before`. */
struct nc_snap_range {
	struct nc_slice stream;
	uint64_t from, before;
};

/* What is to become of a stream. */
struct nc_stream_change {
	struct nc_slice stream;
	struct nc_expect expect;
	bool tombstone; /* STREAM_DELETE: the name can never be used again */
	/* STREAM_META: which limits are given. The others stay as they are. */
	bool has_count, has_age, has_truncate;
	uint64_t count_max, age_max_s, truncate_before; /* 0 lifts the limit */
};

/* ---- Writing -------------------------------------------------------------------------------- */

/* Begin an entry: append its header to `buf`, which is empty. */
void nc_entry_begin(struct nc_buf *buf, uint64_t leader_time_ns);

/* Append a command to an entry that was begun. */

/* `record` is an event's record (event.h). */
void nc_command_put_append(struct nc_buf *buf, struct nc_expect expect, struct nc_slice record);
void nc_command_put_batch(struct nc_buf *buf, const struct nc_batch *batch);
void nc_command_put_engine_version(struct nc_buf *buf, uint32_t version);
/* `digest` has NC_SHA256_SIZE bytes. */
void nc_command_put_digest(struct nc_buf *buf, uint64_t position, const uint8_t *digest);

void nc_command_put_sub_create(struct nc_buf *buf, const struct nc_sub_create *create);
void nc_command_put_sub_delete(struct nc_buf *buf, struct nc_slice name);
void nc_command_put_sub_progress(struct nc_buf *buf, const struct nc_sub_change *change);
void nc_command_put_sub_seek(struct nc_buf *buf, const struct nc_sub_seek *seek);
void nc_command_put_sub_update(struct nc_buf *buf, const struct nc_sub_update *update);
void nc_command_put_sub_own(struct nc_buf *buf, const struct nc_sub_own *own);

/* `record` is a snapshot's record (snap.h). Afterwards only the newest `keep` snapshots of the
 * stream are kept, or all if it is 0. The number stands in the command because the settings of
 * nodes may differ, and all must do the same. */
void nc_command_put_snap(struct nc_buf *buf, uint64_t keep, struct nc_slice record);
void nc_command_put_snap_delete(struct nc_buf *buf, const struct nc_snap_range *range);

/* `kind` is NC_COMMAND_STREAM_DELETE or NC_COMMAND_STREAM_META. */
void nc_command_put_stream(struct nc_buf *buf, enum nc_command_kind kind,
                           const struct nc_stream_change *change);

/* ---- Reading, at apply ---------------------------------------------------------------------- */

struct nc_entry_reader {
	uint64_t leader_time_ns;
	struct nc_reader reader;
};

/* A command as it was read. Beside each member stand the kinds that set it. */
struct nc_command {
	enum nc_command_kind kind;
	struct nc_expect expect;        /* APPEND */
	struct nc_slice record;         /* APPEND, SNAP_PUT */
	struct nc_sub_create create;    /* SUB_CREATE; SUB_DELETE sets its name only */
	struct nc_sub_change change;    /* SUB_PROGRESS */
	struct nc_sub_seek seek;        /* SUB_SEEK */
	struct nc_sub_update update;    /* SUB_UPDATE */
	struct nc_sub_own own;          /* SUB_OWN */
	struct nc_batch batch;          /* BATCH */
	uint64_t keep;                  /* SNAP_PUT */
	struct nc_snap_range range;     /* SNAP_DELETE */
	struct nc_stream_change stream; /* STREAM_DELETE, STREAM_META */
	uint32_t version;               /* ENGINE_VERSION */
	uint64_t position;              /* DIGEST */
	const uint8_t *digest;          /* DIGEST: [NC_SHA256_SIZE] */
};

/* The body of a command on a stream, without the size and kind before it (stream_codec.c). Errors:
 * NC_CORRUPT; NC_UNSUPPORTED, a newer format. */
void nc_stream_change_put(struct nc_buf *buf, enum nc_command_kind kind,
                          const struct nc_stream_change *change);
int nc_stream_change_get(struct nc_slice body, enum nc_command_kind kind,
                         struct nc_stream_change *change_out);

/* Read the header; the commands follow. Errors: NC_CORRUPT; NC_UNSUPPORTED, a newer format. */
int nc_entry_read(struct nc_slice payload, struct nc_entry_reader *reader_out);

/* The next command. Errors: NC_NOTFOUND, there is none left; NC_CORRUPT; NC_UNSUPPORTED, a kind
 * that this build does not know: the node cannot follow the log any further, and must stop. */
int nc_entry_next(struct nc_entry_reader *reader, struct nc_command *command_out);

#endif
