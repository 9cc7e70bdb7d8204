/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Waiting for room on the disk, at a start. */
#include "core/node/data/room.h"

#include <time.h>

#include "core/node/common/disk.h"
#include "core/node/common/say.h"

#define NAP_NS   250000000L
#define ROOM_MIN (UINT64_C(4) << 20) /* bytes: less is not worth a try */

static uint64_t free_now(const struct nc_config *config)
{
	struct nc_disk disk;
	return nc_disk_measure(config->data_dir, &disk) == NC_OK ? disk.free : 0;
}

/* Each try counts the node's starts and says what it lacks: not before there is more room than when
 * it failed. */
static void room_wait(const struct nc_config *config, uint64_t failed_at)
{
	const struct timespec nap = { 0, NAP_NS };
	uint64_t free;
	nc_say_warning("disk full: %llu bytes are left in %s; the node starts when there is room",
	               (unsigned long long)failed_at, config->data_dir);
	do {
		(void)nanosleep(&nap, NULL);
		free = free_now(config);
	} while (free < ROOM_MIN || free <= failed_at);
}

int nc_store_open_with_room(const struct nc_config *config, struct nc_store *store_out)
{
	bool holds = false;
	if (nc_store_directory_holds(config->data_dir, &holds) != NC_OK)
		holds = false;
	int err = nc_store_open(config, store_out);
	while (err == NC_FULL && holds) {
		room_wait(config, free_now(config));
		err = nc_store_open(config, store_out);
	}
	return err;
}
