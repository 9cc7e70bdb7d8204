/* SPDX-License-Identifier: GPL-3.0-or-later */
/* host_private.h -- the table of plugins, between the files of this folder. */
#ifndef NC_PLUGINS_HOST_HOST_PRIVATE_H
#define NC_PLUGINS_HOST_HOST_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "core/base/sha256.h"
#include "plugins/host/cell.h"
#include "plugins/host/plugin_host.h"
#include "plugins/nacre_filter.h"

#define SHA256_TEXT_SIZE (2 * NC_SHA256_SIZE + 1)
#define REASON_SIZE      512

/* A file or directory that was tried; but for the two marks written before it is linked in only. */
struct nc_plugin {
	struct nc_plugin *next;
	const nacre_filter_plugin *abi; /* NULL when refused */
	bool bundled;
	struct nc_cell *cell; /* where it is not in this process */
	atomic_uint users;    /* filters that are not freed */
	atomic_bool replaced; /* newer bytes at its path were loaded */
	atomic_bool removed;  /* nothing is at its path any more */
	char *path;
	char name[NC_PLUGIN_NAME_SIZE_MAX + 1];
	char sha256[SHA256_TEXT_SIZE];
	char reason[REASON_SIZE];
};

/* A file that somebody is writing. */
struct nc_unfinished {
	struct nc_unfinished *next;
	char path[];
};

struct nc_plugin_watch; /* watch.c */

struct nc_plugin_host {
	pthread_mutex_t scan_lock; /* of looking, which is all that makes the list longer */
	pthread_mutex_t lock;      /* of the list; never held long */
	struct nc_plugin *first;
	struct nc_plugin **last;
	struct nc_unfinished *unfinished; /* of the scan lock */
	atomic_uint_fast64_t changes;     /* counts what is new or gone */
	struct nc_plugin_watch *watch;    /* NULL: nobody watches */
	char *bundled_dir, *extra_dirs, *private_dir;
	char *program; /* of cells; NULL: all plugins are in this process */
	nc_plugin_log_fn *log;
	void *log_ctx;
	nacre_filter_host abi; /* what plugins see of us */
};

/* The loaded plugin of that name, the newest, or NULL. One of the locks is held. */
struct nc_plugin *nc_plugin_lookup(const struct nc_plugin_host *host, struct nc_slice name);

struct nc_plugin_info nc_plugin_describe(const struct nc_plugin *plugin);

/* Make a plugin's text fit for logs and headers, which are UTF-8: nothing in it may end a line, or
 * be obeyed by a terminal. Control characters and bytes that are not UTF-8 become '?'. */
void nc_plugin_clean(char *text);

__attribute__((format(printf, 3, 4))) void nc_plugin_log(const struct nc_plugin_host *host,
                                                         bool trouble, const char *format, ...);

/* End the process of a plugin that was replaced or removed and serves no filter. */
void nc_plugin_rest(struct nc_plugin *plugin);

/* Say why `plugin` is refused; the first reason stays. Gives false. */
__attribute__((format(printf, 2, 3))) bool nc_plugin_refuse(struct nc_plugin *plugin,
                                                            const char *format, ...);

/* watch.c: whether somebody is writing that file: it is looked at when it is closed. The scan lock
 * is held. */
bool nc_plugin_unfinished(const struct nc_plugin_host *host, const char *path);
void nc_plugin_watch_stop(struct nc_plugin_host *host);

/* copies.c: remove private copies of an earlier run that no plugin needs. Before anybody else knows
 * the host. */
void nc_plugin_copies_prune(const struct nc_plugin_host *host);

/* Open a plugin in this process and shake hands. NULL with the reason. */
const nacre_filter_plugin *nc_plugin_shake(const char *file, const nacre_filter_host *host,
                                           char why[REASON_SIZE]);

/* What a plugin's compile() is given. */
const nacre_filter_host *nc_plugin_abi_host(const struct nc_plugin_host *host,
                                            const struct nc_plugin *plugin);

/* Open the private copy, here or in a cell, and shake hands: fills abi and name, or the reason. The
 * scan lock is held. */
bool nc_plugin_load(struct nc_plugin_host *host, struct nc_plugin *plugin, const char *copy);

#endif
