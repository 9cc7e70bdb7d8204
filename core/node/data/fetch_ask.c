/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Asking a peer for its state: first what there is, then chunks, some ahead. */
#include <stdlib.h>

#include "core/node/common/say.h"
#include "core/node/data/fetch_private.h"
#include "core/node/data/state_call.h"

#define OPEN_WAIT_MS  30000u /* the peer has to make a checkpoint first */
#define CHUNK_WAIT_MS 3000u

/* A request for a chunk. By the time of the answer the ring may have been begun again. */
struct ask {
	struct nc_fetch *fetch;
	unsigned slot;
	uint64_t ring;
};

static int request(struct nc_fetch *fetch, const struct nc_state_call *call, unsigned wait_ms,
                   void (*fn)(void *ctx, int err, struct nc_slice body), void *ctx)
{
	struct nc_buf body = { 0 };
	nc_state_call_put(&body, call);
	int err = nc_buf_status(&body);
	const struct nc_peer_question question = { .to = fetch->options.from,
		                                   .service = NC_STATE_SERVICE,
		                                   .body = nc_buf_slice(&body),
		                                   .timeout_ms = wait_ms };
	if (err == NC_OK)
		err = nc_peer_request(fetch->options.peer, &question, fn, ctx);
	nc_buf_release(&body);
	fetch->calls += err == NC_OK;
	return err;
}

/* The place after what was asked for last; at first, where the stage goes on. False: everything was
 * asked for. */
static bool place_next(const struct nc_fetch *fetch, uint32_t *file, uint64_t *offset)
{
	if (fetch->count == 0)
		return nc_snapshot_stage_next(fetch->stage, file, offset);
	const struct nc_fetch_chunk *last =
	        &fetch->chunks[(fetch->first + fetch->count - 1) % NC_FETCH_AHEAD_MAX];
	*file = last->file;
	*offset = last->offset + last->size;
	if (*offset < fetch->manifest.files[*file].size)
		return true;
	*offset = 0;
	return ++*file < fetch->manifest.file_count;
}

/* The peer's frames are smaller than ours. Forget what was asked for after the chunk that is being
 * written, and ask for smaller chunks. */
static void ring_anew(struct nc_fetch *fetch, uint32_t chunk_size)
{
	fetch->chunk_size = chunk_size;
	fetch->ring++;
	fetch->count = fetch->writing ? 1 : 0;
}

static void chunk_take(struct nc_fetch *fetch, struct nc_fetch_chunk *chunk, struct nc_slice body)
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
		nc_fetch_settle(fetch);
		return;
	}
	if (fetch->phase != NC_FETCH_READING || ask.ring != fetch->ring)
		return;
	struct nc_fetch_chunk *chunk = &fetch->chunks[ask.slot];
	chunk->asked = false;
	if (err == NC_NOTFOUND) { /* the peer has let that checkpoint go */
		nc_fetch_fail(fetch, err);
		return;
	}
	if (err == NC_OK)
		chunk_take(fetch, chunk, body);
	if (err == NC_OK)
		nc_fetch_step(fetch);
}

static void chunk_ask(struct nc_fetch *fetch, unsigned slot)
{
	struct nc_fetch_chunk *chunk = &fetch->chunks[slot];
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

void nc_fetch_ask_ahead(struct nc_fetch *fetch)
{
	uint32_t file;
	uint64_t offset;
	while (fetch->count < NC_FETCH_AHEAD_MAX && place_next(fetch, &file, &offset)) {
		uint64_t left = fetch->manifest.files[file].size - offset;
		unsigned slot = (fetch->first + fetch->count++) % NC_FETCH_AHEAD_MAX;
		struct nc_fetch_chunk *chunk = &fetch->chunks[slot];
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
		nc_fetch_settle(fetch);
		return;
	}
	if (fetch->phase != NC_FETCH_OPENING || err == NC_BUSY || err == NC_TIMEOUT ||
	    err == NC_CLOSED) {
		if (err == NC_BUSY) /* the peer is there, and serves another first */
			fetch->news_ms = uv_now(fetch->options.loop);
		return;
	}
	if (err == NC_OK)
		err = nc_snapshot_manifest_get(body, &fetch->manifest);
	if (err == NC_OK && fetch->manifest.applied.index == 0)
		err = NC_CONFLICT; /* the peer is empty itself */
	if (err == NC_OK)
		err = nc_snapshot_stage_open(fetch->incoming, &fetch->manifest, &fetch->stage);
	if (err != NC_OK) {
		nc_fetch_fail(fetch, err);
		return;
	}
	nc_say_info("state: fetching %llu MiB as of entry %llu, %llu MiB of it are here",
	            (unsigned long long)nc_snapshot_manifest_size(&fetch->manifest) >> 20,
	            (unsigned long long)fetch->manifest.applied.index,
	            (unsigned long long)nc_snapshot_stage_size(fetch->stage) >> 20);
	fetch->phase = NC_FETCH_READING;
	fetch->news_ms = fetch->said_ms = uv_now(fetch->options.loop);
	nc_fetch_step(fetch);
}

void nc_fetch_ask_manifest(struct nc_fetch *fetch)
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
	nc_fetch_settle(fetch);
}

/* Tell the peer, so that it need not hold the checkpoint until its patience ends. */
void nc_fetch_let_go(struct nc_fetch *fetch)
{
	struct nc_state_call call = { .verb = NC_STATE_CLOSE };
	memcpy(call.id, fetch->manifest.id, sizeof call.id);
	(void)request(fetch, &call, CHUNK_WAIT_MS, on_let_go, fetch);
}

void nc_fetch_ask_again(struct nc_fetch *fetch)
{
	for (unsigned i = 0; i < fetch->count && fetch->phase == NC_FETCH_READING; i++) {
		unsigned slot = (fetch->first + i) % NC_FETCH_AHEAD_MAX;
		if (!fetch->chunks[slot].asked && !fetch->chunks[slot].here)
			chunk_ask(fetch, slot);
	}
}
