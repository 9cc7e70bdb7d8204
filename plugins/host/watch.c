/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Watching the plugin directories: what is dropped in, replaced or taken away is looked at when its
 * writer has closed it. */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "core/base/assert.h"
#include "plugins/host/host_private.h"

/* wait so long after the last change, since several files may come together */
#define SETTLE_MS 100
#define AGAIN_MS  5000 /* a directory that is not there yet is looked for so often */
#define NEWS                                                                                \
	(IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | \
	 IN_ATTRIB | IN_DELETE_SELF)

/* A directory, and its number with inotify. */
struct watched {
	char *dir;
	int number; /* -1: it cannot be watched just now */
};

struct nc_plugin_watch {
	struct nc_plugin_host *host;
	void (*changed)(void *ctx);
	void *ctx;
	pthread_t thread;
	int inotify, stop;
	struct watched *dirs;
	size_t dir_count;
};

/* ---- Files that somebody is writing; the scan lock is held ----------------------------------- */

bool nc_plugin_unfinished(const struct nc_plugin_host *host, const char *path)
{
	for (const struct nc_unfinished *at = host->unfinished; at != NULL; at = at->next) {
		if (strcmp(at->path, path) == 0)
			return true;
	}
	return false;
}

static void unfinished_add(struct nc_plugin_host *host, const char *path)
{
	if (nc_plugin_unfinished(host, path))
		return;
	size_t size = strlen(path) + 1;
	struct nc_unfinished *made = malloc(sizeof *made + size);
	if (made == NULL)
		/* it may be tried too early and refused; then it is tried again when it is
		 * closed */
		return;
	memcpy(made->path, path, size);
	made->next = host->unfinished;
	host->unfinished = made;
}

static void unfinished_remove(struct nc_plugin_host *host, const char *path)
{
	for (struct nc_unfinished **at = &host->unfinished; *at != NULL; at = &(*at)->next) {
		struct nc_unfinished *gone = *at;
		if (strcmp(gone->path, path) != 0)
			continue;
		*at = gone->next;
		free(gone);
		return;
	}
}

/* ---- News ----------------------------------------------------------------------------------- */

static struct watched *dir_of(struct nc_plugin_watch *watch, int number)
{
	for (size_t i = 0; i < watch->dir_count; i++) {
		if (watch->dirs[i].number == number)
			return &watch->dirs[i];
	}
	return NULL;
}

static void take(struct nc_plugin_watch *watch, const struct inotify_event *event)
{
	char path[PATH_MAX];
	struct watched *dir = dir_of(watch, event->wd);
	if (dir == NULL)
		return;
	if ((event->mask & (IN_DELETE_SELF | IN_IGNORED)) != 0)
		dir->number = -1;
	if (event->len == 0)
		return;
	(void)snprintf(path, sizeof path, "%s/%s", dir->dir, event->name);
	(void)pthread_mutex_lock(&watch->host->scan_lock);
	if ((event->mask & IN_MODIFY) != 0) {
		unfinished_add(watch->host, path);
	} else if ((event->mask & (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE)) !=
	           0) {
		unfinished_remove(watch->host, path);
	}
	(void)pthread_mutex_unlock(&watch->host->scan_lock);
}

static void news_read(struct nc_plugin_watch *watch)
{
	_Alignas(struct inotify_event) char room[8192];
	ssize_t got = read(watch->inotify, room, sizeof room);
	for (ssize_t at = 0; at + (ssize_t)sizeof(struct inotify_event) <= got;) {
		const struct inotify_event *event = (const void *)(room + at);
		take(watch, event);
		at += (ssize_t)(sizeof *event + event->len);
	}
}

/* Returns whether a directory can be watched now that could not be watched before. */
static bool dirs_watch(struct nc_plugin_watch *watch)
{
	bool more = false;
	for (size_t i = 0; i < watch->dir_count; i++) {
		struct watched *dir = &watch->dirs[i];
		if (dir->number >= 0)
			continue;
		dir->number = inotify_add_watch(watch->inotify, dir->dir, NEWS | IN_ONLYDIR);
		more = more || dir->number >= 0;
	}
	return more;
}

static void look(struct nc_plugin_watch *watch)
{
	uint64_t before = atomic_load(&watch->host->changes);
	(void)nc_plugin_host_scan(watch->host); /* out of memory: the next change tries again */
	if (atomic_load(&watch->host->changes) != before)
		watch->changed(watch->ctx);
}

static void *watch_main(void *arg)
{
	struct nc_plugin_watch *watch = arg;
	bool news = false;
	for (;;) {
		struct pollfd wait[] = { { .fd = watch->stop, .events = POLLIN },
			                 { .fd = watch->inotify, .events = POLLIN } };
		int ready = poll(wait, 2, news ? SETTLE_MS : AGAIN_MS);
		if (ready < 0 && errno != EINTR)
			return NULL;
		if (ready > 0 && wait[0].revents != 0)
			return NULL;
		if (ready > 0) {
			news_read(watch);
			news = true;
			continue;
		}
		bool more = dirs_watch(watch);
		if (news || more)
			look(watch);
		news = false;
	}
}

/* ---- Life ----------------------------------------------------------------------------------- */

static int dirs_copy(struct nc_plugin_watch *watch, const char *list)
{
	while (*list != '\0') {
		size_t size = strcspn(list, ":");
		struct watched *dirs = realloc(watch->dirs, (watch->dir_count + 1) * sizeof *dirs);
		if (dirs == NULL)
			return NC_NOMEM;
		watch->dirs = dirs;
		if (size > 0) {
			char *dir = strndup(list, size);
			if (dir == NULL)
				return NC_NOMEM;
			watch->dirs[watch->dir_count++] = (struct watched){ dir, -1 };
		}
		list += size + (list[size] == ':');
	}
	return NC_OK;
}

static void watch_free(struct nc_plugin_watch *watch)
{
	for (size_t i = 0; i < watch->dir_count; i++)
		free(watch->dirs[i].dir);
	free(watch->dirs);
	if (watch->inotify >= 0)
		(void)close(watch->inotify);
	if (watch->stop >= 0)
		(void)close(watch->stop);
	free(watch);
}

int nc_plugin_host_watch(struct nc_plugin_host *host, void (*changed)(void *ctx), void *ctx)
{
	nc_assert(host->watch == NULL);
	if (host->extra_dirs == NULL)
		return NC_OK;
	struct nc_plugin_watch *watch = calloc(1, sizeof *watch);
	if (watch == NULL)
		return NC_NOMEM;
	watch->host = host;
	watch->changed = changed;
	watch->ctx = ctx;
	watch->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	watch->stop = eventfd(0, EFD_CLOEXEC);
	int err =
	        watch->inotify < 0 || watch->stop < 0 ? NC_IO : dirs_copy(watch, host->extra_dirs);
	if (err == NC_OK) {
		(void)dirs_watch(watch);
		if (pthread_create(&watch->thread, NULL, watch_main, watch) != 0)
			err = NC_IO;
	}
	if (err != NC_OK) {
		watch_free(watch);
		return err;
	}
	host->watch = watch;
	return NC_OK;
}

void nc_plugin_watch_stop(struct nc_plugin_host *host)
{
	const uint64_t one = 1;
	struct nc_plugin_watch *watch = host->watch;
	if (watch == NULL)
		return;
	ssize_t put = write(watch->stop, &one, sizeof one);
	nc_assert(put == (ssize_t)sizeof one);
	(void)pthread_join(watch->thread, NULL);
	watch_free(watch);
	host->watch = NULL;
	while (host->unfinished != NULL) {
		struct nc_unfinished *gone = host->unfinished;
		host->unfinished = gone->next;
		free(gone);
	}
}
