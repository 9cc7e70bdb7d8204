/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Opening a data directory. */
#include "core/node/data/store.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/engine/engine.h"
#include "core/node/cluster/cluster_file.h"
#include "core/node/common/disk.h"
#include "core/node/common/say.h"
#include "core/node/data/install.h"
#include "core/node/data/restore.h"
#include "core/raft/message_codec.h"
#include "storage/log/files.h"
#include "storage/log/segment_log.h"
#include "storage/state/wt_state.h"

static void on_state_message(void *ctx, const char *message)
{
	(void)ctx;
	nc_say_warning("state: %s", message);
}

static int directory_make(const char *path)
{
	struct stat there;
	if (mkdir(path, 0700) == 0)
		return NC_OK;
	int why = errno;
	bool is_there = why == EEXIST && stat(path, &there) == 0;
	if (is_there && S_ISDIR(there.st_mode))
		return NC_OK;
	if (is_there)
		why = ENOTDIR;
	nc_say_error("the directory %s cannot be made: %s", path, strerror(why));
	return nc_files_err(why);
}

int nc_store_directory_make(const char *path)
{
	char at[PATH_MAX];
	int size = snprintf(at, sizeof at, "%s", path);
	if (size < 0 || (size_t)size >= sizeof at) {
		nc_say_error("NACRE_DATA_DIR is longer than %d bytes", PATH_MAX);
		return NC_INVALID;
	}
	for (char *slash = strchr(at + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		int err = directory_make(at);
		if (err != NC_OK)
			return err;
		*slash = '/';
	}
	return directory_make(at);
}

static bool is_nothing(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, "lost+found") == 0;
}

int nc_store_directory_holds(const char *path, bool *holds_out)
{
	DIR *directory = opendir(path);
	const struct dirent *entry;
	if (directory == NULL)
		return NC_IO;
	do {
		errno = 0;
		entry = readdir(directory);
	} while (entry != NULL && is_nothing(entry->d_name));
	bool holds = entry != NULL;
	int failed = holds ? 0 : errno;
	(void)closedir(directory);
	errno = failed; /* for the caller, who says why */
	if (failed != 0)
		return NC_IO;
	*holds_out = holds;
	return NC_OK;
}

/* A member has a log from before it was one. Without, it has forgotten what it acknowledged and
 * whom it voted for, and must not come back under its number. Nor is there a state without a log
 * from before it: what it does not hold yet was in there. */
static bool had_log(const struct nc_config *config)
{
	char path[PATH_MAX];
	struct nc_cluster_record record;
	(void)snprintf(path, sizeof path, "%s/state", config->data_dir);
	return access(path, F_OK) == 0 ||
	       (nc_cluster_file_read(config->data_dir, &record) == NC_OK &&
	        record.phase == NC_HELLO_MEMBER);
}

static int log_open(const struct nc_config *config, struct nc_store *store)
{
	char path[PATH_MAX], fault[NC_LOG_FAULT_SIZE];
	struct nc_disk disk;
	(void)snprintf(path, sizeof path, "%s/log", config->data_dir);
	int err = directory_make(path);
	if (err == NC_OK)
		err = nc_disk_measure(config->data_dir, &disk);
	if (err != NC_OK)
		return err;
	store->disk_reserve = config->disk_reserve_mb > 0 ? config->disk_reserve_mb << 20
	                                                  : nc_disk_reserve(&disk);
	const struct nc_segment_log_options options = {
		.segment_size = (size_t)nc_disk_segment(&disk, config->log_segment_mb << 20),
		.exists = had_log(config),
	};
	err = nc_segment_log_open(path, &options, &store->recovery, &store->log, fault);
	if (err != NC_OK) {
		nc_say_error("%s", fault);
	} else if (store->recovery.cut_bytes > 0) {
		nc_say_warning("log: cut a torn tail of %llu bytes, which %s acknowledged",
		               (unsigned long long)store->recovery.cut_bytes,
		               store->recovery.doubtful ? "may have been" : "was not");
	}
	if (err == NC_OK && !nc_segment_log_is_direct(store->log)) {
		nc_say_info("log: the file system of %s has no direct writes (O_DIRECT): it is "
		            "written through the kernel's memory, which takes longer",
		            path);
	}
	if (err == NC_OK && store->recovery.doubtful) {
		nc_say_warning("log: its end may be lost: until this node has heard from a leader "
		               "what is committed, its vote counts only if all vote");
	}
	return err;
}

/* Finish the installation of a state that came before the last stop: from a peer, or in a
 * restore. */
static int install_finish(const struct nc_config *config, struct nc_store *store, bool restoring)
{
	struct nc_state_applied applied = { 0 };
	int err = nc_install_finish(config->data_dir, store->identity, store->log, &applied);
	if (err != NC_OK) {
		nc_say_error("%s: the state that came in cannot be put in its place: %s",
		             config->data_dir, nc_err_name(err));
	} else if (applied.index > 0 && !restoring) {
		nc_say_info("state: fetched from a peer, as of entry %llu",
		            (unsigned long long)applied.index);
	}
	return err;
}

/* Check that the log reaches as far as it once did. */
static int log_check(const struct nc_store *store)
{
	struct nc_log_bounds bounds;
	nc_log_bounds(store->log, &bounds);
	uint64_t high_water = nc_identity_get(store->identity)->high_water;
	if (bounds.last >= high_water) {
		/* Earlier builds took the end of the log for the mark, which another leader may
		 * have cut. */
		return nc_identity_high_water_lower(store->identity,
		                                    nc_state_applied(store->state).index);
	}
	nc_say_error(
	        "the log ends at entry %llu but has had entry %llu: files are missing; restore "
	        "the data directory from a backup",
	        (unsigned long long)bounds.last, (unsigned long long)high_water);
	return NC_CORRUPT;
}

static int state_open(const struct nc_config *config, const char *path, struct nc_store *store)
{
	const struct nc_wt_state_options options = {
		.cache_mb = (unsigned)config->cache_mb,
		.reserve_mb = 1, /* the node keeps more than that free: core/node/common/disk.h */
		.keys = nc_event_row_keys,
		.message = on_state_message,
	};
	return nc_wt_state_open(path, &options, &store->state);
}

/* In a process of its own, before this one has threads: damage may make WiredTiger abort. */
static int state_probe(const struct nc_config *config)
{
	char path[PATH_MAX], message[512] = "";
	(void)snprintf(path, sizeof path, "%s/state", config->data_dir);
	if (nc_install_pending(config->data_dir))
		return NC_OK; /* the state that replaces it was verified */
	int err = nc_wt_state_probe(path, message, sizeof message);
	if (err != NC_OK)
		nc_say_error("state: %s", message);
	return err;
}

static int identity_open(const struct nc_config *config, struct nc_store *store)
{
	char fault[NC_IDENTITY_FAULT_SIZE];
	int err = nc_identity_open(config->data_dir, config->store_id, config->node_id,
	                           &store->identity, fault);
	if (err != NC_OK)
		nc_say_error("%s", fault);
	return err;
}

/* Say why the engine does not accept the state: somebody has started an older build on it. */
static void newer_say(const struct nc_store *store)
{
	uint32_t format, version;
	if (nc_engine_newer(store->state, &format, &version) != NC_OK)
		return;
	if (version > 0) {
		nc_say_error("the store is at engine version %u, this build knows up to %u: it is "
		             "too old; start a newer one",
		             version, nc_engine_version_can());
	} else {
		nc_say_error("the store's head has format %u, which this build does not know: "
		             "start a newer one",
		             format);
	}
}

static int engine_open(struct nc_store *store)
{
	int err = nc_engine_open(store->state, &store->engine);
	if (err == NC_UNSUPPORTED)
		newer_say(store);
	return err;
}

int nc_store_state_check(const struct nc_config *config, const char *path)
{
	struct nc_store store = { 0 };
	int err = state_open(config, path, &store);
	if (err == NC_OK)
		err = engine_open(&store);
	nc_store_close(&store);
	return err;
}

static int store_open(const struct nc_config *config, bool restoring, struct nc_store *store_out)
{
	struct nc_store store = { 0 };
	char state[PATH_MAX];
	(void)snprintf(state, sizeof state, "%s/state", config->data_dir);
	int err = nc_store_directory_make(config->data_dir);
	if (err == NC_OK && !restoring && nc_restore_unfinished(config->data_dir)) {
		nc_say_error("%s: a restore was begun here and did not end; empty it, and restore "
		             "again",
		             config->data_dir);
		err = NC_CONFLICT;
	}
	if (err == NC_OK)
		err = identity_open(config, &store);
	if (err == NC_OK)
		err = state_probe(config);
	if (err == NC_OK)
		err = log_open(config, &store);
	if (err == NC_OK)
		err = install_finish(config, &store, restoring);
	if (err == NC_OK)
		err = state_open(config, state, &store);
	if (err == NC_OK)
		err = log_check(&store);
	if (err == NC_OK)
		err = engine_open(&store);
	if (err != NC_OK) {
		nc_say_error("the data directory %s cannot be opened: %s", config->data_dir,
		             nc_err_name(err));
		nc_store_close(&store);
		return err;
	}
	*store_out = store;
	return NC_OK;
}

int nc_store_open(const struct nc_config *config, struct nc_store *store_out)
{
	return store_open(config, false, store_out);
}

int nc_store_open_begun(const struct nc_config *config, struct nc_store *store_out)
{
	return store_open(config, true, store_out);
}

/* Set the mark to what is applied, which was committed and stays. Later entries may be cut by
 * another leader. */
static void mark_set(const struct nc_store *store)
{
	const struct nc_state_applied applied = nc_state_applied(store->state);
	if (nc_identity_high_water(store->identity, applied.index) != NC_OK)
		nc_say_warning("identity: cannot be written");
}

static int store_close(struct nc_store *store)
{
	nc_engine_close(store->engine);
	if (store->state != NULL && store->identity != NULL)
		mark_set(store);
	int err = nc_state_close(store->state);
	nc_log_close(store->log);
	nc_identity_close(store->identity);
	*store = (struct nc_store){ 0 };
	return err;
}

void nc_store_close(struct nc_store *store)
{
	(void)store_close(store); /* there is nothing to write down */
}

int nc_store_end(struct nc_store *store)
{
	int err = store_close(store);
	if (err == NC_CORRUPT) {
		nc_say_error("the last checkpoint failed: stored data do not hold; start the node "
		             "again, or see with --verify where");
	} else if (err != NC_OK) {
		nc_say_error("the last checkpoint failed: %s; nothing that was acknowledged is "
		             "lost, since the log has it, and the next start takes it from there; "
		             "%s, and start the node again",
		             nc_err_name(err),
		             err == NC_FULL ? "the disk is full: make room" : "look at the disk");
	}
	return err;
}

int nc_store_head(const struct nc_store *store, struct nc_engine_head *head_out)
{
	struct nc_state_reader *reader;
	int err = nc_state_reader_open(store->state, &reader);
	if (err != NC_OK)
		return err;
	err = nc_engine_head_now(reader, head_out);
	nc_state_reader_close(reader);
	return err;
}

int nc_store_be_alone(struct nc_store *store, uint64_t self, uint64_t term)
{
	struct nc_log_bounds bounds;
	struct nc_buf payload = { 0 };
	nc_log_bounds(store->log, &bounds);
	const struct nc_raft_members alone = { .count = 1,
		                               .at = { { .id = self, .voter = true } } };
	const struct nc_log_hard hard = { .term = term + 1, .vote = self };
	int err = nc_raft_members_encode(&alone, &payload);
	const struct nc_log_entry entry = { .index = bounds.last + 1,
		                            .term = hard.term,
		                            .kind = NC_LOG_CONFIG,
		                            .payload = nc_buf_slice(&payload) };
	if (err == NC_OK)
		err = nc_log_append(store->log, &hard, &entry, 1);
	nc_buf_release(&payload);
	return err;
}
