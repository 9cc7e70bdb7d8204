/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Giving states to peers. */
#include "core/node/data/exports.h"

#include <stdlib.h>

#include "core/node/common/say.h"
#include "core/node/data/state_call.h"

#define CHUNK_OVERHEAD 128u /* bytes around a chunk's own in a reply */

struct nc_exports {
	struct nc_peer *peer;
	struct nc_exporter *exporter;
};

struct ask {
	struct nc_exporter_job job; /* first */
	struct nc_exports *exports;
	uint64_t call;
};

static void ask_free(struct ask *ask)
{
	nc_buf_release(&ask->job.answer);
	free(ask);
}

static void on_done(struct nc_exporter_job *job)
{
	struct ask *ask = (struct ask *)job;
	if (job->what.verb == NC_STATE_OPEN && job->err == NC_OK) {
		nc_say_info("state: a peer fetches it");
	} else if (job->err != NC_OK && job->err != NC_BUSY && job->err != NC_NOTFOUND &&
	           job->err != NC_CLOSED) {
		nc_say_warning("state: cannot be given to a peer: %s", nc_err_name(job->err));
	}
	/* If the reply is lost, the peer asks again. */
	(void)nc_peer_reply(ask->exports->peer, job->reader, ask->call, job->err,
	                    nc_buf_slice(&job->answer));
	ask_free(ask);
}

/* Bytes of a chunk whose reply is one frame. */
static uint32_t size_max(const struct nc_exports *exports)
{
	size_t frame = nc_peer_chunk_max(exports->peer);
	if (frame <= (size_t)2 * CHUNK_OVERHEAD)
		return CHUNK_OVERHEAD;
	frame -= CHUNK_OVERHEAD;
	return frame < NC_SNAPSHOT_CHUNK_MAX ? (uint32_t)frame : NC_SNAPSHOT_CHUNK_MAX;
}

static void on_request(void *ctx, uint64_t from, uint64_t call, struct nc_slice body)
{
	struct nc_exports *exports = ctx;
	struct ask *ask = calloc(1, sizeof *ask);
	int err = ask == NULL ? NC_NOMEM : nc_state_call_get(body, &ask->job.what);
	if (err == NC_OK) {
		if (ask->job.what.size > size_max(exports))
			ask->job.what.size = size_max(exports);
		ask->job.reader = from;
		ask->job.done = on_done;
		ask->exports = exports;
		ask->call = call;
		err = nc_exporter_put(exports->exporter, &ask->job);
	}
	if (err != NC_OK) {
		free(ask);
		(void)nc_peer_reply(exports->peer, from, call, err, nc_slice(NULL, 0));
	}
}

int nc_exports_start(struct nc_peer *peer, struct nc_exporter *exporter,
                     struct nc_exports **exports_out)
{
	struct nc_exports *exports = calloc(1, sizeof *exports);
	if (exports == NULL)
		return NC_NOMEM;
	exports->peer = peer;
	exports->exporter = exporter;
	nc_peer_serve(peer, NC_STATE_SERVICE, on_request, exports);
	*exports_out = exports;
	return NC_OK;
}

void nc_exports_stop(struct nc_exports *exports)
{
	if (exports == NULL)
		return;
	nc_peer_serve(exports->peer, NC_STATE_SERVICE, NULL, NULL);
	free(exports);
}
