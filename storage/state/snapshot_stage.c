/* SPDX-License-Identifier: GPL-3.0-or-later */
/* snapshot_stage.c -- taking a snapshot in. Files come one after the other, each from its
 * beginning, so that one place says how far all is; the note of that place is written behind what
 * it stands for. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "core/base/crc32c.h"
#include "storage/state/snapshot_private.h"

#define SYNC_SIZE (16u << 20) /* how many bytes are taken between two notes of the progress */

struct nc_snapshot_stage {
	char directory[PATH_MAX]; /* of the manifest */
	char files[PATH_MAX];     /* beneath it: what becomes the state's directory */
	struct nc_snapshot_manifest manifest;
	uint32_t file; /* the place wanted next */
	uint64_t offset;
	uint64_t unsynced; /* bytes since the last note */
	int fd;            /* of `file`; -1: not open */
};

/* ---- How far it is -------------------------------------------------------------------------- */

#define PROGRESS_SIZE (NC_SNAPSHOT_ID_SIZE + 4 + 8 + 4)

static int progress_save(const struct nc_snapshot_stage *stage)
{
	uint8_t bytes[PROGRESS_SIZE];
	memcpy(bytes, stage->manifest.id, NC_SNAPSHOT_ID_SIZE);
	nc_set_u32(bytes + NC_SNAPSHOT_ID_SIZE, stage->file);
	nc_set_u64(bytes + NC_SNAPSHOT_ID_SIZE + 4, stage->offset);
	nc_set_u32(bytes + PROGRESS_SIZE - 4, nc_crc32c(0, bytes, PROGRESS_SIZE - 4));
	return nc_snapshot_file_write(stage->directory, NC_SNAPSHOT_PROGRESS_FILE,
	                              nc_slice(bytes, sizeof bytes));
}

static bool progress_parse(struct nc_snapshot_stage *stage, struct nc_slice bytes)
{
	if (bytes.size != PROGRESS_SIZE ||
	    nc_get_u32(bytes.data + PROGRESS_SIZE - 4) !=
	            nc_crc32c(0, bytes.data, PROGRESS_SIZE - 4) ||
	    memcmp(bytes.data, stage->manifest.id, NC_SNAPSHOT_ID_SIZE) != 0)
		return false;
	uint32_t file = nc_get_u32(bytes.data + NC_SNAPSHOT_ID_SIZE);
	uint64_t offset = nc_get_u64(bytes.data + NC_SNAPSHOT_ID_SIZE + 4);
	const struct nc_snapshot_manifest *manifest = &stage->manifest;
	if (file > manifest->file_count || (file == manifest->file_count && offset != 0) ||
	    (file < manifest->file_count && offset > manifest->files[file].size))
		return false;
	stage->file = file;
	stage->offset = offset;
	return true;
}

/* ---- Opening -------------------------------------------------------------------------------- */

static bool holds_this(struct nc_snapshot_stage *stage, struct nc_slice manifest)
{
	struct nc_buf buf = { 0 };
	bool same =
	        nc_snapshot_file_read(stage->directory, NC_SNAPSHOT_MANIFEST_FILE, &buf) == NC_OK &&
	        nc_slice_eq(nc_buf_slice(&buf), manifest);
	nc_buf_clear(&buf);
	if (same) {
		same = nc_snapshot_file_read(stage->directory, NC_SNAPSHOT_PROGRESS_FILE, &buf) ==
		               NC_OK &&
		       progress_parse(stage, nc_buf_slice(&buf));
	}
	nc_buf_release(&buf);
	return same;
}

/* The manifest is written last: a directory that has one is a stage. */
static int begin(struct nc_snapshot_stage *stage, struct nc_slice manifest)
{
	int err = nc_snapshot_remove(stage->directory);
	if (err != NC_OK)
		return err;
	if (mkdir(stage->directory, 0700) != 0 || mkdir(stage->files, 0700) != 0)
		return nc_snapshot_err_from_errno(errno);
	stage->file = 0;
	stage->offset = 0;
	err = progress_save(stage);
	if (err == NC_OK)
		err = nc_snapshot_file_write(stage->directory, NC_SNAPSHOT_MANIFEST_FILE, manifest);
	return err;
}

static int room_check(const struct nc_snapshot_stage *stage)
{
	struct statvfs info;
	if (statvfs(stage->directory, &info) != 0)
		return NC_OK; /* the first write will tell */
	uint64_t want = nc_snapshot_manifest_size(&stage->manifest) - nc_snapshot_stage_size(stage);
	return (uint64_t)info.f_bavail * info.f_frsize > want ? NC_OK : NC_FULL;
}

int nc_snapshot_stage_open(const char *directory, const struct nc_snapshot_manifest *manifest,
                           struct nc_snapshot_stage **stage_out)
{
	struct nc_snapshot_stage *stage = calloc(1, sizeof *stage);
	struct nc_buf bytes = { 0 };
	if (stage == NULL)
		return NC_NOMEM;
	stage->fd = -1;
	stage->manifest = *manifest;
	nc_snapshot_manifest_put(manifest, &bytes);
	int err = nc_buf_status(&bytes);
	int size = snprintf(stage->directory, sizeof stage->directory, "%s", directory);
	(void)snprintf(stage->files, sizeof stage->files, "%s/%s", directory, NC_SNAPSHOT_FILES);
	if (size < 0 || (size_t)size > sizeof stage->files - 64)
		err = NC_INVALID;
	if (err == NC_OK && !holds_this(stage, nc_buf_slice(&bytes)))
		err = begin(stage, nc_buf_slice(&bytes));
	if (err == NC_OK)
		err = room_check(stage);
	nc_buf_release(&bytes);
	if (err != NC_OK) {
		nc_snapshot_stage_close(stage);
		return err;
	}
	*stage_out = stage;
	return NC_OK;
}

/* ---- Taking in ------------------------------------------------------------------------------ */

bool nc_snapshot_stage_next(const struct nc_snapshot_stage *stage, uint32_t *file_out,
                            uint64_t *offset_out)
{
	if (stage->file >= stage->manifest.file_count)
		return false;
	*file_out = stage->file;
	*offset_out = stage->offset;
	return true;
}

/* Cut the file where the note says: later bytes were not durable, and may be anything after a
 * crash. */
static int file_open(struct nc_snapshot_stage *stage)
{
	if (stage->fd >= 0)
		return NC_OK;
	char path[PATH_MAX];
	(void)snprintf(path, sizeof path, "%s/%s", stage->files,
	               stage->manifest.files[stage->file].name);
	stage->fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (stage->fd < 0 || ftruncate(stage->fd, (off_t)stage->offset) != 0)
		return nc_snapshot_err_from_errno(errno);
	return NC_OK;
}

static int bytes_write(struct nc_snapshot_stage *stage, struct nc_slice bytes)
{
	uint64_t offset = stage->offset;
	while (bytes.size > 0) {
		ssize_t written = pwrite(stage->fd, bytes.data, bytes.size, (off_t)offset);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return nc_snapshot_err_from_errno(errno);
		offset += (uint64_t)written;
		bytes = nc_slice_from(bytes, (size_t)written);
	}
	return NC_OK;
}

static int file_end(struct nc_snapshot_stage *stage)
{
	int err = close(stage->fd) == 0 ? NC_OK : nc_snapshot_err_from_errno(errno);
	stage->fd = -1;
	stage->file++;
	stage->offset = 0;
	return err == NC_OK ? nc_snapshot_sync(stage->files) : err;
}

static int settle(struct nc_snapshot_stage *stage)
{
	bool ended = stage->offset == stage->manifest.files[stage->file].size;
	if (!ended && stage->unsynced < SYNC_SIZE)
		return NC_OK;
	if (fsync(stage->fd) != 0)
		return nc_snapshot_err_from_errno(errno);
	stage->unsynced = 0;
	int err = ended ? file_end(stage) : NC_OK;
	return err == NC_OK ? progress_save(stage) : err;
}

int nc_snapshot_stage_put(struct nc_snapshot_stage *stage, uint32_t file, uint64_t offset,
                          struct nc_slice bytes, const uint8_t sha256[NC_SHA256_SIZE])
{
	const struct nc_snapshot_manifest *manifest = &stage->manifest;
	if (file >= manifest->file_count || bytes.size == 0 ||
	    offset > manifest->files[file].size || bytes.size > manifest->files[file].size - offset)
		return NC_INVALID;
	if (file < stage->file || (file == stage->file && offset + bytes.size <= stage->offset))
		return NC_OK; /* it was taken before */
	if (file != stage->file || offset != stage->offset)
		return NC_INVALID;
	uint8_t digest[NC_SHA256_SIZE];
	nc_sha256(&bytes, 1, digest);
	if (memcmp(digest, sha256, sizeof digest) != 0)
		return NC_CORRUPT;
	int err = file_open(stage);
	if (err == NC_OK)
		err = bytes_write(stage, bytes);
	if (err != NC_OK)
		return err;
	stage->offset += bytes.size;
	stage->unsynced += bytes.size;
	return settle(stage);
}

uint64_t nc_snapshot_stage_size(const struct nc_snapshot_stage *stage)
{
	uint64_t size = stage->offset;
	for (uint32_t i = 0; i < stage->file; i++)
		size += stage->manifest.files[i].size;
	return size;
}

void nc_snapshot_stage_close(struct nc_snapshot_stage *stage)
{
	if (stage == NULL)
		return;
	if (stage->fd >= 0)
		(void)close(stage->fd);
	free(stage);
}

int nc_snapshot_stage_whole(const char *directory, struct nc_snapshot_manifest *manifest_out)
{
	struct nc_snapshot_stage *stage = calloc(1, sizeof *stage);
	struct nc_buf buf = { 0 };
	if (stage == NULL)
		return NC_NOMEM;
	stage->fd = -1;
	(void)snprintf(stage->directory, sizeof stage->directory, "%s", directory);
	int err = nc_snapshot_file_read(directory, NC_SNAPSHOT_MANIFEST_FILE, &buf);
	if (err == NC_OK && nc_snapshot_manifest_get(nc_buf_slice(&buf), &stage->manifest) != NC_OK)
		err = NC_NOTFOUND;
	if (err == NC_OK &&
	    !(holds_this(stage, nc_buf_slice(&buf)) && stage->file == stage->manifest.file_count))
		err = NC_NOTFOUND;
	if (err == NC_OK)
		*manifest_out = stage->manifest;
	nc_buf_release(&buf);
	nc_snapshot_stage_close(stage);
	return err;
}
