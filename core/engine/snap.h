/* SPDX-License-Identifier: GPL-3.0-or-later */
/* snap.h -- snapshots of aggregates (PROTOCOL.md section 10): what an application has made of a
 * stream's events up to a version, kept beside them so that it need not read them all again. The
 * bytes are the application's; nothing here looks into them.
 *
 * A snapshot is asked for as a record, made once at the edge, CRC32C over all of it; the same bytes
 * stand in the log and in the table. In NC_SPACE_SNAPSHOTS are, of each snapshot, under
 * "h<stream>" NUL version its head (what lists tell) and under "d<stream>" NUL version the record,
 * so that a list reads no states; and of each stream that has any under "s<stream>" a summary, so
 * that neither counting them nor finding the oldest and the newest walks over them. By name, not by
 * id: R.snap.list goes in the order of names. Laid out in docs/formats.md.
 *
 * Reads are within a snapshot of the reader (nc_state_reader_begin()), unless told otherwise.
 * Errors, beside those of the state: NC_CORRUPT; NC_UNSUPPORTED, a newer format.
 * Ownership: what is decoded points into the bytes it was decoded from.
 */
#ifndef NC_CORE_ENGINE_SNAP_H
#define NC_CORE_ENGINE_SNAP_H

#include "core/engine/query.h"

/* So many go with one command, and the others with those that follow it, since nothing else is
 * applied meanwhile. Part of what the commands mean: all replicas count alike. */
#define NC_SNAP_DELETE_MAX 1000u /* of NC_COMMAND_SNAP_DELETE */
#define NC_SNAP_DROP_MAX   100u  /* of those that are more than are to be kept, with one put */

struct nc_snap {
	uint64_t version; /* that it stands for, from 1 */
	uint64_t time_ns; /* when it was put, since 1970; 0 in a record */
	struct nc_slice stream;
	struct nc_slice content_type; /* empty: unspecified */
	struct nc_slice meta;         /* packed; nc_event_meta_next() */
	struct nc_slice data;
};

/* What lists tell. */
struct nc_snap_head {
	uint64_t version;
	uint64_t time_ns;
	uint64_t size; /* bytes of data */
	struct nc_slice content_type;
};

/* Of a stream that has some. */
struct nc_snap_summary {
	struct nc_slice stream; /* in the callback of a scan */
	uint64_t count;
	uint64_t bytes;  /* of data */
	uint64_t oldest; /* none is of a lower version */
	uint64_t newest; /* this one is there */
	/* When the stream was created whose snapshots they are. One that was deleted and lives
	 * again is created anew, and later (NC_ENGINE_VERSION_LIVES): what is of its earlier life
	 * is not seen, and lies below `floor`. */
	uint64_t born_ns;
	uint64_t floor; /* 0: there is nothing of an earlier life */
};

/* Append the record of `snap` (all but its time). Sizes are within the limits: the edge has checked
 * them. And read it back. */
void nc_snap_record_put(struct nc_buf *buf, const struct nc_snap *snap);
int nc_snap_record_get(struct nc_slice record, struct nc_snap *snap_out);

enum nc_snap_which {
	NC_SNAP_NEWEST,
	NC_SNAP_EXACT,  /* of `version` */
	NC_SNAP_AT_MOST /* the newest of `version` or before */
};

struct nc_snap_spec {
	struct nc_slice stream;
	enum nc_snap_which which;
	uint64_t version;
};

/* Errors: NC_NOTFOUND, there is none that is seen: also of a stream that is deleted; NC_CLOSED, the
 * stream is tombstoned. */
int nc_snap_find(struct nc_state_reader *reader, const struct nc_snap_spec *spec,
                 struct nc_buf *scratch, struct nc_snap *snap_out);

/* Heads of a stream's snapshots, ascending, from version `from` on. Return false to stop. Same
 * errors but NC_NOTFOUND. */
typedef bool nc_snap_head_fn(void *ctx, const struct nc_snap_head *head);
int nc_snap_heads(struct nc_state_reader *reader, struct nc_slice stream, uint64_t from,
                  nc_snap_head_fn *fn, void *ctx);

/* Live streams that have snapshots, in the order of their names, from `from` on (which need be no
 * stream's name). Return false to stop. */
typedef bool nc_snap_summary_fn(void *ctx, const struct nc_snap_summary *summary);
int nc_snap_summaries(struct nc_state_reader *reader, struct nc_slice from, nc_snap_summary_fn *fn,
                      void *ctx);

/* The newest snapshot of the stream `spec->key` and the query of the events after it, as of one
 * moment; opens the reader's snapshot itself. Without one, or where events behind it are gone, the
 * query is of all. `spec` is of NC_QUERY_STREAM, forward, and says nothing of where to begin. */
int nc_snap_load(struct nc_state_reader *reader, const struct nc_query_spec *spec,
                 struct nc_buf *scratch, struct nc_snap *snap_out, bool *found_out,
                 struct nc_query **query_out);

/* Check at most `count` snapshots, from the one behind `key` on, which is moved (empty: the first):
 * its record, and whether head and summary know it. `why` says what does not hold. For
 * core/engine/verify.c. Errors: NC_NOTFOUND, there is none left. */
int nc_snap_check(struct nc_state_reader *reader, struct nc_buf *key, size_t count, char *why,
                  size_t why_size);

#endif
