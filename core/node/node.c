/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A node's life: what starts when, what ends it, and what is done when something it stands on
 * breaks. */
#include "core/node/node.h"

#include <signal.h>
#include <unistd.h>

#include "core/base/assert.h"
#include "core/node/cluster/cluster.h"
#include "core/node/cluster/cluster_file.h"
#include "core/node/cluster/whereabouts.h"
#include "core/node/common/exit_code.h"
#include "core/node/common/say.h"
#include "core/node/data/quarantine.h"
#include "core/node/data/renew.h"
#include "core/node/data/room.h"
#include "core/node/data/whole.h"
#include "core/node/own_server.h"
#include "core/node/service/service.h"

#define DRAIN_PATIENCE_MS 30000

struct node {
	uv_loop_t loop;
	const struct nc_config *config;
	struct nc_store store;
	struct nc_child *child;             /* its own NATS server; NULL: it has none */
	struct nc_whereabouts *whereabouts; /* of the NATS servers; NULL: they are configured */
	struct nc_cluster *cluster;         /* NULL: a single node */
	struct nc_service *service;
	struct nc_exporter *exporter; /* gives the state to peers and into backups */
	struct nc_whole *whole;       /* states, to peers and from them; NULL: a single node */
	const char *nats_url;
	char **argv;
	bool again;                     /* at the end, start again with what is then on the disk */
	char damage[NC_RENEW_WHY_SIZE]; /* why data were set aside at this start; "": none were */
	uv_signal_t sigterm, sigint;
	uv_timer_t patience;
	int exit_code;
	bool told_to_end; /* by a signal */
	bool ending;
};

static void on_any_closed(uv_handle_t *handle)
{
	(void)handle;
}

static void end(struct node *node, int exit_code)
{
	if (node->ending)
		return;
	node->ending = true;
	node->exit_code = exit_code;
	/* The exporter is lent to whole and service, which use the cluster. */
	nc_exporter_stop(node->exporter);
	node->exporter = NULL;
	nc_whole_stop(node->whole);
	node->whole = NULL;
	nc_service_stop(node->service);
	node->service = NULL;
	nc_cluster_stop(node->cluster);
	node->cluster = NULL;
	nc_whereabouts_stop(node->whereabouts);
	node->whereabouts = NULL;
	nc_child_stop(node->child);
	node->child = NULL;
	uv_close((uv_handle_t *)&node->sigterm, on_any_closed);
	uv_close((uv_handle_t *)&node->sigint, on_any_closed);
	uv_close((uv_handle_t *)&node->patience, on_any_closed);
}

static void on_drained(void *ctx)
{
	end(ctx, NC_EXIT_OK);
}

static void on_patience(uv_timer_t *timer)
{
	nc_say_warning("not everything was answered within %d s; stopping all the same",
	               DRAIN_PATIENCE_MS / 1000);
	end(timer->data, NC_EXIT_OK);
}

/* on_drained is told, or DRAIN_PATIENCE_MS are over. */
static void leave(struct node *node, void (*how)(struct nc_service *service))
{
	(void)uv_timer_start(&node->patience, on_patience, DRAIN_PATIENCE_MS, 0);
	how(node->service);
}

static void on_signal(uv_signal_t *signal, int number)
{
	struct node *node = signal->data;
	nc_say_info("%s: finishing what was taken up", number == SIGTERM ? "SIGTERM" : "SIGINT");
	node->told_to_end = true;
	if (node->service == NULL) {
		end(node, NC_EXIT_OK);
		return;
	}
	leave(node, nc_service_drain);
}

static void on_ready(void *ctx)
{
	struct node *node = ctx;
	nc_say_info("ready: store %s node %s", node->config->store_id, node->config->node_id);
	if (node->damage[0] != '\0')
		nc_service_corruption(node->service, node->damage);
}

static void on_fatal(void *ctx, int err, const char *what)
{
	struct node *node = ctx;
	if (!node->told_to_end && nc_renew_helps(node->config, err, what)) {
		nc_child_stop(node->child);
		nc_renew(node->argv);
	}
	bool kept = err != NC_NOTFOUND && err != NC_CORRUPT;
	nc_say_error("%s: %s; stopping%s", what, nc_err_name(err),
	             kept ? ", nothing that was acknowledged is lost" : "");
	/* The service is not stopped: this may be called from within it, while its threads are at
	 * work. So just exit; what is durable stays so. */
	nc_child_stop(node->child);
	node->child = NULL;
	_exit(nc_exit_of_fatal(err));
}

static void loop_make(struct node *node)
{
	if (uv_loop_init(&node->loop) != 0 || uv_signal_init(&node->loop, &node->sigterm) != 0 ||
	    uv_signal_init(&node->loop, &node->sigint) != 0 ||
	    uv_timer_init(&node->loop, &node->patience) != 0)
		nc_assert(!"libuv refuses a loop");
	node->sigterm.data = node->sigint.data = node->patience.data = node;
	(void)uv_signal_start(&node->sigterm, on_signal, SIGTERM);
	(void)uv_signal_start(&node->sigint, on_signal, SIGINT);
	(void)signal(SIGPIPE, SIG_IGN);
}

/* ---- A state from a peer -------------------------------------------------------------------- */

static void on_install(void *ctx, const struct nc_raft_install *install)
{
	struct node *node = ctx;
	if (!node->again)
		nc_whole_install(node->whole, install);
}

static void on_install_failed(void *ctx)
{
	struct node *node = ctx;
	if (node->service != NULL)
		nc_service_install_failed(node->service);
}

static void on_hold(void *ctx, uint64_t index)
{
	struct node *node = ctx;
	if (node->service != NULL)
		nc_service_hold_log(node->service, index);
}

static void on_whole(void *ctx)
{
	struct node *node = ctx;
	node->again = true;
	leave(node, nc_service_leave);
}

static int exporter_start(struct node *node)
{
	const struct nc_exporter_options options = { .loop = &node->loop,
		                                     .state = node->store.state,
		                                     .log = node->store.log,
		                                     .on_hold = on_hold,
		                                     .ctx = node };
	return nc_exporter_start(&options, &node->exporter);
}

static int whole_start(struct node *node)
{
	const struct nc_whole_options options = {
		.loop = &node->loop,
		.cluster = node->cluster,
		.data_dir = node->config->data_dir,
		.exporter = node->exporter,
		.on_whole = on_whole,
		.on_failed = on_install_failed,
		.ctx = node,
	};
	return nc_whole_start(&options, &node->whole);
}

static int service_start(struct node *node)
{
	struct nc_service_options options = {
		.loop = &node->loop,
		.config = node->config,
		.nats_url = node->nats_url,
		.leaf_port = node->child == NULL ? (unsigned)node->config->nats_leaf_port
		                                 : nc_child_leaf_port(node->child),
		.state = node->store.state,
		.log = node->store.log,
		.identity = node->store.identity,
		.engine = node->store.engine,
		.exporter = node->exporter,
		.hard = node->store.recovery.hard,
		.doubtful = node->store.recovery.doubtful,
		.cluster_id = nc_identity_get(node->store.identity)->cluster_id,
		.self = 1,
		.founders = { .count = 1, .at = { { .id = 1, .voter = true } } },
		.disk_reserve = node->store.disk_reserve,
		.on_ready = on_ready,
		.on_fatal = on_fatal,
		.on_install = on_install,
		.on_drained = on_drained,
		.ctx = node,
	};
	if (node->cluster != NULL) {
		options.cluster = node->cluster;
		options.cluster_id = nc_cluster_id(node->cluster);
		options.self = nc_cluster_self(node->cluster);
		options.founders = nc_cluster_founders(node->cluster);
	}
	return nc_service_start(&options, &node->service);
}

/* ---- The cluster ---------------------------------------------------------------------------- */

static void on_formed(void *ctx)
{
	struct node *node = ctx;
	int err = whole_start(node);
	if (err == NC_OK)
		err = service_start(node);
	if (err == NC_CORRUPT)
		node->again = nc_renew_damaged(node->config, "log and state do not fit together");
	if (err != NC_OK)
		end(node, nc_exit_of_start(err));
}

static void on_refused(void *ctx, int err, const char *why)
{
	struct node *node = ctx;
	node->again = err == NC_CORRUPT && nc_renew_damaged(node->config, why);
	if (!node->again)
		nc_say_error("%s", why);
	end(node, nc_exit_of_start(err));
}

static int cluster_start(struct node *node)
{
	struct nc_log_bounds bounds;
	nc_log_bounds(node->store.log, &bounds);
	const struct nc_cluster_options options = {
		.loop = &node->loop,
		.config = node->config,
		.nats_url = node->nats_url,
		.identity = node->store.identity,
		.log_empty = bounds.last == 0,
		.joins = nc_quarantine_holds(node->config->data_dir),
		.on_formed = on_formed,
		.on_refused = on_refused,
		.ctx = node,
	};
	return nc_cluster_start(&options, &node->cluster);
}

/* Refuse to start a member of a cluster as a single node: it could neither lead nor answer. */
static int alone_check(const struct node *node)
{
	struct nc_cluster_record record;
	int err = nc_cluster_file_read(node->config->data_dir, &record);
	if (err == NC_NOTFOUND)
		return NC_OK;
	if (err != NC_OK) {
		nc_say_error("%s/cluster: %s", node->config->data_dir, nc_err_name(err));
		return err;
	}
	if (record.node_count == 1 && nc_identity_get(node->store.identity)->number == 1)
		return NC_OK;
	nc_say_error("%s belongs to a node of a cluster: start it with NACRE_DB_TYPE=cluster",
	             node->config->data_dir);
	return NC_CONFLICT;
}

/* Start everything, now that node->nats_url is known. */
static int start(struct node *node)
{
	int err = exporter_start(node);
	if (err != NC_OK)
		return err;
	if (nc_config_is_cluster(node->config))
		return cluster_start(node);
	err = alone_check(node);
	return err == NC_OK ? service_start(node) : err;
}

/* ---- Where the NATS servers are ------------------------------------------------------------- */

static void on_url(void *ctx, const char *url)
{
	struct node *node = ctx;
	if (*node->nats_url != '\0' || node->ending)
		return;
	node->nats_url = url;
	int err = start(node);
	if (err != NC_OK)
		end(node, nc_exit_of_start(err));
}

/* Wait to hear of a NATS server: a node of a cluster is given one, or hears of one by gossip. */
static int meet(struct node *node)
{
	int err = nc_whereabouts_start(&node->loop, node->config, on_url, node, &node->whereabouts);
	return err == NC_OK && *node->nats_url != '\0' ? start(node) : err;
}

static int own_server_start(struct node *node)
{
	int err = nc_own_server_start(&node->loop, node->config, &node->child);
	if (err == NC_OK)
		node->nats_url = nc_child_url(node->child);
	return err;
}

static int run(struct node *node)
{
	int err = nc_renew_check(node->config, node->damage);
	if (err == NC_OK)
		err = nc_store_open_with_room(node->config, node->argv, &node->store);
	if (err == NC_CORRUPT)
		node->again = nc_renew_damaged(node->config, "the data do not hold");
	if (err != NC_OK)
		return nc_exit_of_start(err);
	loop_make(node);
	node->nats_url = node->config->nats_url;
	bool alone = !nc_config_is_cluster(node->config);
	if (alone && *node->nats_url == '\0' && own_server_start(node) != NC_OK) {
		end(node, NC_EXIT_NATS);
	} else {
		err = meet(node);
		if (err != NC_OK)
			end(node, nc_exit_of_start(err));
	}
	(void)uv_run(&node->loop, UV_RUN_DEFAULT);
	if (uv_loop_close(&node->loop) != 0)
		nc_say_warning("the loop ends with something still open");
	nc_say_info("checkpointing");
	err = nc_store_end(&node->store);
	nc_say_info("stopped");
	return err == NC_OK || node->exit_code != NC_EXIT_OK ? node->exit_code
	                                                     : nc_exit_of_fatal(err);
}

int nc_node_run(const struct nc_config *config, char **argv)
{
	struct node node = { .config = config, .argv = argv };
	int exit_code = run(&node);
	if (node.again)
		nc_renew(argv);
	return exit_code;
}
