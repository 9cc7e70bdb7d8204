/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Loading the log into consensus. */
#include "core/node/replica/recovery.h"

#include <stdlib.h>

#include "core/node/common/say.h"
#include "core/raft/message_codec.h"

#define CHUNK_ENTRIES 256
#define CHUNK_SIZE    (8u << 20)

static int fits(struct nc_log *log, const struct nc_log_bounds *bounds,
                struct nc_state_applied applied)
{
	uint64_t term = 0;
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
	int err = nc_log_term_at(log, applied.index, &term);
	if (err == NC_OK && term == applied.term)
		return NC_OK;
	/* Log and state are whole, but of two directories; or the log has lost the entry that
	 * replaced this one. */
	nc_say_error("the log has entry %llu of term %llu but the state has applied one of term "
	             "%llu: they are not of one history; restore the data directory from a backup",
	             (unsigned long long)applied.index, (unsigned long long)term,
	             (unsigned long long)applied.term);
	return err == NC_OK ? NC_CORRUPT : err;
}

/* Read the members as of what is applied; later changes are in the log. */
static int members_read(const struct nc_replica_options *options,
                        struct nc_raft_members *members_out)
{
	struct nc_state_reader *reader;
	struct nc_buf buf = { 0 };
	int err = nc_state_reader_open(options->state, &reader);
	if (err != NC_OK)
		return err;
	err = nc_state_reader_begin(reader);
	if (err == NC_OK) {
		err = nc_state_get(reader, NC_SPACE_META, NC_MEMBERS_KEY, &buf);
		nc_state_reader_end(reader);
	}
	nc_state_reader_close(reader);
	if (err == NC_OK && nc_raft_members_decode(nc_buf_slice(&buf), members_out) != NC_OK)
		err = NC_CORRUPT;
	if (err == NC_NOTFOUND) { /* a new cluster, or one that has not applied its first entry */
		*members_out = options->founders;
		err = NC_OK;
	}
	nc_buf_release(&buf);
	return err;
}

static int entry_load(struct nc_raft *raft, const struct nc_log_entry *entry)
{
	struct nc_raft_members members;
	struct nc_raft_entry loaded = { .term = entry->term,
		                        .size = (uint32_t)entry->payload.size,
		                        .kind = entry->kind };
	if (entry->kind == NC_LOG_CONFIG) {
		if (nc_raft_members_decode(entry->payload, &members) != NC_OK)
			return NC_CORRUPT;
		loaded.members = &members;
	}
	int err = nc_raft_load(raft, &loaded);
	return err == NC_INVALID ? NC_CORRUPT : err;
}

static int entries_load(struct nc_log *log, const struct nc_log_bounds *bounds,
                        struct nc_raft *raft)
{
	static struct nc_log_entry entries[CHUNK_ENTRIES]; /* once, at start */
	struct nc_buf buf = { 0 };
	uint64_t from = bounds->first;
	int err = NC_OK;
	while (from <= bounds->last && err == NC_OK) {
		size_t count = 0;
		nc_buf_clear(&buf);
		struct nc_log_range range = { .from = from,
			                      .to = bounds->last,
			                      .entry_max = CHUNK_ENTRIES,
			                      .size_max = CHUNK_SIZE };
		err = nc_log_read(log, range, &buf, entries, &count);
		for (size_t i = 0; i < count && err == NC_OK; i++)
			err = entry_load(raft, &entries[i]);
		if (err != NC_OK) {
			nc_say_error("recovery: the log cannot be read at entry %llu: %s",
			             (unsigned long long)from, nc_err_name(err));
		}
		from += count;
	}
	nc_buf_release(&buf);
	return err;
}

int nc_recovery_load(const struct nc_replica_options *options, struct nc_raft **raft_out)
{
	struct nc_log_bounds bounds;
	nc_log_bounds(options->log, &bounds);
	const struct nc_state_applied applied = nc_state_applied(options->state);
	struct nc_raft_start start = { .hard = options->hard,
		                       .base_index = bounds.first - 1,
		                       .base_term = bounds.base_term,
		                       .applied = applied.index,
		                       .doubtful = options->doubtful };
	const struct nc_raft_options raft_options =
	        nc_raft_options_default(options->self, options->seed);
	struct nc_raft *raft = NULL;
	int err = fits(options->log, &bounds, applied);
	if (err == NC_OK)
		err = members_read(options, &start.members);
	if (err == NC_OK)
		err = nc_raft_new(&raft_options, &start, &raft);
	if (err == NC_OK)
		err = entries_load(options->log, &bounds, raft);
	if (err == NC_OK && applied.index > 0)
		err = nc_raft_snapshot_taken(raft, applied.index);
	if (err != NC_OK) {
		nc_raft_free(raft);
		return err == NC_INVALID ? NC_CORRUPT : err;
	}
	if (applied.index < bounds.last) {
		nc_say_info("recovery: entries %llu to %llu of the log are not in the state yet",
		            (unsigned long long)applied.index + 1, (unsigned long long)bounds.last);
	}
	*raft_out = raft;
	return NC_OK;
}
