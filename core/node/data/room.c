/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Waiting for room on the disk, at a start. The loop and the connection are for nothing else, and
 * have threads, which a store that is being opened must not meet: so the program is started anew
 * when there is room. */
#include "core/node/data/room.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#include "core/base/assert.h"
#include "core/node/common/clock.h"
#include "core/node/common/credentials.h"
#include "core/node/common/disk.h"
#include "core/node/common/link_log.h"
#include "core/node/common/say.h"
#include "core/node/data/renew.h"
#include "transport/nats/bus.h"
#include "transport/nats/subject.h"

#define LOOK_MS      250u
#define ROOM_MIN     (UINT64_C(4) << 20) /* bytes: less is not worth a try */
#define SUBJECT_SIZE 256u

struct waiting {
	const struct nc_config *config;
	uint64_t failed_at; /* bytes that were free */
	struct nc_bus *bus; /* NULL: nobody can ask */
	struct nc_link_log link_log;
	char void_subject[SUBJECT_SIZE];
};

static uint64_t free_now(const struct nc_config *config)
{
	struct nc_disk disk;
	return nc_disk_measure(config->data_dir, &disk) == NC_OK ? disk.free : 0;
}

/* Each try counts the node's starts and says what it lacks: not before there is more room than when
 * it failed. */
static void on_look(uv_timer_t *timer)
{
	struct waiting *waiting = timer->data;
	uint64_t free = free_now(waiting->config);
	nc_link_log_tick(&waiting->link_log, "nats", nc_clock_ms());
	if (free >= ROOM_MIN && free > waiting->failed_at)
		uv_stop(timer->loop);
}

/* ---- Who asks -------------------------------------------------------------------------------- */

static void on_message(void *ctx, struct nc_bus_msg *msg)
{
	struct waiting *waiting = ctx;
	char text[160];
	if (msg->reply.size == 0 || nc_subject_reserved(msg->reply, waiting->config->prefix))
		return;
	(void)snprintf(text, sizeof text,
	               "{\"status\":\"starting\",\"reason\":\"the disk is full; the node starts "
	               "when there is room\",\"disk_free\":%" PRIu64 "}",
	               free_now(waiting->config));
	(void)nc_bus_publish(waiting->bus, (const char *)msg->reply.data, NULL,
	                     nc_slice_str(text)); /* who hears nothing asks again */
}

static void on_state(void *ctx, bool connected, const char *detail)
{
	struct waiting *waiting = ctx;
	nc_link_log_hear(&waiting->link_log, "nats", connected, detail);
}

static void on_error(void *ctx, const char *detail)
{
	(void)ctx;
	nc_say_warning("nats: %s", detail);
}

static void on_nothing(void *ctx)
{
	(void)ctx;
}

/* Without a server that is known the log has to do. */
static void bus_open(struct waiting *waiting, uv_loop_t *loop)
{
	const struct nc_config *config = waiting->config;
	char fault[NC_BUS_FAULT_SIZE] = "", subject[SUBJECT_SIZE];
	struct nc_bus_options options = {
		.loop = loop,
		.url = config->nats_url,
		.void_subject = waiting->void_subject,
		.on_message = on_message,
		.on_drained = on_nothing,
		.on_state = on_state,
		.on_error = on_error,
		.ctx = waiting,
	};
	if (*config->nats_url == '\0')
		return;
	(void)snprintf(waiting->void_subject, SUBJECT_SIZE, "_es.%s.void", config->store_id);
	(void)snprintf(subject, SUBJECT_SIZE, "%s.%s.node.%s.healthz", config->prefix,
	               config->store_id, config->node_id);
	nc_credentials_fill(config, &options);
	int err = nc_bus_open(&options, &waiting->bus, fault);
	if (err == NC_OK)
		err = nc_bus_subscribe(waiting->bus, subject, NULL, NULL);
	if (err != NC_OK)
		nc_say_warning("nats: %s: nobody can ask this node how it is", fault);
}

/* ---- Waiting --------------------------------------------------------------------------------- */

static void room_wait(const struct nc_config *config)
{
	struct waiting waiting = { .config = config, .failed_at = free_now(config) };
	uv_loop_t loop;
	uv_timer_t look = { .data = &waiting };
	nc_say_warning("disk full: %" PRIu64
	               " bytes are left in %s; the node starts when there is room",
	               waiting.failed_at, config->data_dir);
	(void)signal(SIGPIPE, SIG_IGN);
	if (uv_loop_init(&loop) != 0 || uv_timer_init(&loop, &look) != 0 ||
	    uv_timer_start(&look, on_look, LOOK_MS, LOOK_MS) != 0)
		nc_assert(!"libuv refuses a loop");
	bus_open(&waiting, &loop);
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	/* All of it ends with the program. */
	nc_say_info("disk: there is room again");
}

int nc_store_open_with_room(const struct nc_config *config, char **argv, struct nc_store *store_out)
{
	bool holds = false;
	if (nc_store_directory_holds(config->data_dir, &holds) != NC_OK)
		holds = false;
	int err = nc_store_open(config, store_out);
	if (err == NC_FULL && holds) {
		room_wait(config);
		nc_renew(argv);
	}
	return err;
}
