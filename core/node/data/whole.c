/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Giving and getting states. */
#include "core/node/data/whole.h"

#include <stdlib.h>

#include "core/base/assert.h"
#include "core/node/common/say.h"
#include "core/node/data/quarantine.h"

#define PAUSE_MS 2000u /* before a state is asked for again */

struct nc_whole {
	struct nc_whole_options options;
	struct nc_exports *exports;
	struct nc_fetch *fetch; /* NULL: no state is wanted */
	uv_timer_t pause;
};

static void on_whole(void *ctx)
{
	struct nc_whole *whole = ctx;
	nc_say_info("state: fetched and verified; starting again with it");
	whole->options.on_whole(whole->options.ctx);
}

static void on_pause_over(uv_timer_t *timer)
{
	struct nc_whole *whole = timer->data;
	whole->options.on_failed(whole->options.ctx);
}

/* Tell consensus after a pause: what is in the way, such as a full disk or a missing peer, may take
 * a moment. */
static void on_failed(void *ctx, int err)
{
	struct nc_whole *whole = ctx;
	nc_say_warning("state: cannot be fetched now: %s; the leader is asked again",
	               nc_err_name(err));
	if (err == NC_CORRUPT) {
		nc_say_warning("state: what came does not hold, and is thrown away; if that "
		               "happens again, have its sender check itself (nacre verify)");
	}
	nc_fetch_stop(whole->fetch);
	whole->fetch = NULL;
	/* On a full disk the room is needed more than what was set aside for people. */
	if (err == NC_FULL && nc_quarantine_holds(whole->options.data_dir)) {
		nc_say_warning("state: no room on the disk for it: quarantine/ is removed");
		(void)nc_quarantine_remove(whole->options.data_dir);
	}
	(void)uv_timer_start(&whole->pause, on_pause_over, PAUSE_MS, 0);
}

void nc_whole_install(struct nc_whole *whole, const struct nc_raft_install *install)
{
	const struct nc_fetch_options options = {
		.loop = whole->options.loop,
		.peer = nc_cluster_peer(whole->options.cluster),
		.data_dir = whole->options.data_dir,
		.from = install->from,
		.index = install->index,
		.on_whole = on_whole,
		.on_failed = on_failed,
		.ctx = whole,
	};
	nc_say_info("the log of %s begins behind what this node has: fetching its state, of entry "
	            "%llu or later",
	            nc_cluster_name(whole->options.cluster, install->from),
	            (unsigned long long)install->index);
	nc_assert(whole->fetch == NULL); /* consensus names one at a time */
	int err = nc_fetch_start(&options, &whole->fetch);
	if (err != NC_OK)
		on_failed(whole, err);
}

int nc_whole_start(const struct nc_whole_options *options, struct nc_whole **whole_out)
{
	struct nc_whole *whole = calloc(1, sizeof *whole);
	if (whole == NULL)
		return NC_NOMEM;
	whole->options = *options;
	int err = nc_exports_start(nc_cluster_peer(options->cluster), options->exporter,
	                           &whole->exports);
	if (err != NC_OK) {
		free(whole);
		return err;
	}
	whole->pause.data = whole;
	if (uv_timer_init(options->loop, &whole->pause) != 0)
		nc_assert(!"libuv refuses a timer");
	*whole_out = whole;
	return NC_OK;
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void nc_whole_stop(struct nc_whole *whole)
{
	if (whole == NULL)
		return;
	nc_fetch_stop(whole->fetch);
	nc_exports_stop(whole->exports);
	uv_close((uv_handle_t *)&whole->pause, on_closed);
}
