/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Room on the disk. */
#include "core/node/common/disk.h"

#include <sys/statvfs.h>

#include "core/base/err.h"

#define MIB (UINT64_C(1) << 20)

int nc_disk_measure(const char *path, struct nc_disk *disk_out)
{
	struct statvfs at;
	if (statvfs(path, &at) != 0)
		return NC_IO;
	disk_out->total = (uint64_t)at.f_blocks * at.f_frsize;
	disk_out->free = (uint64_t)at.f_bavail * at.f_frsize;
	return NC_OK;
}

uint64_t nc_disk_reserve(const struct nc_disk *disk)
{
	uint64_t tenth = disk->total / 10;
	return tenth < 256 * MIB ? tenth : 256 * MIB;
}

uint64_t nc_disk_segment(const struct nc_disk *disk, uint64_t wanted)
{
	uint64_t part = disk->total / 64 / MIB * MIB;
	if (part < MIB)
		part = MIB;
	return wanted < part ? wanted : part;
}
