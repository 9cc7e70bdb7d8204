/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Making the next segment's file ahead of need: writing its zeros takes longer than a client waits.
 * Files that were segments serve again: what is left in them does not hold under the next one's
 * salt. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/log/segment_private.h"

enum state { IDLE, WANTED, WORKING, READY, FAILED };

struct nc_preparer {
	const struct nc_files *files;
	size_t size;
	char *directory;
	char *path;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t change;
	enum state state; /* under lock, as are the rest */
	int fd, err;
	unsigned spares; /* NC_SPARE_PREFIX 0 to spares - 1 */
	bool stopping;
};

int nc_err_from_errno(int negative_errno)
{
	switch (negative_errno) {
	case 0:
		return NC_OK;
	case -ENOSPC:
	case -EDQUOT:
	case -EFBIG:
		return NC_FULL;
	case -ENOMEM:
		return NC_NOMEM;
	default:
		return NC_IO;
	}
}

static void spare_path(const struct nc_preparer *preparer, unsigned number,
                       char path[NC_LOG_PATH_SIZE])
{
	(void)snprintf(path, NC_LOG_PATH_SIZE, "%s/" NC_SPARE_PREFIX "%u", preparer->directory,
	               number);
}

void nc_preparer_give(struct nc_preparer *preparer, const char *path)
{
	char to[NC_LOG_PATH_SIZE];
	pthread_mutex_lock(&preparer->lock);
	spare_path(preparer, preparer->spares, to);
	if (preparer->spares < NC_SPARES_MAX && rename(path, to) == 0) {
		preparer->spares++;
	} else {
		(void)unlink(path); /* one that stays is removed at the next start */
	}
	pthread_mutex_unlock(&preparer->lock);
}

/* Give the newest spare the name of the prepared file, and open it. Below 0: there is none. */
static int spare_take(struct nc_preparer *preparer)
{
	char from[NC_LOG_PATH_SIZE];
	struct stat stat;
	int fd = -1;
	pthread_mutex_lock(&preparer->lock);
	while (fd < 0 && preparer->spares > 0) {
		spare_path(preparer, --preparer->spares, from);
		if (rename(from, preparer->path) == 0)
			fd = open(preparer->path, O_RDWR | O_CLOEXEC);
		if (fd >= 0 && (fstat(fd, &stat) != 0 || stat.st_size != (off_t)preparer->size)) {
			(void)close(fd);
			fd = -1;
		}
	}
	pthread_mutex_unlock(&preparer->lock);
	return fd;
}

static int file_make(struct nc_preparer *preparer, int *fd_out)
{
	int spare = spare_take(preparer);
	if (spare >= 0) {
		*fd_out = spare;
		return NC_OK;
	}
	int fd = open(preparer->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return nc_err_from_errno(-errno);
	int err = nc_err_from_errno(
	        preparer->files->zero(preparer->files->ctx, fd, (off_t)preparer->size));
	if (err != NC_OK) { /* give back what it took */
		(void)close(fd);
		(void)unlink(preparer->path);
		return err;
	}
	*fd_out = fd;
	return NC_OK;
}

static void *preparer_main(void *arg)
{
	struct nc_preparer *preparer = arg;
	pthread_mutex_lock(&preparer->lock);
	while (!preparer->stopping) {
		if (preparer->state != WANTED) {
			pthread_cond_wait(&preparer->change, &preparer->lock);
			continue;
		}
		preparer->state = WORKING;
		pthread_mutex_unlock(&preparer->lock);
		int fd = -1;
		int err = file_make(preparer, &fd);
		pthread_mutex_lock(&preparer->lock);
		preparer->fd = fd;
		preparer->err = err;
		preparer->state = err == NC_OK ? READY : FAILED;
		pthread_cond_broadcast(&preparer->change);
	}
	pthread_mutex_unlock(&preparer->lock);
	return NULL;
}

int nc_preparer_start(const char *directory, const struct nc_files *files, size_t size,
                      struct nc_preparer **preparer_out)
{
	struct nc_preparer *preparer = calloc(1, sizeof *preparer);
	if (preparer == NULL)
		return NC_NOMEM;
	preparer->files = files;
	preparer->size = size;
	preparer->fd = -1;
	preparer->directory = strdup(directory);
	if (preparer->directory == NULL ||
	    asprintf(&preparer->path, "%s/" NC_PREPARED_NAME, directory) < 0) {
		free(preparer->directory);
		free(preparer);
		return NC_NOMEM;
	}
	(void)pthread_mutex_init(&preparer->lock, NULL);
	(void)pthread_cond_init(&preparer->change, NULL);
	if (pthread_create(&preparer->thread, NULL, preparer_main, preparer) != 0) {
		free(preparer->path);
		free(preparer->directory);
		free(preparer);
		return NC_IO;
	}
	(void)pthread_setname_np(preparer->thread, "nacre-prepare");
	*preparer_out = preparer;
	return NC_OK;
}

/* Lock held. */
static void want(struct nc_preparer *preparer)
{
	if (preparer->state == IDLE || preparer->state == FAILED) {
		preparer->state = WANTED;
		pthread_cond_broadcast(&preparer->change);
	}
}

void nc_preparer_want(struct nc_preparer *preparer)
{
	pthread_mutex_lock(&preparer->lock);
	want(preparer);
	pthread_mutex_unlock(&preparer->lock);
}

int nc_preparer_take(struct nc_preparer *preparer, int *fd_out)
{
	pthread_mutex_lock(&preparer->lock);
	want(preparer); /* a failure may be over: somebody made room */
	while (preparer->state == WANTED || preparer->state == WORKING)
		pthread_cond_wait(&preparer->change, &preparer->lock);
	int err = preparer->err;
	if (preparer->state == READY) {
		*fd_out = preparer->fd;
		preparer->fd = -1;
		preparer->state = IDLE;
		err = NC_OK;
	}
	pthread_mutex_unlock(&preparer->lock);
	return err;
}

void nc_preparer_stop(struct nc_preparer *preparer)
{
	if (preparer == NULL)
		return;
	pthread_mutex_lock(&preparer->lock);
	preparer->stopping = true;
	pthread_cond_broadcast(&preparer->change);
	pthread_mutex_unlock(&preparer->lock);
	(void)pthread_join(preparer->thread, NULL);
	if (preparer->fd >= 0) {
		(void)close(preparer->fd);
		(void)unlink(preparer->path);
	}
	while (preparer->spares > 0) {
		char path[NC_LOG_PATH_SIZE];
		spare_path(preparer, --preparer->spares, path);
		(void)unlink(path);
	}
	(void)pthread_cond_destroy(&preparer->change);
	(void)pthread_mutex_destroy(&preparer->lock);
	free(preparer->path);
	free(preparer->directory);
	free(preparer);
}
