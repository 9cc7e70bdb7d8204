/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Applying committed entries. */
#include "core/node/applier.h"

#include <stdlib.h>

#define TRANSACTION_SIZE_MAX (2u << 20) /* bytes of entries in one transaction, about */

struct nc_applier {
	struct nc_engine *engine;
	struct nc_stage *stage;
};

struct collect {
	struct nc_entry *entry;
	size_t room;
	bool failed;
};

static void on_outcome(void *ctx, const struct nc_outcome *outcome)
{
	struct collect *collect = ctx;
	struct nc_entry *entry = collect->entry;
	if (entry->outcome_count == collect->room) {
		size_t room = collect->room == 0 ? entry->ticket_count + 1 : collect->room * 2;
		struct nc_outcome *outcomes = realloc(entry->outcomes, room * sizeof *outcomes);
		if (outcomes == NULL) {
			collect->failed = true;
			return;
		}
		entry->outcomes = outcomes;
		collect->room = room;
	}
	entry->outcomes[entry->outcome_count++] = *outcome;
}

static int apply_one(struct nc_applier *applier, struct nc_entry *entry)
{
	if (entry->kind != NC_LOG_COMMAND)
		return NC_OK;
	struct collect collect = { .entry = entry };
	int err = nc_engine_apply(applier->engine, nc_buf_slice(&entry->payload), on_outcome,
	                          &collect);
	if (err == NC_OK && collect.failed)
		err = NC_NOMEM;
	return err;
}

static void run(void *ctx, struct nc_entry_queue *batch, struct nc_entry_queue *done)
{
	struct nc_applier *applier = ctx;
	struct nc_entry_queue taken = { 0 };
	struct nc_state_applied applied = { 0 };
	size_t size = 0;
	int err = nc_engine_begin(applier->engine);
	bool open = err == NC_OK;
	while (batch->first != NULL && (taken.first == NULL || size < TRANSACTION_SIZE_MAX)) {
		struct nc_entry *entry = nc_entry_queue_take(batch);
		nc_entry_queue_put(&taken, entry);
		if (err != NC_OK)
			continue;
		err = apply_one(applier, entry);
		size += entry->payload.size;
		applied = (struct nc_state_applied){ entry->index, entry->term };
	}
	if (err == NC_OK)
		err = nc_engine_commit(applier->engine, applied);
	else if (open)
		nc_engine_rollback(applier->engine);
	for (struct nc_entry *entry = taken.first; entry != NULL; entry = entry->next)
		entry->err = err;
	nc_entry_queue_move(done, &taken);
}

int nc_applier_start(struct nc_engine *engine, void (*wake)(void *wake_ctx), void *wake_ctx,
                     struct nc_applier **applier_out)
{
	struct nc_applier *applier = calloc(1, sizeof *applier);
	if (applier == NULL)
		return NC_NOMEM;
	applier->engine = engine;
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

void nc_applier_stop(struct nc_applier *applier)
{
	if (applier == NULL)
		return;
	nc_stage_stop(applier->stage);
	free(applier);
}
