/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the node says of itself. Names in here need no escaping: they are words. */
#include <stdio.h>
#include <string.h>

#include "core/base/digits.h"
#include "core/node/common/disk.h"
#include "core/node/common/version.h"
#include "core/node/service/service_private.h"

const char *nc_service_role(struct nc_service *service)
{
	struct nc_replica_status status = nc_replica_status(service->replica);
	if (status.leading)
		return "leader";
	if (service->retired)
		return "removed";
	if (status.raft.leader == 0 || status.raft.leader == status.raft.self)
		return status.raft.members.count > 1 ? "candidate" : "starting";
	const struct nc_raft_member *self =
	        nc_raft_members_find(&status.raft.members, status.raft.self);
	return self != NULL && self->voter ? "follower" : "learner";
}

static uint64_t lag_of(const struct nc_replica_status *status)
{
	return status->commit > status->applied ? status->commit - status->applied : 0;
}

uint64_t nc_service_lag(struct nc_service *service)
{
	struct nc_replica_status status = nc_replica_status(service->replica);
	return lag_of(&status);
}

static bool knows_no_leader(const struct nc_replica_status *status)
{
	return !status->leading && status->raft.leader == 0;
}

static const char *state_name(const struct nc_service *service,
                              const struct nc_replica_status *status)
{
	if (service->drain.begun)
		return "draining";
	if (service->retired)
		return "removed";
	if (knows_no_leader(status))
		return "starting";
	if (status->full)
		return "read_only";
	return service->stall.stalled ? "stalled" : "serving";
}

static void put_counters(struct nc_service *service, struct nc_buf *out)
{
	struct nc_service_counters *counters = &service->counters;
	const struct {
		const char *name;
		atomic_uint_fast64_t *value;
	} all[] = {
		{ "refused", &counters->refused },
		{ "refused_reply_subject", &counters->refused_reply },
		{ "shed", &counters->shed },
		{ "disk_full", &counters->disk_full },
		{ "timed_out", &counters->timed_out },
		{ "unsent", &counters->unsent },
		{ "unheard", &counters->unheard },
		{ "reads_given_up", &counters->reads_given_up },
		{ "nats_errors", &counters->nats_errors },
		{ "nats_disconnects", &counters->nats_disconnects },
	};
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		nc_buf_printf(out, "%s\"%s\":%llu", i == 0 ? "" : ",", all[i].name,
		              (unsigned long long)atomic_load(all[i].value));
	}
	nc_subs_put_counters(service->subs, out);
}

void nc_service_put_status(struct nc_service *service, struct nc_buf *out)
{
	const struct nc_config *config = service->options.config;
	struct nc_replica_status status = nc_replica_status(service->replica);
	nc_buf_printf(out,
	              "{\"id\":\"%s\",\"store\":\"%s\",\"version\":\"%s\",\"role\":\"%s\","
	              "\"state\":\"%s\",\"term\":%llu,\"last\":%llu,\"commit\":%llu,"
	              "\"applied\":%llu,\"lag\":%llu,\"position\":%llu,",
	              config->node_id, config->store_id, NC_VERSION, nc_service_role(service),
	              state_name(service, &status), (unsigned long long)status.term,
	              (unsigned long long)status.last, (unsigned long long)status.commit,
	              (unsigned long long)status.applied, (unsigned long long)lag_of(&status),
	              (unsigned long long)atomic_load(&service->position));
	nc_buf_printf(out,
	              "\"pending_commands\":%llu,\"pending_bytes\":%llu,\"reads\":%llu,"
	              "\"log_bytes\":%llu,\"state_bytes\":%llu,\"disk_free\":%llu,"
	              "\"read_only\":%s,\"checkpoints\":%llu,\"engine_version\":%u,"
	              "\"engine_version_max\":%u,\"differs_at\":%llu,\"time_ahead_ms\":%llu,"
	              "\"counters\":{",
	              (unsigned long long)status.pending_commands,
	              (unsigned long long)status.pending_bytes,
	              (unsigned long long)atomic_load(&service->reads),
	              (unsigned long long)status.log_bytes,
	              (unsigned long long)nc_replica_state_bytes(service->replica),
	              (unsigned long long)service->disk.free, status.full ? "true" : "false",
	              (unsigned long long)status.checkpoints, service->engine_version,
	              nc_engine_version_can(), (unsigned long long)service->digest.differs_at,
	              (unsigned long long)nc_service_time_ahead_ms(service));
	put_counters(service, out);
	nc_buf_put_str(out, "},\"backup\":");
	nc_service_backup_put(service, out);
	nc_buf_put_str(out, ",\"dropped\":");
	nc_service_put_dropped(service, out);
	nc_buf_put_u8(out, '}');
}

void nc_service_put_health(const struct nc_service *service, struct nc_buf *out)
{
	const struct nc_replica_status status = nc_replica_status(service->replica);
	bool alone = knows_no_leader(&status);
	bool starting = !service->ready_told || alone;
	const char *word = service->drain.begun     ? "draining"
	                   : service->retired       ? "removed"
	                   : starting               ? "starting"
	                   : service->stall.stalled ? "stalled"
	                                            : "ok";
	nc_buf_printf(out, "{\"status\":\"%s\"", word);
	if (alone && strcmp(word, "starting") == 0) {
		nc_buf_put_str(out, ",\"reason\":\"no leader is known\"");
	} else if (status.full) {
		nc_buf_put_str(out, ",\"reason\":\"the disk is full: the store is read-only\"");
	}
	nc_buf_put_u8(out, '}');
}

void nc_service_put_head(const struct nc_service *service, const struct nc_engine_head *head,
                         struct nc_buf *out)
{
	nc_buf_printf(out, "{\"store\":\"%s\",\"head\":%llu", service->options.config->store_id,
	              (unsigned long long)head->position);
	if (head->position > 0) {
		char time[NC_TIME_TEXT_SIZE];
		nc_time_format(head->time_ns, time);
		nc_buf_printf(out, ",\"time\":\"%s\"", time);
	}
	nc_buf_printf(out, ",\"streams\":%llu,\"events\":%llu,\"bytes\":%llu",
	              (unsigned long long)head->streams, (unsigned long long)head->events,
	              (unsigned long long)head->bytes);
}

void nc_service_put_info(struct nc_service *service, const struct nc_engine_head *head,
                         struct nc_buf *out)
{
	char digest[2 * NC_SHA256_SIZE + 1];
	nc_digits_hex_text(digest, head->digest, NC_SHA256_SIZE);
	nc_service_put_head(service, head, out);
	nc_buf_printf(out, ",\"digest\":\"%s\",\"engine_version\":%u,\"leader\":\"%s\"}", digest,
	              head->version, service->options.config->node_id);
}
