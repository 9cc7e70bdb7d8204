/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A descriptor that counts, watched by the loop. */
#include "core/node/common/wake.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "core/base/assert.h"
#include "core/base/err.h"

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct nc_wake *wake = (struct nc_wake *)poll; /* its first member */
	uint64_t count;
	(void)events;
	nc_assert(status == 0);
	if (read(wake->fd, &count, sizeof count) < 0)
		return;
	/* A send from here on writes again. What was put before this is seen by the callback that
	 * follows. */
	atomic_store(&wake->sent, false);
	wake->on_wake(wake);
}

int nc_wake_open(struct nc_wake *wake, uv_loop_t *loop, void (*on_wake)(struct nc_wake *wake))
{
	wake->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (wake->fd < 0)
		return NC_IO;
	wake->on_wake = on_wake;
	atomic_init(&wake->sent, false);
	if (uv_poll_init(loop, &wake->poll, wake->fd) != 0 ||
	    uv_poll_start(&wake->poll, UV_READABLE, on_poll) != 0)
		nc_assert(!"libuv refuses a descriptor that counts");
	return NC_OK;
}

void nc_wake_send(struct nc_wake *wake)
{
	static const uint64_t one = 1;
	if (!atomic_exchange(&wake->sent, true)) {
		ssize_t size = write(wake->fd, &one, sizeof one);
		nc_assert(size == (ssize_t)sizeof one);
	}
}

void nc_wake_close(struct nc_wake *wake, uv_close_cb on_closed)
{
	uv_close((uv_handle_t *)&wake->poll, on_closed);
	(void)close(wake->fd);
}
