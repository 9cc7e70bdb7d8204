/* SPDX-License-Identifier: GPL-3.0-or-later */
/* command.h -- what an entry of the log asks the engine to do, in bytes.
 *
 * An entry's payload is a header (format, the leader's time) and commands one after the other, each
 * with its size: the loop batches what has come in meanwhile. Laid out in docs/formats.md.
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
	NC_COMMAND_SUB_PROGRESS = 4,   /* how far it is, and what is parked */
	NC_COMMAND_BATCH = 5,          /* events, all or none; from engine version 2 on */
	NC_COMMAND_ENGINE_VERSION = 6, /* from here on commands mean what they do in that version */
	NC_COMMAND_DIGEST =
	        7, /* the leader's digest at a mark, to be compared; from version 3 on */
	NC_COMMAND_SUB_SEEK = 8,       /* a new epoch, from elsewhere; from engine version 4 on */
	NC_COMMAND_SUB_UPDATE = 9,     /* another definition; from engine version 4 on */
	NC_COMMAND_SUB_OWN = 10,       /* another node runs it, in a new epoch; from version 6 on */
	NC_COMMAND_SNAP_PUT = 11,      /* a snapshot of an aggregate; from version 8 on */
	NC_COMMAND_SNAP_DELETE = 12,   /* some of a stream's snapshots; likewise */
	NC_COMMAND_STREAM_DELETE = 13, /* a stream, softly or for ever; from version 9 on */
	NC_COMMAND_STREAM_META = 14    /* limits of a stream; likewise */
};

/* Where a subscription starts, to be resolved at apply. */
enum nc_sub_start {
	NC_SUB_START_FIRST = 0,
	NC_SUB_START_NEW = 1,
	NC_SUB_START_POSITION = 2, /* value, inclusive */
	NC_SUB_START_VERSION = 3,  /* value, inclusive, of `stream` */
	NC_SUB_START_TIME = 4      /* value, ns since 1970, inclusive */
};

struct nc_sub_create {
	struct nc_slice name;
	enum nc_sub_start start;
	uint64_t start_value;
	struct nc_slice stream;
	struct nc_slice definition; /* canonical bytes: equal means the same */
};

struct nc_sub_change {
	struct nc_slice name;
	uint64_t epoch; /* of another: ignored */
	struct nc_slice progress;
	struct nc_slice parked;   /* packed; nc_parked_next() */
	struct nc_slice unparked; /* packed; nc_unparked_next() */
};

/* What a seek asks for. The definition stays; parked events beyond where it goes come again, so
 * their rows go. */
struct nc_sub_seek {
	struct nc_sub_change change; /* the rows that are not in the log yet; no progress */
	enum nc_sub_start start;
	uint64_t start_value;
	struct nc_slice stream;
};

/* Another definition, with the progress up to which the last one held. */
struct nc_sub_update {
	struct nc_sub_change change;
	struct nc_slice definition;
	struct nc_slice backfill; /* core/delivery's; empty: none */
	bool anew;                /* a new epoch, which starts after `cursor`: for a backfill */
	uint64_t cursor;
	struct nc_floor floor; /* of the new epoch; from engine version 5 on */
};

/* Which node runs a subscription, and in which of its lives. */
struct nc_sub_owner {
	uint64_t number; /* 0: whoever leads */
	uint64_t boot;   /* its starts so far: what an earlier life of it sent is of an old epoch */
};

static inline bool nc_sub_owner_same(struct nc_sub_owner a, struct nc_sub_owner b)
{
	return a.number == b.number && a.boot == b.boot;
}

struct nc_sub_own {
	struct nc_slice name;
	uint64_t epoch; /* that it is in; of another: ignored */
	struct nc_sub_owner owner;
};

/* Snapshots of a stream, by the versions that they stand for. */
struct nc_snap_range {
	struct nc_slice stream;
	uint64_t from, before; /* `before` is not of them */
};

/* An event that is parked. */
struct nc_parked {
	uint64_t position;
	uint32_t attempts;
	uint64_t time_ns; /* when, since 1970 */
	struct nc_slice reason, key;
};

/* What is to become of a stream (stream_codec.c). */
struct nc_stream_change {
	struct nc_slice stream;
	struct nc_expect expect;
	bool tombstone; /* STREAM_DELETE: for ever */
	/* STREAM_META: each that is given; the others stay as they are. */
	bool has_count, has_age, has_truncate;
	uint64_t count_max, age_max_s, truncate_before; /* 0: no limit any more */
};

void nc_parked_put(struct nc_buf *list, const struct nc_parked *parked);
bool nc_parked_next(struct nc_slice *list, struct nc_parked *parked_out);
void nc_unparked_put(struct nc_buf *list, uint64_t position);
bool nc_unparked_next(struct nc_slice *list, uint64_t *position_out);

/* Begin an entry: append its header to `buf`, which is empty. */
void nc_entry_begin(struct nc_buf *buf, uint64_t leader_time_ns);

/* Append a command that appends one event. `record` is an event record (event.h). */
void nc_command_put_append(struct nc_buf *buf, struct nc_expect expect, struct nc_slice record);

void nc_command_put_batch(struct nc_buf *buf, const struct nc_batch *batch);
void nc_command_put_engine_version(struct nc_buf *buf, uint32_t version);
/* `digest` is of NC_SHA256_SIZE bytes. */
void nc_command_put_digest(struct nc_buf *buf, uint64_t position, const uint8_t *digest);

void nc_command_put_sub_create(struct nc_buf *buf, const struct nc_sub_create *create);
void nc_command_put_sub_delete(struct nc_buf *buf, struct nc_slice name);
void nc_command_put_sub_progress(struct nc_buf *buf, const struct nc_sub_change *change);
void nc_command_put_sub_seek(struct nc_buf *buf, const struct nc_sub_seek *seek);
void nc_command_put_sub_update(struct nc_buf *buf, const struct nc_sub_update *update);
void nc_command_put_sub_own(struct nc_buf *buf, const struct nc_sub_own *own);

/* `record` is a snapshot's (snap.h). So many of the stream's are kept, 0: all; it stands in the
 * command, since the settings of nodes may differ. */
void nc_command_put_snap(struct nc_buf *buf, uint64_t keep, struct nc_slice record);
void nc_command_put_snap_delete(struct nc_buf *buf, const struct nc_snap_range *range);

/* `kind` is STREAM_DELETE or STREAM_META. */
void nc_command_put_stream(struct nc_buf *buf, enum nc_command_kind kind,
                           const struct nc_stream_change *change);

/* Reading back, at apply. */
struct nc_entry_reader {
	uint64_t leader_time_ns;
	struct nc_reader reader;
};

struct nc_command {
	enum nc_command_kind kind;
	struct nc_expect expect;        /* APPEND */
	struct nc_slice record;         /* APPEND, SNAP_PUT */
	struct nc_sub_create create;    /* SUB_CREATE; of SUB_DELETE the name */
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

/* The body of such a command. Errors: NC_CORRUPT; NC_UNSUPPORTED, a newer form. */
void nc_stream_change_put(struct nc_buf *buf, enum nc_command_kind kind,
                          const struct nc_stream_change *change);
int nc_stream_change_get(struct nc_slice body, enum nc_command_kind kind,
                         struct nc_stream_change *change_out);

/* Errors: NC_CORRUPT; NC_UNSUPPORTED, a newer format. */
int nc_entry_read(struct nc_slice payload, struct nc_entry_reader *reader_out);

/* The next command. Errors: NC_NOTFOUND, there is none left; NC_CORRUPT; NC_UNSUPPORTED, a kind
 * that this build does not know: the node must stop, it cannot follow. */
int nc_entry_next(struct nc_entry_reader *reader, struct nc_command *command_out);

#endif
