/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whether there is room on the disk: looked at from time to time, and told when it changes. */
#include "core/node/common/disk.h"

#include <stdio.h>

#include "core/node/common/say.h"
#include "core/node/service/service_private.h"
#include "storage/log/identity.h"

#define DISK_TICKS 12u /* of the service, from one look to the next */

/* What changed is told when there is a server to tell: at a start there is none yet. */
static void tell(struct nc_service *service)
{
	char members[80];
	if (!service->disk.untold || !nc_bus_connected(service->bus))
		return;
	service->disk.untold = false;
	if (nc_replica_status(service->replica).full) {
		(void)snprintf(members, sizeof members, "\"disk_free\":%llu,\"disk_reserve\":%llu",
		               (unsigned long long)service->disk.free,
		               (unsigned long long)service->options.disk_reserve);
		nc_service_advise(service, "node", "disk_full", members);
	} else {
		nc_service_advise(service, "node", "disk_room", "");
	}
}

void nc_service_disk_check(void *ctx)
{
	struct nc_service *service = ctx;
	struct nc_disk disk;
	if (nc_disk_measure(service->options.config->data_dir, &disk) != NC_OK)
		return;
	service->disk.free = disk.free;
	bool was = nc_replica_status(service->replica).full;
	nc_replica_set_room(service->replica, disk.free, service->options.disk_reserve);
	bool full = nc_replica_status(service->replica).full;
	if (full && !was) {
		nc_say_warning("disk full: %llu bytes are left; the store is read-only until "
		               "there is room",
		               (unsigned long long)disk.free);
		service->disk.untold = true;
	} else if (was && !full) {
		nc_say_info("disk: there is room again; the store takes appends");
		service->disk.untold = true;
	}
}

/* What is written to files that were removed is gone when the process ends, so it is not to be
 * acknowledged. And whoever removes the lock lets another process in. */
static void gone_check(struct nc_service *service)
{
	char what[NC_DATA_DIR_SIZE_MAX + 96];
	if (nc_identity_is_held(service->options.identity))
		return;
	(void)snprintf(what, sizeof what,
	               "the data directory %s was removed while the node ran, or its file lock",
	               service->options.config->data_dir);
	service->options.on_fatal(service->options.ctx, NC_NOTFOUND, what);
}

void nc_service_disk_tick(struct nc_service *service)
{
	if (service->ticks % DISK_TICKS == 1) {
		gone_check(service);
		nc_service_disk_check(service);
	}
	tell(service);
}
