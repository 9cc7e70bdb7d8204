/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Directories and files: what is refused unopened, and the private copy of what is not. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/digits.h"
#include "plugins/host/host_private.h"

/* What a scan is looking at. */
struct scan {
	struct nc_plugin_host *host;
	const char *dir;
	bool bundled;
	int err; /* the first error that is not the fault of a plugin */
};

static bool trusted(struct nc_plugin *plugin, const struct stat *stat, const char *what)
{
	if ((stat->st_mode & S_IWOTH) != 0)
		return nc_plugin_refuse(plugin, "%s is writable for everybody", what);
	if (stat->st_uid != 0 && stat->st_uid != geteuid()) {
		return nc_plugin_refuse(plugin, "%s belongs to user %u, not to root or user %u",
		                        what, (unsigned)stat->st_uid, (unsigned)geteuid());
	}
	return true;
}

static bool read_all(int fd, size_t size, struct nc_buf *buf)
{
	uint8_t *room = nc_buf_extend(buf, size);
	for (size_t at = 0; room != NULL && at < size;) {
		ssize_t got = read(fd, room + at, size - at);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		at += (size_t)got;
	}
	return room != NULL;
}

/* Read the file's bytes, as they are now. */
static bool file_read(struct nc_plugin *plugin, struct nc_buf *buf)
{
	/* O_NONBLOCK: a FIFO must not hold us up. */
	int fd = open(plugin->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return nc_plugin_refuse(plugin, "cannot be opened: %s", strerror(errno));
	struct stat stat;
	bool good = fstat(fd, &stat) == 0 || nc_plugin_refuse(plugin, "cannot be looked at");
	if (good && !S_ISREG(stat.st_mode))
		good = nc_plugin_refuse(plugin, "is not a regular file");
	good = good && trusted(plugin, &stat, "the file");
	if (good && (stat.st_size < 4 || stat.st_size > NC_PLUGIN_FILE_SIZE_MAX)) {
		good = nc_plugin_refuse(plugin, "is not a shared object: %lld bytes",
		                        (long long)stat.st_size);
	}
	if (good && !read_all(fd, (size_t)stat.st_size, buf))
		good = nc_plugin_refuse(plugin, "cannot be read");
	if (good && memcmp(buf->data, "\177ELF", 4) != 0)
		good = nc_plugin_refuse(plugin, "is not a shared object: no ELF header");
	(void)close(fd);
	return good;
}

static void sha256_text(struct nc_slice bytes, char text_out[NC_PLUGIN_SHA256_SIZE])
{
	uint8_t digest[NC_SHA256_SIZE];
	nc_sha256(&bytes, 1, digest);
	nc_digits_hex_text(text_out, digest, sizeof digest);
}

static bool write_all(int fd, struct nc_slice bytes)
{
	while (bytes.size > 0) {
		ssize_t put = write(fd, bytes.data, bytes.size);
		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return false;
		bytes = nc_slice_from(bytes, (size_t)put);
	}
	return true;
}

/* Write the copy under another name and rename it, so that a copy that is mapped already stays
 * whole. */
static bool copy_write(const struct nc_plugin_host *host, struct nc_plugin *plugin,
                       struct nc_slice bytes, char **copy_out)
{
	char *draft = NULL;
	char *copy = NULL;
	bool good = asprintf(&draft, "%s/.%s.%ld", host->private_dir, plugin->sha256,
	                     (long)getpid()) >= 0 &&
	            asprintf(&copy, "%s/%s.so", host->private_dir, plugin->sha256) >= 0;
	if (good) {
		(void)unlink(draft); /* left by a process of this process id that died here */
		/* Readable for a cell that runs as nobody; the directory is not. */
		int fd = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0555);
		good = fd >= 0 && write_all(fd, bytes);
		if (fd >= 0 && close(fd) != 0)
			good = false;
		good = good && rename(draft, copy) == 0;
		if (!good) {
			(void)nc_plugin_refuse(plugin, "no private copy in %s: %s",
			                       host->private_dir, strerror(errno));
		}
	}
	free(draft);
	if (!good) {
		free(copy);
		return nc_plugin_refuse(plugin, "out of memory");
	}
	*copy_out = copy;
	return true;
}

/* Whether the same bytes were tried last at that path. */
static bool known(const struct nc_plugin_host *host, const struct nc_plugin *plugin)
{
	const struct nc_plugin *last = NULL;
	for (const struct nc_plugin *other = host->first; other != NULL; other = other->next) {
		if (strcmp(other->path, plugin->path) == 0)
			last = other;
	}
	if (last == NULL)
		return false;
	return plugin->sha256[0] != '\0' ? strcmp(last->sha256, plugin->sha256) == 0
	                                 : strcmp(last->reason, plugin->reason) == 0;
}

static void plugin_free(struct nc_plugin *plugin)
{
	if (plugin == NULL)
		return;
	nc_cell_close(plugin->cell);
	free(plugin->path);
	free(plugin);
}

/* A plugin that is to be tried: `name` in the scan's directory, or the directory itself if NULL. */
static struct nc_plugin *plugin_new(struct scan *scan, const char *name)
{
	struct nc_plugin *plugin = calloc(1, sizeof *plugin);
	if (plugin == NULL)
		goto fail;
	plugin->bundled = scan->bundled;
	int size = name == NULL ? asprintf(&plugin->path, "%s", scan->dir)
	                        : asprintf(&plugin->path, "%s/%s", scan->dir, name);
	if (size >= 0)
		return plugin;
	plugin->path = NULL;
fail:
	plugin_free(plugin);
	scan->err = NC_NOMEM;
	return NULL;
}

/* Put the plugin into the list, which takes it over. */
static void plugin_add(struct scan *scan, struct nc_plugin *plugin)
{
	struct nc_plugin_host *host = scan->host;
	(void)pthread_mutex_lock(&host->lock);
	/* A plugin that had the name has the same path, or is gone. It is replaced in one step, so
	 * that the name is never missing. */
	for (struct nc_plugin *other = host->first; other != NULL; other = other->next) {
		if (plugin->abi != NULL && other->abi != NULL &&
		    strcmp(other->name, plugin->name) == 0)
			other->replaced = true;
	}
	*host->last = plugin;
	host->last = &plugin->next;
	(void)pthread_mutex_unlock(&host->lock);
	for (struct nc_plugin *other = host->first; other != NULL; other = other->next)
		nc_plugin_rest(other);
	atomic_fetch_add(&host->changes, 1);
	if (plugin->abi != NULL) {
		nc_plugin_say(host, "plugin %s (%s) loaded from %s, SHA-256 %s", plugin->name,
		              plugin->abi->build, plugin->path, plugin->sha256);
	} else {
		nc_plugin_complain(host, "plugin refused: %s: %s", plugin->path, plugin->reason);
	}
}

/* A file that had gone is back with the same bytes, if its name is still free. */
static void revive(struct nc_plugin_host *host, const struct nc_plugin *seen)
{
	struct nc_plugin *last = NULL;
	for (struct nc_plugin *other = host->first; other != NULL; other = other->next) {
		if (strcmp(other->path, seen->path) == 0)
			last = other;
	}
	if (last == NULL || last->abi == NULL || !last->removed ||
	    nc_plugin_lookup(host, nc_slice_str(last->name)) != NULL)
		return;
	last->removed = false;
	atomic_fetch_add(&host->changes, 1);
	nc_plugin_say(host, "plugin %s is back at %s", last->name, last->path);
}

/* Mark plugins whose files are gone: they go on serving the filters that they have. */
static void mark_removed(struct nc_plugin_host *host)
{
	for (struct nc_plugin *plugin = host->first; plugin != NULL; plugin = plugin->next) {
		bool here = plugin->abi == NULL || plugin->replaced || plugin->removed ||
		            access(plugin->path, F_OK) == 0;
		if (here)
			continue;
		plugin->removed = true;
		nc_plugin_rest(plugin);
		atomic_fetch_add(&host->changes, 1);
		nc_plugin_complain(
		        host,
		        "plugin %s is gone from %s: it serves the filters it has, and no new ones",
		        plugin->name, plugin->path);
	}
}

static void file_try(struct scan *scan, const char *name)
{
	struct nc_plugin *plugin = plugin_new(scan, name);
	if (plugin == NULL)
		return;
	if (nc_plugin_unfinished(scan->host, plugin->path)) {
		plugin_free(plugin);
		return;
	}
	struct nc_buf bytes = { 0 };
	char *copy = NULL;
	bool good = file_read(plugin, &bytes);
	if (good)
		sha256_text(nc_buf_slice(&bytes), plugin->sha256);
	if (known(scan->host, plugin)) {
		revive(scan->host, plugin);
		plugin_free(plugin);
	} else {
		if (good && copy_write(scan->host, plugin, nc_buf_slice(&bytes), &copy))
			(void)nc_plugin_load(scan->host, plugin, copy);
		plugin_add(scan, plugin);
	}
	free(copy);
	nc_buf_release(&bytes);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_so(const struct dirent *entry)
{
	size_t size = strlen(entry->d_name);
	return entry->d_name[0] != '.' && size > 3 && strcmp(entry->d_name + size - 3, ".so") == 0;
}

static void dir_refused(struct scan *scan, struct nc_plugin *plugin)
{
	if (known(scan->host, plugin)) {
		plugin_free(plugin);
	} else {
		plugin_add(scan, plugin);
	}
}

static void dir_scan(struct scan *scan)
{
	struct nc_plugin *plugin = plugin_new(scan, NULL);
	if (plugin == NULL)
		return;
	struct dirent **entries = NULL;
	int count = 0;
	struct stat stat_now;
	bool good = stat(scan->dir, &stat_now) == 0 && S_ISDIR(stat_now.st_mode);
	if (!good)
		(void)nc_plugin_refuse(plugin, "is no directory that can be read");
	good = good && trusted(plugin, &stat_now, "the directory");
	if (good) {
		count = scandir(scan->dir, &entries, is_so, by_name);
		if (count < 0)
			good = nc_plugin_refuse(plugin, "cannot be read: %s", strerror(errno));
	}
	if (!good) {
		dir_refused(scan, plugin);
		return;
	}
	plugin_free(plugin);
	for (int i = 0; i < count; i++) {
		file_try(scan, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
}

int nc_plugin_host_scan(struct nc_plugin_host *host)
{
	struct scan scan = { .host = host, .dir = host->bundled_dir, .bundled = true };
	char *dirs = NULL;
	if (host->extra_dirs != NULL) {
		dirs = strdup(host->extra_dirs);
		if (dirs == NULL)
			return NC_NOMEM;
	}
	(void)pthread_mutex_lock(&host->scan_lock);
	mark_removed(host); /* first: then another file may have the name */
	if (scan.dir != NULL)
		dir_scan(&scan);
	scan.bundled = false;
	char *rest = NULL;
	for (char *dir = dirs == NULL ? NULL : strtok_r(dirs, ":", &rest); dir != NULL;
	     dir = strtok_r(NULL, ":", &rest)) {
		scan.dir = dir;
		dir_scan(&scan);
	}
	(void)pthread_mutex_unlock(&host->scan_lock);
	free(dirs);
	return scan.err;
}
