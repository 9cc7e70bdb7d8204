/* SPDX-License-Identifier: GPL-3.0-or-later */
/* snap_private.h -- the rows of snapshots (snap.h): their keys and their bytes. */
#ifndef NC_CORE_ENGINE_SNAP_PRIVATE_H
#define NC_CORE_ENGINE_SNAP_PRIVATE_H

#include "core/engine/snap.h"
#include "core/engine/stream.h"

/* The first byte of a key. */
enum nc_snap_row { NC_SNAP_ROW_DATA = 'd', NC_SNAP_ROW_HEAD = 'h', NC_SNAP_ROW_SUMMARY = 's' };

#define NC_SNAP_KEY_ROOM 272 /* bytes: kind, a name, NUL, version */

struct nc_slice nc_snap_key(enum nc_snap_row kind, struct nc_slice stream, uint64_t version,
                            uint8_t room[NC_SNAP_KEY_ROOM]);
struct nc_slice nc_snap_summary_key(struct nc_slice stream, uint8_t room[NC_SNAP_KEY_ROOM]);

/* Whether `key` is the key of a head, and if so, of which snapshot. */
bool nc_snap_head_key_get(struct nc_slice key, struct nc_slice *stream_out, uint64_t *version_out);

/* The value of a head's row: all but the version, which is in the key. Errors: NC_CORRUPT;
 * NC_UNSUPPORTED, a newer format. */
void nc_snap_head_put(struct nc_buf *buf, const struct nc_snap_head *head);
int nc_snap_head_get(struct nc_slice value, struct nc_snap_head *head_out);

/* The row of a summary; `scratch` is room for its bytes. Errors: NC_NOTFOUND, the stream has no
 * snapshot; NC_CORRUPT; NC_UNSUPPORTED, a newer format; those of the state. */
int nc_snap_summary_put(struct nc_state *state, struct nc_slice stream, struct nc_buf *scratch,
                        const struct nc_snap_summary *summary);
int nc_snap_summary_decode(struct nc_slice value, struct nc_snap_summary *summary_out);
int nc_snap_summary_get(struct nc_state_reader *reader, struct nc_slice stream,
                        struct nc_buf *scratch, struct nc_snap_summary *summary_out);

/* Whether the summary is of the stream's present life, and not of one before it was deleted. */
bool nc_snap_are_of(const struct nc_snap_summary *summary, const struct nc_stream *stream);

/* Give `fn` the heads of a stream's snapshots, whatever state the stream is in: by rising version
 * from `from` on, or backward from there down. */
int nc_snap_heads_scan(struct nc_state_reader *reader, struct nc_slice stream, uint64_t from,
                       enum nc_direction direction, nc_snap_head_fn *fn, void *ctx);

#endif
