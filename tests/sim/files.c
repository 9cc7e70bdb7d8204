/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The real Raft log on files in memory, under a node's simulated disk: writes that tear, land
 * elsewhere, find no room or fail to sync; bits that flip. What the simulated disk has promised is
 * what recovery must give back, or say that it cannot. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "storage/log/segment_private.h"
#include "tests/sim/files_private.h"

/* ---- Life ------------------------------------------------------------------------------------ */

static void remove_all(const char *directory)
{
	DIR *dir = opendir(directory);
	char path[400];
	for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
		(void)snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
		(void)unlink(path);
	}
	if (dir != NULL)
		(void)closedir(dir);
	(void)rmdir(directory);
}

static void name(char directory[96], long process, uint32_t slot)
{
	const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	(void)snprintf(directory, 96, "%s/nacre-sim-%ld-%u", base, process, slot);
}

void sim_files_sweep(long process)
{
	char directory[96];
	for (uint32_t slot = 0; slot < SIM_SLOTS_MAX; slot++) {
		name(directory, process, slot);
		remove_all(directory);
	}
}

void sim_files_new(struct sim *sim, struct sim_node *node)
{
	struct sim_files *files = calloc(1, sizeof *files);
	nc_assert(files != NULL);
	name(files->directory, (long)getpid(), (uint32_t)(node - sim->nodes));
	remove_all(files->directory);
	nc_assert(mkdir(files->directory, 0700) == 0);
	sim_files_calls(files);
	files->torn_first = files->last_first = UINT64_MAX;
	node->files = files;
}

void sim_files_free(struct sim_node *node)
{
	struct sim_files *files = node->files;
	if (files == NULL)
		return;
	nc_log_close(files->log);
	sim_files_unsynced_forget(files);
	remove_all(files->directory);
	free(files);
	node->files = NULL;
}

void sim_files_wipe(struct sim *sim, struct sim_node *node)
{
	sim_files_free(node);
	sim_files_new(sim, node);
}

/* The log makes its next file in a thread of its own, of one that compaction has left or anew. A
 * seed is the same twice if that is done before another one is left. */
static void settle(const struct sim_files *files)
{
	const struct timespec moment = { .tv_nsec = 20000 };
	char path[160];
	struct stat made;
	(void)snprintf(path, sizeof path, "%s/" NC_PREPARED_NAME, files->directory);
	for (unsigned waits = 0; stat(path, &made) != 0 || made.st_size != SEGMENT_SIZE; waits++) {
		nc_assert(waits < 500000); /* 10 s */
		(void)nanosleep(&moment, NULL);
	}
}

/* ---- Writing --------------------------------------------------------------------------------- */

void sim_files_payload(const struct sim_entry *what, struct nc_buf *payload)
{
	nc_buf_put_u64(payload, what->payload);
	nc_buf_put_u64(payload, (uint64_t)(uintptr_t)what->members);
	uint8_t *rest = nc_buf_extend(payload, what->size);
	nc_assert(rest != NULL);
	memset(rest, (int)(what->payload & 0xff), what->size);
}

static int append(struct sim_files *files, const struct nc_write_batch *batch)
{
	if (batch->count > 0 && batch->entries[0].index < files->last_first)
		files->last_first = batch->entries[0].index; /* whatever comes of it */
	return nc_log_append(files->log, batch->hard, batch->entries, batch->count);
}

void sim_files_append(struct sim *sim, struct sim_node *node, const struct nc_write_batch *batch)
{
	struct sim_files *files = node->files;
	struct nc_log_bounds bounds;
	if (files->failed || (batch->hard == NULL && batch->count == 0))
		return;
	files->mode = WELL;
	int err = append(files, batch);
	if (err != NC_OK) {
		sim_violation(sim, "node %llu: the log says %s to a write", ULL(node->id),
		              nc_err_name(err));
		return;
	}
	nc_log_bounds(files->log, &bounds);
	files->last_first = batch->count > 0 ? batch->entries[0].index : bounds.last + 1;
	if (!sim_chance(sim, 3000))
		return;
	/* Idle milliseconds later a mark follows. */
	nc_assert(nc_log_mark(files->log) == NC_OK);
	files->last_first = UINT64_MAX;
}

/* Half of it is written when the room ends: the log must be as it was. A hard state alone, which a
 * new segment's head left no room for, may go into the reserve of the last one. */
int sim_files_full(struct sim *sim, struct sim_node *node, const struct nc_write_batch *batch)
{
	struct sim_files *files = node->files;
	struct nc_log_bounds bounds;
	if (batch->hard == NULL && batch->count == 0)
		return NC_FULL;
	files->mode = FULL;
	int err = append(files, batch);
	files->mode = WELL;
	/* The write that found no room may have been that of a new segment's head. */
	files->failed = err == NC_IO;
	if (err != NC_FULL && err != NC_IO && !(err == NC_OK && batch->count == 0)) {
		sim_violation(sim, "node %llu: the log says %s where there is no room",
		              ULL(node->id), nc_err_name(err));
	}
	nc_log_bounds(files->log, &bounds);
	if (err == NC_OK)
		files->last_first = bounds.last + 1;
	return err;
}

void sim_files_fail(struct sim *sim, struct sim_node *node, const struct nc_write_batch *batch)
{
	struct sim_files *files = node->files;
	if (files->failed || (batch->hard == NULL && batch->count == 0))
		return;
	files->mode = FAIL;
	if (append(files, batch) != NC_IO)
		sim_violation(sim, "node %llu: the log takes what is not synced", ULL(node->id));
	files->failed = true;
}

bool sim_files_failed(const struct sim_node *node)
{
	return node->files != NULL && node->files->failed;
}

bool sim_files_damaged(const struct sim_node *node)
{
	return node->files != NULL && (node->files->damaged || node->files->torn);
}

void sim_files_trust(struct sim_node *node)
{
	if (node->files != NULL && node->files->log != NULL)
		nc_assert(nc_log_trust(node->files->log) == NC_OK);
}

void sim_files_compact(struct sim_node *node, uint64_t through)
{
	if (node->files->log == NULL || node->files->failed)
		return;
	settle(node->files);
	(void)nc_log_compact(node->files->log, through);
}

void sim_files_reset(struct sim_node *node, uint64_t index, uint64_t term)
{
	node->files->mode = WELL;
	node->files->last_first = UINT64_MAX; /* a segment's head stands for what was before it */
	settle(node->files);
	nc_assert(nc_log_reset(node->files->log, index, term) == NC_OK);
}

int sim_files_read(struct sim_node *node, uint64_t index)
{
	struct nc_buf bytes = { 0 };
	struct nc_log_entry entry;
	size_t count;
	struct nc_log_range one = {
		.from = index, .to = index, .entry_max = 1, .size_max = 1 << 20
	};
	int err = nc_log_read(node->files->log, one, &bytes, &entry, &count);
	nc_buf_release(&bytes);
	return err;
}

/* ---- The power goes -------------------------------------------------------------------------- */

/* The power goes while `torn` (NULL: nothing) is written. `may_damage`: the cluster can do without
 * this disk. */
void sim_files_crash(struct sim *sim, struct sim_node *node, const struct nc_write_batch *torn,
                     bool may_damage)
{
	struct sim_files *files = node->files;
	static const enum files_mode modes[] = { PREFIX, SOME, SOME, ASTRAY };
	files->torn_first = UINT64_MAX;
	files->torn_hard = node->hard;
	if (torn != NULL) {
		if (torn->count > 0)
			files->torn_first = torn->entries[0].index;
		if (torn->hard != NULL)
			files->torn_hard = *torn->hard;
	}
	bool something = torn != NULL && (torn->hard != NULL || torn->count > 0);
	if (something && !files->failed && may_damage && sim_chance(sim, 7000)) {
		files->mode = modes[sim_below(sim, sim->blackout ? 3 : 4)];
		files->dice = sim_random(sim);
		files->damaged |= files->mode == ASTRAY;
		sim->counters.astray += files->mode == ASTRAY;
		sim->counters.torn++;
		files->torn = true;
		(void)append(files, torn);
		if (files->torn_first <
		    files->last_first) /* it may be there, and nothing behind it */
			files->last_first = files->torn_first;
	}
	if (files->mode == WELL)
		sim_files_unsynced_lose(files);
	sim_files_unsynced_forget(files);
	if (files->log != NULL && !files->failed)
		settle(files);
	nc_log_close(files->log);
	files->log = NULL;
	files->failed = false;
	files->mode = WELL;
	if (may_damage && !sim->blackout && !files->damaged && sim->faults.flip_weight > 0 &&
	    sim_chance(sim, 1500))
		sim_files_flip(sim, node);
}
