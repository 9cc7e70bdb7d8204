/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The messages of a backup. */
#include "transport/nats/backup_message.h"

static void put_digest(struct nc_buf *out, const uint8_t *digest)
{
	nc_buf_put_str(out, "Es-Backup-Sha256: ");
	nc_buf_put_hex(out, digest, NC_SHA256_SIZE);
	nc_buf_put_str(out, "\r\n");
}

size_t nc_backup_chunk_put(struct nc_buf *out, const struct nc_backup_chunk *chunk)
{
	size_t start = out->size;
	nc_buf_printf(out,
	              "NATS/1.0\r\nEs-Backup: %s\r\nEs-Backup-Chunk: %llu\r\n"
	              "Es-Backup-File: %s\r\nEs-Backup-Offset: %llu\r\n",
	              chunk->id, (unsigned long long)chunk->number, chunk->file,
	              (unsigned long long)chunk->offset);
	put_digest(out, chunk->sha256);
	nc_buf_put_str(out, "\r\n");
	size_t header_size = out->size - start;
	nc_buf_put_slice(out, chunk->bytes);
	return header_size;
}

size_t nc_backup_end_put(struct nc_buf *out, const struct nc_backup_end *end)
{
	size_t start = out->size;
	nc_buf_printf(out,
	              "NATS/1.0 204 EOB\r\nEs-Backup: %s\r\nEs-Backup-Chunks: %llu\r\n"
	              "Es-Backup-Bytes: %llu\r\n",
	              end->id, (unsigned long long)end->chunks, (unsigned long long)end->bytes);
	put_digest(out, end->digest);
	nc_buf_put_str(out, "\r\n");
	return out->size - start;
}

size_t nc_backup_heartbeat_put(struct nc_buf *out, const char *id)
{
	size_t start = out->size;
	nc_buf_printf(out, "NATS/1.0 100 Idle Heartbeat\r\nEs-Backup: %s\r\n\r\n", id);
	return out->size - start;
}
