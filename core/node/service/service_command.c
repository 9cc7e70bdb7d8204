/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What requests have in common that become a command: whether all nodes know it, its way to the
 * replica, and how it is refused. */
#include <stdio.h>

#include "core/node/service/service_private.h"
#include "transport/nats/reply.h"

void nc_service_refuse(struct nc_service *service, struct nc_slice reply, int endpoint,
                       struct nc_fault fault, const char *text)
{
	nc_service_error(service, &service->out, nc_service_reply_str(reply),
	                 &service->srv.endpoints[endpoint].stats,
	                 &(struct nc_service_refusal){ .fault = fault, .text = text });
}

bool nc_service_knows(struct nc_service *service, uint32_t version, struct nc_slice reply,
                      int endpoint)
{
	/* Or an entry before this command is about to raise the version, which is proposed only
	 * when all nodes know it. */
	bool known = service->engine_version >= version || service->raising >= version;
	if (!known) {
		nc_service_refuse(service, reply, endpoint, NC_FAULT_VERSION,
		                  nc_fault_text(NC_FAULT_VERSION));
	}
	return known;
}

void nc_service_propose(struct nc_service *service, struct nc_ticket *ticket)
{
	int err = nc_buf_status(&service->out);
	if (err == NC_OK)
		err = nc_replica_command(service->replica, nc_buf_slice(&service->out), ticket);
	if (err != NC_OK)
		nc_service_on_refused(service, ticket, err);
}

const char *nc_service_fault_text(const struct nc_outcome *outcome,
                                  char room[NC_SERVICE_FAULT_SIZE])
{
	if (outcome->fault.err_code != NC_FAULT_EXPECTATION.err_code)
		return nc_fault_text(outcome->fault);
	(void)snprintf(room, NC_SERVICE_FAULT_SIZE, "wrong last sequence: %llu",
	               (unsigned long long)outcome->version);
	return room;
}
