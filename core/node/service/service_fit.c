/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A node of a cluster is in the queue group of R.direct while its state is worth asking for
 * (decision 0136). A single node always is: nobody else could answer. */
#include <inttypes.h>

#include "core/node/cluster/cluster.h"
#include "core/node/common/say.h"
#include "core/node/service/service_private.h"

static struct nc_fit_view view_of(const struct nc_service *service,
                                  const struct nc_replica_status *status)
{
	const struct nc_raft_members *members = &status->raft.members;
	struct nc_fit_view view = { .connected = nc_bus_connected(service->bus),
		                    .leads = service->serving,
		                    .stalled = service->stall.stalled,
		                    .leader = status->raft.leader,
		                    .commit = status->commit,
		                    .applied = status->applied };
	for (uint32_t i = 0; i < members->count; i++) {
		uint64_t id = members->at[i].id;
		const struct nc_cluster_other *other =
		        nc_cluster_find(service->options.cluster, id);
		view.member |= id == status->raft.self;
		if (id == status->raft.self || other == NULL ||
		    !nc_cluster_is_up(service->options.cluster, id))
			continue;
		if (id == status->raft.leader)
			view.told = other->commit;
		if (other->applied > view.others)
			view.others = other->applied;
	}
	return view;
}

static void answer(struct nc_service *service, bool fit, const struct nc_fit_view *view)
{
	service->direct.answers = fit;
	if (!fit) {
		nc_service_unsubscribe_direct(service);
		if (view->connected)
			nc_say_info("R.direct is left to others, which have applied entry %" PRIu64
			            "; this node %" PRIu64,
			            view->others, view->applied);
	} else if (nc_service_subscribe_direct(service) == NC_NOMEM) {
		service->options.on_fatal(service->options.ctx, NC_NOMEM, "out of memory");
	}
}

void nc_service_fit_tick(struct nc_service *service)
{
	if (service->options.cluster == NULL || service->drain.begun)
		return;
	const struct nc_replica_status status = nc_replica_status(service->replica);
	const struct nc_fit_view view = view_of(service, &status);
	bool fit = nc_fit_look(&service->direct.fit, &view, nc_clock_ms()) && !service->retired;
	if (fit != service->direct.answers)
		answer(service, fit, &view);
}
