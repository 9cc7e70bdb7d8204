/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Getting a state from a peer. */
#include "core/node/fetch.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/assert.h"
#include "core/node/adopter.h"
#include "core/node/say.h"
#include "core/node/state_call.h"

#define AHEAD_MAX     4u     /* chunks asked for and not yet written */
#define TICK_MS       250u   /* between two looks at what has to be asked again */
#define OPEN_WAIT_MS  30000u /* the peer makes a checkpoint first */
#define CHUNK_WAIT_MS 3000u
#define PATIENCE_MS   45000u /* without a new byte: it is given up */
#define SAY_EACH_MS   5000u

enum phase { OPENING, READING, ADOPTING, OVER };

/* A chunk on its way, in the order in which they are written. */
struct chunk {
	uint32_t file;
	uint64_t offset;
	uint32_t size;
	bool asked, here;
	uint8_t sha256[NC_SHA256_SIZE];
	struct nc_buf bytes;
};

/* A request for a chunk: the ring may be another by the time of the answer. */
struct ask {
	struct nc_fetch *fetch;
	unsigned slot;
	uint64_t ring;
};

struct nc_fetch {
	struct nc_fetch_options options;
	char incoming[PATH_MAX];
	enum phase phase;
	bool asking;  /* for the manifest */
	bool writing; /* chunks[0], beside the loop */
	int write_err;
	struct nc_snapshot_manifest manifest;
	struct nc_snapshot_stage *stage;
	uint32_t chunk_size;            /* asked for: what fits a frame of the peer's */
	uint64_t ring;                  /* counts the rings */
	struct chunk chunks[AHEAD_MAX]; /* a ring from `first` */
	unsigned first, count, calls;   /* calls: requests under way, of whatever */
	uint64_t news_ms, said_ms;
	uv_work_t work;
	uv_timer_t timer;
	struct nc_adopter *adopter; /* NULL: not yet */
	bool stopped;               /* freed when nothing of it is under way */
	bool closed;                /* the timer */
};

static uint64_t now_ms(const struct nc_fetch *fetch)
{
	return uv_now(fetch->options.loop);
}

static void step(struct nc_fetch *fetch);

/* ---- The end ----------------------------------------------------------------------------------
 */

static void free_if_done(struct nc_fetch *fetch)
{
	if (!fetch->stopped || !fetch->closed || fetch->writing || fetch->calls > 0)
		return;
	nc_snapshot_stage_close(fetch->stage);
	for (unsigned i = 0; i < AHEAD_MAX; i++)
		nc_buf_release(&fetch->chunks[i].bytes);
	free(fetch);
}

static void fail(struct nc_fetch *fetch, int err)
{
	if (fetch->phase == OVER)
		return;
	fetch->phase = OVER;
	fetch->options.on_failed(fetch->options.ctx, err);
}

/* ---- Verifying --------------------------------------------------------------------------------
 */

static void on_adopted(void *ctx, int err)
{
	struct nc_fetch *fetch = ctx;
	if (err == NC_OK)
		err = nc_install_commit(fetch->options.data_dir);
	else if (err == NC_CORRUPT) /* its bytes are of no use, nor is going on with them */
		(void)nc_snapshot_remove(fetch->incoming);
	if (err != NC_OK) {
		fail(fetch, err);
		return;
	}
	fetch->phase = OVER;
	fetch->options.on_whole(fetch->options.ctx);
}

static void adopt(struct nc_fetch *fetch)
{
	nc_snapshot_stage_close(fetch->stage);
	fetch->stage = NULL;
	fetch->phase = ADOPTING;
	nc_say_info("state: all of it is here, verifying");
	int err = nc_adopter_start(fetch->options.loop, fetch->incoming, on_adopted, fetch,
	                           &fetch->adopter);
	if (err != NC_OK)
		fail(fetch, err);
}

/* ---- Writing ----------------------------------------------------------------------------------
 */

static void write_work(uv_work_t *work)
{
	struct nc_fetch *fetch = work->data;
	const struct chunk *chunk = &fetch->chunks[fetch->first];
	fetch->write_err = nc_snapshot_stage_put(fetch->stage, chunk->file, chunk->offset,
	                                         nc_buf_slice(&chunk->bytes), chunk->sha256);
}

static void write_done(uv_work_t *work, int status)
{
	struct nc_fetch *fetch = work->data;
	(void)status;
	fetch->writing = false;
	if (fetch->stopped) {
		free_if_done(fetch);
		return;
	}
	struct chunk *chunk = &fetch->chunks[fetch->first];
	if (fetch->write_err == NC_CORRUPT) { /* damaged on the way: once more */
		nc_say_warning("state: a chunk does not have its hash; it is asked for again");
		chunk->here = false;
	} else if (fetch->write_err != NC_OK) {
		fail(fetch, fetch->write_err);
		return;
	} else {
		fetch->first = (fetch->first + 1) % AHEAD_MAX;
		fetch->count--;
		fetch->news_ms = now_ms(fetch);
	}
	step(fetch);
}

static void write_next(struct nc_fetch *fetch)
{
	if (fetch->writing || fetch->count == 0 || !fetch->chunks[fetch->first].here)
		return;
	fetch->writing = true;
	fetch->work.data = fetch;
	if (uv_queue_work(fetch->options.loop, &fetch->work, write_work, write_done) != 0) {
		fetch->writing = false;
		fail(fetch, NC_IO);
	}
}

/* ---- Asking -----------------------------------------------------------------------------------
 */

static int request(struct nc_fetch *fetch, const struct nc_state_call *call, unsigned wait_ms,
                   void (*fn)(void *ctx, int err, struct nc_slice body), void *ctx)
{
	struct nc_buf body = { 0 };
	nc_state_call_put(&body, call);
	int err = nc_buf_status(&body);
	if (err == NC_OK)
		err = nc_peer_request(fetch->options.peer, fetch->options.from, NC_STATE_SERVICE,
		                      nc_buf_slice(&body), wait_ms, fn, ctx);
	nc_buf_release(&body);
	fetch->calls += err == NC_OK;
	return err;
}

/* The place behind what was asked for last, or the stage's. False: all was asked for. */
static bool place_next(const struct nc_fetch *fetch, uint32_t *file, uint64_t *offset)
{
	if (fetch->count == 0)
		return nc_snapshot_stage_next(fetch->stage, file, offset);
	const struct chunk *last = &fetch->chunks[(fetch->first + fetch->count - 1) % AHEAD_MAX];
	*file = last->file;
	*offset = last->offset + last->size;
	if (*offset < fetch->manifest.files[*file].size)
		return true;
	*offset = 0;
	return ++*file < fetch->manifest.file_count;
}

/* The peer's frames are smaller than ours: forget what was asked for behind the chunk that is being
 * written, and ask for less. */
static void ring_anew(struct nc_fetch *fetch, uint32_t chunk_size)
{
	fetch->chunk_size = chunk_size;
	fetch->ring++;
	fetch->count = fetch->writing ? 1 : 0;
}

static void chunk_take(struct nc_fetch *fetch, struct chunk *chunk, struct nc_slice body)
{
	const uint8_t *sha256;
	struct nc_slice bytes;
	if (nc_state_chunk_get(body, &sha256, &bytes) != NC_OK || bytes.size == 0 ||
	    bytes.size > chunk->size)
		return; /* the timer asks again */
	if (bytes.size < chunk->size) {
		ring_anew(fetch, (uint32_t)bytes.size);
		return;
	}
	memcpy(chunk->sha256, sha256, NC_SHA256_SIZE);
	nc_buf_clear(&chunk->bytes);
	nc_buf_put_slice(&chunk->bytes, bytes);
	chunk->here = nc_buf_status(&chunk->bytes) == NC_OK;
}

static void on_chunk(void *ctx, int err, struct nc_slice body)
{
	const struct ask ask = *(struct ask *)ctx;
	struct nc_fetch *fetch = ask.fetch;
	free(ctx);
	fetch->calls--;
	if (fetch->stopped) {
		free_if_done(fetch);
		return;
	}
	if (fetch->phase != READING || ask.ring != fetch->ring)
		return;
	struct chunk *chunk = &fetch->chunks[ask.slot];
	chunk->asked = false;
	if (err == NC_NOTFOUND) { /* the peer has let that checkpoint go */
		fail(fetch, err);
		return;
	}
	if (err == NC_OK)
		chunk_take(fetch, chunk, body);
	if (err == NC_OK)
		step(fetch);
}

static void chunk_ask(struct nc_fetch *fetch, unsigned slot)
{
	struct chunk *chunk = &fetch->chunks[slot];
	struct nc_state_call call = { .verb = NC_STATE_READ,
		                      .file = chunk->file,
		                      .offset = chunk->offset,
		                      .size = chunk->size };
	memcpy(call.id, fetch->manifest.id, sizeof call.id);
	struct ask *ask = malloc(sizeof *ask);
	if (ask == NULL)
		return;
	*ask = (struct ask){ fetch, slot, fetch->ring };
	chunk->asked = request(fetch, &call, CHUNK_WAIT_MS, on_chunk, ask) == NC_OK;
	if (!chunk->asked)
		free(ask);
}

static void ahead_ask(struct nc_fetch *fetch)
{
	uint32_t file;
	uint64_t offset;
	while (fetch->count < AHEAD_MAX && place_next(fetch, &file, &offset)) {
		uint64_t left = fetch->manifest.files[file].size - offset;
		unsigned slot = (fetch->first + fetch->count++) % AHEAD_MAX;
		struct chunk *chunk = &fetch->chunks[slot];
		chunk->file = file;
		chunk->offset = offset;
		chunk->size = left < fetch->chunk_size ? (uint32_t)left : fetch->chunk_size;
		chunk->asked = chunk->here = false;
		chunk_ask(fetch, slot);
	}
}

static void on_manifest(void *ctx, int err, struct nc_slice body)
{
	struct nc_fetch *fetch = ctx;
	fetch->calls--;
	fetch->asking = false;
	if (fetch->stopped) {
		free_if_done(fetch);
		return;
	}
	if (fetch->phase != OPENING || err == NC_BUSY || err == NC_TIMEOUT || err == NC_CLOSED) {
		if (err == NC_BUSY)
			fetch->news_ms = now_ms(fetch); /* it is there: another one's turn */
		return;
	}
	if (err == NC_OK)
		err = nc_snapshot_manifest_get(body, &fetch->manifest);
	if (err == NC_OK && fetch->manifest.applied.index == 0)
		err = NC_CONFLICT; /* of a peer that is empty itself */
	if (err == NC_OK)
		err = nc_snapshot_stage_open(fetch->incoming, &fetch->manifest, &fetch->stage);
	if (err != NC_OK) {
		fail(fetch, err);
		return;
	}
	nc_say_info("state: fetching %llu MiB as of entry %llu, %llu MiB of it are here",
	            (unsigned long long)nc_snapshot_manifest_size(&fetch->manifest) >> 20,
	            (unsigned long long)fetch->manifest.applied.index,
	            (unsigned long long)nc_snapshot_stage_size(fetch->stage) >> 20);
	fetch->phase = READING;
	fetch->news_ms = fetch->said_ms = now_ms(fetch);
	step(fetch);
}

static void manifest_ask(struct nc_fetch *fetch)
{
	const struct nc_state_call call = { .verb = NC_STATE_OPEN, .index = fetch->options.index };
	if (!fetch->asking)
		fetch->asking = request(fetch, &call, OPEN_WAIT_MS, on_manifest, fetch) == NC_OK;
}

static void on_let_go(void *ctx, int err, struct nc_slice body)
{
	struct nc_fetch *fetch = ctx;
	(void)err;
	(void)body;
	fetch->calls--;
	free_if_done(fetch);
}

/* So that the peer need not wait until we are forgotten. */
static void let_go(struct nc_fetch *fetch)
{
	struct nc_state_call call = { .verb = NC_STATE_CLOSE };
	memcpy(call.id, fetch->manifest.id, sizeof call.id);
	(void)request(fetch, &call, CHUNK_WAIT_MS, on_let_go, fetch);
}

/* What can be done now. */
static void step(struct nc_fetch *fetch)
{
	uint32_t file;
	uint64_t offset;
	if (fetch->phase == OPENING)
		manifest_ask(fetch);
	if (fetch->phase != READING)
		return;
	if (!fetch->writing && !nc_snapshot_stage_next(fetch->stage, &file, &offset)) {
		let_go(fetch);
		adopt(fetch);
		return;
	}
	write_next(fetch);
	if (fetch->phase == READING)
		ahead_ask(fetch);
}

/* ---- Time -------------------------------------------------------------------------------------
 */

static void progress_say(struct nc_fetch *fetch)
{
	if (fetch->phase != READING || fetch->writing ||
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
	if (fetch->phase == ADOPTING || fetch->phase == OVER)
		return;
	if (now_ms(fetch) - fetch->news_ms > PATIENCE_MS) {
		fail(fetch, NC_TIMEOUT);
		return;
	}
	progress_say(fetch);
	for (unsigned i = 0; i < fetch->count && fetch->phase == READING; i++) {
		unsigned slot = (fetch->first + i) % AHEAD_MAX;
		if (!fetch->chunks[slot].asked && !fetch->chunks[slot].here)
			chunk_ask(fetch, slot);
	}
	step(fetch);
}

/* ---- Life -------------------------------------------------------------------------------------
 */

int nc_fetch_start(const struct nc_fetch_options *options, struct nc_fetch **fetch_out)
{
	struct nc_fetch *fetch = calloc(1, sizeof *fetch);
	if (fetch == NULL)
		return NC_NOMEM;
	fetch->options = *options;
	fetch->chunk_size = NC_SNAPSHOT_CHUNK_MAX;
	(void)snprintf(fetch->incoming, sizeof fetch->incoming, "%.4000s/%s", options->data_dir,
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
	free_if_done(fetch);
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
