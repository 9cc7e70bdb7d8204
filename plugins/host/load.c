/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The handshake: from a private copy to a table of functions. */
#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>

#include "plugins/host/host_private.h"

/* What every plugin of this major has: everything of 1.0. */
#define PLUGIN_SIZE_MIN                               \
	(offsetof(nacre_filter_plugin, set_destroy) + \
	 sizeof(((nacre_filter_plugin *)0)->set_destroy))

static bool name_good(const char *name)
{
	size_t size = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	                           "0123456789_-");
	return size > 0 && size <= NC_PLUGIN_NAME_SIZE_MAX && name[size] == '\0';
}

__attribute__((format(printf, 2, 3))) static bool refuse(char *why, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	(void)vsnprintf(why, NC_PLUGIN_REASON_SIZE, format, args);
	va_end(args);
	return false;
}

/* A plugin of another major exports another symbol; say which, if it is near. */
static bool refuse_symbol(char *why, void *handle)
{
	for (unsigned major = 0; major < 10; major++) {
		char symbol[64];
		(void)snprintf(symbol, sizeof symbol, "nacre_filter_plugin_v%u", major);
		if (dlsym(handle, symbol) != NULL) {
			return refuse(why, "wrong ABI: it speaks version %u, this host version %u",
			              major, NACRE_FILTER_ABI_MAJOR);
		}
	}
	return refuse(why, "no symbol %s: not a filter plugin", NACRE_FILTER_SYMBOL);
}

static bool table_good(char *why, const nacre_filter_plugin *abi)
{
	if (abi == NULL) {
		return refuse(why, "it refuses this host (ABI %u.%u)", NACRE_FILTER_ABI_MAJOR,
		              NACRE_FILTER_ABI_MINOR);
	}
	if (abi->struct_size < PLUGIN_SIZE_MIN) {
		return refuse(why, "wrong ABI: its table has %u bytes, not %zu", abi->struct_size,
		              PLUGIN_SIZE_MIN);
	}
	if (abi->name == NULL || !name_good(abi->name)) {
		return refuse(why, "its name is not 1 to %d of A-Z a-z 0-9 _ -",
		              NC_PLUGIN_NAME_SIZE_MAX);
	}
	if (abi->build == NULL)
		return refuse(why, "it names no build");
	if (abi->compile == NULL || abi->destroy == NULL || abi->match == NULL)
		return refuse(why, "it lacks compile, destroy or match");
	int set_calls =
	        (abi->set_build != NULL) + (abi->set_match != NULL) + (abi->set_destroy != NULL);
	if (set_calls != 0 && set_calls != 3)
		return refuse(why, "it has some set calls, not all three");
	return true;
}

const nacre_filter_plugin *nc_plugin_shake(const char *file, const nacre_filter_host *host,
                                           char why[NC_PLUGIN_REASON_SIZE])
{
	void *handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);
	if (handle == NULL) {
		const char *said = dlerror();
		(void)refuse(why, "cannot be loaded: %s", said == NULL ? "no reason given" : said);
		return NULL;
	}
	nacre_filter_plugin_fn *hello;
	/* ISO C has no cast from void * to a function; this is how POSIX does it. */
	*(void **)&hello = dlsym(handle, NACRE_FILTER_SYMBOL);
	const nacre_filter_plugin *abi = NULL;
	if (hello == NULL ? refuse_symbol(why, handle) : table_good(why, abi = hello(host)))
		return abi;
	(void)dlclose(handle);
	return NULL;
}

/* In a process of its own. */
static const nacre_filter_plugin *shake_in_cell(struct nc_plugin_host *host,
                                                struct nc_plugin *plugin, const char *copy,
                                                char why[NC_PLUGIN_REASON_SIZE])
{
	const struct nc_cell_options options = { .program = host->program,
		                                 .file = copy,
		                                 .shown = plugin->path,
		                                 .log = host->log,
		                                 .log_ctx = host->log_ctx };
	struct nc_cell *cell;
	if (nc_cell_open(&options, &cell, why) != NC_OK)
		return NULL;
	plugin->cell = cell;
	const nacre_filter_plugin *abi = nc_cell_table(cell);
	return table_good(why, abi) ? abi : NULL;
}

bool nc_plugin_load(struct nc_plugin_host *host, struct nc_plugin *plugin, const char *copy)
{
	char why[NC_PLUGIN_REASON_SIZE] = "";
	const nacre_filter_plugin *abi = host->program != NULL && !plugin->bundled
	                                         ? shake_in_cell(host, plugin, copy, why)
	                                         : nc_plugin_shake(copy, &host->abi, why);
	if (abi == NULL)
		return nc_plugin_refuse(plugin, "%s", why);
	(void)snprintf(plugin->name, sizeof plugin->name, "%s", abi->name);
	const struct nc_plugin *other = nc_plugin_lookup(host, nc_slice_str(abi->name));
	if (other != NULL && strcmp(other->path, plugin->path) != 0) {
		return nc_plugin_refuse(plugin, "the name %s is taken by %s", abi->name,
		                        other->path);
	}
	plugin->abi = abi;
	return true;
}
