/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A node of a cluster that knows of no leader answers no application: its log says for how long,
 * and which voters it does not see. */
#include "core/node/cluster/cluster.h"
#include "core/node/common/say.h"
#include "core/node/service/service_private.h"

#define SAY_AFTER_MS 5000u /* an election takes less */
#define SAY_EACH_MS  60000u

/* The voters that are not up, by name; returns how many voters there are. */
static uint32_t missing_put(const struct nc_service *service,
                            const struct nc_replica_status *status, struct nc_buf *names)
{
	const struct nc_raft_members *members = &status->raft.members;
	uint32_t voters = 0;
	for (uint32_t i = 0; i < members->count; i++) {
		uint64_t id = members->at[i].id;
		if (!members->at[i].voter)
			continue;
		voters++;
		if (id == status->raft.self || nc_cluster_is_up(service->options.cluster, id))
			continue;
		nc_buf_printf(names, "%s%s", names->size == 0 ? "" : ", ",
		              nc_cluster_name(service->options.cluster, id));
	}
	nc_buf_put_u8(names, '\0');
	return voters;
}

static void tell(const struct nc_service *service, const struct nc_replica_status *status,
                 uint64_t for_ms)
{
	struct nc_buf names = { 0 };
	if (status->raft.members.count == 0) { /* it has just joined */
		nc_say_warning("no leader for %u s: this node joined, and waits for what its "
		               "leader has to send it",
		               (unsigned)(for_ms / 1000));
		return;
	}
	uint32_t voters = missing_put(service, status, &names);
	if (nc_buf_status(&names) == NC_OK) {
		nc_say_warning("no leader for %u s: it takes a majority of the %u voters; %s%s",
		               (unsigned)(for_ms / 1000), voters,
		               names.size > 1 ? "not seen: " : "all are seen",
		               (const char *)names.data);
	}
	nc_buf_release(&names);
}

void nc_service_leaderless_tick(struct nc_service *service)
{
	struct nc_service_leaderless *none = &service->leaderless;
	const struct nc_replica_status status = nc_replica_status(service->replica);
	uint64_t now_ms = nc_clock_ms();
	if (service->options.cluster == NULL || service->retired)
		return;
	if (status.leading || status.raft.leader != 0) {
		if (none->said_ms != 0) {
			nc_say_info("%s leads: there is a leader again",
			            nc_cluster_name(service->options.cluster, status.raft.leader));
		}
		*none = (struct nc_service_leaderless){ 0 };
		return;
	}
	if (none->since_ms == 0)
		none->since_ms = now_ms;
	if (now_ms - none->since_ms < SAY_AFTER_MS ||
	    (none->said_ms != 0 && now_ms - none->said_ms < SAY_EACH_MS))
		return;
	none->said_ms = now_ms;
	tell(service, &status, now_ms - none->since_ms);
}
