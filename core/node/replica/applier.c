/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Applying committed entries. */
#include "core/node/replica/applier.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "core/base/assert.h"
#include "core/base/grow.h"
#include "core/node/replica/recovery.h"

#define TRANSACTION_SIZE_MAX (2u << 20) /* bytes of entries in one transaction, about */
#define BUSY_TRIES           5000       /* of a transaction for which the cache had no room */
#define BUSY_NAP_NS          2000000L
#define FULL_NAP_NS          50000000L

struct nc_applier {
	struct nc_engine *engine;
	struct nc_state *state;
	struct nc_stage *stage;
	atomic_bool stopping, lacks_room;
};

struct collect {
	struct nc_entry *entry;
	bool failed;
};

static void on_outcome(void *ctx, const struct nc_outcome *outcome)
{
	struct collect *collect = ctx;
	struct nc_entry *entry = collect->entry;
	if (!nc_grow(&entry->outcomes, sizeof *outcome, entry->outcome_count, &entry->outcome_room,
	             entry->ticket_count + 1)) {
		collect->failed = true;
		return;
	}
	struct nc_outcome kept = *outcome;
	kept.results = NULL;
	/* the outcome is valid during the call only: the entry keeps a copy */
	if (outcome->result_count > 0) {
		size_t size = outcome->result_count * sizeof *outcome->results;
		struct nc_batch_result *results = malloc(size);
		if (results == NULL) {
			collect->failed = true;
			return;
		}
		memcpy(results, outcome->results, size);
		kept.results = results;
	}
	entry->outcomes[entry->outcome_count++] = kept;
}

static int apply_one(struct nc_applier *applier, struct nc_entry *entry)
{
	if (entry->kind == NC_LOG_CONFIG) {
		return nc_state_put(applier->state, NC_SPACE_META, NC_MEMBERS_KEY,
		                    nc_buf_slice(&entry->payload));
	}
	if (entry->kind != NC_LOG_COMMAND)
		return NC_OK;
	nc_entry_outcomes_clear(entry); /* left by an attempt that was rolled back */
	struct collect collect = { .entry = entry };
	int err = nc_engine_apply(applier->engine, nc_buf_slice(&entry->payload), on_outcome,
	                          &collect);
	if (err == NC_OK && collect.failed)
		err = NC_NOMEM;
	return err;
}

/* Apply the entries of `taken` in one transaction. */
static int apply_all(struct nc_applier *applier, struct nc_entry_queue *taken)
{
	nc_assert(taken->last != NULL);
	int err = nc_engine_begin(applier->engine);
	if (err != NC_OK)
		return err;
	for (struct nc_entry *entry = taken->first; entry != NULL && err == NC_OK;
	     entry = entry->next)
		err = apply_one(applier, entry);
	if (err != NC_OK) {
		nc_engine_rollback(applier->engine);
		return err;
	}
	return nc_engine_commit(applier->engine,
	                        (struct nc_state_applied){ taken->last->index, taken->last->term });
}

int nc_applier_prepare(struct nc_applier *applier, struct nc_entry *entry)
{
	int err = nc_engine_begin(applier->engine);
	if (err != NC_OK)
		return err;
	err = apply_one(applier, entry);
	if (err != NC_OK)
		nc_engine_rollback(applier->engine);
	return err;
}

int nc_applier_commit(struct nc_applier *applier, struct nc_entry *entry)
{
	return nc_engine_commit(applier->engine,
	                        (struct nc_state_applied){ entry->index, entry->term });
}

void nc_applier_forget(struct nc_applier *applier, struct nc_entry *entry)
{
	nc_engine_rollback(applier->engine);
	nc_entry_outcomes_clear(entry);
}

/* Whether another try may go well. What is committed is in the log, and waits there until the disk
 * has room, however long that takes. */
static bool may_go_well(struct nc_applier *applier, int err, int tries)
{
	if (atomic_load(&applier->stopping))
		return false;
	return err == NC_BUSY ? tries < BUSY_TRIES
	                      : err == NC_FULL && nc_state_waits(applier->state);
}

static int apply_patiently(struct nc_applier *applier, struct nc_entry_queue *taken)
{
	int err = apply_all(applier, taken);
	for (int tries = 0; may_go_well(applier, err, tries); tries += err == NC_BUSY) {
		const struct timespec nap = { 0, err == NC_BUSY ? BUSY_NAP_NS : FULL_NAP_NS };
		atomic_store(&applier->lacks_room, err == NC_FULL);
		(void)nanosleep(&nap, NULL);
		err = apply_all(applier, taken);
	}
	atomic_store(&applier->lacks_room, false);
	return err;
}

static void run(void *ctx, struct nc_entry_queue *batch, struct nc_entry_queue *done)
{
	struct nc_applier *applier = ctx;
	struct nc_entry_queue taken = { 0 };
	size_t size = 0;
	while (batch->first != NULL && (taken.first == NULL || size < TRANSACTION_SIZE_MAX)) {
		struct nc_entry *entry = nc_entry_queue_take(batch);
		size += entry->payload.size;
		nc_entry_queue_put(&taken, entry);
	}
	int err = apply_patiently(applier, &taken);
	for (struct nc_entry *entry = taken.first; entry != NULL; entry = entry->next)
		entry->err = err;
	nc_entry_queue_move(done, &taken);
}

int nc_applier_start(struct nc_engine *engine, struct nc_state *state, void (*wake)(void *wake_ctx),
                     void *wake_ctx, struct nc_applier **applier_out)
{
	struct nc_applier *applier = calloc(1, sizeof *applier);
	if (applier == NULL)
		return NC_NOMEM;
	applier->engine = engine;
	applier->state = state;
	const struct nc_stage_work work = {
		.name = "nacre-apply",
		.run = run,
		.wake = wake,
		.ctx = applier,
		.wake_ctx = wake_ctx,
	};
	int err = nc_stage_start(&work, &applier->stage);
	if (err != NC_OK) {
		free(applier);
		return err;
	}
	*applier_out = applier;
	return NC_OK;
}

struct nc_stage *nc_applier_stage(struct nc_applier *applier)
{
	return applier->stage;
}

bool nc_applier_lacks_room(const struct nc_applier *applier)
{
	return atomic_load(&applier->lacks_room);
}

void nc_applier_stop(struct nc_applier *applier)
{
	if (applier == NULL)
		return;
	atomic_store(&applier->stopping, true);
	nc_stage_stop(applier->stage);
	free(applier);
}
