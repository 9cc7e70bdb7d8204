/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of plugins: opened, listed, asked by name. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/assert.h"
#include "core/base/json.h"
#include "core/engine/names.h"
#include "plugins/host/host_private.h"

/* Bytes of the character that `text` begins with, if that can be shown; else 0. */
static size_t shown_size(const char *text)
{
	size_t left = strnlen(text, 4);
	for (size_t size = 1; size <= left; size++) {
		if (nc_utf8_valid(nc_slice(text, size)))
			return nc_name_value_fault(nc_slice(text, size)) == NULL ? size : 0;
	}
	return 0;
}

void nc_plugin_clean(char *text)
{
	while (*text != '\0') {
		size_t size = shown_size(text);
		if (size == 0)
			*text = '?';
		text += size == 0 ? 1 : size;
	}
}

__attribute__((format(printf, 3, 0))) static void
log_line(const struct nc_plugin_host *host, bool trouble, const char *format, va_list args)
{
	char line[2 * NC_PLUGIN_REASON_SIZE];
	if (host->log == NULL)
		return;
	(void)vsnprintf(line, sizeof line, format, args);
	nc_plugin_clean(line);
	host->log(host->log_ctx, trouble, line);
}

void nc_plugin_say(const struct nc_plugin_host *host, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	log_line(host, false, format, args);
	va_end(args);
}

void nc_plugin_complain(const struct nc_plugin_host *host, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	log_line(host, true, format, args);
	va_end(args);
}

bool nc_plugin_refuse(struct nc_plugin *plugin, const char *format, ...)
{
	if (plugin->reason[0] != '\0')
		return false;
	va_list args;
	va_start(args, format);
	(void)vsnprintf(plugin->reason, sizeof plugin->reason, format, args);
	va_end(args);
	nc_plugin_clean(plugin->reason);
	return false;
}

void nc_plugin_rest(struct nc_plugin *plugin)
{
	bool over = plugin->replaced || plugin->removed;
	if (plugin->cell != NULL && over && atomic_load(&plugin->users) == 0)
		nc_cell_rest(plugin->cell);
}

struct nc_plugin *nc_plugin_lookup(const struct nc_plugin_host *host, struct nc_slice name)
{
	for (struct nc_plugin *plugin = host->first; plugin != NULL; plugin = plugin->next) {
		if (plugin->abi != NULL && !plugin->replaced && !plugin->removed &&
		    nc_slice_is(name, plugin->name))
			return plugin;
	}
	return NULL;
}

static enum nc_plugin_state state_of(const struct nc_plugin *plugin)
{
	if (plugin->abi == NULL)
		return NC_PLUGIN_REFUSED;
	if (plugin->replaced)
		return NC_PLUGIN_REPLACED;
	return plugin->removed ? NC_PLUGIN_REMOVED : NC_PLUGIN_LOADED;
}

struct nc_plugin_info nc_plugin_describe(const struct nc_plugin *plugin)
{
	struct nc_plugin_info info = {
		.state = state_of(plugin),
		.isolated = plugin->cell != NULL,
		.bundled = plugin->bundled,
		.name = plugin->name,
		.build = "",
		.summary = "",
		.sha256 = plugin->sha256,
		.path = plugin->path,
		.reason = plugin->reason,
	};
	if (plugin->abi != NULL) {
		info.abi_minor = plugin->abi->abi_minor;
		info.build = plugin->abi->build;
		info.summary = plugin->abi->summary == NULL ? "" : plugin->abi->summary;
	}
	if (plugin->cell != NULL) {
		struct nc_cell_status status;
		nc_cell_status(plugin->cell, &status);
		info.pid = status.pid;
		info.starts = status.starts;
		info.pause_ms = status.pause_ms;
		(void)snprintf(info.trouble, sizeof info.trouble, "%s", status.trouble);
	}
	return info;
}

void nc_plugin_host_list(struct nc_plugin_host *host, nc_plugin_info_fn *fn, void *ctx)
{
	(void)pthread_mutex_lock(&host->lock);
	for (const struct nc_plugin *plugin = host->first; plugin != NULL; plugin = plugin->next) {
		struct nc_plugin_info info = nc_plugin_describe(plugin);
		fn(ctx, &info);
	}
	(void)pthread_mutex_unlock(&host->lock);
}

int nc_plugin_host_find(struct nc_plugin_host *host, struct nc_slice name,
                        struct nc_plugin_info *info_out)
{
	(void)pthread_mutex_lock(&host->lock);
	const struct nc_plugin *plugin = nc_plugin_lookup(host, name);
	(void)pthread_mutex_unlock(&host->lock);
	if (plugin == NULL)
		return NC_NOTFOUND;
	*info_out = nc_plugin_describe(plugin);
	return NC_OK;
}

const nacre_filter_host *nc_plugin_abi_host(const struct nc_plugin_host *host,
                                            const struct nc_plugin *plugin)
{
	return plugin->cell == NULL ? &host->abi : nc_cell_host(plugin->cell);
}

static void log_of_plugins(void *host_ctx, const char *message)
{
	nc_plugin_say(host_ctx, "plugin: %s", message);
}

/* Make the private directory. Code is mapped from it, so nobody else may write to it. */
static int private_dir_make(const struct nc_plugin_host *host)
{
	if (mkdir(host->private_dir, 0700) != 0 && errno != EEXIST)
		return NC_IO;
	struct stat stat;
	if (lstat(host->private_dir, &stat) != 0)
		return NC_IO;
	bool ours = S_ISDIR(stat.st_mode) && stat.st_uid == geteuid() &&
	            (stat.st_mode & (S_IWGRP | S_IWOTH)) == 0;
	return ours ? NC_OK : NC_INVALID;
}

static bool text_copy(const char *from, char **to_out)
{
	*to_out = from == NULL ? NULL : strdup(from);
	return from == NULL || *to_out != NULL;
}

int nc_plugin_host_open(const struct nc_plugin_host_config *config,
                        struct nc_plugin_host **host_out)
{
	nc_assert(config->private_dir != NULL);
	struct nc_plugin_host *host = calloc(1, sizeof *host);
	if (host == NULL)
		return NC_NOMEM;
	(void)pthread_mutex_init(&host->lock, NULL);
	(void)pthread_mutex_init(&host->scan_lock, NULL);
	host->last = &host->first;
	host->log = config->log;
	host->log_ctx = config->log_ctx;
	host->abi = (nacre_filter_host){
		.struct_size = sizeof host->abi,
		.abi_minor = NACRE_FILTER_ABI_MINOR,
		.host_ctx = host,
		.log = log_of_plugins,
	};
	int err = NC_NOMEM;
	if (!text_copy(config->bundled_dir, &host->bundled_dir) ||
	    !text_copy(config->extra_dirs, &host->extra_dirs) ||
	    !text_copy(config->private_dir, &host->private_dir) ||
	    !text_copy(config->cell_program, &host->program))
		goto fail;
	err = private_dir_make(host);
	if (err != NC_OK)
		goto fail;
	err = nc_plugin_host_scan(host);
	if (err != NC_OK)
		goto fail;
	nc_plugin_copies_prune(host);
	*host_out = host;
	return NC_OK;

fail:
	nc_plugin_host_close(host);
	return err;
}

void nc_plugin_host_close(struct nc_plugin_host *host)
{
	if (host == NULL)
		return;
	nc_plugin_watch_stop(host);
	while (host->first != NULL) {
		struct nc_plugin *plugin = host->first;
		host->first = plugin->next;
		nc_cell_close(plugin->cell);
		free(plugin->path);
		free(plugin);
	}
	free(host->bundled_dir);
	free(host->extra_dirs);
	free(host->private_dir);
	free(host->program);
	(void)pthread_mutex_destroy(&host->lock);
	(void)pthread_mutex_destroy(&host->scan_lock);
	free(host);
}
