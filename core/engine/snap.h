/* SPDX-License-Identifier: GPL-3.0-or-later */
/* snap.h -- snapshots of aggregates (PROTOCOL.md section 10): what an application has made of a
 * stream's events up to a version, kept beside them so that it need not read them all again. The
 * bytes are the application's; nothing here looks into them.
 *
 * A snapshot travels as a record, which is made once, at the edge, with a CRC32C over all of it.
 * The same bytes stand in the log and in the table. NC_SPACE_SNAPSHOTS holds three kinds of rows:
 *
 *   "h<stream>" NUL version   the head of a snapshot: what lists tell of it
 *   "d<stream>" NUL version   its record; apart from the head, so that a list need not read it
 *   "s<stream>"               a summary of the stream's snapshots, so that nobody walks over them
 *                             to count them, or to find the oldest or the newest
 *
 * The keys have the stream's name and not its id, because R.snap.list goes in the order of names.
 * docs/formats.md lays the rows out.
 *
 * Reads are within a snapshot of the reader (nc_state_reader_begin()), unless a call says
 * otherwise.
 * Threads:   those of the reader; writing is the applier's.
 * Ownership: what is decoded points into the bytes it was decoded from.
 * Errors:    NC_CORRUPT; NC_UNSUPPORTED, a newer format; those of the state.
 */
#ifndef NC_CORE_ENGINE_SNAP_H
#define NC_CORE_ENGINE_SNAP_H

#include "core/engine/query.h"

/* How many snapshots one command removes at most: nothing else is applied meanwhile. Commands that
 * follow it remove the others. The numbers belong to the meaning of the commands, since every
 * replica must remove the same ones. */
#define NC_SNAP_DELETE_MAX 1000u /* by one NC_COMMAND_SNAP_DELETE */
#define NC_SNAP_DROP_MAX   100u  /* by one NC_COMMAND_SNAP_PUT, of those beyond what is kept */

struct nc_snap {
	uint64_t version; /* of the stream, from 1: its events up to there are in it */
	uint64_t time_ns; /* when it was put, since 1970; 0 in a record */
	struct nc_slice stream;
	struct nc_slice content_type; /* empty: unspecified */
	struct nc_slice meta;         /* packed; walk it with nc_event_meta_next() */
	struct nc_slice data;
};

/* What lists tell of a snapshot. */
struct nc_snap_head {
	uint64_t version;
	uint64_t time_ns;
	uint64_t size; /* bytes of data */
	struct nc_slice content_type;
};

/* A stream's snapshots as a whole. There is one for each stream that has snapshots. */
struct nc_snap_summary {
	struct nc_slice stream; /* set in the callback of a scan only */
	uint64_t count;
	uint64_t bytes;  /* of data */
	uint64_t oldest; /* no snapshot has a lower version; there need be none of this one */
	uint64_t newest; /* there is a snapshot of this version */
	/* When the stream was created. One that was deleted and is appended to again is created
	 * anew, with a later time (NC_ENGINE_VERSION_LIVES). The snapshots of its earlier life are
	 * hidden; they are of versions below `floor`. */
	uint64_t born_ns;
	uint64_t floor; /* 0: no snapshot is of an earlier life */
};

/* Append the record of `snap`, which has all of it but the time; and read one. The caller has
 * checked that sizes are within the limits. */
void nc_snap_record_put(struct nc_buf *buf, const struct nc_snap *snap);
int nc_snap_record_get(struct nc_slice record, struct nc_snap *snap_out);

enum nc_snap_which {
	NC_SNAP_NEWEST,
	NC_SNAP_EXACT,  /* the one of `version` */
	NC_SNAP_AT_MOST /* the newest whose version is not above `version` */
};

struct nc_snap_spec {
	struct nc_slice stream;
	enum nc_snap_which which;
	uint64_t version;
};

/* Find a snapshot. It points into `scratch`. Errors: NC_NOTFOUND, there is none, or the stream is
 * deleted; NC_CLOSED, the stream is tombstoned. */
int nc_snap_find(struct nc_state_reader *reader, const struct nc_snap_spec *spec,
                 struct nc_buf *scratch, struct nc_snap *snap_out);

/* Give `fn` the heads of a stream's snapshots, by rising version from `from` on, until it returns
 * false. A stream without any is no error. Errors: NC_CLOSED, the stream is tombstoned. */
typedef bool nc_snap_head_fn(void *ctx, const struct nc_snap_head *head);
int nc_snap_heads(struct nc_state_reader *reader, struct nc_slice stream, uint64_t from,
                  nc_snap_head_fn *fn, void *ctx);

/* How many streams one page of a list looks at, given or left out because they are deleted. */
#define NC_SNAP_LOOK_MAX 20000u

/* Give `fn` the summaries of the live streams that have snapshots and whose names begin with
 * `prefix`, those behind `after`, in the order of their names, until it returns false, or
 * NC_SNAP_LOOK_MAX have been looked at and there are more: then the name to go on after is put into
 * `next`, which is empty otherwise. `after` need not be the name of a stream. */
struct nc_snap_streams {
	struct nc_slice prefix, after; /* empty: any, the first */
};
typedef bool nc_snap_summary_fn(void *ctx, const struct nc_snap_summary *summary);
int nc_snap_summaries(struct nc_state_reader *reader, const struct nc_snap_streams *streams,
                      nc_snap_summary_fn *fn, void *ctx, struct nc_buf *next);

/* The newest snapshot of the stream `spec->key` together with a query of the events after it, both
 * as of one moment. The query is of all events if there is no snapshot, or if the event right after
 * it is hidden: the snapshot is then of no use, and not found. `spec` is a forward NC_QUERY_STREAM
 * that does not say where to begin. Begins and ends the reader's snapshot itself. */
int nc_snap_load(struct nc_state_reader *reader, const struct nc_query_spec *spec,
                 struct nc_buf *scratch, struct nc_snap *snap_out, bool *found_out,
                 struct nc_query **query_out);

/* For verify.c: check at most `count` snapshots, beginning behind the one whose key is in `key`
 * (empty: with the first), and move `key` along. Checked are the record, and whether head and
 * summary agree with it. If one does not hold, `why` says why. Errors: NC_NOTFOUND, there is none
 * left. */
int nc_snap_check(struct nc_state_reader *reader, struct nc_buf *key, size_t count, char *why,
                  size_t why_size);

#endif
