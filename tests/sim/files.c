/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The real Raft log on files in memory, under a node's simulated disk: writes that tear, land
 * elsewhere, find no room or fail to sync; bits that flip. What the simulated disk has promised is
 * what recovery must give back, or say that it cannot. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/log/segment_log.h"
#include "tests/sim/sim_private.h"

#define ULL(value)   ((unsigned long long)(value))
#define SECTOR       512u
#define PAYLOAD_SIZE 16u /* bytes, of what stands for a payload: its number, its members */
#define SEGMENT_SIZE NC_SEGMENT_SIZE_MIN
#define READ_ENTRIES 256u

enum mode {
	WELL,
	FULL,   /* the next write finds no room */
	FAIL,   /* syncs fail */
	PREFIX, /* the power goes while it writes: the first sectors are there */
	SOME,   /* … or any of them */
	ASTRAY  /* … and elsewhere */
};

struct sim_files {
	char directory[96];
	struct nc_files calls;
	struct nc_log *log; /* NULL: the node is down */
	enum mode mode;
	uint64_t dice; /* of the tear */
	bool failed;   /* a sync has failed: nothing more is written */
	bool damaged;  /* what was durable has been changed: recovery may refuse, or doubt */
	/* Of the order that was under way at the crash. */
	uint64_t torn_first; /* entries from here on may be gone, or others */
	struct nc_log_hard torn_hard;
	struct nc_buf bytes;
	struct nc_log_entry *entries;
	size_t entry_room;
};

/* ---- Files that fail ------------------------------------------------------------------------- */

static uint64_t mix(uint64_t z)
{
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	return (z ^ z >> 27) * 0x94d049bb133111ebu;
}

/* The sectors that are there when the power is back. */
static int write_torn(const struct sim_files *files, int fd, const uint8_t *data, size_t size,
                      off_t offset)
{
	size_t sectors = size / SECTOR + 2;
	uint64_t lasting = files->dice % (sectors + 1);
	off_t shift =
	        files->mode == ASTRAY ? (off_t)SECTOR * ((off_t)(files->dice % 256) - 128) : 0;
	int err = 0;
	uint64_t nth = 0;
	for (size_t at = 0; at < size && err == 0; nth++) {
		size_t some = SECTOR - (size_t)((uint64_t)offset + at) % SECTOR;
		if (some > size - at)
			some = size - at;
		bool there =
		        files->mode == SOME ? (mix(files->dice + nth) & 1) != 0 : nth < lasting;
		off_t to = offset + (off_t)at + shift;
		if (there && to >= 0 && (size_t)to + some <= SEGMENT_SIZE)
			err = nc_files_system.write(NULL, fd, data + at, some, to);
		at += some;
	}
	return err;
}

static int files_write(void *ctx, int fd, const void *data, size_t size, off_t offset)
{
	struct sim_files *files = ctx;
	if (files->mode == FULL) {
		files->mode = WELL;
		int err = nc_files_system.write(NULL, fd, data, size / 2, offset);
		return err != 0 ? err : -ENOSPC;
	}
	if (files->mode == WELL || files->mode == FAIL)
		return nc_files_system.write(NULL, fd, data, size, offset);
	return write_torn(files, fd, data, size, offset);
}

static int files_sync(void *ctx, int fd)
{
	const struct sim_files *files = ctx;
	(void)fd; /* they lie in memory */
	return files->mode == WELL ? 0 : -EIO;
}

static int files_zero(void *ctx, int fd, off_t size)
{
	(void)ctx;
	return ftruncate(fd, size) == 0 ? 0 : -errno;
}

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

void sim_files_new(struct sim *sim, struct sim_node *node)
{
	struct sim_files *files = calloc(1, sizeof *files);
	nc_assert(files != NULL);
	const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	(void)snprintf(files->directory, sizeof files->directory, "%s/nacre-sim-%ld-%u", base,
	               (long)getpid(), (unsigned)(node - sim->nodes));
	remove_all(files->directory);
	nc_assert(mkdir(files->directory, 0700) == 0);
	files->calls = (struct nc_files){ files_write, files_sync, files_zero, files };
	files->torn_first = UINT64_MAX;
	node->files = files;
}

void sim_files_free(struct sim_node *node)
{
	struct sim_files *files = node->files;
	if (files == NULL)
		return;
	nc_log_close(files->log);
	remove_all(files->directory);
	nc_buf_release(&files->bytes);
	free(files->entries);
	free(files);
	node->files = NULL;
}

void sim_files_wipe(struct sim *sim, struct sim_node *node)
{
	sim_files_free(node);
	sim_files_new(sim, node);
}

/* ---- Writing --------------------------------------------------------------------------------- */

static int append(struct sim_files *files, const struct sim_write *write)
{
	size_t count = write->first <= write->last ? write->last + 1 - write->first : 0;
	nc_buf_clear(&files->bytes);
	if (count > files->entry_room) {
		files->entry_room = count * 2;
		files->entries =
		        realloc(files->entries, files->entry_room * sizeof *files->entries);
		nc_assert(files->entries != NULL);
	}
	for (size_t i = 0; i < count; i++) {
		const struct sim_entry *entry = &write->entries[i];
		size_t start = files->bytes.size;
		nc_buf_put_u64(&files->bytes, entry->payload);
		nc_buf_put_u64(&files->bytes, (uint64_t)(uintptr_t)entry->members);
		uint8_t *rest = nc_buf_extend(&files->bytes, entry->size);
		nc_assert(rest != NULL);
		memset(rest, (int)(entry->payload & 0xff), entry->size);
		files->entries[i] =
		        (struct nc_log_entry){ .index = write->first + i,
			                       .term = entry->term,
			                       .kind = entry->kind,
			                       .payload = { NULL, files->bytes.size - start } };
	}
	const uint8_t *at = files->bytes.data;
	for (size_t i = 0; i < count; at += files->entries[i++].payload.size)
		files->entries[i].payload.data = at;
	return nc_log_append(files->log, write->hard_changed ? &write->hard : NULL, files->entries,
	                     count);
}

void sim_files_append(struct sim *sim, struct sim_node *node, const struct sim_write *write)
{
	struct sim_files *files = node->files;
	if (files->failed || (!write->hard_changed && write->first > write->last))
		return;
	files->mode = WELL;
	int err = append(files, write);
	if (err != NC_OK)
		sim_violation(sim, "node %llu: the log says %s to a write", ULL(node->id),
		              nc_err_name(err));
	/* Idle milliseconds later a mark would follow. */
	if (err == NC_OK && sim_chance(sim, 3000))
		nc_assert(nc_log_mark(files->log) == NC_OK);
}

/* Half of it is written when the room ends: the log must be as it was. */
bool sim_files_full(struct sim *sim, struct sim_node *node, const struct sim_write *write)
{
	struct sim_files *files = node->files;
	if (files->failed || (!write->hard_changed && write->first > write->last))
		return true;
	files->mode = FULL;
	int err = append(files, write);
	files->mode = WELL;
	/* The write that found no room may have been that of a new segment's head. */
	files->failed = err == NC_IO;
	if (err != NC_FULL && err != NC_IO)
		sim_violation(sim, "node %llu: the log says %s where there is no room",
		              ULL(node->id), nc_err_name(err));
	return !files->failed;
}

void sim_files_fail(struct sim *sim, struct sim_node *node, const struct sim_write *write)
{
	struct sim_files *files = node->files;
	if (files->failed || (!write->hard_changed && write->first > write->last))
		return;
	files->mode = FAIL;
	if (append(files, write) != NC_IO)
		sim_violation(sim, "node %llu: the log takes what is not synced", ULL(node->id));
	files->failed = true;
}

bool sim_files_failed(const struct sim_node *node)
{
	return node->files != NULL && node->files->failed;
}

bool sim_files_damaged(const struct sim_node *node)
{
	return node->files != NULL && node->files->damaged;
}

void sim_files_compact(struct sim_node *node, uint64_t through)
{
	if (node->files->log != NULL && !node->files->failed)
		(void)nc_log_compact(node->files->log, through);
}

void sim_files_reset(struct sim_node *node, uint64_t index, uint64_t term)
{
	node->files->mode = WELL;
	nc_assert(nc_log_reset(node->files->log, index, term) == NC_OK);
}

int sim_files_read(struct sim_node *node, uint64_t index)
{
	struct nc_buf bytes = { 0 };
	struct nc_log_entry entry;
	size_t count;
	int err = nc_log_read(node->files->log, index, index, 1 << 20, &bytes, &entry, 1, &count);
	nc_buf_release(&bytes);
	return err;
}

/* ---- Damage ---------------------------------------------------------------------------------- */

/* A bit flips somewhere in the files. */
void sim_files_flip(struct sim *sim, struct sim_node *node)
{
	struct sim_files *files = node->files;
	char names[64][32], path[160];
	size_t count = 0;
	DIR *dir = opendir(files->directory);
	for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;)
		if (count < 64 && strlen(entry->d_name) == 24)
			(void)snprintf(names[count++], sizeof names[0], "%.31s", entry->d_name);
	if (dir != NULL)
		(void)closedir(dir);
	if (count == 0)
		return;
	qsort(names, count, sizeof names[0], (int (*)(const void *, const void *))strcmp);
	(void)snprintf(path, sizeof path, "%s/%s", files->directory, names[sim_below(sim, count)]);
	off_t at = (off_t)sim_below(sim, sim_chance(sim, 5000) ? 8192 : SEGMENT_SIZE);
	uint8_t byte = 0;
	int fd = open(path, O_RDWR | O_CLOEXEC);
	nc_assert(fd >= 0);
	if (pread(fd, &byte, 1, at) == 1) {
		byte ^= (uint8_t)(1u << sim_below(sim, 8));
		nc_assert(pwrite(fd, &byte, 1, at) == 1);
	}
	(void)close(fd);
	files->damaged = true;
	sim->counters.flips++;
	sim_trace(sim, "%llu: a bit flips in %s", ULL(node->id), path);
}

/* The power goes while `torn` (NULL: nothing) is written. `may_damage`: the cluster can do without
 * this disk. */
void sim_files_crash(struct sim *sim, struct sim_node *node, const struct sim_write *torn,
                     bool may_damage)
{
	struct sim_files *files = node->files;
	static const enum mode modes[] = { PREFIX, SOME, SOME, ASTRAY };
	files->torn_first = UINT64_MAX;
	files->torn_hard = node->hard;
	if (torn != NULL) {
		if (torn->first <= torn->last)
			files->torn_first = torn->first;
		if (torn->hard_changed)
			files->torn_hard = torn->hard;
	}
	bool something = torn != NULL && (torn->hard_changed || torn->first <= torn->last);
	if (something && !files->failed && may_damage && sim_chance(sim, 7000)) {
		files->mode = modes[sim_below(sim, 4)];
		files->dice = sim_random(sim);
		files->damaged |= files->mode == ASTRAY;
		sim->counters.astray += files->mode == ASTRAY;
		sim->counters.torn++;
		(void)append(files, torn);
	}
	nc_log_close(files->log);
	files->log = NULL;
	files->failed = false;
	files->mode = WELL;
}

/* ---- Recovery -------------------------------------------------------------------------------- */

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
		int err = nc_log_read(node->files->log, from, bounds.last, 1 << 20, &bytes, entries,
		                      READ_ENTRIES, &count);
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
	for (uint64_t i = promised->base + 1; i <= promised->last && i < files->torn_first; i++)
		if (i > found->last || found->at[i].term != promised->at[i].term ||
		    found->at[i].payload != promised->at[i].payload)
			missing = missing == 0 ? i : missing;
	if (missing != 0 && !(files->damaged && recovery->cut_record))
		sim_violation(
		        sim,
		        "node %llu: the log has lost what it had promised (entries from %llu, "
		        "term %llu vote %llu, promised ..%llu, %llu/%llu) and does not say so",
		        ULL(node->id), ULL(missing), ULL(recovery->hard.term),
		        ULL(recovery->hard.vote), ULL(promised->last), ULL(node->hard.term),
		        ULL(node->hard.vote));
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
		sim_trace(sim, "%llu: %s", ULL(node->id), fault);
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
	if (bounds.first > node->disk.base + 1)
		sim_violation(sim, "node %llu: its log begins at %llu, was compacted through %llu",
		              ULL(node->id), ULL(bounds.first), ULL(node->disk.base));
	else if (entries_read(sim, node, &found))
		check_promised(sim, node, &found, &recovery);
	/* The state is ahead of a log that was cut: that is for a backup to mend, or a peer. */
	bool ahead = files->damaged && found.last < node->checkpoint;
	if (sim->violation[0] == '\0' && ahead) {
		sim->counters.corrupt++;
		nc_log_close(files->log);
		files->log = NULL;
		free(found.at);
		return false;
	}
	if (sim->violation[0] == '\0') {
		free(node->disk.at);
		node->disk = found;
		node->hard = recovery.hard;
		node->doubtful |= recovery.cut_record;
		files->damaged = false;
	} else {
		free(found.at);
	}
	return true;
}
