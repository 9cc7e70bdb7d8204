/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Starting again. */
#include "core/node/data/renew.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/err.h"
#include "core/node/common/say.h"
#include "core/node/data/quarantine.h"

/* Sockets of nats.c would stay open across execve, and the server would go on sending to them. */
static void descriptors_close(void)
{
	DIR *dir = opendir("/proc/self/fd");
	if (dir == NULL)
		return;
	for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
		int fd = (int)strtol(entry->d_name, NULL, 10);
		if (fd > STDERR_FILENO)
			(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	}
	(void)closedir(dir);
}

void nc_renew(char **argv)
{
	descriptors_close();
	(void)execv("/proc/self/exe", argv);
	nc_say_error("cannot start again: %s", strerror(errno));
}

bool nc_renew_damaged(const struct nc_config *config, const char *what)
{
	if (!nc_config_is_cluster(config) || !nc_quarantine_helps(config->data_dir))
		return false;
	int err = nc_quarantine_mark(config->data_dir, what);
	if (err != NC_OK) {
		nc_say_error("%s: cannot be marked as damaged: %s", config->data_dir,
		             nc_err_name(err));
	} else {
		nc_say_error("%s: %s; starting again, to be made whole by the other nodes",
		             config->data_dir, what);
	}
	return err == NC_OK;
}

bool nc_renew_helps(const struct nc_config *config, int err, const char *what)
{
	if (err == NC_FULL)
		nc_say_error("%s: the disk is full; starting again, which waits for room", what);
	return err == NC_FULL || (err == NC_CORRUPT && nc_renew_damaged(config, what));
}

int nc_renew_check(const struct nc_config *config, char why[NC_RENEW_WHY_SIZE])
{
	why[0] = '\0';
	if (!nc_config_is_cluster(config) ||
	    !nc_quarantine_due(config->data_dir, why, NC_RENEW_WHY_SIZE))
		return NC_OK;
	if (why[0] == '\0')
		(void)snprintf(why, NC_RENEW_WHY_SIZE, "damaged");
	int err = nc_quarantine_do(config->data_dir);
	if (err != NC_OK) {
		nc_say_error("%s: cannot be set aside: %s", config->data_dir, nc_err_name(err));
	} else {
		nc_say_warning("%s: %s; what was here is in quarantine/, and this node joins its "
		               "cluster anew",
		               config->data_dir, why);
	}
	return err;
}
