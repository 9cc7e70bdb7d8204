/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Verifying a state apart. */
#include "core/node/data/adopter.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/parent.h"
#include "core/node/common/say.h"
#include "storage/state/snapshot.h"
#include "storage/state/wt_state.h"

struct nc_adopter {
	uv_process_t process;
	void (*fn)(void *ctx, int err);
	void *ctx;
	bool runs, stopped, closed;
};

int nc_adopter_main(const char *directory, const char *node)
{
	struct nc_snapshot_manifest manifest;
	char fault[NC_SNAPSHOT_FAULT_SIZE];
	/* End if the process that started this one is gone: nobody waits for the result, and the
	 * directory may be emptied. */
	(void)nc_parent_follow(nc_parent_get(node));
	int err = nc_snapshot_adopt(directory, &manifest, fault);
	if (err != NC_OK)
		nc_say_error("the state that came in does not hold: %s", fault);
	return -err;
}

static void free_if_done(struct nc_adopter *adopter)
{
	if (adopter->stopped && adopter->closed)
		free(adopter);
}

static void on_closed(uv_handle_t *handle)
{
	struct nc_adopter *adopter = handle->data;
	adopter->closed = true;
	free_if_done(adopter);
}

static void on_ended(uv_process_t *process, int64_t status, int signal)
{
	struct nc_adopter *adopter = process->data;
	adopter->runs = false;
	uv_close((uv_handle_t *)process, on_closed);
	if (adopter->stopped)
		return;
	if (signal != 0)
		nc_say_warning("state: the process that verified it was ended by signal %d",
		               signal);
	int err = nc_wt_signal_is_damage(signal) ? NC_CORRUPT : NC_IO;
	adopter->fn(adopter->ctx, signal != 0 ? err : (int)-status);
}

int nc_adopter_start(uv_loop_t *loop, const char *directory, void (*fn)(void *ctx, int err),
                     void *ctx, struct nc_adopter **adopter_out)
{
	struct nc_adopter *adopter = calloc(1, sizeof *adopter);
	char *path = strdup(directory);
	if (adopter == NULL || path == NULL) {
		free(adopter);
		free(path);
		return NC_NOMEM;
	}
	adopter->fn = fn;
	adopter->ctx = ctx;
	adopter->process.data = adopter;
	char program[] = "nacred", word[] = NC_ADOPTER_WORD, node[NC_PARENT_SIZE];
	char *args[] = { program, word, path, node, NULL };
	nc_parent_put(node);
	uv_stdio_container_t streams[3] = { { .flags = UV_IGNORE },
		                            { .flags = UV_IGNORE },
		                            { .flags = UV_INHERIT_FD, .data.fd = 2 } };
	const uv_process_options_t options = { .file = "/proc/self/exe",
		                               .args = args,
		                               .stdio = streams,
		                               .stdio_count = 3,
		                               .exit_cb = on_ended };
	adopter->runs = uv_spawn(loop, &adopter->process, &options) == 0;
	free(path);
	if (!adopter->runs) {
		adopter->stopped = true;
		uv_close((uv_handle_t *)&adopter->process, on_closed);
		return NC_IO;
	}
	*adopter_out = adopter;
	return NC_OK;
}

void nc_adopter_stop(struct nc_adopter *adopter)
{
	if (adopter == NULL || adopter->stopped)
		return;
	adopter->stopped = true;
	if (adopter->runs)
		(void)uv_process_kill(&adopter->process, SIGKILL);
	free_if_done(adopter);
}
