/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fetch_private.h -- a fetch, as its two files share it: fetch.c lives, writes and gives up;
 * fetch_ask.c asks the peer and takes its answers.
 */
#ifndef NC_CORE_NODE_DATA_FETCH_PRIVATE_H
#define NC_CORE_NODE_DATA_FETCH_PRIVATE_H

#include <limits.h>

#include "core/node/data/adopter.h"
#include "core/node/data/fetch.h"

#define NC_FETCH_AHEAD_MAX 4u /* chunks asked for and not yet written */

enum nc_fetch_phase { NC_FETCH_OPENING, NC_FETCH_READING, NC_FETCH_ADOPTING, NC_FETCH_OVER };

/* A chunk on its way, in the order in which they are written. */
struct nc_fetch_chunk {
	uint32_t file;
	uint64_t offset;
	uint32_t size;
	bool asked, here;
	uint8_t sha256[NC_SHA256_SIZE];
	struct nc_buf bytes;
};

struct nc_fetch {
	struct nc_fetch_options options;
	char incoming[PATH_MAX];
	enum nc_fetch_phase phase;
	bool asking;  /* for the manifest */
	bool writing; /* chunks[0], beside the loop */
	int write_err;
	struct nc_snapshot_manifest manifest;
	struct nc_snapshot_stage *stage;
	uint32_t chunk_size; /* asked for: what fits a frame of the peer's */
	uint64_t ring;       /* counts the rings */
	struct nc_fetch_chunk chunks[NC_FETCH_AHEAD_MAX]; /* a ring from `first` */
	unsigned first, count, calls; /* calls: requests under way, of whatever */
	uint64_t news_ms, said_ms;
	uv_work_t work;
	uv_timer_t timer;
	struct nc_adopter *adopter; /* NULL: not yet */
	bool stopped;               /* freed when nothing of it is under way */
	bool closed;                /* the timer */
};

/* fetch.c */
void nc_fetch_fail(struct nc_fetch *fetch, int err);
/* Something of it has ended: free it if it was stopped and nothing else is under way. */
void nc_fetch_settle(struct nc_fetch *fetch);
/* Do what can be done now. */
void nc_fetch_step(struct nc_fetch *fetch);

/* fetch_ask.c */
void nc_fetch_ask_manifest(struct nc_fetch *fetch);
/* Chunks ahead of what is written; and those again whose answer was lost. */
void nc_fetch_ask_ahead(struct nc_fetch *fetch);
void nc_fetch_ask_again(struct nc_fetch *fetch);
/* Tell the peer that it need not hold its checkpoint for us any more. */
void nc_fetch_let_go(struct nc_fetch *fetch);

#endif
