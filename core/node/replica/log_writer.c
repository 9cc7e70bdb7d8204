/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Making entries durable. */
#include "core/node/replica/log_writer.h"

#include <stdlib.h>

#include "core/node/common/say.h"

#define WRITE_ENTRIES_MAX 256        /* entries in one write */
#define WRITE_SIZE_MAX    (8u << 20) /* bytes in one write, about */
#define IDLE_MARK_MS      20u        /* then vouch for the last batch */

struct nc_log_writer {
	struct nc_log *log;
	struct nc_applier *applier;
	struct nc_stage *stage;
	struct nc_log_entry entries[WRITE_ENTRIES_MAX];
};

/* Not something to write. */
static bool is_errand(const struct nc_entry *entry)
{
	return entry->kind == NC_ENTRY_TRUST || entry->kind == NC_ENTRY_COMPACT;
}

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

/* Whether `entry` may go into the same write behind `next - 1`. The first may also replace what the
 * log has from its index on; a gap is one before it that found no room. */
static bool joins(const struct nc_entry *entry, uint64_t next, size_t count, size_t size)
{
	if (is_errand(entry) || count >= WRITE_ENTRIES_MAX || size >= WRITE_SIZE_MAX)
		return false;
	return entry->kind == NC_ENTRY_HARD || entry->index == next ||
	       (count == 0 && entry->index < next);
}

/* An entry that is applied in the same go. */
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

/* Make it durable, and prepare meanwhile what is committed when it is. */
static int append_at_once(struct nc_log_writer *writer, const struct nc_log_hard *hard,
                          struct nc_entry *entry)
{
	struct at_once at_once = { .writer = writer, .entry = entry };
	const struct nc_log_meanwhile meanwhile = { .fn = prepare, .ctx = &at_once };
	int err = nc_log_append_meanwhile(writer->log, hard, writer->entries, 1, &meanwhile);
	if (at_once.prepared && err != NC_OK)
		nc_applier_forget(writer->applier, entry);
	if (at_once.prepared && err == NC_OK)
		entry->applied = nc_applier_commit(writer->applier, entry) == NC_OK;
	return err;
}

static void append(struct nc_log_writer *writer, struct nc_entry_queue *batch,
                   struct nc_entry_queue *done)
{
	struct nc_log_bounds bounds;
	nc_log_bounds(writer->log, &bounds);
	uint64_t next = bounds.last + 1;
	const struct nc_log_hard *hard = NULL;
	size_t count = 0, size = 0;
	struct nc_entry_queue taken = { 0 };
	while (batch->first != NULL && joins(batch->first, next, count, size)) {
		struct nc_entry *entry = nc_entry_queue_take(batch);
		if (entry->has_hard)
			hard = &entry->hard;
		if (entry->kind != NC_ENTRY_HARD) {
			writer->entries[count++] = (struct nc_log_entry){
				.index = entry->index,
				.term = entry->term,
				.kind = entry->kind,
				.payload = nc_buf_slice(&entry->payload),
			};
			size += entry->payload.size;
			next = entry->index + 1;
		}
		nc_entry_queue_put(&taken, entry);
	}
	int err = NC_FULL; /* out of step: one before it found no room */
	if (taken.count == 1 && taken.first->at_once) {
		err = append_at_once(writer, hard, taken.first);
	} else if (taken.first != NULL) {
		err = nc_log_append(writer->log, hard, writer->entries, count);
	} else {
		nc_entry_queue_put(&taken, nc_entry_queue_take(batch));
	}
	for (struct nc_entry *entry = taken.first; entry != NULL; entry = entry->next)
		entry->err = err;
	nc_entry_queue_move(done, &taken);
}

static void run(void *ctx, struct nc_entry_queue *batch, struct nc_entry_queue *done)
{
	struct nc_log_writer *writer = ctx;
	if (!is_errand(batch->first)) {
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
