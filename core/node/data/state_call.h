/* SPDX-License-Identifier: GPL-3.0-or-later */
/* state_call.h -- what a node that needs a state asks a peer for, as bytes in transport/peer's
 * requests and replies. MessagePack:
 *
 *   open:   [1, index]                     reply: the bytes of the manifest (snapshot.h)
 *   read:   [2, id, file, offset, size]    reply: [SHA-256, bytes]
 *   close:  [3, id]                        reply: nothing
 *
 * Errors in replies: NC_BUSY, later; NC_NOTFOUND, that export is no longer there: open another one.
 */
#ifndef NC_CORE_NODE_DATA_STATE_CALL_H
#define NC_CORE_NODE_DATA_STATE_CALL_H

#include "storage/state/snapshot.h"

#define NC_STATE_SERVICE 1u /* its number at transport/peer */

enum nc_state_verb { NC_STATE_OPEN = 1, NC_STATE_READ, NC_STATE_CLOSE };

struct nc_state_call {
	enum nc_state_verb verb;
	/* open: the entry at which the state should stand, or after which the log goes on */
	uint64_t index;
	uint8_t id[NC_SNAPSHOT_ID_SIZE]; /* read, close */
	uint32_t file;
	uint64_t offset;
	uint32_t size; /* wanted, at most */
};

void nc_state_call_put(struct nc_buf *buf, const struct nc_state_call *call);
/* Errors: NC_INVALID. */
int nc_state_call_get(struct nc_slice body, struct nc_state_call *call_out);

void nc_state_chunk_put(struct nc_buf *buf, struct nc_slice bytes);
/* Slices into `body`. Errors: NC_INVALID. */
int nc_state_chunk_get(struct nc_slice body, const uint8_t **sha256_out,
                       struct nc_slice *bytes_out);

#endif
