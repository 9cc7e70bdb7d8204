/* SPDX-License-Identifier: GPL-3.0-or-later */
/* wt_error.c -- WiredTiger's errors and words, made ours. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "storage/state/wt_state_private.h"

void nc_wt_say(struct nc_wt_handler *handler, const char *format, ...)
{
	char line[1024];
	va_list args;
	va_start(args, format);
	(void)vsnprintf(line, sizeof line, format, args);
	va_end(args);
	if (handler->message != NULL) {
		handler->message(handler->message_ctx, line);
	} else {
		(void)fprintf(stderr, "state: %s\n", line);
	}
}

/* Remember an error that lasts until the state is opened again. */
static void break_for_good(struct nc_wt_handler *handler, int why)
{
	int none = NC_OK;
	(void)atomic_compare_exchange_strong(&handler->broken, &none, why);
}

/* Why WiredTiger has panicked. A full disk, or one that fails to write or sync, can cause that too;
 * then the tables are whole as of the last checkpoint. */
static int panic_why(const struct nc_wt_handler *handler)
{
	if (atomic_load(&handler->disk_full))
		return NC_FULL;
	return atomic_load(&handler->disk_failed) ? NC_IO : NC_CORRUPT;
}

/* Whether the message is about a call that was to change a file: "…: handle-sync: fdatasync: …". */
static bool is_of_writing(const char *message)
{
	return strstr(message, "handle-write:") != NULL || strstr(message, "handle-sync:") != NULL;
}

/* What WiredTiger says of bytes that do not hold. Of a table's first page and its root, which it
 * reads when the table is opened, it is silent about checksums, and has no error of their own. */
static bool is_of_damage(int error, const char *message)
{
	return strstr(message, "checksum error") != NULL ||
	       (error == WT_ERROR &&
	        (strstr(message, "does not appear to be a WiredTiger file") != NULL ||
	         strstr(message, "unable to read root page") != NULL));
}

static int on_error(WT_EVENT_HANDLER *base, WT_SESSION *session, int error, const char *message)
{
	(void)session;
	struct nc_wt_handler *handler = (struct nc_wt_handler *)base;
	if (error == ENOSPC || error == EDQUOT) {
		atomic_store(&handler->disk_full, true);
	} else if (error > 0 && is_of_writing(message)) {
		atomic_store(&handler->disk_failed, true);
	}
	if (is_of_damage(error, message)) {
		break_for_good(handler, NC_CORRUPT);
	} else if (error == WT_PANIC) {
		break_for_good(handler, panic_why(handler));
	}
	nc_wt_say(handler, "wiredtiger: %s", message);
	return 0;
}

static int on_message(WT_EVENT_HANDLER *base, WT_SESSION *session, const char *message)
{
	(void)session;
	nc_wt_say((struct nc_wt_handler *)base, "wiredtiger: %s", message);
	return 0;
}

void nc_wt_handler_init(struct nc_wt_handler *handler, const struct nc_wt_state_options *options)
{
	handler->base =
	        (WT_EVENT_HANDLER){ .handle_error = on_error, .handle_message = on_message };
	handler->message = options->message;
	handler->message_ctx = options->message_ctx;
	atomic_init(&handler->disk_full, false);
	atomic_init(&handler->disk_failed, false);
	atomic_init(&handler->broken, NC_OK);
}

int nc_wt_err(struct nc_wt_handler *handler, int wt)
{
	if (wt == 0)
		return NC_OK;
	if (wt == WT_PANIC)
		break_for_good(handler, panic_why(handler));
	int broken = atomic_load(&handler->broken);
	if (broken != NC_OK)
		return broken;
	switch (wt) {
	case WT_NOTFOUND:
		return NC_NOTFOUND;
	case WT_ROLLBACK:
	case WT_CACHE_FULL:
	case EBUSY:
		return NC_BUSY;
	case ENOMEM:
		return NC_NOMEM;
	case ENOSPC:
	case EDQUOT:
		return NC_FULL;
	case WT_TRY_SALVAGE:
		return NC_CORRUPT;
	default:
		nc_wt_say(handler, "wiredtiger: %s", wiredtiger_strerror(wt));
		return NC_IO;
	}
}

int nc_wt_broken(struct nc_wt_state *state)
{
	return atomic_load_explicit(&state->handler.broken, memory_order_relaxed);
}
