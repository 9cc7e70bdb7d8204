/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A checkpoint, held and read. */
#include "core/node/data/exporter.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "core/node/common/borrowers.h"

#define JOBS_MAX 64  /* jobs that may wait; one more is NC_BUSY */
#define IDLE_S   60u /* nobody has read for so long: the checkpoint is let go */

struct nc_exporter {
	struct nc_exporter_options options;
	uv_async_t wake;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t change;
	struct nc_fifo todo, done; /* under the lock */
	bool stopping;
	uint64_t held;      /* entry of the checkpoint that a peer reads; 0: none does */
	uint64_t held_told; /* the loop's */

	struct nc_snapshot_export *snapshot; /* the thread's; NULL: none is held */
	struct nc_engine_head head;          /* as it has it */
	struct timespec read_at;
	struct nc_borrowers readers; /* likewise; of the one that is held */
	uint64_t held_set;           /* likewise */
};

/* ---- The thread ----------------------------------------------------------------------------- */

static const struct nc_state_applied *applied_of(const struct nc_exporter *exporter)
{
	return &nc_snapshot_export_manifest(exporter->snapshot)->applied;
}

/* The readers may have changed: tell what to keep in the log, for peers only, and for none that is
 * gone. */
static void held_look(struct nc_exporter *exporter, uint64_t now_s)
{
	bool held = exporter->snapshot != NULL &&
	            nc_borrowers_below(&exporter->readers, NC_EXPORTER_OTHERS, now_s,
	                               exporter->options.idle_s);
	uint64_t index = held ? applied_of(exporter)->index : 0;
	if (index == exporter->held_set)
		return;
	exporter->held_set = index;
	pthread_mutex_lock(&exporter->lock);
	exporter->held = index;
	pthread_mutex_unlock(&exporter->lock);
	(void)uv_async_send(&exporter->wake);
}

static void let_go(struct nc_exporter *exporter)
{
	nc_snapshot_export_close(exporter->snapshot);
	exporter->snapshot = NULL;
	exporter->readers = (struct nc_borrowers){ 0 };
}

/* Whether the checkpoint that is held serves this request. It serves a peer as long as the log goes
 * on from it, so that an interrupted peer can go on with it although a newer one exists. */
static bool serves(const struct nc_exporter *exporter, const struct nc_exporter_job *job)
{
	uint64_t applied = applied_of(exporter)->index;
	struct nc_log_bounds bounds;
	nc_log_bounds(exporter->options.log, &bounds);
	return applied >= job->what.index || (!job->exact && applied + 1 >= bounds.first);
}

static int head_read(struct nc_exporter *exporter)
{
	struct nc_buf row = { 0 };
	int err = nc_snapshot_export_meta(exporter->snapshot, nc_engine_head_key(), &row);
	if (err == NC_OK) {
		err = nc_engine_head_decode(nc_buf_slice(&row), &exporter->head);
	} else if (err == NC_NOTFOUND) { /* of a store without any entry */
		exporter->head = (struct nc_engine_head){ .version = NC_ENGINE_VERSION_FIRST };
		err = NC_OK;
	}
	nc_buf_release(&row);
	return err;
}

static int checkpoint_hold(struct nc_exporter *exporter)
{
	struct nc_state_applied covered;
	int err = nc_state_checkpoint(exporter->options.state, &covered);
	if (err == NC_OK)
		err = nc_snapshot_export_open(exporter->options.state, &exporter->snapshot);
	if (err != NC_OK)
		return err;
	err = head_read(exporter);
	if (err != NC_OK)
		let_go(exporter);
	return err;
}

/* Hold a new checkpoint, as recent as possible: what comes after it has to be sent as entries. */
static int hold(struct nc_exporter *exporter, const struct nc_exporter_job *job)
{
	if (exporter->snapshot != NULL && serves(exporter, job))
		return NC_OK;
	if (exporter->snapshot != NULL && job->reader >= NC_EXPORTER_OTHERS)
		return NC_BUSY; /* the one that is held is not taken away from its readers */
	if (exporter->snapshot != NULL)
		let_go(exporter);
	int err = checkpoint_hold(exporter);
	if (err != NC_OK)
		return err;
	if (!serves(exporter, job)) {
		let_go(exporter);
		return NC_BUSY; /* this node has not applied so much yet */
	}
	return NC_OK;
}

static void open_do(struct nc_exporter *exporter, struct nc_exporter_job *job)
{
	job->err = hold(exporter, job);
	if (job->err != NC_OK)
		return;
	const struct nc_snapshot_manifest *manifest =
	        nc_snapshot_export_manifest(exporter->snapshot);
	nc_snapshot_manifest_put(manifest, &job->answer);
	memcpy(job->what.id, manifest->id, sizeof job->what.id);
	job->head = exporter->head;
}

static void read_do(struct nc_exporter *exporter, struct nc_exporter_job *job)
{
	struct nc_buf bytes = { 0 };
	job->err = nc_snapshot_export_read(exporter->snapshot, job->what.file, job->what.offset,
	                                   job->what.size, &bytes);
	if (job->err == NC_OK)
		nc_state_chunk_put(&job->answer, nc_buf_slice(&bytes));
	nc_buf_release(&bytes);
}

static bool is_held(const struct nc_exporter *exporter, const uint8_t *id)
{
	return exporter->snapshot != NULL &&
	       memcmp(nc_snapshot_export_manifest(exporter->snapshot)->id, id,
	              NC_SNAPSHOT_ID_SIZE) == 0;
}

static void job_do(struct nc_exporter *exporter, struct nc_exporter_job *job)
{
	(void)clock_gettime(CLOCK_MONOTONIC, &exporter->read_at);
	uint64_t now_s = (uint64_t)exporter->read_at.tv_sec;
	nc_buf_clear(&job->answer);
	job->err = NC_OK;
	if (job->what.verb == NC_STATE_OPEN) {
		open_do(exporter, job);
	} else if (!is_held(exporter, job->what.id)) {
		job->err = NC_NOTFOUND;
	} else if (job->what.verb == NC_STATE_READ) {
		read_do(exporter, job);
	} else if (nc_borrowers_leave(&exporter->readers, job->reader, now_s,
	                              exporter->options.idle_s)) {
		let_go(exporter);
	}
	bool uses = job->what.verb == NC_STATE_OPEN || job->what.verb == NC_STATE_READ;
	if (uses && job->err == NC_OK)
		nc_borrowers_note(&exporter->readers, job->reader, now_s);
	if (job->err == NC_OK)
		job->err = nc_buf_status(&job->answer);
	held_look(exporter, now_s);
}

/* Let the checkpoint go if nobody has asked for a while. */
static void idle_look(struct nc_exporter *exporter)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	if (exporter->snapshot != NULL &&
	    now.tv_sec - exporter->read_at.tv_sec > exporter->options.idle_s)
		let_go(exporter);
	held_look(exporter, (uint64_t)now.tv_sec);
}

/* Lock held. */
static void wait_for_work(struct nc_exporter *exporter)
{
	struct timespec until;
	if (exporter->snapshot == NULL) {
		pthread_cond_wait(&exporter->change, &exporter->lock);
		return;
	}
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += exporter->options.idle_s / 4 + 1;
	(void)pthread_cond_timedwait(&exporter->change, &exporter->lock, &until);
}

static void *run(void *ctx)
{
	struct nc_exporter *exporter = ctx;
	pthread_mutex_lock(&exporter->lock);
	while (!exporter->stopping) {
		struct nc_exporter_job *job = nc_fifo_take(&exporter->todo);
		if (job == NULL)
			wait_for_work(exporter);
		pthread_mutex_unlock(&exporter->lock);
		if (job != NULL) {
			job_do(exporter, job);
		} else {
			idle_look(exporter);
		}
		pthread_mutex_lock(&exporter->lock);
		if (job == NULL)
			continue;
		nc_fifo_put(&exporter->done, &job->link);
		(void)uv_async_send(&exporter->wake);
	}
	pthread_mutex_unlock(&exporter->lock);
	let_go(exporter);
	return NULL;
}

/* ---- The loop ------------------------------------------------------------------------------- */

static void on_wake(uv_async_t *async)
{
	struct nc_exporter *exporter = async->data;
	pthread_mutex_lock(&exporter->lock);
	struct nc_fifo done = exporter->done;
	exporter->done = (struct nc_fifo){ 0 };
	uint64_t held = exporter->held;
	pthread_mutex_unlock(&exporter->lock);
	if (held != exporter->held_told)
		exporter->options.on_hold(exporter->options.ctx, held);
	exporter->held_told = held;
	struct nc_exporter_job *job;
	while ((job = nc_fifo_take(&done)) != NULL)
		job->done(job);
}

int nc_exporter_put(struct nc_exporter *exporter, struct nc_exporter_job *job)
{
	pthread_mutex_lock(&exporter->lock);
	bool room = exporter->todo.count < JOBS_MAX && !exporter->stopping;
	if (room) {
		nc_fifo_put(&exporter->todo, &job->link);
		pthread_cond_signal(&exporter->change);
	}
	pthread_mutex_unlock(&exporter->lock);
	return room ? NC_OK : NC_BUSY;
}

static void on_closed(uv_handle_t *handle)
{
	struct nc_exporter *exporter = handle->data;
	(void)pthread_cond_destroy(&exporter->change);
	(void)pthread_mutex_destroy(&exporter->lock);
	free(exporter);
}

int nc_exporter_start(const struct nc_exporter_options *options, struct nc_exporter **exporter_out)
{
	struct nc_exporter *exporter = calloc(1, sizeof *exporter);
	if (exporter == NULL)
		return NC_NOMEM;
	exporter->options = *options;
	if (exporter->options.idle_s == 0)
		exporter->options.idle_s = IDLE_S;
	pthread_condattr_t monotonic;
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_mutex_init(&exporter->lock, NULL);
	(void)pthread_cond_init(&exporter->change, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
	exporter->wake.data = exporter;
	if (uv_async_init(options->loop, &exporter->wake, on_wake) != 0) {
		free(exporter);
		return NC_IO;
	}
	if (pthread_create(&exporter->thread, NULL, run, exporter) != 0) {
		uv_close((uv_handle_t *)&exporter->wake, on_closed);
		return NC_IO;
	}
	(void)pthread_setname_np(exporter->thread, "nacre-export");
	*exporter_out = exporter;
	return NC_OK;
}

void nc_exporter_stop(struct nc_exporter *exporter)
{
	struct nc_exporter_job *job;
	if (exporter == NULL)
		return;
	pthread_mutex_lock(&exporter->lock);
	exporter->stopping = true;
	pthread_cond_signal(&exporter->change);
	pthread_mutex_unlock(&exporter->lock);
	(void)pthread_join(exporter->thread, NULL);
	while ((job = nc_fifo_take(&exporter->todo)) != NULL ||
	       (job = nc_fifo_take(&exporter->done)) != NULL) {
		job->err = NC_CLOSED;
		job->done(job);
	}
	uv_close((uv_handle_t *)&exporter->wake, on_closed);
}
