/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Replaying the log into the state. */
#include "core/node/recovery.h"

#include <time.h>

#include "core/node/say.h"

#define CHUNK_ENTRIES 256
#define CHUNK_SIZE    (8u << 20)
#define PROGRESS_S    2

/* Outcomes of a replay have been told, or their askers are gone. */
static void forget(void *ctx, const struct nc_outcome *outcome)
{
	(void)ctx;
	(void)outcome;
}

static int fits(const struct nc_log_bounds *bounds, struct nc_state_applied applied)
{
	if (applied.index + 1 < bounds->first) {
		nc_say_error("the log begins at entry %llu but the state ends at %llu: entries "
		             "between them are missing; restore the data directory from a backup",
		             (unsigned long long)bounds->first, (unsigned long long)applied.index);
		return NC_CORRUPT;
	}
	if (applied.index > bounds->last) {
		nc_say_error(
		        "the log ends at entry %llu but the state has applied %llu: the log has "
		        "lost entries; restore the data directory from a backup",
		        (unsigned long long)bounds->last, (unsigned long long)applied.index);
		return NC_CORRUPT;
	}
	return NC_OK;
}

static int apply_chunk(struct nc_engine *engine, const struct nc_log_entry *entries, size_t count)
{
	int err = nc_engine_begin(engine);
	if (err != NC_OK)
		return err;
	for (size_t i = 0; i < count && err == NC_OK; i++)
		if (entries[i].kind == NC_LOG_COMMAND)
			err = nc_engine_apply(engine, entries[i].payload, forget, NULL);
	if (err != NC_OK) {
		nc_engine_rollback(engine);
		return err;
	}
	return nc_engine_commit(engine, (struct nc_state_applied){ entries[count - 1].index,
	                                                           entries[count - 1].term });
}

static int replay(struct nc_log *log, struct nc_engine *engine, uint64_t from, uint64_t to)
{
	static struct nc_log_entry entries[CHUNK_ENTRIES]; /* once, at start */
	struct nc_buf buf = { 0 };
	time_t said = time(NULL);
	int err = NC_OK;
	while (from <= to && err == NC_OK) {
		size_t count = 0;
		nc_buf_clear(&buf);
		err = nc_log_read(log, from, to, CHUNK_SIZE, &buf, entries, CHUNK_ENTRIES, &count);
		if (err == NC_OK)
			err = apply_chunk(engine, entries, count);
		if (err != NC_OK) {
			nc_say_error("recovery: entry %llu: %s", (unsigned long long)from,
			             nc_err_name(err));
			break;
		}
		from += count;
		if (time(NULL) - said >= PROGRESS_S) {
			said = time(NULL);
			nc_say_info("recovery: %llu entries to go",
			            (unsigned long long)(to + 1 - from));
		}
	}
	nc_buf_release(&buf);
	return err;
}

int nc_recovery_run(struct nc_log *log, struct nc_state *state, struct nc_engine *engine)
{
	struct nc_log_bounds bounds;
	nc_log_bounds(log, &bounds);
	struct nc_state_applied applied = nc_state_applied(state);
	int err = fits(&bounds, applied);
	if (err != NC_OK || applied.index == bounds.last)
		return err;
	nc_say_info("recovery: applying entries %llu to %llu of the log",
	            (unsigned long long)applied.index + 1, (unsigned long long)bounds.last);
	return replay(log, engine, applied.index + 1, bounds.last);
}
