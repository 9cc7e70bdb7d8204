/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The cluster's life on this node. */
#include "core/node/cluster/cluster.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "core/base/assert.h"
#include "core/base/digits.h"
#include "core/node/cluster/cluster_file.h"
#include "core/node/cluster/cluster_private.h"
#include "core/node/common/credentials.h"
#include "core/node/common/say.h"
#include "core/raft/message_codec.h"

#define TICK_MS     50u
#define START_MS    500u /* how long another node of the same name may take to answer */
#define SAY_EACH_MS 10000u

static void random_fill(void *bytes, size_t size)
{
	if (getrandom(bytes, size, 0) != (ssize_t)size)
		nc_assert(!"the system has no randomness");
}

/* ---- Refusing, saving ----------------------------------------------------------------------- */

void nc_cluster_refuse(struct nc_cluster *cluster, int err, const char *format, ...)
{
	va_list args;
	if (cluster->refused != NC_OK)
		return;
	cluster->refused = err;
	va_start(args, format);
	(void)vsnprintf(cluster->refused_why, sizeof cluster->refused_why, format, args);
	va_end(args);
}

void nc_cluster_save(struct nc_cluster *cluster)
{
	const struct nc_cluster_record *record = &cluster->formation.record;
	int err = nc_cluster_file_write(cluster->options.config->data_dir, record);
	if (err != NC_OK) {
		nc_cluster_refuse(cluster, err, "%s/cluster cannot be written: %s",
		                  cluster->options.config->data_dir, nc_err_name(err));
		return;
	}
	if (record->phase == NC_HELLO_MEMBER)
		nc_cluster_begin(cluster);
	cluster->hello_soon = true;
}

void nc_cluster_save_names(struct nc_cluster *cluster)
{
	const char *data_dir = cluster->options.config->data_dir;
	int err = nc_cluster_file_write(data_dir, &cluster->formation.record);
	if (err != NC_OK)
		nc_say_warning("%s/cluster cannot be written: %s", data_dir, nc_err_name(err));
}

/* ---- Frames of consensus -------------------------------------------------------------------- */

static int on_raft(void *ctx, struct nc_peer_node *from, struct nc_slice body)
{
	struct nc_cluster *cluster = ctx;
	if (cluster->replica == NULL || cluster->refused != NC_OK ||
	    !nc_heard_trusts(&cluster->heard, from->number, from->epoch))
		return NC_OK;
	return nc_replica_step(cluster->replica, body);
}

static void on_turn(void *ctx)
{
	struct nc_cluster *cluster = ctx;
	if (cluster->replica != NULL)
		nc_replica_flush(cluster->replica);
}

void nc_cluster_send(struct nc_cluster *cluster, uint64_t to, struct nc_slice frame)
{
	int err = nc_peer_raft(cluster->peer, to, nc_raft_frame_is_answer(frame), frame);
	if (err == NC_NOTFOUND || err == NC_CLOSED)
		cluster->hello_soon = true; /* a hello has to tell first who this node is */
}

void nc_cluster_attach(struct nc_cluster *cluster, struct nc_replica *replica,
                       nc_cluster_advise *advise, void *ctx)
{
	cluster->replica = replica;
	cluster->advise = replica == NULL ? NULL : advise;
	cluster->advise_ctx = ctx;
	nc_cluster_members_follow(cluster);
}

void nc_cluster_tell_leading(struct nc_cluster *cluster)
{
	cluster->hello_soon = true;
}

void nc_cluster_tell_draining(struct nc_cluster *cluster)
{
	cluster->draining = cluster->hello_soon = true;
}

/* ---- Time ----------------------------------------------------------------------------------- */

static void on_state(void *ctx, bool connected, const char *detail)
{
	struct nc_cluster *cluster = ctx;
	nc_link_log_hear(&cluster->link_log, "nats, between nodes", connected, detail);
	if (!connected)
		return;
	cluster->hello_soon = true;
	if (cluster->connected_ms == 0)
		cluster->connected_ms = nc_clock_ms();
}

static void on_error(void *ctx, const char *detail)
{
	struct nc_cluster *cluster = ctx;
	nc_complaints_hear(&cluster->complaints, "nats, between nodes", cluster->options.config,
	                   detail);
}

static void start_check(struct nc_cluster *cluster, uint64_t now_ms)
{
	if (cluster->started || cluster->connected_ms == 0 || cluster->refused != NC_OK ||
	    now_ms - cluster->connected_ms < START_MS)
		return;
	if (!nc_cluster_may_start(cluster))
		return;
	cluster->started = true;
	cluster->formation.began_ms = now_ms;
	cluster->hello_soon = true;
}

/* Log what the node waits for: when that changes, and again from time to time. */
static void waiting_say(struct nc_cluster *cluster, uint64_t now_ms)
{
	struct nc_formation *formation = &cluster->formation;
	if (formation->said[0] == '\0' || nc_formation_done(formation) ||
	    (strcmp(formation->said, cluster->said) == 0 &&
	     now_ms - cluster->said_ms < SAY_EACH_MS))
		return;
	memcpy(cluster->said, formation->said, sizeof cluster->said);
	cluster->said_ms = now_ms;
	nc_say_info("forming a cluster: %s", formation->said);
}

static void formation_check(struct nc_cluster *cluster, uint64_t now_ms)
{
	uint8_t random[NC_PEER_CLUSTER_ID_SIZE];
	if (!cluster->started || cluster->formed_told)
		return;
	random_fill(random, sizeof random);
	if (nc_formation_tick(&cluster->formation, random, now_ms))
		nc_cluster_save(cluster);
	waiting_say(cluster, now_ms);
	if (!nc_formation_done(&cluster->formation) || cluster->refused != NC_OK)
		return;
	char text[2 * NC_PEER_CLUSTER_ID_SIZE + 1];
	nc_digits_hex_text(text, nc_cluster_id(cluster), NC_PEER_CLUSTER_ID_SIZE);
	nc_say_info("member of cluster %s", text);
	cluster->formed_told = true;
	cluster->options.on_formed(cluster->options.ctx);
}

static void stalls_look(struct nc_cluster *cluster, uint64_t now_ms)
{
	for (size_t i = 0; i < cluster->other_count; i++) {
		struct nc_cluster_other *other = &cluster->others[i];
		other->stalled = nc_stall_look(&other->stall, other->commit, other->applied,
		                               now_ms) >= NC_STALL_MS;
	}
}

static void on_timer(uv_timer_t *timer)
{
	struct nc_cluster *cluster = timer->data;
	uint64_t now_ms = nc_clock_ms();
	if (cluster->refused != NC_OK) {
		(void)uv_timer_stop(timer);
		cluster->options.on_refused(cluster->options.ctx, cluster->refused,
		                            cluster->refused_why);
		return; /* the cluster may be gone */
	}
	start_check(cluster, now_ms);
	nc_cluster_members_follow(cluster);
	nc_cluster_keep(cluster, now_ms);
	nc_cluster_hello(cluster, now_ms);
	nc_cluster_missed_ask(cluster, now_ms);
	stalls_look(cluster, now_ms);
	nc_peer_tick(cluster->peer);
	nc_complaints_tick(&cluster->complaints, "nats, between nodes");
	nc_link_log_tick(&cluster->link_log, "nats, between nodes", now_ms);
	formation_check(cluster, now_ms);
}

/* ---- Life ----------------------------------------------------------------------------------- */

/* Load what the node has promised before. A store that was alone until now becomes a cluster of
 * one. */
static int record_load(const struct nc_cluster_options *options, struct nc_cluster_record *record)
{
	const struct nc_config *config = options->config;
	const struct nc_identity *identity = nc_identity_get(options->identity);
	*record = (struct nc_cluster_record){ 0 };
	int err = nc_cluster_file_read(config->data_dir, record);
	if (err != NC_NOTFOUND)
		return err;
	if (!options->log_empty && identity->number != 1) {
		nc_say_error("%s holds data of a cluster, and its file cluster is missing; start "
		             "the node with an empty directory, and the others send it the state",
		             config->data_dir);
		return NC_CORRUPT;
	}
	/* it was a single node: now a cluster of one, which others join */
	if (!options->log_empty) {
		record->phase = NC_HELLO_MEMBER;
		memcpy(record->cluster_id, identity->cluster_id, sizeof record->cluster_id);
		record->node_count = 1;
		record->nodes[0].number = identity->number;
		record->nodes[0].founder = true;
		(void)snprintf(record->nodes[0].name, NC_PEER_NAME_SIZE, "%s", config->node_id);
		return nc_cluster_file_write(config->data_dir, record);
	}
	/* Numbers are random, so that nodes that do not know each other yet have different ones,
	 * and a disk that was lost comes back as another node. Of 52 bits: exact in JSON. */
	uint64_t number;
	random_fill(&number, sizeof number);
	number = (number & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1) << 51;
	return identity->number > 1 ? NC_OK : nc_identity_renumber(options->identity, number);
}

static int peer_open(struct nc_cluster *cluster)
{
	const struct nc_config *config = cluster->options.config;
	const struct nc_identity *identity = nc_identity_get(cluster->options.identity);
	char fault[NC_BUS_FAULT_SIZE] = "";
	struct nc_peer_options options = {
		.bus = { .loop = cluster->options.loop, .url = cluster->options.nats_url },
		.store = config->store_id,
		.name = config->node_id,
		.secret = config->cluster_secret,
		.also = config->cluster_secret_also,
		.number = identity->number,
		.epoch = identity->boot_epoch,
		.on_hello = nc_cluster_on_hello,
		.on_raft = on_raft,
		.on_turn = on_turn,
		.on_unreachable = nc_cluster_on_unreachable,
		.on_state = on_state,
		.on_error = on_error,
		.on_drop = nc_cluster_on_drop,
		.ctx = cluster,
	};
	nc_credentials_fill(config, &options.bus);
	int err = nc_peer_open(&options, &cluster->peer, fault);
	if (err != NC_OK)
		nc_say_error("nats, between nodes: %s", fault);
	return err;
}

int nc_cluster_start(const struct nc_cluster_options *options, struct nc_cluster **cluster_out)
{
	struct nc_cluster_record record;
	int err = record_load(options, &record);
	if (err != NC_OK) {
		nc_say_error("%s/cluster: %s", options->config->data_dir, nc_err_name(err));
		return err;
	}
	struct nc_cluster *cluster = calloc(1, sizeof *cluster);
	if (cluster == NULL)
		return NC_NOMEM;
	cluster->options = *options;
	cluster->self = nc_identity_get(options->identity)->number;
	random_fill(&cluster->run, sizeof cluster->run);
	nc_formation_init(&cluster->formation, options->config->node_id, cluster->self,
	                  options->joins ? NC_FORMATION_NEVER : options->config->bootstrap_expect,
	                  &record, nc_clock_ms());
	err = peer_open(cluster);
	if (err != NC_OK) {
		free(cluster);
		return err;
	}
	if (record.phase == NC_HELLO_MEMBER)
		nc_cluster_begin(cluster);
	nc_cluster_presence_serve(cluster);
	cluster->timer.data = cluster;
	if (uv_timer_init(options->loop, &cluster->timer) != 0 ||
	    uv_timer_start(&cluster->timer, on_timer, TICK_MS, TICK_MS) != 0)
		nc_assert(!"libuv refuses a timer");
	*cluster_out = cluster;
	return NC_OK;
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void nc_cluster_stop(struct nc_cluster *cluster)
{
	if (cluster == NULL)
		return;
	nc_peer_close(cluster->peer);
	cluster->peer = NULL;
	uv_close((uv_handle_t *)&cluster->timer, on_closed);
}

/* ---- Looking -------------------------------------------------------------------------------- */

uint64_t nc_cluster_self(const struct nc_cluster *cluster)
{
	return cluster->self;
}

struct nc_raft_members nc_cluster_founders(const struct nc_cluster *cluster)
{
	struct nc_raft_members founders;
	nc_cluster_record_founders(&cluster->formation.record, cluster->self, &founders);
	return founders;
}

struct nc_peer *nc_cluster_peer(struct nc_cluster *cluster)
{
	return cluster->peer;
}

const struct nc_cluster_other *nc_cluster_find(const struct nc_cluster *cluster, uint64_t number)
{
	for (uint32_t i = 0; i < cluster->other_count; i++) {
		if (cluster->others[i].number == number)
			return &cluster->others[i];
	}
	return NULL;
}

const char *nc_cluster_name(const struct nc_cluster *cluster, uint64_t number)
{
	if (number == cluster->self)
		return cluster->options.config->node_id;
	const struct nc_cluster_node *node =
	        nc_cluster_record_find(&cluster->formation.record, number);
	if (node != NULL)
		return node->name;
	const struct nc_cluster_other *other = nc_cluster_find(cluster, number);
	return other == NULL ? "" : other->name;
}

uint64_t nc_cluster_number(const struct nc_cluster *cluster, const char *name)
{
	for (uint32_t i = 0; i < cluster->announced.count; i++) {
		if (strcmp(nc_cluster_name(cluster, cluster->announced.at[i].id), name) == 0)
			return cluster->announced.at[i].id;
	}
	return 0;
}

const uint8_t *nc_cluster_id(const struct nc_cluster *cluster)
{
	return cluster->formation.record.cluster_id;
}

bool nc_cluster_is_removed(const struct nc_cluster *cluster)
{
	return cluster->removed;
}

bool nc_cluster_is_up(const struct nc_cluster *cluster, uint64_t number)
{
	const struct nc_peer_node *node = nc_gate_node(nc_peer_gate(cluster->peer), number);
	return number == cluster->self ||
	       (node != NULL && nc_clock_ms() - node->heard_ms <= NC_CLUSTER_UP_MS);
}

uint32_t nc_cluster_engine_version(const struct nc_cluster *cluster)
{
	uint32_t least = nc_engine_version_can();
	for (uint32_t i = 0; i < cluster->announced.count; i++) {
		uint64_t number = cluster->announced.at[i].id;
		const struct nc_cluster_other *other = nc_cluster_find(cluster, number);
		if (number == cluster->self)
			continue;
		if (other == NULL)
			return 0;
		if (other->engine_version < least)
			least = (uint32_t)other->engine_version;
	}
	return least;
}
