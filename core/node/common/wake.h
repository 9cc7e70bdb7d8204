/* SPDX-License-Identifier: GPL-3.0-or-later */
/* wake.h -- a thread tells the loop that there is something to take.
 *
 * As uv_async_t, without its spinning: the loop that uv_async_send() has woken waits, burning its
 * processor, until the sender has returned from the system call that woke it; with fewer processors
 * than threads the sender is what it keeps from running.
 *
 * Threads:   send from any, while it is open; all else on the loop's.
 */
#ifndef NC_CORE_NODE_COMMON_WAKE_H
#define NC_CORE_NODE_COMMON_WAKE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <uv.h>

struct nc_wake {
	uv_poll_t poll; /* its data is the owner's */
	int fd;
	atomic_bool sent;
	void (*on_wake)(struct nc_wake *wake);
};

/* Errors: NC_IO, no descriptor is to be had; then there is nothing to close. */
int nc_wake_open(struct nc_wake *wake, uv_loop_t *loop, void (*on_wake)(struct nc_wake *wake));
void nc_wake_send(struct nc_wake *wake);
/* Nobody sends any more. `on_closed` gets the handle `poll`. */
void nc_wake_close(struct nc_wake *wake, uv_close_cb on_closed);

#endif
