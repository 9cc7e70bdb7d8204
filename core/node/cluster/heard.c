/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which lives of others were heard. */
#include "core/node/cluster/heard.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/crc32c.h"
#include "storage/log/files.h"

#define MAGIC     NC_SLICE("NACREHD1")
#define HEAD_SIZE 28u /* bytes */
#define LIFE_SIZE 24u
#define FILE_MAX  (HEAD_SIZE + NC_PEER_NODES_MAX * LIFE_SIZE + 4)
#define ID_AT     8u
#define COUNT_AT  24u

/* ---- The table ------------------------------------------------------------------------------ */

static struct nc_heard_life *find(struct nc_heard *heard, uint64_t number)
{
	for (uint32_t i = 0; i < heard->count; i++) {
		if (heard->at[i].number == number)
			return &heard->at[i];
	}
	return NULL;
}

const struct nc_heard_life *nc_heard_find(const struct nc_heard *heard, uint64_t number)
{
	for (uint32_t i = 0; i < heard->count; i++) {
		if (heard->at[i].number == number)
			return &heard->at[i];
	}
	return NULL;
}

/* The last place; that of `old`, or of the one that began longest ago, goes if there is none. */
static void add(struct nc_heard *heard, struct nc_heard_life *old, const struct nc_heard_life *life)
{
	if (old == NULL && heard->count == NC_PEER_NODES_MAX)
		old = &heard->at[0];
	if (old != NULL) {
		size_t behind = (size_t)(&heard->at[heard->count] - (old + 1));
		memmove(old, old + 1, behind * sizeof *old);
		heard->count--;
	}
	heard->at[heard->count++] = *life;
}

enum nc_heard_as nc_heard_put(struct nc_heard *heard, const struct nc_heard_life *life)
{
	struct nc_heard_life *known = find(heard, life->number);
	if (known == NULL || life->epoch > known->epoch) {
		add(heard, known, life);
		return NC_HEARD_LATER;
	}
	if (life->epoch < known->epoch)
		return NC_HEARD_OLDER;
	known->forked = life->run != known->run;
	return known->forked ? NC_HEARD_OLDER : NC_HEARD_SAME;
}

bool nc_heard_trusts(const struct nc_heard *heard, uint64_t number, uint64_t epoch)
{
	const struct nc_heard_life *known = nc_heard_find(heard, number);
	return known == NULL || epoch > known->epoch || (epoch == known->epoch && !known->forked);
}

/* ---- The file ------------------------------------------------------------------------------- */

static size_t encode(const uint8_t *cluster_id, const struct nc_heard *heard,
                     uint8_t bytes[FILE_MAX])
{
	uint8_t *at = bytes + HEAD_SIZE;
	memcpy(bytes, MAGIC.data, MAGIC.size);
	memcpy(bytes + ID_AT, cluster_id, NC_PEER_CLUSTER_ID_SIZE);
	nc_set_u32(bytes + COUNT_AT, heard->count);
	for (uint32_t i = 0; i < heard->count; i++, at += LIFE_SIZE) {
		nc_set_u64(at, heard->at[i].number);
		nc_set_u64(at + 8, heard->at[i].epoch);
		nc_set_u64(at + 16, heard->at[i].run);
	}
	nc_set_u32(at, nc_crc32c(0, bytes, (size_t)(at - bytes)));
	return (size_t)(at - bytes) + 4;
}

static int decode(const uint8_t *cluster_id, const uint8_t *bytes, size_t size,
                  struct nc_heard *heard_out)
{
	if (size < HEAD_SIZE + 4 || memcmp(bytes, MAGIC.data, MAGIC.size) != 0 ||
	    nc_crc32c(0, bytes, size - 4) != nc_get_u32(bytes + size - 4))
		return NC_CORRUPT;
	struct nc_heard heard = { .count = nc_get_u32(bytes + COUNT_AT) };
	if (heard.count > NC_PEER_NODES_MAX || size != HEAD_SIZE + heard.count * LIFE_SIZE + 4)
		return NC_CORRUPT;
	if (memcmp(bytes + ID_AT, cluster_id, NC_PEER_CLUSTER_ID_SIZE) != 0)
		return NC_NOTFOUND;
	for (uint32_t i = 0; i < heard.count; i++) {
		const uint8_t *at = bytes + HEAD_SIZE + (size_t)i * LIFE_SIZE;
		heard.at[i] = (struct nc_heard_life){ .number = nc_get_u64(at),
			                              .epoch = nc_get_u64(at + 8),
			                              .run = nc_get_u64(at + 16) };
	}
	*heard_out = heard;
	return NC_OK;
}

int nc_heard_read(const char *data_dir, const uint8_t cluster_id[NC_PEER_CLUSTER_ID_SIZE],
                  struct nc_heard *heard_out)
{
	uint8_t bytes[FILE_MAX + 1];
	char path[PATH_MAX];
	(void)snprintf(path, sizeof path, "%s/heard", data_dir);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? NC_NOTFOUND : NC_IO;
	ssize_t size = read(fd, bytes, sizeof bytes);
	(void)close(fd);
	return size < 0 ? NC_IO : decode(cluster_id, bytes, (size_t)size, heard_out);
}

static int file_write(const char *path, const uint8_t *bytes, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return errno == ENOSPC ? NC_FULL : NC_IO;
	int failed = nc_files_system.write(NULL, fd, bytes, size, 0);
	if (failed == 0)
		failed = nc_files_system.sync(NULL, fd);
	(void)close(fd);
	return failed == 0 ? NC_OK : failed == -ENOSPC ? NC_FULL : NC_IO;
}

int nc_heard_write(const char *data_dir, const uint8_t cluster_id[NC_PEER_CLUSTER_ID_SIZE],
                   const struct nc_heard *heard)
{
	uint8_t bytes[FILE_MAX];
	char path[PATH_MAX], beside[PATH_MAX];
	(void)snprintf(path, sizeof path, "%s/heard", data_dir);
	(void)snprintf(beside, sizeof beside, "%s/heard.new", data_dir);
	size_t size = encode(cluster_id, heard, bytes);
	int err = file_write(beside, bytes, size);
	if (err == NC_OK && rename(beside, path) != 0)
		err = NC_IO;
	return err == NC_OK ? nc_files_sync_directory(data_dir) : err;
}
