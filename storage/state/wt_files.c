/* SPDX-License-Identifier: GPL-3.0-or-later */
/* wt_files.c -- the directory: which files belong there, making a new one whole or not at all. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "storage/state/wt_state_private.h"

const char *const nc_wt_table_names[NC_WT_TABLE_COUNT] = {
	[NC_SPACE_META] = "meta",
	[NC_SPACE_STREAMS] = "streams",
	[NC_SPACE_NAMES] = "names",
	[NC_SPACE_SNAPSHOTS] = "snapshots",
	[NC_SPACE_SUBS] = "subs",
	[NC_SPACE_PARKED] = "parked",
	[NC_WT_EVENTS] = "events",
	[NC_WT_INDEX + NC_INDEX_STREAM] = "by_stream",
	[NC_WT_INDEX + NC_INDEX_TYPE] = "by_type",
	[NC_WT_INDEX + NC_INDEX_CATEGORY] = "by_category",
	[NC_WT_INDEX + NC_INDEX_TAG] = "by_tag",
	[NC_WT_IDS] = "by_id",
	[NC_WT_LATE_IDS] = "late_ids",
	[NC_WT_MARKS] = "marks",
	[NC_WT_HELD] = "held",
};

static const char *const wt_files[] = { "WiredTiger", "WiredTiger.wt", "WiredTiger.turtle" };

static const char *table_formats(int table)
{
	switch (table) {
	case NC_WT_EVENTS:
		return "key_format=r,value_format=u";
	case NC_WT_INDEX + NC_INDEX_STREAM:
	case NC_WT_INDEX + NC_INDEX_TYPE:
	case NC_WT_INDEX + NC_INDEX_CATEGORY:
	case NC_WT_INDEX + NC_INDEX_TAG:
		return "key_format=QQ,value_format=u";
	case NC_WT_LATE_IDS:
	case NC_WT_HELD:
		return "key_format=Q,value_format=u";
	case NC_WT_MARKS:
		return "key_format=S,value_format=u";
	default:
		return "key_format=u,value_format=u";
	}
}

static int say_errno(struct nc_wt_handler *handler, const char *what, const char *path)
{
	int number = errno;
	nc_wt_say(handler, "%s %s: %s", what, path, strerror(number));
	return number == ENOSPC || number == EDQUOT ? NC_FULL : NC_IO;
}

static int directory_is_empty(const char *directory, struct nc_wt_handler *handler, bool *empty_out)
{
	DIR *dir = opendir(directory);
	if (dir == NULL) {
		if (errno != ENOENT)
			return say_errno(handler, "open", directory);
		*empty_out = true;
		return NC_OK;
	}
	bool empty = true;
	int failed = 0;
	for (;;) {
		errno = 0;
		const struct dirent *entry = readdir(dir);
		failed = errno;
		if (entry == NULL)
			break;
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			empty = false;
	}
	(void)closedir(dir);
	errno = failed;
	if (failed != 0) /* files that cannot be seen would be overwritten */
		return say_errno(handler, "read", directory);
	*empty_out = empty;
	return NC_OK;
}

static int file_check(const char *directory, const char *name, const char *suffix,
                      struct nc_wt_handler *handler)
{
	char path[PATH_MAX];
	(void)snprintf(path, sizeof path, "%s/%s%s", directory, name, suffix);
	if (access(path, F_OK) == 0)
		return NC_OK;
	nc_wt_say(handler,
	          "%s is missing: the state in %s is damaged. Move that directory away and start "
	          "again: a member of a cluster fetches the state from another node, a single "
	          "node needs a backup",
	          path, directory);
	return NC_CORRUPT;
}

int nc_wt_file_check(const char *directory, int table, struct nc_wt_handler *handler)
{
	return file_check(directory, nc_wt_table_names[table], ".wt", handler);
}

int nc_wt_files_check(const char *directory, struct nc_wt_handler *handler, bool *empty_out)
{
	bool empty = true;
	int err = directory_is_empty(directory, handler, &empty);
	for (size_t i = 0; err == NC_OK && !empty && i < sizeof wt_files / sizeof *wt_files; i++)
		err = file_check(directory, wt_files[i], "", handler);
	for (int i = 0; err == NC_OK && !empty && i < NC_WT_TABLE_COUNT; i++) {
		if (i != NC_WT_HELD) /* wt_format.c knows whether that one must be there */
			err = nc_wt_file_check(directory, i, handler);
	}
	if (err == NC_OK)
		*empty_out = empty;
	return err;
}

/* Remove a directory that has no directories in it. */
static int remove_flat(const char *directory, struct nc_wt_handler *handler)
{
	DIR *dir = opendir(directory);
	if (dir == NULL)
		return errno == ENOENT ? NC_OK : say_errno(handler, "open", directory);
	for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir))
		(void)unlinkat(dirfd(dir), entry->d_name, 0);
	(void)closedir(dir);
	return rmdir(directory) == 0 ? NC_OK : say_errno(handler, "remove", directory);
}

static int sync_parent(const char *path, struct nc_wt_handler *handler)
{
	char copy[PATH_MAX];
	(void)snprintf(copy, sizeof copy, "%s", path);
	const char *parent = dirname(copy);
	int fd = open(parent, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return say_errno(handler, "open", parent);
	int err = fsync(fd) == 0 ? NC_OK : say_errno(handler, "fsync", parent);
	(void)close(fd);
	return err;
}

int nc_wt_connect(const char *directory, struct nc_wt_handler *handler, unsigned cache_mb,
                  const char *more, WT_CONNECTION **connection_out)
{
	char config[512];
	/* Decision 0003: no journal, and let dirty pages stay longer than the default does, which
	 * costs a writer three quarters of its rate. */
	(void)snprintf(config, sizeof config,
	               "cache_size=%uMB,cache_overhead=25,log=(enabled=false),session_max=512,"
	               "config_base=false,"
	               "eviction_dirty_target=50,eviction_dirty_trigger=75,%s",
	               cache_mb, more);
	WT_CONNECTION *connection;
	int wt = wiredtiger_open(directory, &handler->base, config, &connection);
	if (wt == 0) {
		*connection_out = connection;
		return NC_OK;
	}
	if (wt == EBUSY) {
		nc_wt_say(handler, "%s is in use by another process", directory);
		return NC_BUSY;
	}
	int err = nc_wt_err(handler, wt);
	/* Whether WiredTiger's code may mean that a file is missing or not its own. */
	return wt == WT_ERROR || wt == EINVAL || wt == ENOENT || wt == WT_NOTFOUND ? NC_CORRUPT
	                                                                           : err;
}

int nc_wt_cursor_open(WT_SESSION *session, int table, WT_CURSOR **cursor_out)
{
	char uri[32];
	(void)snprintf(uri, sizeof uri, "table:%s", nc_wt_table_names[table]);
	return session->open_cursor(session, uri, NULL, NULL, cursor_out);
}

int nc_wt_table_create(WT_SESSION *session, int table)
{
	char uri[32];
	char config[128];
	(void)snprintf(uri, sizeof uri, "table:%s", nc_wt_table_names[table]);
	(void)snprintf(config, sizeof config, "%s,checksum=on,block_compressor=none",
	               table_formats(table));
	return session->create(session, uri, config);
}

static int tables_create(WT_CONNECTION *connection)
{
	WT_SESSION *session;
	int wt = connection->open_session(connection, NULL, NULL, &session);
	for (int i = 0; wt == 0 && i < NC_WT_TABLE_COUNT; i++)
		wt = nc_wt_table_create(session, i);
	WT_CURSOR *marks;
	if (wt == 0)
		wt = nc_wt_cursor_open(session, NC_WT_MARKS, &marks);
	if (wt == 0)
		wt = nc_wt_format_put(marks, 1);
	return wt != 0 ? wt : session->checkpoint(session, NULL);
}

/* The directory is built beside its place and then renamed, so that a directory that exists is
 * whole. */
int nc_wt_files_create(const char *directory, struct nc_wt_handler *handler)
{
	char fresh[PATH_MAX];
	if ((size_t)snprintf(fresh, sizeof fresh, "%s.new", directory) >= sizeof fresh - 32)
		return NC_INVALID;
	int err = remove_flat(fresh, handler);
	if (err != NC_OK)
		return err;
	if (mkdir(fresh, 0700) != 0)
		return say_errno(handler, "make", fresh);

	WT_CONNECTION *connection = NULL;
	err = nc_wt_connect(fresh, handler, 32, "create", &connection);
	if (err != NC_OK)
		return err;
	nc_assert(connection != NULL);
	int wt = tables_create(connection);
	int wt_close = connection->close(connection, NULL);
	if (wt != 0 || wt_close != 0)
		return nc_wt_err(handler, wt != 0 ? wt : wt_close);
	if (rename(fresh, directory) != 0)
		return say_errno(handler, "rename", fresh);
	return sync_parent(directory, handler);
}

static uint64_t files_size(const char *directory, bool all)
{
	uint64_t size = 0;
	for (int i = 0; i < NC_WT_TABLE_COUNT; i++) {
		if (!all && (i == NC_WT_EVENTS || i == NC_SPACE_SNAPSHOTS))
			continue;
		char path[PATH_MAX];
		struct stat info;
		(void)snprintf(path, sizeof path, "%s/%s.wt", directory, nc_wt_table_names[i]);
		if (stat(path, &info) == 0)
			size += (uint64_t)info.st_size;
	}
	return size;
}

uint64_t nc_wt_files_size(const char *directory)
{
	return files_size(directory, true);
}

uint64_t nc_wt_files_size_rewritten(const char *directory)
{
	return files_size(directory, false);
}

bool nc_wt_files_room(const char *directory, unsigned reserve_mb)
{
	struct statvfs info;
	if (statvfs(directory, &info) != 0)
		return true;
	return (uint64_t)info.f_bavail * info.f_frsize >= (uint64_t)reserve_mb << 20;
}
