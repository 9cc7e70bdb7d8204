/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Replicas compared: the leader puts its digest at the newest mark into the log, and each replica
 * that has another one there says so, once. Nothing is decided by it: which of them is right a
 * person, or a repair, finds out with a check of each. */
#include <stdio.h>
#include <stdlib.h>

#include "core/engine/digest.h"
#include "core/node/common/say.h"
#include "core/node/service/service_private.h"

#define COMPARE_TICKS 50u /* how many ticks pass between two comparisons: a second */

/* Read the newest mark. */
static int mark_read(struct nc_service *service, uint64_t position,
                     uint8_t digest_out[NC_SHA256_SIZE])
{
	struct nc_state_reader *reader;
	int err = nc_state_reader_open(service->options.state, &reader);
	if (err != NC_OK)
		return err;
	err = nc_state_reader_begin(reader);
	if (err == NC_OK) {
		err = nc_digest_mark_get(reader, position, digest_out);
		nc_state_reader_end(reader);
	}
	nc_state_reader_close(reader);
	return err;
}

static void propose(struct nc_service *service, uint64_t position, const uint8_t *digest)
{
	struct nc_buf command = { 0 };
	struct nc_ticket *ticket =
	        nc_ticket_new(&service->tickets, nc_slice(NULL, 0), nc_clock_ms());
	nc_command_put_digest(&command, position, digest);
	if (ticket != NULL) {
		ticket->of = NC_TICKET_DIGEST;
		if (nc_buf_status(&command) != NC_OK ||
		    nc_replica_command(service->replica, nc_buf_slice(&command), ticket) != NC_OK)
			nc_ticket_free(&service->tickets, ticket); /* the next mark will do */
	}
	nc_buf_release(&command);
}

void nc_service_digest_tick(struct nc_service *service)
{
	uint64_t position = atomic_load(&service->position);
	uint8_t digest[NC_SHA256_SIZE];
	position -= position % NC_DIGEST_EVERY;
	if (service->ticks % COMPARE_TICKS != 0 || !service->serving || service->drain.begun ||
	    service->engine_version < NC_ENGINE_VERSION_DIGEST ||
	    position <= service->digest.position ||
	    nc_replica_status(service->replica).raft.members.count < 2)
		return;
	service->digest.position = position;
	int err = mark_read(service, position, digest);
	if (err == NC_OK) {
		propose(service, position, digest);
	} else if (err != NC_NOTFOUND) { /* the next mark will do */
		nc_say_error("digest: reading that of position %llu failed: %s",
		             (unsigned long long)position, nc_err_name(err));
	}
}

void nc_service_digest_differs(struct nc_service *service, uint64_t position)
{
	char members[160];
	bool first = service->digest.differs_at == 0;
	service->digest.differs_at = position;
	if (!first)
		return;
	nc_say_error("digest: this replica's history differs from the leader's, at the latest from "
	             "position %llu on; check each node (R.node.<id>.verify)",
	             (unsigned long long)position);
	(void)snprintf(
	        members, sizeof members,
	        "\"pos\":%llu,\"reason\":\"this replica's digest differs from the leader's\"",
	        (unsigned long long)position);
	nc_service_advise(service, "storage", "corruption", members);
}
