/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading a backup. */
#include "core/node/data/backup_read.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/digits.h"
#include "core/node/common/say.h"

#define SUMS           "SHA256SUMS"
#define INFO           "backup.json" /* for people; but a backup without it is not whole */
#define MANIFEST       "manifest"
#define SMALL_SIZE_MAX (64u << 10) /* bytes of a file that is read at once */
#define HEX_SIZE       ((size_t)2 * NC_SHA256_SIZE)

struct nc_backup_read {
	char directory[PATH_MAX];
	struct nc_buf sums; /* its text */
	struct nc_snapshot_manifest manifest;
	struct nc_buf bytes; /* of a chunk */
};

static int file_open(const struct nc_backup_read *backup, const char *name, int *fd_out)
{
	char path[PATH_MAX + NC_SNAPSHOT_NAME_SIZE + 1];
	(void)snprintf(path, sizeof path, "%s/%s", backup->directory, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		*fd_out = fd;
		return NC_OK;
	}
	nc_say_error("%s: %s", path, strerror(errno));
	return errno == ENOENT || errno == ENOTDIR ? NC_NOTFOUND : NC_IO;
}

/* Up to `size` bytes; fewer at the file's end. */
static int bytes_read(int fd, size_t size, struct nc_buf *buf)
{
	nc_buf_clear(buf);
	uint8_t *room = nc_buf_extend(buf, size);
	size_t have = 0;
	if (room == NULL)
		return NC_NOMEM;
	while (have < size) {
		ssize_t got = read(fd, room + have, size - have);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return NC_IO;
		if (got == 0)
			break;
		have += (size_t)got;
	}
	buf->size = have;
	return NC_OK;
}

static int damaged(const struct nc_backup_read *backup, const char *name, const char *why)
{
	nc_say_error("%s/%s %s: the backup is damaged, or not all of it is there",
	             backup->directory, name, why);
	return NC_CORRUPT;
}

/* The line of `name`: "<hex>  <name>\n". */
static bool sum_find(const struct nc_backup_read *backup, const char *name,
                     struct nc_slice *hex_out)
{
	struct nc_slice rest = nc_buf_slice(&backup->sums);
	while (rest.size > 0) {
		const uint8_t *end = memchr(rest.data, '\n', rest.size);
		if (end == NULL)
			return false; /* a line that was cut */
		struct nc_slice line = nc_slice(rest.data, (size_t)(end - rest.data));
		rest = nc_slice_from(rest, line.size + 1);
		if (line.size > HEX_SIZE + 2 &&
		    nc_slice_is(nc_slice_from(line, HEX_SIZE + 2), name)) {
			*hex_out = nc_slice(line.data, HEX_SIZE);
			return true;
		}
	}
	return false;
}

static int sum_check(const struct nc_backup_read *backup, const char *name,
                     struct nc_sha256_sum *sum)
{
	struct nc_slice want;
	uint8_t digest[NC_SHA256_SIZE];
	char have[HEX_SIZE];
	nc_sha256_end(sum, digest);
	nc_digits_hex_bytes(have, digest, sizeof digest);
	if (!sum_find(backup, name, &want))
		return damaged(backup, name, "has no line in " SUMS);
	return nc_slice_eq(want, nc_slice(have, sizeof have))
	               ? NC_OK
	               : damaged(backup, name, "does not have its checksum");
}

/* ---- The manifest ---------------------------------------------------------------------------- */

static int small_read(struct nc_backup_read *backup, const char *name, struct nc_buf *buf)
{
	int fd = -1;
	int err = file_open(backup, name, &fd);
	if (err != NC_OK)
		return err;
	err = bytes_read(fd, SMALL_SIZE_MAX, buf);
	(void)close(fd);
	return err == NC_OK && buf->size == SMALL_SIZE_MAX
	               ? damaged(backup, name, "is larger than it can be")
	               : err;
}

/* Read a small file and check its sum. A missing file was there once, since the sums are written
 * last. */
static int checked_read(struct nc_backup_read *backup, const char *name)
{
	struct nc_sha256_sum sum;
	int err = small_read(backup, name, &backup->bytes);
	if (err != NC_OK)
		return err == NC_NOTFOUND ? NC_CORRUPT : err;
	nc_sha256_begin(&sum);
	nc_sha256_add(&sum, nc_buf_slice(&backup->bytes));
	return sum_check(backup, name, &sum);
}

static int manifest_read(struct nc_backup_read *backup)
{
	int err = checked_read(backup, MANIFEST);
	if (err == NC_OK &&
	    nc_snapshot_manifest_get(nc_buf_slice(&backup->bytes), &backup->manifest) != NC_OK)
		err = damaged(backup, MANIFEST, "cannot be read by this build");
	return err;
}

int nc_backup_read_open(const char *directory, struct nc_backup_read **backup_out)
{
	struct nc_backup_read *backup = calloc(1, sizeof *backup);
	if (backup == NULL)
		return NC_NOMEM;
	(void)snprintf(backup->directory, sizeof backup->directory, "%s", directory);
	int err = small_read(backup, SUMS, &backup->sums);
	if (err == NC_OK)
		err = checked_read(backup, INFO);
	if (err == NC_OK)
		err = manifest_read(backup);
	if (err != NC_OK) {
		nc_backup_read_close(backup);
		return err;
	}
	*backup_out = backup;
	return NC_OK;
}

const struct nc_snapshot_manifest *nc_backup_read_manifest(const struct nc_backup_read *backup)
{
	return &backup->manifest;
}

void nc_backup_read_close(struct nc_backup_read *backup)
{
	if (backup == NULL)
		return;
	nc_buf_release(&backup->sums);
	nc_buf_release(&backup->bytes);
	free(backup);
}

/* ---- Its files ------------------------------------------------------------------------------- */

static int chunk_move(struct nc_backup_read *backup, struct nc_snapshot_stage *stage, uint32_t file,
                      uint64_t offset, struct nc_sha256_sum *sum)
{
	uint8_t sha256[NC_SHA256_SIZE];
	struct nc_slice bytes = nc_buf_slice(&backup->bytes);
	const struct nc_snapshot_file *to = &backup->manifest.files[file];
	if (bytes.size > to->size - offset)
		return damaged(backup, to->name, "is longer than it was");
	nc_sha256_add(sum, bytes);
	nc_sha256(&bytes, 1, sha256);
	return nc_snapshot_stage_put(stage, file, offset, bytes, sha256);
}

static int file_move(struct nc_backup_read *backup, struct nc_snapshot_stage *stage, uint32_t file)
{
	const struct nc_snapshot_file *from = &backup->manifest.files[file];
	struct nc_sha256_sum sum;
	uint64_t offset = 0;
	int fd = -1;
	if (from->size == 0)
		return NC_OK; /* an empty file, for which no chunk was written */
	int err = file_open(backup, from->name, &fd);
	nc_sha256_begin(&sum);
	while (err == NC_OK) {
		err = bytes_read(fd, NC_SNAPSHOT_CHUNK_MAX, &backup->bytes);
		if (err == NC_IO)
			nc_say_error("%s/%s: %s", backup->directory, from->name, strerror(errno));
		if (err != NC_OK || backup->bytes.size == 0)
			break;
		err = chunk_move(backup, stage, file, offset, &sum);
		offset += backup->bytes.size;
	}
	if (fd >= 0)
		(void)close(fd);
	if (err == NC_OK && offset < from->size)
		err = damaged(backup, from->name, "is shorter than it was");
	if (err == NC_OK)
		err = sum_check(backup, from->name, &sum);
	return err == NC_NOTFOUND ? NC_CORRUPT : err; /* it has a sum, so it was there once */
}

int nc_backup_read_files(struct nc_backup_read *backup, struct nc_snapshot_stage *stage)
{
	int err = NC_OK;
	for (uint32_t file = 0; file < backup->manifest.file_count && err == NC_OK; file++)
		err = file_move(backup, stage, file);
	return err;
}
