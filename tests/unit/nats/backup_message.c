/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The messages of a backup, byte by byte. */
#include "transport/nats/backup_message.h"

#include <criterion/criterion.h>

#define ID "0123456789abcdef0123456789abcdef"

static void expect_text(const struct nc_buf *have, const char *want)
{
	cr_expect(nc_slice_is(nc_buf_slice(have), want), "%.*s", (int)have->size,
	          (const char *)have->data);
}

Test(backup_message, has_a_chunk_with_all_that_it_takes_to_check_it)
{
	struct nc_buf out = { 0 };
	uint8_t sha256[NC_SHA256_SIZE] = { 0xab };
	const struct nc_backup_chunk chunk = { .id = ID,
		                               .number = 7,
		                               .file = "events.wt",
		                               .offset = 131072,
		                               .sha256 = sha256,
		                               .bytes = NC_SLICE("bytes") };
	size_t header_size = nc_backup_chunk_put(&out, &chunk);
	expect_text(&out, "NATS/1.0\r\nEs-Backup: " ID
	                  "\r\nEs-Backup-Chunk: 7\r\nEs-Backup-File: events.wt\r\n"
	                  "Es-Backup-Offset: 131072\r\nEs-Backup-Sha256: "
	                  "ab00000000000000000000000000000000000000000000000000000000000000\r\n\r\n"
	                  "bytes");
	cr_expect_eq(header_size, out.size - 5);
	cr_expect(header_size <= NC_BACKUP_HEADERS_MAX);
	nc_buf_release(&out);
}

Test(backup_message, has_an_end_that_says_how_much_there_was)
{
	struct nc_buf out = { 0 };
	uint8_t digest[NC_SHA256_SIZE] = { 1 };
	const struct nc_backup_end end = { .id = ID, .chunks = 3, .bytes = 400, .digest = digest };
	cr_expect_eq(nc_backup_end_put(&out, &end), out.size);
	expect_text(&out,
	            "NATS/1.0 204 EOB\r\nEs-Backup: " ID
	            "\r\nEs-Backup-Chunks: 3\r\nEs-Backup-Bytes: 400\r\nEs-Backup-Sha256: "
	            "0100000000000000000000000000000000000000000000000000000000000000\r\n\r\n");
	nc_buf_clear(&out);
	cr_expect_eq(nc_backup_heartbeat_put(&out, ID), out.size);
	expect_text(&out, "NATS/1.0 100 Idle Heartbeat\r\nEs-Backup: " ID "\r\n\r\n");
	nc_buf_release(&out);
}
