/* SPDX-License-Identifier: GPL-3.0-or-later */
/* backup_message.h -- the messages of a backup (docs/protocol.md, section 12), as bytes for the
 * bus.
 *
 * The digest of a backup is a chain over its chunks (nc_sha256_chain()): of 32 zeros and the first
 * chunk's SHA-256, then of that and the second's, and so on. So one number at the end says that
 * none is missing, doubled or of another backup.
 *
 * Pure. The calls append to `out`; those that return a size say where the headers end.
 */
#ifndef NC_TRANSPORT_NATS_BACKUP_MESSAGE_H
#define NC_TRANSPORT_NATS_BACKUP_MESSAGE_H

#include "core/base/buf.h"
#include "core/base/sha256.h"

#define NC_BACKUP_ID_SIZE 33 /* 128 random bits in hex, and the NUL */

/* Bytes around a chunk's own. */
#define NC_BACKUP_HEADERS_MAX 512u

struct nc_backup_chunk {
	const char *id;
	uint64_t number; /* from 1 */
	const char *file;
	uint64_t offset;
	const uint8_t *sha256; /* of the bytes */
	struct nc_slice bytes;
};

size_t nc_backup_chunk_put(struct nc_buf *out, const struct nc_backup_chunk *chunk);

/* The last message: all of it was sent. */
struct nc_backup_end {
	const char *id;
	uint64_t chunks, bytes;
	const uint8_t *digest;
};
size_t nc_backup_end_put(struct nc_buf *out, const struct nc_backup_end *end);

/* It goes on, though nothing has been sent for a moment. */
size_t nc_backup_heartbeat_put(struct nc_buf *out, const char *id);

#endif
