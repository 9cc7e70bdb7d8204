/* SPDX-License-Identifier: GPL-3.0-or-later */
/* host_private.h -- the table of plugins, as the files of this folder share it. */
#ifndef NC_PLUGINS_HOST_HOST_PRIVATE_H
#define NC_PLUGINS_HOST_HOST_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "core/base/sha256.h"
#include "plugins/host/cell.h"
#include "plugins/host/plugin_host.h"
#include "plugins/nacre_filter.h"

#define NC_PLUGIN_SHA256_SIZE (2 * NC_SHA256_SIZE + 1) /* bytes as hex digits, with the NUL */
#define NC_PLUGIN_REASON_SIZE 512                      /* bytes with the NUL */

/* A file or directory that was tried. Once it is in the list, only its atomic members change. */
struct nc_plugin {
	struct nc_plugin *next;
	const nacre_filter_plugin *abi; /* NULL when refused */
	bool bundled;
	struct nc_cell *cell; /* NULL if it is in this process */
	atomic_uint users;    /* how many filters are not freed yet */
	atomic_bool replaced; /* newer bytes at its path were loaded */
	atomic_bool removed;  /* nothing is at its path any more */
	char *path;
	char name[NC_PLUGIN_NAME_SIZE_MAX + 1];
	char sha256[NC_PLUGIN_SHA256_SIZE];
	char reason[NC_PLUGIN_REASON_SIZE];
};

/* A file that somebody is writing. */
struct nc_unfinished {
	struct nc_unfinished *next;
	char path[];
};

struct nc_plugin_watch; /* watch.c */

struct nc_plugin_host {
	pthread_mutex_t scan_lock; /* held by a scan; nothing else makes the list longer */
	pthread_mutex_t lock;      /* over the list; never held long */
	struct nc_plugin *first;
	struct nc_plugin **last;
	struct nc_unfinished *unfinished; /* under scan_lock */
	atomic_uint_fast64_t changes;     /* how many plugins have come or gone */
	struct nc_plugin_watch *watch;    /* NULL if nobody watches the directories */
	char *bundled_dir, *extra_dirs, *private_dir;
	char *program; /* that cells run; NULL: all plugins are in this process */
	nc_plugin_log_fn *log;
	void *log_ctx;
	nacre_filter_host abi; /* what plugins see of the host */
};

/* The newest loaded plugin of this name, or NULL. One of the locks is held. */
struct nc_plugin *nc_plugin_lookup(const struct nc_plugin_host *host, struct nc_slice name);

struct nc_plugin_info nc_plugin_describe(const struct nc_plugin *plugin);

/* Make a plugin's text fit for logs and headers, which are UTF-8: nothing in it may end a line, or
 * be obeyed by a terminal. Control characters and bytes that are not UTF-8 become '?'. */
void nc_plugin_clean(char *text);

/* A line for the operator: that something happened, or that something is wrong. */
__attribute__((format(printf, 2, 3))) void nc_plugin_say(const struct nc_plugin_host *host,
                                                         const char *format, ...);
__attribute__((format(printf, 2, 3))) void nc_plugin_complain(const struct nc_plugin_host *host,
                                                              const char *format, ...);

/* End the process of a plugin that was replaced or removed and serves no filter. */
void nc_plugin_rest(struct nc_plugin *plugin);

/* Note why `plugin` is refused. The first reason stays. Returns false. */
__attribute__((format(printf, 2, 3))) bool nc_plugin_refuse(struct nc_plugin *plugin,
                                                            const char *format, ...);

/* Whether somebody is still writing this file (watch.c). Then it is looked at when it is closed.
 * The scan lock is held. */
bool nc_plugin_unfinished(const struct nc_plugin_host *host, const char *path);
void nc_plugin_watch_stop(struct nc_plugin_host *host);

/* Remove the private copies of an earlier run that no plugin needs (copies.c). To be called before
 * anybody else knows the host. */
void nc_plugin_copies_prune(const struct nc_plugin_host *host);

/* Open a plugin in this process and shake hands. NULL if it is refused, and `why` says why. */
const nacre_filter_plugin *nc_plugin_shake(const char *file, const nacre_filter_host *host,
                                           char why[NC_PLUGIN_REASON_SIZE]);

/* The host that is given to a plugin's compile(). */
const nacre_filter_host *nc_plugin_abi_host(const struct nc_plugin_host *host,
                                            const struct nc_plugin *plugin);

/* Open the private copy of a plugin, in this process or in a cell, and shake hands. Sets its abi
 * and name, or the reason why it is refused; returns whether it is loaded. The scan lock is held.
 */
bool nc_plugin_load(struct nc_plugin_host *host, struct nc_plugin *plugin, const char *copy);

#endif
