/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The node's own NATS server, started by its settings. */
#include "core/node/own_server.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>

#include "core/node/common/say.h"
#include "storage/log/files.h"

static void on_child_say(void *ctx, const char *text)
{
	(void)ctx;
	nc_say_warning("%s", text);
}

static int url_write(const char *data_dir, const char *url)
{
	char path[PATH_MAX];
	(void)snprintf(path, sizeof path, "%s/nats.url", data_dir);
	FILE *file = fopen(path, "we");
	if (file == NULL)
		return nc_files_err(errno);
	(void)fprintf(file, "%s\n", url);
	return fclose(file) == 0 ? NC_OK : nc_files_err(errno);
}

int nc_own_server_start(uv_loop_t *loop, const struct nc_config *config,
                        struct nc_child **child_out)
{
	char fault[NC_CHILD_FAULT_SIZE] = "";
	const struct nc_child_options options = {
		.loop = loop,
		.program = config->nats_server,
		.directory = config->data_dir,
		.port = (unsigned)config->nats_port,
		.on_say = on_child_say,
	};
	int err = nc_child_start(&options, child_out, fault);
	if (err != NC_OK) {
		nc_say_error("%s", fault);
		return err;
	}
	const char *url = nc_child_url(*child_out);
	nc_say_info("nats: %s", url);
	err = url_write(config->data_dir, url);
	if (err != NC_OK)
		nc_say_error("%s/nats.url cannot be written: %s", config->data_dir,
		             nc_err_name(err));
	return err;
}
