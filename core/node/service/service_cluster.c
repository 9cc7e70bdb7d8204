/* SPDX-License-Identifier: GPL-3.0-or-later */
/* R.cluster.…: how the cluster is, and what people ask to be changed of it. A change is answered
 * when it is committed, and asked for again while another is under way. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/digits.h"
#include "core/node/cluster/cluster.h"
#include "core/node/common/version.h"
#include "core/node/service/service_private.h"
#include "transport/nats/body.h"
#include "transport/nats/reply.h"

/* ---- How it is ------------------------------------------------------------------------------ */

static const char *name_of(const struct nc_service *service, uint64_t number)
{
	return service->options.cluster == NULL ? service->options.config->node_id
	                                        : nc_cluster_name(service->options.cluster, number);
}

/* 0: no member has this name. */
static uint64_t number_of(const struct nc_service *service, const char *name)
{
	if (service->options.cluster != NULL)
		return nc_cluster_number(service->options.cluster, name);
	return strcmp(name, service->options.config->node_id) == 0
	               ? nc_replica_status(service->replica).raft.self
	               : 0;
}

static bool is_there(const struct nc_service *service, uint64_t number)
{
	return service->options.cluster == NULL ||
	       nc_cluster_is_there(service->options.cluster, number);
}

/* What the node last said of itself; NULL: nothing, or it is this node. */
static const struct nc_cluster_other *heard_of(const struct nc_service *service, uint64_t number)
{
	return service->options.cluster == NULL ? NULL
	                                        : nc_cluster_find(service->options.cluster, number);
}

static bool is_draining(const struct nc_service *service, const struct nc_replica_status *status,
                        uint64_t number)
{
	const struct nc_cluster_other *other = heard_of(service, number);
	return number == status->raft.self ? service->drain.begun
	                                   : other != NULL && other->draining;
}

static bool is_stalled(const struct nc_service *service, const struct nc_replica_status *status,
                       uint64_t number)
{
	const struct nc_cluster_other *other = heard_of(service, number);
	return number == status->raft.self ? service->stall.stalled
	                                   : other != NULL && other->stalled;
}

static const char *state_of(const struct nc_service *service,
                            const struct nc_replica_status *status, uint64_t number)
{
	if (!is_there(service, number))
		return "unreachable";
	if (number == status->raft.self && status->raft.installing != 0)
		return "fetching_state";
	for (uint32_t i = 0; i < status->raft.peer_count; i++) {
		if (status->raft.peers[i].id == number &&
		    status->raft.peers[i].state == NC_RAFT_SENDING)
			return "fetching_state";
	}
	if (is_draining(service, status, number))
		return "draining";
	return is_stalled(service, status, number) ? "stalled" : "serving";
}

/* How many entries it has not applied, of those that this node knows to be committed. */
static uint64_t lag_of(uint64_t commit, uint64_t applied)
{
	return commit > applied ? commit - applied : 0;
}

static void put_node(const struct nc_service *service, const struct nc_replica_status *status,
                     const struct nc_raft_member *member, struct nc_buf *out)
{
	bool self = member->id == status->raft.self;
	const struct nc_cluster_other *other =
	        self || service->options.cluster == NULL
	                ? NULL
	                : nc_cluster_find(service->options.cluster, member->id);
	uint64_t applied = self ? status->applied : other == NULL ? 0 : other->applied;
	nc_buf_printf(out,
	              "{\"id\":\"%s\",\"number\":%" PRIu64 ",\"role\":\"%s\",\"leader\":%s,"
	              "\"state\":\"%s\",\"applied\":%" PRIu64 ",\"lag\":%" PRIu64,
	              name_of(service, member->id), member->id, member->voter ? "voter" : "learner",
	              member->id == status->raft.leader ? "true" : "false",
	              state_of(service, status, member->id), applied,
	              lag_of(status->commit, applied));
	if (self) {
		nc_buf_printf(out, ",\"last_seen_ms\":0,\"version\":\"%s\"}", NC_VERSION);
	} else if (other == NULL) {
		nc_buf_put_str(out, ",\"last_seen_ms\":null,\"version\":null}");
	} else {
		nc_buf_printf(out,
		              ",\"last_seen_ms\":%" PRIu64
		              ",\"version\":\"%s\",\"clock_ms\":%" PRId64 "}",
		              nc_clock_ms() - other->heard_ms, other->version, other->skew_ms);
	}
}

static const char *health_of(const struct nc_service *service,
                             const struct nc_replica_status *status)
{
	const struct nc_raft_members *members = &status->raft.members;
	uint32_t voters = 0, voters_up = 0, well = 0;
	for (uint32_t i = 0; i < members->count; i++) {
		bool here = is_there(service, members->at[i].id);
		voters += members->at[i].voter;
		voters_up += members->at[i].voter && here;
		well += here && !is_stalled(service, status, members->at[i].id);
	}
	if (status->raft.leader == 0 || voters_up <= voters / 2)
		return "no_quorum";
	return well == members->count && !status->full ? "healthy" : "degraded";
}

static void id_text(const struct nc_service *service, char text_out[33])
{
	nc_digits_hex_text(text_out, service->options.cluster_id, 16);
}

void nc_service_put_dropped(struct nc_service *service, struct nc_buf *out)
{
	nc_buf_put_u8(out, '{');
	for (unsigned i = 0; service->options.cluster != NULL && i < NC_PEER_DROP_COUNT; i++) {
		nc_buf_printf(out, "%s\"%s\":%" PRIu64, i == 0 ? "" : ",", nc_peer_drop_name(i),
		              nc_peer_gate(nc_cluster_peer(service->options.cluster))->dropped[i]);
	}
	nc_buf_put_u8(out, '}');
}

void nc_service_cluster_status(struct nc_service *service, struct nc_buf *out)
{
	struct nc_replica_status status = nc_replica_status(service->replica);
	char id[33];
	id_text(service, id);
	nc_buf_printf(out, "{\"store\":\"%s\",\"cluster_id\":\"%s\",\"leader\":",
	              service->options.config->store_id, id);
	if (status.raft.leader == 0) {
		nc_buf_put_str(out, "null");
	} else {
		nc_buf_printf(out, "\"%s\"", name_of(service, status.raft.leader));
	}
	nc_buf_printf(out,
	              ",\"term\":%" PRIu64 ",\"commit\":%" PRIu64 ",\"applied\":%" PRIu64
	              ",\"node\":\"%s\",\"nodes\":[",
	              status.term, status.commit, status.applied, service->options.config->node_id);
	for (uint32_t i = 0; i < status.raft.members.count; i++) {
		if (i > 0)
			nc_buf_put_u8(out, ',');
		put_node(service, &status, &status.raft.members.at[i], out);
	}
	nc_buf_printf(out, "],\"members_max\":%u,\"health\":\"%s\",\"dropped\":",
	              service->options.cluster == NULL ? 1u : (unsigned)NC_RAFT_MEMBERS_MAX,
	              health_of(service, &status));
	nc_service_put_dropped(service, out);
	nc_buf_put_u8(out, '}');
}

/* ---- Changes -------------------------------------------------------------------------------- */

#define CHANGES_MAX 64u /* changes that may wait: each is looked at whenever another comes */

struct nc_change {
	struct nc_change *next;
	enum nc_operation op;
	uint64_t number; /* the member that it is about */
	uint64_t until_ms;
	bool asked; /* it was proposed */
	int endpoint;
	char name[NC_PEER_NAME_SIZE];
	char reply[];
};

static void fault_send(struct nc_service *service, const char *reply, int endpoint,
                       struct nc_fault fault, const char *text)
{
	nc_service_error(service, &service->out, reply, &service->srv.endpoints[endpoint].stats,
	                 &(struct nc_service_refusal){ .fault = fault, .text = text });
}

static int change_ask(struct nc_service *service, const struct nc_change *change)
{
	switch (change->op) {
	case NC_OP_CLUSTER_TRANSFER:
		return nc_replica_transfer(service->replica, change->number);
	case NC_OP_CLUSTER_REMOVE:
		return nc_replica_remove(service->replica, change->number);
	default:
		return nc_replica_promote(service->replica, change->number);
	}
}

/* Whether the cluster is as the change asks. */
static bool change_holds(struct nc_service *service, const struct nc_change *change)
{
	struct nc_replica_status status = nc_replica_status(service->replica);
	const struct nc_raft_member *member =
	        nc_raft_members_find(&status.raft.members, change->number);
	bool committed = status.commit >= status.raft.config_index;
	switch (change->op) {
	case NC_OP_CLUSTER_TRANSFER:
		return status.raft.leader == change->number;
	case NC_OP_CLUSTER_REMOVE:
		return committed && member == NULL;
	default:
		return committed && member != NULL && member->voter;
	}
}

static void change_answer(struct nc_service *service, const struct nc_change *change)
{
	const char *member = change->op == NC_OP_CLUSTER_TRANSFER ? "leader" : "node";
	nc_buf_clear(&service->out);
	nc_buf_printf(&service->out, "{\"%s\":\"%s\"}", member, change->name);
	nc_service_send_buf(service, change->reply, &service->out, 0);
}

/* A node that was drained would hand leadership over to another at once. */
static bool leads_no_more(const struct nc_service *service, const struct nc_change *change)
{
	const struct nc_replica_status status = nc_replica_status(service->replica);
	return change->op == NC_OP_CLUSTER_TRANSFER && !change->asked &&
	       is_draining(service, &status, change->number);
}

/* True: the change is over, done or refused. */
static bool change_step(struct nc_service *service, struct nc_change *change)
{
	int err = NC_OK;
	/* A node that leads already, or votes, needs no change. To remove a node that is no member
	 * is a mistake. */
	bool may_hold = change->asked || change->op != NC_OP_CLUSTER_REMOVE;
	if (may_hold && change_holds(service, change)) {
		change_answer(service, change);
		return true;
	}
	if (leads_no_more(service, change)) {
		fault_send(service, change->reply, change->endpoint, NC_FAULT_REQUEST,
		           "it is drained; start it again first");
		return true;
	}
	if (!change->asked)
		err = change_ask(service, change);
	change->asked |= err == NC_OK || err == NC_EXISTS;
	if (err == NC_NOTFOUND || err == NC_INVALID) {
		fault_send(service, change->reply, change->endpoint, NC_FAULT_REQUEST,
		           err == NC_INVALID                      ? "it is the last voter"
		           : change->op == NC_OP_CLUSTER_TRANSFER ? "no other voter has this name"
		                                                  : "no member has this name");
		return true;
	}
	if (nc_clock_ms() < change->until_ms)
		return false;
	fault_send(service, change->reply, change->endpoint, NC_FAULT_UNAVAILABLE,
	           err == NC_BUSY ? "not done: another change is under way, or the node is behind"
	                          : nc_fault_text(NC_FAULT_UNAVAILABLE));
	return true;
}

void nc_service_changes_step(struct nc_service *service)
{
	struct nc_change **at = &service->changes;
	while (*at != NULL) {
		struct nc_change *change = *at;
		if (!change_step(service, change)) {
			at = &change->next;
			continue;
		}
		*at = change->next;
		free(change);
	}
}

static size_t changes_count(const struct nc_service *service)
{
	size_t count = 0;
	for (const struct nc_change *at = service->changes; at != NULL; at = at->next)
		count++;
	return count;
}

void nc_service_changes_end(struct nc_service *service)
{
	while (service->changes != NULL) {
		struct nc_change *change = service->changes;
		service->changes = change->next;
		fault_send(service, change->reply, change->endpoint, NC_FAULT_UNAVAILABLE,
		           nc_fault_text(NC_FAULT_UNAVAILABLE));
		free(change);
	}
}

void nc_service_cluster_change(struct nc_service *service, const struct nc_request *request,
                               struct nc_slice reply, int endpoint)
{
	const char *to = nc_service_reply_str(reply);
	const char *member = request->op == NC_OP_CLUSTER_TRANSFER ? "to" : "node";
	char name[NC_PEER_NAME_SIZE], text[96];
	struct nc_refusal refusal;
	if (!nc_body_name(request->body, member, name, sizeof name, &refusal)) {
		fault_send(service, to, endpoint, refusal.fault, refusal.text);
		return;
	}
	uint64_t number = number_of(service, name);
	if (number == 0) {
		(void)snprintf(text, sizeof text, "%s: no member has this name", member);
		fault_send(service, to, endpoint, NC_FAULT_REQUEST, text);
		return;
	}
	bool many = changes_count(service) >= CHANGES_MAX;
	struct nc_change *change = many ? NULL : calloc(1, sizeof *change + reply.size + 1);
	if (change == NULL) {
		fault_send(service, to, endpoint, NC_FAULT_BUSY, nc_fault_text(NC_FAULT_BUSY));
		return;
	}
	*change = (struct nc_change){ .next = service->changes,
		                      .op = request->op,
		                      .number = number,
		                      .endpoint = endpoint,
		                      .until_ms =
		                              nc_clock_ms() + service->options.config->timeout_ms };
	memcpy(change->name, name, sizeof change->name);
	memcpy(change->reply, to, reply.size);
	service->changes = change;
	nc_service_changes_step(service);
}
