/* SPDX-License-Identifier: GPL-3.0-or-later */
/* snap_private.h -- rows of snapshots: their keys, and their bytes. */
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

/* Whether `key` is of the head of a snapshot, and of which. */
bool nc_snap_head_key_get(struct nc_slice key, struct nc_slice *stream_out, uint64_t *version_out);

void nc_snap_head_put(struct nc_buf *buf, const struct nc_snap_head *head);
/* All but the version, which is the key's. */
int nc_snap_head_get(struct nc_slice value, struct nc_snap_head *head_out);

/* Errors of reading: NC_NOTFOUND, the stream has no snapshot. */
int nc_snap_summary_put(struct nc_state *state, struct nc_slice stream, struct nc_buf *scratch,
                        const struct nc_snap_summary *summary);
int nc_snap_summary_decode(struct nc_slice value, struct nc_snap_summary *summary_out);
int nc_snap_summary_get(struct nc_state_reader *reader, struct nc_slice stream,
                        struct nc_buf *scratch, struct nc_snap_summary *summary_out);

/* Whether these are the stream's as it lives now. */
bool nc_snap_are_of(const struct nc_snap_summary *summary, const struct nc_stream *stream);

/* A stream's heads whatever state it is in: ascending from `from` on; or backward. */
int nc_snap_heads_scan(struct nc_state_reader *reader, struct nc_slice stream, uint64_t from,
                       bool backward, nc_snap_head_fn *fn, void *ctx);

#endif
