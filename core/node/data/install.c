/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Swapping a fetched state in. */
#include "core/node/data/install.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/log/files.h"

#define STATE     "state"
#define STATE_OLD "state.old"

static void path_make(char path[PATH_MAX], const char *data_dir, const char *name)
{
	(void)snprintf(path, PATH_MAX, "%s/%s", data_dir, name);
}

static int name_move(const char *from, const char *to)
{
	return rename(from, to) == 0 ? NC_OK : nc_files_err(errno);
}

static bool is_directory(const char *path)
{
	struct stat info;
	return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

int nc_install_commit(const char *data_dir)
{
	char incoming[PATH_MAX], ready[PATH_MAX];
	struct nc_snapshot_manifest manifest;
	path_make(incoming, data_dir, NC_INSTALL_INCOMING);
	path_make(ready, data_dir, NC_INSTALL_READY);
	int err = nc_snapshot_adopted(incoming, &manifest);
	if (err == NC_OK)
		err = nc_snapshot_remove(ready); /* one that an earlier start has discarded */
	if (err == NC_OK)
		err = name_move(incoming, ready);
	return err == NC_OK ? nc_files_sync_directory(data_dir) : err;
}

bool nc_install_pending(const char *data_dir)
{
	char ready[PATH_MAX];
	struct nc_snapshot_manifest manifest;
	path_make(ready, data_dir, NC_INSTALL_READY);
	return nc_snapshot_adopted(ready, &manifest) == NC_OK;
}

/* Make the log fit the new state. What it holds after that entry is of use only if it has the same
 * entry. */
static int log_fit(struct nc_identity_file *identity, struct nc_log *log,
                   struct nc_state_applied applied)
{
	uint64_t term;
	if (nc_log_term_at(log, applied.index, &term) == NC_OK && term == applied.term)
		return NC_OK;
	int err = nc_identity_high_water_lower(identity, applied.index);
	return err == NC_OK ? nc_log_reset(log, applied.index, applied.term) : err;
}

/* Between the two renames there is no state; the next start finds install/files and goes on. */
static int state_swap(const char *data_dir, const char *ready)
{
	char files[PATH_MAX], state[PATH_MAX], old[PATH_MAX];
	(void)snprintf(files, sizeof files, "%s/%s", ready, NC_SNAPSHOT_FILES);
	path_make(state, data_dir, STATE);
	path_make(old, data_dir, STATE_OLD);
	if (!is_directory(files)) /* it was swapped in before an interruption: only clear away */
		return NC_OK;
	int err = NC_OK;
	if (is_directory(state)) {
		err = nc_snapshot_remove(old);
		if (err == NC_OK)
			err = name_move(state, old);
	}
	if (err == NC_OK)
		err = name_move(files, state);
	if (err == NC_OK)
		err = nc_files_sync_directory(data_dir);
	return err;
}

int nc_install_finish(const char *data_dir, struct nc_identity_file *identity, struct nc_log *log,
                      struct nc_state_applied *applied_out)
{
	char ready[PATH_MAX], old[PATH_MAX];
	struct nc_snapshot_manifest manifest;
	struct nc_log_bounds bounds;
	path_make(ready, data_dir, NC_INSTALL_READY);
	path_make(old, data_dir, STATE_OLD);
	int err = nc_snapshot_adopted(ready, &manifest);
	if (err == NC_NOTFOUND) {
		manifest.applied = (struct nc_state_applied){ 0 };
	} else if (err != NC_OK) {
		return err;
	}
	nc_log_bounds(log, &bounds);
	if (err == NC_OK && bounds.first - 1 > manifest.applied.index)
		manifest.applied = (struct nc_state_applied){ 0 }; /* too old to be of use */
	err = NC_OK;
	if (manifest.applied.index > 0)
		err = log_fit(identity, log, manifest.applied);
	if (err == NC_OK && manifest.applied.index > 0)
		err = state_swap(data_dir, ready);
	if (err == NC_OK)
		err = nc_snapshot_remove(old);
	if (err == NC_OK)
		err = nc_snapshot_remove(ready);
	if (err == NC_OK)
		*applied_out = manifest.applied;
	return err;
}
