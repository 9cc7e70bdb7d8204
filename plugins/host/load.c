/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The handshake: from a private copy to a table of functions. */
#include <dlfcn.h>
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

/* A plugin of another major exports another symbol; say which, if it is near. */
static bool refuse_symbol(struct nc_plugin *plugin, void *handle)
{
	for (unsigned major = 0; major < 10; major++) {
		char symbol[64];
		(void)snprintf(symbol, sizeof symbol, "nacre_filter_plugin_v%u", major);
		if (dlsym(handle, symbol) != NULL)
			return nc_plugin_refuse(
			        plugin, "wrong ABI: it speaks version %u, this host version %u",
			        major, NACRE_FILTER_ABI_MAJOR);
	}
	return nc_plugin_refuse(plugin, "no symbol %s: not a filter plugin", NACRE_FILTER_SYMBOL);
}

static bool table_good(struct nc_plugin *plugin, const nacre_filter_plugin *abi)
{
	if (abi == NULL)
		return nc_plugin_refuse(plugin, "it refuses this host (ABI %u.%u)",
		                        NACRE_FILTER_ABI_MAJOR, NACRE_FILTER_ABI_MINOR);
	if (abi->struct_size < PLUGIN_SIZE_MIN)
		return nc_plugin_refuse(plugin, "wrong ABI: its table has %u bytes, not %zu",
		                        abi->struct_size, PLUGIN_SIZE_MIN);
	if (abi->name == NULL || !name_good(abi->name))
		return nc_plugin_refuse(plugin, "its name is not 1 to %d of A-Z a-z 0-9 _ -",
		                        NC_PLUGIN_NAME_SIZE_MAX);
	if (abi->build == NULL)
		return nc_plugin_refuse(plugin, "it names no build");
	if (abi->compile == NULL || abi->destroy == NULL || abi->match == NULL)
		return nc_plugin_refuse(plugin, "it lacks compile, destroy or match");
	int set_calls =
	        (abi->set_build != NULL) + (abi->set_match != NULL) + (abi->set_destroy != NULL);
	if (set_calls != 0 && set_calls != 3)
		return nc_plugin_refuse(plugin, "it has some set calls, not all three");
	return true;
}

static bool handshake(struct nc_plugin_host *host, struct nc_plugin *plugin, void *handle)
{
	nacre_filter_plugin_fn *hello;
	/* POSIX's own way around ISO C, which has no cast from void * to a function. */
	*(void **)&hello = dlsym(handle, NACRE_FILTER_SYMBOL);
	if (hello == NULL)
		return refuse_symbol(plugin, handle);
	const nacre_filter_plugin *abi = hello(&host->abi);
	if (!table_good(plugin, abi))
		return false;
	(void)snprintf(plugin->name, sizeof plugin->name, "%s", abi->name);
	struct nc_plugin *other = nc_plugin_lookup(host, nc_slice_str(abi->name));
	bool successor = other != NULL && strcmp(other->path, plugin->path) == 0;
	if (other != NULL && !successor)
		return nc_plugin_refuse(plugin, "the name %s is taken by %s", abi->name,
		                        other->path);
	if (successor)
		other->replaced = true;
	plugin->abi = abi;
	return true;
}

bool nc_plugin_load(struct nc_plugin_host *host, struct nc_plugin *plugin, const char *copy)
{
	void *handle = dlopen(copy, RTLD_NOW | RTLD_LOCAL);
	if (handle == NULL) {
		const char *why = dlerror();
		return nc_plugin_refuse(plugin, "cannot be loaded: %s",
		                        why == NULL ? "no reason given" : why);
	}
	if (handshake(host, plugin, handle))
		return true;
	(void)dlclose(handle);
	return false;
}
