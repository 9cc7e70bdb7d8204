/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Setting damaged data aside. */
#include "core/node/data/quarantine.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/node/cluster/cluster_file.h"
#include "core/node/data/install.h"
#include "storage/log/files.h"

#define MARK    "damaged"
#define ASIDE   "quarantine"
#define FILLING "quarantine.new"

/* Set aside in this order. The cluster file comes last, so that an interruption leaves a node that
 * still knows its cluster, and that the quarantine is due. */
static const char *const set_aside[] = { "state", "log", "identity", "identity.copy", "cluster" };
/* Removed, since they are of no use to people. */
static const char *const removed[] = { NC_INSTALL_INCOMING, NC_INSTALL_READY, "state.old" };

static void path_make(char path[PATH_MAX], const char *directory, const char *name)
{
	(void)snprintf(path, PATH_MAX, "%s/%s", directory, name);
}

static void path_make_in(char path[PATH_MAX], const char *data_dir, const char *folder,
                         const char *name)
{
	(void)snprintf(path, PATH_MAX, "%s/%s/%s", data_dir, folder, name);
}

static bool is_there(const char *data_dir, const char *name)
{
	char path[PATH_MAX];
	path_make(path, data_dir, name);
	return access(path, F_OK) == 0;
}

bool nc_quarantine_helps(const char *data_dir)
{
	struct nc_cluster_record record;
	return nc_cluster_file_read(data_dir, &record) == NC_OK &&
	       record.phase == NC_HELLO_MEMBER && record.node_count > 1;
}

bool nc_quarantine_holds(const char *data_dir)
{
	return is_there(data_dir, ASIDE);
}

int nc_quarantine_mark(const char *data_dir, const char *why)
{
	char path[PATH_MAX];
	path_make(path, data_dir, MARK);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return nc_files_err(errno);
	/* The text is for people; what counts is that the file exists. */
	bool fine = write(fd, why, strlen(why)) >= 0 && fsync(fd) == 0;
	int err = fine ? NC_OK : nc_files_err(errno);
	(void)close(fd);
	return err == NC_OK ? nc_files_sync_directory(data_dir) : err;
}

bool nc_quarantine_due(const char *data_dir, char *why, size_t why_size)
{
	char path[PATH_MAX];
	path_make(path, data_dir, MARK);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t size = fd < 0 ? -1 : read(fd, why, why_size - 1);
	if (fd >= 0)
		(void)close(fd);
	why[size > 0 ? size : 0] = '\0';
	return fd >= 0 || is_there(data_dir, FILLING);
}

/* Set one of them aside, if it is there. */
static int move(const char *data_dir, const char *name)
{
	char from[PATH_MAX], target[PATH_MAX];
	path_make(from, data_dir, name);
	path_make_in(target, data_dir, FILLING, name);
	if (rename(from, target) == 0 || errno == ENOENT)
		return NC_OK;
	return nc_files_err(errno);
}

static int lock(const char *data_dir, int *fd_out)
{
	char path[PATH_MAX];
	path_make(path, data_dir, "lock");
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return nc_files_err(errno);
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		(void)close(fd);
		return NC_BUSY;
	}
	*fd_out = fd;
	return NC_OK;
}

static int all_move(const char *data_dir)
{
	char filling[PATH_MAX], aside[PATH_MAX], path[PATH_MAX];
	path_make(filling, data_dir, FILLING);
	path_make(aside, data_dir, ASIDE);
	int err = NC_OK;
	for (size_t i = 0; err == NC_OK && i < sizeof removed / sizeof *removed; i++) {
		path_make(path, data_dir, removed[i]);
		err = nc_snapshot_remove(path);
	}
	if (err == NC_OK && mkdir(filling, 0700) != 0 && errno != EEXIST)
		err = nc_files_err(errno);
	for (size_t i = 0; err == NC_OK && i < sizeof set_aside / sizeof *set_aside; i++)
		err = move(data_dir, set_aside[i]);
	if (err == NC_OK)
		err = nc_snapshot_remove(aside); /* an earlier one */
	/* The mark goes first: a quarantine that is being filled counts as due as well. */
	path_make(path, data_dir, MARK);
	if (err == NC_OK && unlink(path) != 0 && errno != ENOENT)
		err = NC_IO;
	if (err == NC_OK && rename(filling, aside) != 0)
		err = nc_files_err(errno);
	return err == NC_OK ? nc_files_sync_directory(data_dir) : err;
}

int nc_quarantine_do(const char *data_dir)
{
	int fd;
	int err = lock(data_dir, &fd);
	if (err != NC_OK)
		return err;
	err = all_move(data_dir);
	(void)close(fd);
	return err;
}

/* The directory stays, empty: it says that this node must found no cluster. */
int nc_quarantine_remove(const char *data_dir)
{
	int err = NC_OK;
	for (size_t i = 0; i < sizeof set_aside / sizeof *set_aside; i++) {
		char path[PATH_MAX];
		path_make_in(path, data_dir, ASIDE, set_aside[i]);
		if (unlink(path) != 0 && nc_snapshot_remove(path) != NC_OK)
			err = NC_IO;
	}
	return err;
}
