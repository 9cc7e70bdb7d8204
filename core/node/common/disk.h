/* SPDX-License-Identifier: GPL-3.0-or-later */
/* disk.h -- how much room there is, and what a disk of some size should be used like. */
#ifndef NC_CORE_NODE_COMMON_DISK_H
#define NC_CORE_NODE_COMMON_DISK_H

#include <stdint.h>

struct nc_disk {
	uint64_t total; /* bytes */
	uint64_t free;  /* bytes that this process may use */
};

/* Errors: NC_IO. */
int nc_disk_measure(const char *path, struct nc_disk *disk_out);

/* Bytes to keep free: what checkpoints and compaction need to go on when the store is read-only. A
 * tenth of the disk, at most 256 MiB. */
uint64_t nc_disk_reserve(const struct nc_disk *disk);

/* Bytes of a log segment: `wanted`, or a 64th of the disk if that is less; at least 1 MiB. */
uint64_t nc_disk_segment(const struct nc_disk *disk, uint64_t wanted);

#endif
