/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Giving states to peers. */
#include "core/node/exports.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "core/node/borrowers.h"
#include "core/node/say.h"
#include "core/node/state_call.h"

#define JOBS_MAX       64   /* waiting; beyond: NC_BUSY */
#define IDLE_S         60   /* nobody has read for so long: the checkpoint is let go */
#define CHUNK_OVERHEAD 128u /* bytes around a chunk's own in a reply */

struct job {
	struct job *next;
	uint64_t from, call; /* who asked */
	struct nc_state_call what;
	int err;
	struct nc_buf answer;
};

struct jobs {
	struct job *first, *last;
	size_t count;
};

struct nc_exports {
	struct nc_exports_options options;
	uv_async_t wake;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t change;
	struct jobs todo, done; /* under lock */
	bool stopping;
	uint64_t held;      /* entry of the checkpoint that is held; 0: none is */
	uint64_t held_told; /* the loop's */

	struct nc_snapshot_export *snapshot; /* the thread's; NULL: none is held */
	struct timespec read_at;
	struct nc_borrowers readers; /* likewise; of the one that is held */
};

static void jobs_put(struct jobs *jobs, struct job *job)
{
	job->next = NULL;
	if (jobs->last == NULL) {
		jobs->first = job;
	} else {
		jobs->last->next = job;
	}
	jobs->last = job;
	jobs->count++;
}

static struct job *jobs_take(struct jobs *jobs)
{
	struct job *job = jobs->first;
	if (job == NULL)
		return NULL;
	jobs->first = job->next;
	if (jobs->first == NULL)
		jobs->last = NULL;
	jobs->count--;
	return job;
}

static void job_free(struct job *job)
{
	if (job == NULL)
		return;
	nc_buf_release(&job->answer);
	free(job);
}

/* ---- The thread -------------------------------------------------------------------------------
 */

static void held_set(struct nc_exports *exports, uint64_t index)
{
	pthread_mutex_lock(&exports->lock);
	exports->held = index;
	pthread_mutex_unlock(&exports->lock);
	(void)uv_async_send(&exports->wake);
}

static void let_go(struct nc_exports *exports)
{
	nc_snapshot_export_close(exports->snapshot);
	exports->snapshot = NULL;
	exports->readers = (struct nc_borrowers){ 0 };
	held_set(exports, 0);
}

/* A checkpoint that is held serves as long as the log goes on from where it stands, so that who was
 * interrupted can go on, whatever newer one it was offered since. */
static bool serves(const struct nc_exports *exports, uint64_t index)
{
	uint64_t applied = nc_snapshot_export_manifest(exports->snapshot)->applied.index;
	struct nc_log_bounds bounds;
	nc_log_bounds(exports->options.log, &bounds);
	return applied >= index || applied + 1 >= bounds.first;
}

/* As new as can be had: what comes after it has to be sent as entries. */
static int hold(struct nc_exports *exports, uint64_t index)
{
	struct nc_state_applied covered;
	if (exports->snapshot != NULL && serves(exports, index))
		return NC_OK;
	if (exports->snapshot != NULL)
		let_go(exports);
	int err = nc_state_checkpoint(exports->options.state, &covered);
	if (err == NC_OK)
		err = nc_snapshot_export_open(exports->options.state, &exports->snapshot);
	if (err != NC_OK)
		return err;
	if (!serves(exports, index)) {
		let_go(exports);
		return NC_BUSY; /* this node has not applied so much yet */
	}
	held_set(exports, nc_snapshot_export_manifest(exports->snapshot)->applied.index);
	return NC_OK;
}

static void open_do(struct nc_exports *exports, struct job *job)
{
	job->err = hold(exports, job->what.index);
	if (job->err == NC_OK) {
		nc_snapshot_manifest_put(nc_snapshot_export_manifest(exports->snapshot),
		                         &job->answer);
	}
}

static void read_do(struct nc_exports *exports, struct job *job)
{
	struct nc_buf bytes = { 0 };
	job->err = nc_snapshot_export_read(exports->snapshot, job->what.file, job->what.offset,
	                                   job->what.size, &bytes);
	if (job->err == NC_OK)
		nc_state_chunk_put(&job->answer, nc_buf_slice(&bytes));
	nc_buf_release(&bytes);
}

static bool is_held(const struct nc_exports *exports, const uint8_t *id)
{
	return exports->snapshot != NULL &&
	       memcmp(nc_snapshot_export_manifest(exports->snapshot)->id, id,
	              NC_SNAPSHOT_ID_SIZE) == 0;
}

static void job_do(struct nc_exports *exports, struct job *job)
{
	(void)clock_gettime(CLOCK_MONOTONIC, &exports->read_at);
	uint64_t now_s = (uint64_t)exports->read_at.tv_sec;
	if (job->what.verb == NC_STATE_OPEN) {
		open_do(exports, job);
	} else if (!is_held(exports, job->what.id)) {
		job->err = NC_NOTFOUND;
	} else if (job->what.verb == NC_STATE_READ) {
		read_do(exports, job);
	} else if (nc_borrowers_leave(&exports->readers, job->from, now_s, IDLE_S)) {
		let_go(exports);
	}
	bool uses = job->what.verb == NC_STATE_OPEN || job->what.verb == NC_STATE_READ;
	if (uses && job->err == NC_OK)
		nc_borrowers_note(&exports->readers, job->from, now_s);
	if (job->err == NC_OK)
		job->err = nc_buf_status(&job->answer);
}

static bool is_idle(const struct nc_exports *exports)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return exports->snapshot != NULL && now.tv_sec - exports->read_at.tv_sec > IDLE_S;
}

static void *run(void *ctx)
{
	struct nc_exports *exports = ctx;
	pthread_mutex_lock(&exports->lock);
	while (!exports->stopping) {
		struct job *job = jobs_take(&exports->todo);
		if (job == NULL) {
			struct timespec until;
			(void)clock_gettime(CLOCK_REALTIME, &until);
			until.tv_sec += IDLE_S / 4;
			if (exports->snapshot == NULL) {
				pthread_cond_wait(&exports->change, &exports->lock);
			} else {
				(void)pthread_cond_timedwait(&exports->change, &exports->lock,
				                             &until);
			}
			if (is_idle(exports)) {
				pthread_mutex_unlock(&exports->lock);
				let_go(exports);
				pthread_mutex_lock(&exports->lock);
			}
			continue;
		}
		pthread_mutex_unlock(&exports->lock);
		job_do(exports, job);
		pthread_mutex_lock(&exports->lock);
		jobs_put(&exports->done, job);
		(void)uv_async_send(&exports->wake);
	}
	pthread_mutex_unlock(&exports->lock);
	let_go(exports);
	return NULL;
}

/* ---- The loop ---------------------------------------------------------------------------------
 */

static void on_wake(uv_async_t *async)
{
	struct nc_exports *exports = async->data;
	pthread_mutex_lock(&exports->lock);
	struct jobs done = exports->done;
	exports->done = (struct jobs){ 0 };
	uint64_t held = exports->held;
	pthread_mutex_unlock(&exports->lock);
	if (held != exports->held_told)
		exports->options.on_hold(exports->options.ctx, held);
	exports->held_told = held;
	struct job *job;
	while ((job = jobs_take(&done)) != NULL) {
		if (job->what.verb == NC_STATE_OPEN && job->err == NC_OK) {
			nc_say_info("state: a peer fetches it");
		} else if (job->err != NC_OK && job->err != NC_BUSY && job->err != NC_NOTFOUND) {
			nc_say_warning("state: cannot be given to a peer: %s",
			               nc_err_name(job->err));
		}
		/* Lost or not: who asked asks again. */
		(void)nc_peer_reply(exports->options.peer, job->from, job->call, job->err,
		                    nc_buf_slice(&job->answer));
		job_free(job);
	}
}

/* Bytes of a chunk whose reply is one frame. */
static uint32_t size_max(const struct nc_exports *exports)
{
	size_t frame = nc_peer_chunk_max(exports->options.peer);
	if (frame <= (size_t)2 * CHUNK_OVERHEAD)
		return CHUNK_OVERHEAD;
	frame -= CHUNK_OVERHEAD;
	return frame < NC_SNAPSHOT_CHUNK_MAX ? (uint32_t)frame : NC_SNAPSHOT_CHUNK_MAX;
}

static void on_request(void *ctx, uint64_t from, uint64_t call, struct nc_slice body)
{
	struct nc_exports *exports = ctx;
	struct job *job = calloc(1, sizeof *job);
	int err = job == NULL ? NC_NOMEM : nc_state_call_get(body, &job->what);
	if (err == NC_OK && job->what.size > size_max(exports))
		job->what.size = size_max(exports);
	pthread_mutex_lock(&exports->lock);
	if (err == NC_OK && exports->todo.count >= JOBS_MAX)
		err = NC_BUSY;
	if (err == NC_OK) {
		job->from = from;
		job->call = call;
		jobs_put(&exports->todo, job);
		pthread_cond_signal(&exports->change);
	}
	pthread_mutex_unlock(&exports->lock);
	if (err != NC_OK) {
		free(job);
		(void)nc_peer_reply(exports->options.peer, from, call, err, nc_slice(NULL, 0));
	}
}

static void on_closed(uv_handle_t *handle)
{
	struct nc_exports *exports = handle->data;
	struct job *job;
	while ((job = jobs_take(&exports->todo)) != NULL ||
	       (job = jobs_take(&exports->done)) != NULL)
		job_free(job);
	(void)pthread_cond_destroy(&exports->change);
	(void)pthread_mutex_destroy(&exports->lock);
	free(exports);
}

int nc_exports_start(const struct nc_exports_options *options, struct nc_exports **exports_out)
{
	struct nc_exports *exports = calloc(1, sizeof *exports);
	if (exports == NULL)
		return NC_NOMEM;
	exports->options = *options;
	(void)pthread_mutex_init(&exports->lock, NULL);
	(void)pthread_cond_init(&exports->change, NULL);
	exports->wake.data = exports;
	if (uv_async_init(options->loop, &exports->wake, on_wake) != 0) {
		free(exports);
		return NC_IO;
	}
	if (pthread_create(&exports->thread, NULL, run, exports) != 0) {
		uv_close((uv_handle_t *)&exports->wake, on_closed);
		return NC_IO;
	}
	(void)pthread_setname_np(exports->thread, "nacre-export");
	nc_peer_serve(options->peer, NC_STATE_SERVICE, on_request, exports);
	*exports_out = exports;
	return NC_OK;
}

void nc_exports_stop(struct nc_exports *exports)
{
	if (exports == NULL)
		return;
	nc_peer_serve(exports->options.peer, NC_STATE_SERVICE, NULL, NULL);
	pthread_mutex_lock(&exports->lock);
	exports->stopping = true;
	pthread_cond_signal(&exports->change);
	pthread_mutex_unlock(&exports->lock);
	(void)pthread_join(exports->thread, NULL);
	uv_close((uv_handle_t *)&exports->wake, on_closed);
}
