/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files in memory that tear, fill up, fail to sync, and rot. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/sim/files_private.h"

static uint64_t mix(uint64_t z)
{
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	return (z ^ z >> 27) * 0x94d049bb133111ebu;
}

/* The sectors that are there when the power is back. */
static int write_torn(struct sim_files *files, int fd, const uint8_t *data, size_t size,
                      off_t offset)
{
	size_t sectors = size / SECTOR + 2;
	uint64_t lasting = files->dice % (sectors + 1);
	off_t shift =
	        files->mode == ASTRAY ? (off_t)SECTOR * ((off_t)(files->dice % 256) - 128) : 0;
	int err = 0;
	uint64_t nth = 0;
	for (size_t at = 0; at < size && err == 0; nth++) {
		size_t some = SECTOR - (size_t)((uint64_t)offset + at) % SECTOR;
		if (some > size - at)
			some = size - at;
		bool there =
		        files->mode == SOME ? (mix(files->dice + nth) & 1) != 0 : nth < lasting;
		off_t to = offset + (off_t)at + shift;
		if (there && to >= 0 && (size_t)to + some <= SEGMENT_SIZE) {
			err = nc_files_system.write(NULL, fd, data + at, some, to);
			files->end = to + (off_t)some;
		}
		at += some;
	}
	return err;
}

static void unsynced_keep(struct sim_files *files, int fd, size_t size, off_t offset)
{
	if (files->unsynced_count == UNSYNCED_MAX)
		return;
	struct unsynced *unsynced = &files->unsynced[files->unsynced_count++];
	*unsynced = (struct unsynced){ .fd = fd, .offset = offset };
	uint8_t *room = nc_buf_extend(&unsynced->before, size);
	nc_assert(room != NULL && pread(fd, room, size, offset) == (ssize_t)size);
}

/* The power goes: what was not synced is gone. */
void sim_files_unsynced_lose(struct sim_files *files)
{
	while (files->unsynced_count > 0) {
		struct unsynced *unsynced = &files->unsynced[--files->unsynced_count];
		if (fcntl(unsynced->fd, F_GETFD) >= 0) {
			(void)nc_files_system.write(NULL, unsynced->fd, unsynced->before.data,
			                            unsynced->before.size, unsynced->offset);
			files->end = unsynced->offset;
		}
		nc_buf_release(&unsynced->before);
	}
}

void sim_files_unsynced_forget(struct sim_files *files)
{
	while (files->unsynced_count > 0)
		nc_buf_release(&files->unsynced[--files->unsynced_count].before);
}

static bool is_zeros(const uint8_t *data, size_t size)
{
	return size == 0 || (data[0] == 0 && memcmp(data, data + 1, size - 1) == 0);
}

static int files_write(void *ctx, int fd, const void *data, size_t size, off_t offset)
{
	struct sim_files *files = ctx;
	if (files->mode < PREFIX) /* zeros: a tail is cut */
		files->end = offset + (is_zeros(data, size) ? 0 : (off_t)size);
	if (files->mode == WELL)
		unsynced_keep(files, fd, size, offset);
	if (files->mode == FULL) {
		files->mode = WELL;
		int err = nc_files_system.write(NULL, fd, data, size / 2, offset);
		return err != 0 ? err : -ENOSPC;
	}
	if (files->mode == WELL || files->mode == FAIL)
		return nc_files_system.write(NULL, fd, data, size, offset);
	return write_torn(files, fd, data, size, offset);
}

static int files_sync(void *ctx, int fd)
{
	struct sim_files *files = ctx;
	(void)fd; /* they lie in memory */
	if (files->mode == WELL)
		sim_files_unsynced_forget(files);
	return files->mode == WELL ? 0 : -EIO;
}

static int files_zero(void *ctx, int fd, off_t size)
{
	(void)ctx;
	return ftruncate(fd, size) == 0 ? 0 : -errno;
}

void sim_files_calls(struct sim_files *files)
{
	files->calls = (struct nc_files){ .write = files_write,
		                          .sync = files_sync,
		                          .zero = files_zero,
		                          .read = nc_files_system.read,
		                          .ctx = files };
}

/* ---- Rot ------------------------------------------------------------------------------------- */

/* A bit flips somewhere in the files. */
void sim_files_flip(struct sim *sim, struct sim_node *node)
{
	struct sim_files *files = node->files;
	char names[64][32], path[160];
	size_t count = 0;
	DIR *dir = opendir(files->directory);
	for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
		if (count < 64 && strlen(entry->d_name) == 24)
			(void)snprintf(names[count++], sizeof names[0], "%.31s", entry->d_name);
	}
	if (dir != NULL)
		(void)closedir(dir);
	if (count == 0)
		return;
	qsort(names, count, sizeof names[0], (int (*)(const void *, const void *))strcmp);
	bool at_end = sim_chance(sim, 5000); /* where least vouches for it */
	size_t chosen = at_end ? count - 1 : sim_below(sim, count);
	(void)snprintf(path, sizeof path, "%s/%s", files->directory, names[chosen]);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	nc_assert(fd >= 0);
	uint8_t byte = 0;
	off_t at = (off_t)sim_below(sim, SEGMENT_SIZE);
	if (at_end)
		at = files->end - (off_t)sim_below(sim, 200);
	if (at >= 0 && pread(fd, &byte, 1, at) == 1) {
		byte ^= (uint8_t)(1u << sim_below(sim, 8));
		nc_assert(pwrite(fd, &byte, 1, at) == 1);
	}
	(void)close(fd);
	files->damaged = true;
	sim->counters.flips++;
	sim_trace(sim, "%llu: a bit flips in %s", ULL(node->id), names[chosen]);
}
