/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Private copies that nobody needs any more: of plugins that were replaced or removed while an
 * earlier run had them. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "plugins/host/host_private.h"

#define HEX      "0123456789abcdef"
#define HEX_SIZE ((size_t)2 * NC_SHA256_SIZE)

/* Whether a name is one that copies have: "<SHA-256>.so", or a draft of one, ".<SHA-256>.<number>".
 */
static bool is_copy(const char *name)
{
	bool draft = name[0] == '.';
	const char *sha256 = name + draft;
	if (strspn(sha256, HEX) != HEX_SIZE)
		return false;
	const char *rest = sha256 + HEX_SIZE;
	return draft ? rest[0] == '.' && strspn(rest + 1, "0123456789") == strlen(rest + 1)
	             : strcmp(rest, ".so") == 0;
}

static bool is_needed(const struct nc_plugin_host *host, const char *name)
{
	for (const struct nc_plugin *plugin = host->first; plugin != NULL; plugin = plugin->next) {
		if (plugin->abi != NULL && strncmp(name, plugin->sha256, HEX_SIZE) == 0)
			return true;
	}
	return false;
}

void nc_plugin_copies_prune(const struct nc_plugin_host *host)
{
	DIR *dir = opendir(host->private_dir);
	if (dir == NULL)
		return; /* they cost room, nothing else */
	const struct dirent *entry;
	while ((entry = readdir(dir)) != NULL) {
		if (is_copy(entry->d_name) && !is_needed(host, entry->d_name))
			(void)unlinkat(dirfd(dir), entry->d_name, 0);
	}
	(void)closedir(dir);
}
