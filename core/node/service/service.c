/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The service's life, and where a request goes. */
#include "core/node/service/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "core/base/assert.h"
#include "core/node/cluster/cluster.h"
#include "core/node/common/credentials.h"
#include "core/node/common/say.h"
#include "core/node/service/service_private.h"
#include "transport/nats/reply.h"

#define TICK_MS 20

/* ---- Answers -------------------------------------------------------------------------------- */

void nc_service_send(struct nc_service *service, const char *reply, struct nc_slice message,
                     size_t header_size)
{
	if (*reply == '\0')
		return;
	int err = header_size > 0
	                  ? nc_bus_publish_block(service->bus, reply, NULL, message, header_size)
	                  : nc_bus_publish(service->bus, reply, NULL, message);
	if (err != NC_OK)
		atomic_fetch_add(&service->counters.unsent, 1);
}

void nc_service_post(struct nc_service *service, struct nc_slice subject, struct nc_slice message,
                     size_t header_size)
{
	if (subject.size > 0) { /* lost messages are counted when the turn ends */
		(void)nc_outbox_put(&service->outbox, service->bus, subject, nc_slice(NULL, 0),
		                    message, header_size);
	}
}

/* Whether all of it was written; if not, it counts as lost. */
static bool is_whole(struct nc_service *service, const struct nc_buf *message)
{
	bool whole = nc_buf_status(message) == NC_OK;
	atomic_fetch_add(&service->counters.unsent, !whole);
	return whole;
}

void nc_service_send_buf(struct nc_service *service, const char *reply,
                         const struct nc_buf *message, size_t header_size)
{
	if (is_whole(service, message))
		nc_service_send(service, reply, nc_buf_slice(message), header_size);
}

void nc_service_post_buf(struct nc_service *service, struct nc_slice subject,
                         const struct nc_buf *message, size_t header_size)
{
	if (is_whole(service, message))
		nc_service_post(service, subject, nc_buf_slice(message), header_size);
}

static void on_turn_end(void *ctx)
{
	struct nc_service *service = ctx;
	(void)nc_outbox_send(&service->outbox, service->bus);
	nc_subs_turn_end(service->subs);
	(void)nc_outbox_send(&service->feed.outbox, service->bus);
	atomic_fetch_add(&service->counters.unsent,
	                 service->outbox.lost + service->feed.outbox.lost);
	service->outbox.lost = service->feed.outbox.lost = 0;
	nc_interest_ask(service->feed.interest);
	service->turns++;
}

void nc_service_error(struct nc_service *service, struct nc_buf *out, const char *reply,
                      struct nc_srv_stats *stats, const struct nc_service_refusal *refusal)
{
	atomic_fetch_add(&stats->errors, 1);
	atomic_store(&stats->last_error, nc_fault_text(refusal->fault));
	if (refusal->fault.code < 429)
		atomic_fetch_add(&service->counters.refused, 1);
	size_t header_size = nc_reply_error_more(out, refusal->fault, refusal->text, refusal->extra,
	                                         refusal->more);
	nc_service_send_buf(service, reply, out, header_size);
}

static void on_drained(void *ctx)
{
	struct nc_service *service = ctx;
	service->decoder.payload_size_max = nc_bus_max_payload(service->bus);
	nc_subs_turn(service->subs);
	nc_replica_flush(service->replica);
}

/* ---- The connection -------------------------------------------------------------------------- */

static void on_state(void *ctx, bool connected, const char *detail)
{
	struct nc_service *service = ctx;
	if (service->stopping)
		return;
	nc_link_log_hear(&service->link_log, "nats", connected, detail);
	if (connected) {
		nc_sole_connected(service);
		nc_subs_connected(service->subs);
		nc_service_probe(service);
		nc_service_feed_connected(service);
	} else {
		nc_service_feed_disconnected(service);
		atomic_fetch_add(&service->counters.nats_disconnects, 1);
	}
}

static void on_error(void *ctx, const char *detail)
{
	struct nc_service *service = ctx;
	atomic_fetch_add(&service->counters.nats_errors, 1);
	nc_complaints_hear(&service->complaints, "nats", service->options.config, detail);
}

/* ---- Time ----------------------------------------------------------------------------------- */

static void on_applied(void *ctx, uint64_t applied)
{
	struct nc_service *service = ctx;
	nc_spread_applied(service->spread, applied);
	nc_service_lead(service);
	nc_service_probe(service);
	nc_service_reads_wake(service);
	nc_subs_turn(service->subs);
	nc_replica_flush(service->replica);
}

void nc_service_expire(struct nc_service *service, uint64_t before_ms)
{
	struct nc_ticket *ticket;
	char room[NC_DIRECT_SIZE];
	while ((ticket = nc_ticket_expire(&service->tickets, before_ms)) != NULL) {
		if (nc_ticket_is_own(ticket))
			continue;
		atomic_fetch_add(&service->counters.timed_out, 1);
		nc_service_error(
		        service, &service->out, ticket->reply,
		        &service->srv.endpoints[ticket->endpoint].stats,
		        &(struct nc_service_refusal){
		                .fault = NC_FAULT_UNAVAILABLE,
		                .text = nc_service_late_text(service),
		                .extra = nc_service_direct(service, ticket->endpoint, room) });
	}
}

static void on_tick(uv_timer_t *timer)
{
	struct nc_service *service = timer->data;
	uint64_t now_ms = nc_clock_ms(), timeout_ms = service->options.config->timeout_ms;
	if (now_ms >= timeout_ms)
		nc_service_expire(service, now_ms - timeout_ms);
	nc_service_reads_wake(service);
	service->ticks++;
	nc_service_feed_tick(service);
	nc_service_disk_tick(service);
	nc_complaints_tick(&service->complaints, "nats");
	nc_link_log_tick(&service->link_log, "nats", now_ms);
	nc_service_clock_tick(service);
	nc_sole_tick(service);
	nc_service_raise(service);
	nc_service_digest_tick(service);
	nc_service_verify_tick(service);
	nc_spread_tick(service->spread);
	nc_subs_tick(service->subs);
	nc_service_stall_tick(service);
	nc_service_leaderless_tick(service);
	nc_service_changes_step(service);
	nc_service_backup_tick(service);
	nc_service_retire(service);
	nc_service_fit_tick(service);
	nc_replica_flush(service->replica);
	nc_replica_tick(service->replica);
	nc_service_probe(service);
	nc_service_drain_step(service);
}

/* ---- Life ----------------------------------------------------------------------------------- */

static uint64_t seed_make(void)
{
	uint64_t seed = 0;
	if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed)
		seed = nc_clock_ms() ^ (uint64_t)getpid();
	return seed;
}

static void on_replica_fatal(void *ctx, int err, const char *what)
{
	struct nc_service *service = ctx;
	service->options.on_fatal(service->options.ctx, err, what);
}

static int replica_start(struct nc_service *service)
{
	const struct nc_service_options *options = &service->options;
	struct nc_replica_options replica = {
		.loop = options->loop,
		.log = options->log,
		.state = options->state,
		.engine = options->engine,
		.hard = options->hard,
		.doubtful = options->doubtful,
		.self = options->self,
		.seed = seed_make(),
		.founders = options->founders,
		.tail_bytes_max = options->config->tail_mb << 20,
		.log_keep_bytes = options->config->log_keep_mb << 20,
		.log_keep_ms = options->config->log_keep_s * 1000,
		.checkpoint_log_bytes = options->config->checkpoint_log_mb << 20,
		.checkpoint_ms = options->config->checkpoint_s * 1000,
		.pending_bytes_max = options->config->pending_mb << 20,
		.on_outcome = nc_service_on_outcome,
		.on_refused = nc_service_on_refused,
		.on_applied = on_applied,
		.on_room_used = nc_service_disk_check,
		.on_fatal = on_replica_fatal,
		.ctx = service,
	};
	nc_service_replica_options(service, &replica);
	int err = nc_replica_start(&replica, &service->replica);
	if (err == NC_OK) {
		nc_service_attach(service);
		struct nc_engine_head head = nc_engine_head(options->engine);
		atomic_store(&service->position, head.position);
		service->clock.last_ns = head.time_ns;
		service->engine_version = head.version;
	}
	return err;
}

static int bus_open(struct nc_service *service)
{
	const struct nc_config *config = service->options.config;
	char fault[NC_BUS_FAULT_SIZE] = "";
	struct nc_bus_options options = {
		.loop = service->options.loop,
		.url = service->options.nats_url,
		.void_subject = service->void_subject,
		.on_message = nc_service_on_message,
		.on_drained = on_drained,
		.on_turn_end = on_turn_end,
		.on_state = on_state,
		.on_error = on_error,
		.ctx = service,
	};
	nc_credentials_fill(config, &options);
	int err = nc_bus_open(&options, &service->bus, fault);
	if (err != NC_OK)
		nc_say_error("nats: %s", fault);
	return err;
}

static void names_make(struct nc_service *service)
{
	const struct nc_config *config = service->options.config;
	int size = snprintf(service->root, sizeof service->root, "%s.%s", config->prefix,
	                    config->store_id);
	nc_assert(size > 0 && (size_t)size < sizeof service->root);
	service->root_size = (size_t)size;
	(void)snprintf(service->void_subject, sizeof service->void_subject, "_es.%s.void",
	               config->store_id);
	(void)snprintf(service->probe_subject, sizeof service->probe_subject, "_es.%s.probe.%s",
	               config->store_id, service->srv.id);
	(void)snprintf(service->pace_subject, sizeof service->pace_subject, "_es.%s.pace.%s",
	               config->store_id, service->srv.id);
	service->decoder.store = config->store_id;
	service->decoder.event_size_max = (size_t)config->max_event_bytes;
	service->decoder.payload_size_max = 1u << 20;
}

int nc_service_subjects_open(struct nc_service *service)
{
	int err = nc_service_subscribe_srv(service);
	if (err == NC_OK)
		err = nc_service_subscribe_own(service);
	if (err == NC_OK && service->options.cluster == NULL)
		err = nc_service_subscribe_direct(service);
	if (err == NC_OK) {
		err = nc_bus_subscribe(service->bus, service->probe_subject, NULL,
		                       &nc_service_probe_tag);
	}
	if (err == NC_OK) {
		err = nc_bus_subscribe(service->bus, service->pace_subject, NULL,
		                       &nc_service_pace_tag);
	}
	return err;
}

int nc_service_start(const struct nc_service_options *options, struct nc_service **service_out)
{
	struct nc_service *service = calloc(1, sizeof *service);
	if (service == NULL)
		return NC_NOMEM;
	service->options = *options;
	nc_srv_id_make(service->srv.id);
	names_make(service);
	service->tick.data = service;
	if (uv_timer_init(options->loop, &service->tick) != 0)
		nc_assert(!"libuv refuses a handle");
	int err = nc_service_srv_make(service);
	if (err == NC_OK)
		err = nc_service_feed_open(service);
	if (err == NC_OK)
		err = bus_open(service);
	if (err == NC_OK)
		err = replica_start(service);
	if (err == NC_OK) {
		err = nc_reader_pool_start(options->state, (size_t)options->config->readers,
		                           &service->readers);
	}
	if (err == NC_OK)
		err = nc_subs_start(service, &service->subs);
	if (err == NC_OK)
		err = nc_spread_start(service, &service->spread);
	if (err == NC_OK)
		err = nc_sole_start(service);
	if (err != NC_OK) {
		nc_service_stop(service);
		return err;
	}
	if (uv_timer_start(&service->tick, on_tick, TICK_MS, TICK_MS) != 0)
		nc_assert(!"libuv refuses a timer");
	*service_out = service;
	return NC_OK;
}

static void on_closed(uv_handle_t *handle)
{
	struct nc_service *service = handle->data;
	nc_outbox_release(&service->outbox);
	nc_service_feed_release(service);
	nc_decoder_release(&service->decoder);
	nc_service_verify_free(service);
	nc_buf_release(&service->out);
	free(service->srv.endpoints);
	free(service);
}

/* What is left now went to another node, and it is not known what becomes of it. */
static void tickets_end(struct nc_service *service)
{
	struct nc_ticket *ticket;
	while ((ticket = service->tickets.first) != NULL) {
		if (!nc_ticket_is_own(ticket)) {
			nc_service_refuse(service, nc_ticket_reply(ticket), ticket->endpoint,
			                  NC_FAULT_UNAVAILABLE,
			                  nc_fault_text(NC_FAULT_UNAVAILABLE));
		}
		nc_ticket_free(&service->tickets, ticket);
	}
}

void nc_service_stop(struct nc_service *service)
{
	if (service == NULL)
		return;
	service->stopping = true;
	if (service->options.cluster != NULL)
		nc_cluster_attach(service->options.cluster, NULL, NULL, NULL);
	nc_replica_stop(service->replica);
	nc_service_changes_end(service);
	nc_service_drain_end(service);
	nc_reader_pool_stop(service->readers);
	nc_service_reads_end(service);
	nc_service_backup_end(service);
	nc_subs_stop(service->subs);
	nc_spread_stop(service->spread);
	service->spread = NULL;
	tickets_end(service);
	(void)nc_outbox_send(&service->outbox, service->bus);
	nc_service_feed_close(service);
	nc_bus_close(service->bus);
	uv_close((uv_handle_t *)&service->tick, on_closed);
}
