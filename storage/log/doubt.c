/* SPDX-License-Identifier: GPL-3.0-or-later */
/* That the log's end may be lost must not be forgotten by starting twice: an empty file beside the
 * segments says so from before the end is cut until somebody knows that nothing is missing. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "storage/log/segment_private.h"

#define NAME "doubtful"

static void path_of(const struct nc_segment_log *log, char path[NC_LOG_PATH_SIZE])
{
	(void)snprintf(path, NC_LOG_PATH_SIZE, "%s/" NAME, log->directory);
}

int nc_log_doubt_begin(const struct nc_segment_log *log)
{
	char path[NC_LOG_PATH_SIZE];
	path_of(log, path);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return nc_err_from_errno(-errno);
	(void)close(fd);
	return nc_files_sync_directory(log->directory);
}

int nc_log_doubt_look(const struct nc_segment_log *log, bool *doubtful_out)
{
	char path[NC_LOG_PATH_SIZE];
	path_of(log, path);
	*doubtful_out = access(path, F_OK) == 0;
	return *doubtful_out || errno == ENOENT ? NC_OK : NC_IO;
}

int nc_log_doubt_end(const struct nc_segment_log *log)
{
	char path[NC_LOG_PATH_SIZE];
	path_of(log, path);
	if (unlink(path) != 0)
		return errno == ENOENT ? NC_OK : nc_err_from_errno(-errno);
	return nc_files_sync_directory(log->directory);
}
