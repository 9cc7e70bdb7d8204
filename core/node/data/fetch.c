/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Getting a state from a peer. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/assert.h"
#include "core/node/common/say.h"
#include "core/node/data/fetch_private.h"

#define TICK_MS     250u   /* between two looks at what has to be asked again */
#define PATIENCE_MS 45000u /* without a new byte: it is given up */
#define SAY_EACH_MS 5000u

static uint64_t now_ms(const struct nc_fetch *fetch)
{
	return uv_now(fetch->options.loop);
}

/* ---- The end -------------------------------------------------------------------------------- */

void nc_fetch_settle(struct nc_fetch *fetch)
{
	if (!fetch->stopped || !fetch->closed || fetch->writing || fetch->calls > 0)
		return;
	nc_snapshot_stage_close(fetch->stage);
	for (unsigned i = 0; i < NC_FETCH_AHEAD_MAX; i++)
		nc_buf_release(&fetch->chunks[i].bytes);
	free(fetch);
}

void nc_fetch_fail(struct nc_fetch *fetch, int err)
{
	if (fetch->phase == NC_FETCH_OVER)
		return;
	fetch->phase = NC_FETCH_OVER;
	fetch->options.on_failed(fetch->options.ctx, err);
}

/* ---- Verifying ------------------------------------------------------------------------------ */

static void on_adopted(void *ctx, int err)
{
	struct nc_fetch *fetch = ctx;
	if (err == NC_OK) {
		err = nc_install_commit(fetch->options.data_dir);
	} else if (err == NC_CORRUPT) { /* what was staged is damaged, and must not be continued */
		(void)nc_snapshot_remove(fetch->incoming);
	}
	if (err != NC_OK) {
		nc_fetch_fail(fetch, err);
		return;
	}
	fetch->phase = NC_FETCH_OVER;
	fetch->options.on_whole(fetch->options.ctx);
}

static void adopt(struct nc_fetch *fetch)
{
	nc_snapshot_stage_close(fetch->stage);
	fetch->stage = NULL;
	fetch->phase = NC_FETCH_ADOPTING;
	nc_say_info("state: all of it is here, verifying");
	int err = nc_adopter_start(fetch->options.loop, fetch->incoming, on_adopted, fetch,
	                           &fetch->adopter);
	if (err != NC_OK)
		nc_fetch_fail(fetch, err);
}

/* ---- Writing -------------------------------------------------------------------------------- */

static void write_work(uv_work_t *work)
{
	struct nc_fetch *fetch = work->data;
	const struct nc_fetch_chunk *chunk = &fetch->chunks[fetch->first];
	fetch->write_err = nc_snapshot_stage_put(fetch->stage, chunk->file, chunk->offset,
	                                         nc_buf_slice(&chunk->bytes), chunk->sha256);
}

static void write_done(uv_work_t *work, int status)
{
	struct nc_fetch *fetch = work->data;
	(void)status;
	fetch->writing = false;
	if (fetch->stopped) {
		nc_fetch_settle(fetch);
		return;
	}
	struct nc_fetch_chunk *chunk = &fetch->chunks[fetch->first];
	if (fetch->write_err == NC_CORRUPT) { /* it was damaged on the way: ask again */
		nc_say_warning("state: a chunk does not have its hash; it is asked for again");
		chunk->here = false;
	} else if (fetch->write_err != NC_OK) {
		nc_fetch_fail(fetch, fetch->write_err);
		return;
	} else {
		fetch->first = (fetch->first + 1) % NC_FETCH_AHEAD_MAX;
		fetch->count--;
		fetch->news_ms = now_ms(fetch);
	}
	nc_fetch_step(fetch);
}

static void write_next(struct nc_fetch *fetch)
{
	if (fetch->writing || fetch->count == 0 || !fetch->chunks[fetch->first].here)
		return;
	fetch->writing = true;
	fetch->work.data = fetch;
	if (uv_queue_work(fetch->options.loop, &fetch->work, write_work, write_done) != 0) {
		fetch->writing = false;
		nc_fetch_fail(fetch, NC_IO);
	}
}

/* Do what can be done now. */
void nc_fetch_step(struct nc_fetch *fetch)
{
	uint32_t file;
	uint64_t offset;
	if (fetch->phase == NC_FETCH_OPENING)
		nc_fetch_ask_manifest(fetch);
	if (fetch->phase != NC_FETCH_READING)
		return;
	if (!fetch->writing && !nc_snapshot_stage_next(fetch->stage, &file, &offset)) {
		nc_fetch_let_go(fetch);
		adopt(fetch);
		return;
	}
	write_next(fetch);
	if (fetch->phase == NC_FETCH_READING)
		nc_fetch_ask_ahead(fetch);
}

/* ---- Time ----------------------------------------------------------------------------------- */

static void progress_say(struct nc_fetch *fetch)
{
	if (fetch->phase != NC_FETCH_READING || fetch->writing ||
	    now_ms(fetch) - fetch->said_ms < SAY_EACH_MS)
		return;
	fetch->said_ms = now_ms(fetch);
	nc_say_info("state: %llu of %llu MiB are here",
	            (unsigned long long)nc_snapshot_stage_size(fetch->stage) >> 20,
	            (unsigned long long)nc_snapshot_manifest_size(&fetch->manifest) >> 20);
}

static void on_timer(uv_timer_t *timer)
{
	struct nc_fetch *fetch = timer->data;
	if (fetch->phase == NC_FETCH_ADOPTING || fetch->phase == NC_FETCH_OVER)
		return;
	if (now_ms(fetch) - fetch->news_ms > PATIENCE_MS) {
		nc_fetch_fail(fetch, NC_TIMEOUT);
		return;
	}
	progress_say(fetch);
	nc_fetch_ask_again(fetch);
	nc_fetch_step(fetch);
}

/* ---- Life ----------------------------------------------------------------------------------- */

int nc_fetch_start(const struct nc_fetch_options *options, struct nc_fetch **fetch_out)
{
	struct nc_fetch *fetch = calloc(1, sizeof *fetch);
	if (fetch == NULL)
		return NC_NOMEM;
	fetch->options = *options;
	fetch->chunk_size = NC_SNAPSHOT_CHUNK_MAX;
	(void)snprintf(fetch->incoming, sizeof fetch->incoming, "%s/%s", options->data_dir,
	               NC_INSTALL_INCOMING);
	fetch->timer.data = fetch;
	fetch->news_ms = now_ms(fetch);
	if (uv_timer_init(options->loop, &fetch->timer) != 0 ||
	    uv_timer_start(&fetch->timer, on_timer, 0, TICK_MS) != 0)
		nc_assert(!"libuv refuses a timer");
	*fetch_out = fetch;
	return NC_OK;
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct nc_fetch *fetch = handle->data;
	fetch->closed = true;
	nc_fetch_settle(fetch);
}

void nc_fetch_stop(struct nc_fetch *fetch)
{
	if (fetch == NULL || fetch->stopped)
		return;
	fetch->stopped = true;
	nc_adopter_stop(fetch->adopter);
	fetch->adopter = NULL;
	uv_close((uv_handle_t *)&fetch->timer, on_timer_closed);
}
