/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The engine's version: the leader raises it to what all members can, before it takes up what comes
 * with it. */
#include "core/node/cluster/cluster.h"
#include "core/node/common/say.h"
#include "core/node/service/service_private.h"

/* The highest version that every member knows. */
static uint32_t version_of_all(const struct nc_service *service)
{
	return service->options.cluster == NULL
	               ? nc_engine_version_can()
	               : nc_cluster_engine_version(service->options.cluster);
}

void nc_service_raise(struct nc_service *service)
{
	uint32_t version = version_of_all(service);
	if (!service->serving || service->raising || service->engine_version >= version)
		return;
	struct nc_ticket *ticket =
	        nc_ticket_new(&service->tickets, nc_slice(NULL, 0), nc_clock_ms());
	struct nc_buf command = { 0 };
	nc_command_put_engine_version(&command, version);
	int err = ticket == NULL ? NC_NOMEM : nc_buf_status(&command);
	if (err == NC_OK) {
		ticket->of = NC_TICKET_VERSION;
		service->raising = version;
		err = nc_replica_command(service->replica, nc_buf_slice(&command), ticket);
	}
	if (err != NC_OK) { /* the timer asks again */
		nc_service_raised(service);
		if (ticket != NULL)
			nc_ticket_free(&service->tickets, ticket);
	}
	nc_buf_release(&command);
}

void nc_service_raised(struct nc_service *service)
{
	service->raising = 0; /* if it was not done, the timer asks again */
}

void nc_service_version_is(struct nc_service *service, uint32_t version)
{
	if (version <= service->engine_version)
		return;
	nc_say_info("upgraded: engine version %u from here on, %u before", version,
	            service->engine_version);
	service->engine_version = version;
}
