/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A start: what recovery finds in the files, held against what the disk had promised. */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/files_private.h"

/* Entries that the log gives are put into `disk` in place of what was there. */
static bool entries_read(struct sim *sim, const struct sim_node *node, struct sim_log *found)
{
	struct nc_log_bounds bounds;
	struct nc_log_entry entries[READ_ENTRIES];
	struct nc_buf bytes = { 0 };
	size_t count = 0;
	nc_log_bounds(node->files->log, &bounds);
	for (uint64_t from = found->base + 1; from <= bounds.last; from += count) {
		nc_buf_clear(&bytes);
		struct nc_log_range range = { .from = from,
			                      .to = bounds.last,
			                      .entry_max = READ_ENTRIES,
			                      .size_max = 1 << 20 };
		int err = nc_log_read(node->files->log, range, &bytes, entries, &count);
		if (err != NC_OK) {
			sim_violation(sim,
			              "node %llu: reading %llu of a log that was recovered: %s",
			              ULL(node->id), ULL(from), nc_err_name(err));
			break;
		}
		for (size_t i = 0; i < count; i++) {
			nc_assert(entries[i].payload.size >= PAYLOAD_SIZE);
			const struct sim_entry entry = {
				.term = entries[i].term,
				.payload = nc_get_u64(entries[i].payload.data),
				.size = (uint32_t)(entries[i].payload.size - PAYLOAD_SIZE),
				.kind = entries[i].kind,
				.members = (const struct nc_raft_members *)(uintptr_t)nc_get_u64(
				        entries[i].payload.data + 8)
			};
			sim_log_put(found, entries[i].index, &entry);
		}
	}
	nc_buf_release(&bytes);
	return sim->violation[0] == '\0';
}

/* What was promised is there, as it was. */
static void check_promised(struct sim *sim, const struct sim_node *node,
                           const struct sim_log *found, const struct nc_log_recovery *recovery)
{
	const struct sim_log *promised = &node->disk;
	const struct sim_files *files = node->files;
	bool hard = (recovery->hard.term == node->hard.term &&
	             recovery->hard.vote == node->hard.vote) ||
	            (recovery->hard.term == files->torn_hard.term &&
	             recovery->hard.vote == files->torn_hard.vote);
	uint64_t missing = hard ? 0 : 1;
	for (uint64_t i = promised->base + 1; i <= promised->last && i < files->torn_first; i++) {
		if (i > found->last || found->at[i].term != promised->at[i].term ||
		    found->at[i].payload != promised->at[i].payload)
			missing = missing == 0 ? i : missing;
	}
	/* The last batch of a log that was not idle since has nothing that vouches for it. */
	bool last = !hard || missing >= files->last_first;
	if (missing != 0 && !(files->damaged && recovery->doubtful && last)) {
		sim_violation(
		        sim,
		        "node %llu: the log has lost what it had promised (entries from %llu, "
		        "term %llu vote %llu, promised ..%llu, %llu/%llu) and does not say so",
		        ULL(node->id), ULL(missing), ULL(recovery->hard.term),
		        ULL(recovery->hard.vote), ULL(promised->last), ULL(node->hard.term),
		        ULL(node->hard.vote));
	}
}

/* A trace is the same in every process. */
static const char *without_directory(const struct sim_files *files, char *fault)
{
	size_t size = strlen(files->directory);
	for (char *at; (at = strstr(fault, files->directory)) != NULL;)
		memmove(at, at + size, strlen(at + size) + 1);
	return fault;
}

bool sim_files_start(struct sim *sim, struct sim_node *node)
{
	struct sim_files *files = node->files;
	const struct nc_segment_log_options options = { .segment_size = SEGMENT_SIZE,
		                                        .files = &files->calls };
	struct nc_log_recovery recovery;
	char fault[NC_LOG_FAULT_SIZE];
	int err = nc_segment_log_open(files->directory, &options, &recovery, &files->log, fault);
	if (err == NC_CORRUPT && files->damaged) {
		sim->counters.corrupt++;
		sim_trace(sim, "%llu: %s", ULL(node->id), without_directory(files, fault));
		files->log = NULL;
		return false;
	}
	if (err != NC_OK) {
		sim_violation(sim, "node %llu: the log cannot be opened: %s: %s", ULL(node->id),
		              nc_err_name(err), fault);
		return true;
	}
	struct nc_log_bounds bounds;
	struct sim_log found = { 0 };
	sim_log_reset(&found, node->disk.base, node->disk.base_term, &node->disk.base_members);
	nc_log_bounds(files->log, &bounds);
	if (bounds.first > node->disk.base + 1) {
		sim_violation(sim, "node %llu: its log begins at %llu, was compacted through %llu",
		              ULL(node->id), ULL(bounds.first), ULL(node->disk.base));
	} else if (entries_read(sim, node, &found)) {
		check_promised(sim, node, &found, &recovery);
	}
	/* The state is ahead of a log that was cut: that is for a backup to mend, or a peer. */
	bool ahead = files->damaged && bounds.last < node->checkpoint;
	if (sim->violation[0] == '\0' && ahead) {
		sim->counters.corrupt++;
		nc_log_close(files->log);
		files->log = NULL;
		free(found.at);
		return false;
	}
	if (sim->violation[0] == '\0') {
		node->lost_last = found.last < node->disk.last ? node->disk.last : 0;
		free(node->disk.at);
		node->disk = found;
		node->hard = recovery.hard;
		node->doubtful = recovery.doubtful;
		files->damaged = files->torn = false;
		if (recovery.cut_bytes > 0) /* what vouched for what is now the last is gone */
			files->last_first = 1;
	} else {
		free(found.at);
	}
	return true;
}
