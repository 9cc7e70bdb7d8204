/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/log/power.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SECTOR       512u
#define UNSYNCED_MAX 16u

struct power power;

/* A write that no sync has followed, and what it has replaced. */
static struct {
	int fd; /* of the file; its name may be another by now */
	off_t offset;
	size_t size;
	uint8_t *before;
} unsynced[UNSYNCED_MAX];
static size_t unsynced_count;

uint64_t power_dice(uint64_t bound)
{
	uint64_t z = power.dice += 0x9e3779b97f4a7c15u;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	z ^= z >> 31;
	return bound == 0 ? z : z % bound;
}

void power_settle(void)
{
	while (unsynced_count > 0) {
		unsynced_count--;
		free(unsynced[unsynced_count].before);
		(void)close(unsynced[unsynced_count].fd);
	}
}

/* Whether the power is gone, or goes with this call. */
static bool goes(void)
{
	if (power.gone_in > 0 && --power.gone_in == 0)
		power.gone = true;
	return power.gone;
}

static bool is_full(void)
{
	if (power.full_in > 0)
		power.full_in--;
	if (power.full_in > 0 || power.full_times == 0)
		return false;
	power.full_times--;
	return true;
}

static int write_keeping(int fd, const void *data, size_t size, off_t offset)
{
	char path[64];
	if (size == 0)
		return 0;
	cr_assert_lt(unsynced_count, UNSYNCED_MAX);
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	int own = open(path, O_RDWR | O_CLOEXEC);
	uint8_t *before = calloc(1, size);
	cr_assert(own >= 0 && before != NULL);
	cr_assert_eq(pread(own, before, size, offset), (ssize_t)size);
	unsynced[unsynced_count].fd = own;
	unsynced[unsynced_count].offset = offset;
	unsynced[unsynced_count].size = size;
	unsynced[unsynced_count++].before = before;
	return nc_files_system.write(NULL, own, data, size, offset);
}

static int power_write(void *ctx, int fd, const void *data, size_t size, off_t offset)
{
	(void)ctx;
	if ((fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY) { /* past the kernel's memory */
		bool whole = offset % NC_FILES_PAGE == 0 && size % NC_FILES_PAGE == 0 &&
		             (uintptr_t)data % NC_FILES_PAGE == 0;
		cr_assert(whole);
	}
	if (power.gone)
		return -EIO;
	bool last = goes(), full = is_full();
	size_t some = full ? power_dice(size / SECTOR + 1) * SECTOR : size;
	int err = write_keeping(fd, data, some, offset);
	if (last)
		return -EIO;
	return err == 0 && full ? -ENOSPC : err;
}

static int power_sync(void *ctx, int fd)
{
	(void)ctx;
	(void)fd;
	if (goes() || power.sync_fails)
		return -EIO;
	power_settle();
	return 0;
}

static int power_zero(void *ctx, int fd, off_t size)
{
	(void)ctx;
	if (power.no_files)
		return -ENOSPC;
	return ftruncate(fd, size) == 0 ? 0 : -errno;
}

static int power_direct(void *ctx, const char *path)
{
	(void)ctx;
	int fd = power.direct ? open(path, O_WRONLY | O_CLOEXEC) : -1;
	return fd >= 0 ? fd : -EINVAL;
}

static int power_read(void *ctx, int fd, void *data, size_t size, off_t offset)
{
	return nc_files_system.read(ctx, fd, data, size, offset);
}

const struct nc_files power_files = { .write = power_write,
	                              .sync = power_sync,
	                              .zero = power_zero,
	                              .direct = power_direct,
	                              .read = power_read };

void power_back(void)
{
	enum { ALL_LOST, FIRST_KEPT, SOME_KEPT, LOTS } lot = power_dice(LOTS);
	for (size_t i = unsynced_count; i > 0; i--) {
		size_t size = unsynced[i - 1].size;
		size_t kept = power_dice(size / SECTOR + 2) * SECTOR;
		for (size_t at = 0; at < size; at += SECTOR) {
			size_t some = size - at < SECTOR ? size - at : SECTOR;
			bool lost = lot == ALL_LOST || (lot == FIRST_KEPT && at >= kept) ||
			            (lot == SOME_KEPT && power_dice(2) == 0);
			const uint8_t *before = unsynced[i - 1].before + at;
			off_t offset = unsynced[i - 1].offset + (off_t)at;
			if (lost) {
				cr_assert_eq(nc_files_system.write(NULL, unsynced[i - 1].fd, before,
				                                   some, offset),
				             0);
			}
		}
	}
	power_settle();
	power = (struct power){ .dice = power.dice, .direct = power_dice(2) == 0 };
}
