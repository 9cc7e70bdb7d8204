/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Leading, following, and what changes between them: whose subjects this node has, who is told. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/json.h"
#include "core/node/cluster/cluster.h"
#include "core/node/common/say.h"
#include "core/node/service/service_private.h"

void nc_service_advise(struct nc_service *service, const char *area, const char *what,
                       const char *members)
{
	const struct nc_config *config = service->options.config;
	char subject[NC_ROOT_SIZE + 96], id[NC_SRV_ID_SIZE], text[NC_TIME_TEXT_SIZE];
	struct nc_buf body = { 0 };
	nc_srv_id_make(id);
	nc_time_format(nc_clock_wall_ns(), text);
	(void)snprintf(subject, sizeof subject, "%s.advisory.%s.%s", service->root, area, what);
	nc_buf_printf(&body,
	              "{\"type\":\"io.nacre.advisory.v1.%s.%s\",\"id\":\"%s\",\"timestamp\":\"%s\","
	              "\"store\":\"%s\",\"node\":\"%s\"%s%s}",
	              area, what, id, text, config->store_id, config->node_id,
	              *members == '\0' ? "" : ",", members);
	if (nc_buf_status(&body) != NC_OK ||
	    nc_bus_publish(service->bus, subject, NULL, nc_buf_slice(&body)) != NC_OK)
		atomic_fetch_add(&service->counters.unsent, 1);
	nc_buf_release(&body);
}

static void cluster_advise(void *ctx, const char *what, const char *members)
{
	nc_service_advise(ctx, "cluster", what, members);
}

/* ---- Leading -------------------------------------------------------------------------------- */

static void elected_tell(struct nc_service *service)
{
	char members[64];
	struct nc_replica_status status = nc_replica_status(service->replica);
	(void)snprintf(members, sizeof members, "\"term\":%llu", (unsigned long long)status.term);
	nc_say_info("%s leads, term %llu", service->options.config->node_id,
	            (unsigned long long)status.term);
	nc_service_advise(service, "cluster", "leader_elected", members);
}

/* Another leader may have raised the engine's version. */
static int version_read(struct nc_service *service)
{
	struct nc_state_reader *reader;
	struct nc_engine_head head;
	int err = nc_state_reader_open(service->options.state, &reader);
	if (err != NC_OK)
		return err;
	err = nc_engine_head_now(reader, &head);
	nc_state_reader_close(reader);
	if (err == NC_OK)
		service->engine_version = head.version;
	return err;
}

/* Called when something was applied: once the entry of this term is, load the subscriptions, then
 * subscribe to the leader's subjects. */
void nc_service_lead(struct nc_service *service)
{
	if (service->serving || service->drain.begun || !service->sole.sure ||
	    !nc_replica_leading(service->replica))
		return;
	service->serving = true;
	int err = version_read(service);
	nc_service_raise(service);
	if (err == NC_OK)
		err = nc_spread_lead(service->spread);
	if (err == NC_OK)
		err = nc_subs_load(service->subs);
	if (err != NC_OK) {
		service->options.on_fatal(service->options.ctx, err,
		                          "subscriptions cannot be taken up");
		return;
	}
	err = nc_subs_own_listen(service->subs);
	if (err == NC_OK)
		err = nc_service_subscribe_leader(service);
	if (err == NC_NOMEM)
		service->options.on_fatal(service->options.ctx, err, "out of memory");
	nc_service_fit_tick(service);
	if (service->options.cluster != NULL)
		nc_cluster_tell_leading(service->options.cluster);
	elected_tell(service);
}

/* Called before anything else is done, since the next leader may already be answering. */
void nc_service_on_step_down(void *ctx)
{
	struct nc_service *service = ctx;
	nc_service_unsubscribe_leader(service);
	if (service->serving)
		nc_subs_unload(service->subs);
	nc_spread_step_down(service->spread);
	service->serving = false;
	if (nc_subs_own_listen(service->subs) != NC_OK)
		service->options.on_fatal(service->options.ctx, NC_NOMEM, "out of memory");
	nc_say_info("%s does not lead any more", service->options.config->node_id);
}

/* ---- Not a member any more ------------------------------------------------------------------ */

/* The state of a node that was removed grows old, and must not be read. */
void nc_service_retire(struct nc_service *service)
{
	bool removed =
	        service->options.cluster != NULL && nc_cluster_is_removed(service->options.cluster);
	if (removed == service->retired || service->drain.begun)
		return;
	service->retired = removed;
	if (removed) {
		nc_service_unsubscribe_shared(service);
	} else if (nc_service_subscribe_shared(service) == NC_NOMEM) {
		service->options.on_fatal(service->options.ctx, NC_NOMEM, "out of memory");
	}
}

/* ---- Ready ---------------------------------------------------------------------------------- */

/* A message that this node sends to itself after its subscriptions shows, when it comes back, that
 * the server has them. A follower is ready when it has a leader. */
void nc_service_probe(struct nc_service *service)
{
	if (service->ready_told)
		return;
	struct nc_replica_status status = nc_replica_status(service->replica);
	bool follows = status.raft.leader != 0 && status.raft.leader != status.raft.self;
	if (service->serving || follows)
		(void)nc_bus_publish(service->bus, service->probe_subject, NULL, NC_SLICE("."));
}

/* ---- To the others -------------------------------------------------------------------------- */

static void replica_send(void *ctx, uint64_t to, struct nc_slice frame)
{
	struct nc_service *service = ctx;
	nc_cluster_send(service->options.cluster, to, frame);
}

static void on_silent(void *ctx, uint64_t id)
{
	struct nc_service *service = ctx;
	nc_cluster_ask(service->options.cluster, id);
}

/* The leader's log begins after what this node has. */
static void on_install(void *ctx, const struct nc_raft_install *install)
{
	struct nc_service *service = ctx;
	service->options.on_install(service->options.ctx, install);
}

void nc_service_install_failed(struct nc_service *service)
{
	nc_replica_install_failed(service->replica);
}

void nc_service_hold_log(struct nc_service *service, uint64_t index)
{
	nc_replica_hold_log(service->replica, index);
}

void nc_service_corruption(struct nc_service *service, const char *why)
{
	struct nc_buf members = { 0 };
	nc_buf_put_str(&members, "\"reason\":");
	nc_json_put_string(&members, nc_slice_str(why));
	nc_buf_put_str(&members, ",\"action\":\"rebuilt from peers\"");
	nc_buf_put_u8(&members, '\0');
	if (nc_buf_status(&members) == NC_OK)
		nc_service_advise(service, "storage", "corruption", (const char *)members.data);
	nc_buf_release(&members);
}

void nc_service_replica_options(struct nc_service *service, struct nc_replica_options *options)
{
	options->on_step_down = nc_service_on_step_down;
	if (service->options.cluster == NULL)
		return;
	options->send = replica_send;
	options->on_silent = on_silent;
	options->on_install = on_install;
}

void nc_service_attach(struct nc_service *service)
{
	if (service->options.cluster != NULL) {
		nc_cluster_attach(service->options.cluster, service->replica, cluster_advise,
		                  service);
	}
}
