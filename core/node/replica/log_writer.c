/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Making entries durable. */
#include "core/node/replica/log_writer.h"

#include <stdlib.h>

#include "core/node/common/say.h"
#include "core/node/replica/write_batch.h"

#define IDLE_MARK_MS 20u /* when to write a mark, which vouches for the last batch */

struct nc_log_writer {
	struct nc_log *log;
	struct nc_applier *applier;
	struct nc_stage *stage;
	struct nc_write_batch batch;
};

static void trust(struct nc_log_writer *writer, struct nc_entry *entry)
{
	entry->err = nc_log_trust(writer->log);
	if (entry->err != NC_OK)
		nc_say_warning("log: may doubt itself at the next start: %s",
		               nc_err_name(entry->err));
}

static void compact(struct nc_log_writer *writer, struct nc_entry *entry)
{
	entry->err = nc_log_compact(writer->log, entry->index);
	if (entry->err != NC_OK) {
		nc_say_warning("log: cannot compact through %llu: %s",
		               (unsigned long long)entry->index, nc_err_name(entry->err));
	}
}

/* An entry that is applied while it is written. */
struct at_once {
	struct nc_log_writer *writer;
	struct nc_entry *entry;
	bool prepared;
};

static void prepare(void *ctx)
{
	struct at_once *at_once = ctx;
	at_once->prepared = nc_applier_prepare(at_once->writer->applier, at_once->entry) == NC_OK;
}

/* Make the entry durable; meanwhile prepare its transaction, which is committed afterwards. */
static int append_at_once(struct nc_log_writer *writer)
{
	struct nc_entry *entry = writer->batch.taken.first;
	struct at_once at_once = { .writer = writer, .entry = entry };
	const struct nc_log_meanwhile meanwhile = { .fn = prepare, .ctx = &at_once };
	int err = nc_log_append_meanwhile(writer->log, writer->batch.hard, writer->batch.entries, 1,
	                                  &meanwhile);
	if (at_once.prepared && err != NC_OK)
		nc_applier_forget(writer->applier, entry);
	if (at_once.prepared && err == NC_OK)
		entry->applied = nc_applier_commit(writer->applier, entry) == NC_OK;
	return err;
}

static void append(struct nc_log_writer *writer, struct nc_entry_queue *from,
                   struct nc_entry_queue *done)
{
	struct nc_write_batch *batch = &writer->batch;
	struct nc_log_bounds bounds;
	nc_log_bounds(writer->log, &bounds);
	int err = NC_FULL; /* it does not follow the log's last: an entry before it found no room */
	if (nc_write_batch_take(batch, from, bounds.last)) {
		err = batch->taken.count == 1 && batch->taken.first->at_once
		              ? append_at_once(writer)
		              : nc_log_append(writer->log, batch->hard, batch->entries,
		                              batch->count);
	}
	nc_write_batch_give(batch, err, done);
}

static void run(void *ctx, struct nc_entry_queue *batch, struct nc_entry_queue *done)
{
	struct nc_log_writer *writer = ctx;
	if (!nc_write_is_errand(batch->first)) {
		append(writer, batch, done);
		return;
	}
	struct nc_entry *entry = nc_entry_queue_take(batch);
	if (entry->kind == NC_ENTRY_TRUST) {
		trust(writer, entry);
	} else {
		compact(writer, entry);
	}
	nc_entry_queue_put(done, entry);
}

static void idle(void *ctx)
{
	struct nc_log_writer *writer = ctx;
	int err = nc_log_mark(writer->log);
	if (err != NC_OK) /* the next append will find out, and say so to its clients */
		nc_say_warning("log: cannot write a mark: %s", nc_err_name(err));
}

int nc_log_writer_start(struct nc_log *log, struct nc_applier *applier,
                        void (*wake)(void *wake_ctx), void *wake_ctx,
                        struct nc_log_writer **writer_out)
{
	struct nc_log_writer *writer = calloc(1, sizeof *writer);
	if (writer == NULL)
		return NC_NOMEM;
	writer->log = log;
	writer->applier = applier;
	const struct nc_stage_work work = {
		.name = "nacre-log",
		.run = run,
		.idle = idle,
		.idle_ms = IDLE_MARK_MS,
		.wake = wake,
		.ctx = writer,
		.wake_ctx = wake_ctx,
	};
	int err = nc_stage_start(&work, &writer->stage);
	if (err != NC_OK) {
		free(writer);
		return err;
	}
	*writer_out = writer;
	return NC_OK;
}

struct nc_stage *nc_log_writer_stage(struct nc_log_writer *writer)
{
	return writer->stage;
}

void nc_log_writer_stop(struct nc_log_writer *writer)
{
	if (writer == NULL)
		return;
	nc_stage_stop(writer->stage);
	free(writer);
}
