/* SPDX-License-Identifier: GPL-3.0-or-later */
/* snapshot_adopt.c -- from staged files to a state directory that is known to hold. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>

#include "storage/state/snapshot_private.h"

#define CACHE_MB 64

__attribute__((format(printf, 2, 3))) static void say(char *fault, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	(void)vsnprintf(fault, NC_SNAPSHOT_FAULT_SIZE, format, args);
	va_end(args);
}

static void on_message(void *ctx, const char *message)
{
	char *fault = ctx;
	if (*fault == '\0') /* the first is nearest to the cause */
		say(fault, "%s", message);
}

/* Reads every page of every table. */
static int tables_verify(WT_SESSION *session, struct nc_wt_handler *handler)
{
	int err = NC_OK;
	for (int i = 0; i < NC_WT_TABLE_COUNT && err == NC_OK; i++) {
		char uri[64];
		(void)snprintf(uri, sizeof uri, "table:%s", nc_wt_table_names[i]);
		int wt = session->verify(session, uri, NULL);
		if (wt == ENOENT && i == NC_WT_HELD)
			wt = 0; /* the format is older and has no such table */
		err = nc_wt_err(handler, wt);
		if (wt == WT_ERROR || wt == EINVAL || wt == ENOENT)
			err = NC_CORRUPT; /* WiredTiger says this of a damaged page */
	}
	return err;
}

static int tables_check(const char *files, const struct nc_snapshot_manifest *manifest, char *fault)
{
	const struct nc_wt_state_options options = { .message = on_message, .message_ctx = fault };
	struct nc_wt_handler handler;
	nc_wt_handler_init(&handler, &options);
	WT_CONNECTION *connection;
	int err = nc_wt_connect(files, &handler, CACHE_MB, "", &connection);
	if (err != NC_OK)
		return err;
	WT_SESSION *session;
	struct nc_state_applied applied = { 0 };
	err = nc_wt_err(&handler, connection->open_session(connection, NULL, NULL, &session));
	if (err == NC_OK)
		err = tables_verify(session, &handler);
	if (err == NC_OK)
		err = nc_snapshot_applied_read(session, NULL, &handler, &applied);
	if (err == NC_OK &&
	    (applied.index != manifest->applied.index || applied.term != manifest->applied.term)) {
		say(fault, "it has applied entry %" PRIu64 ", its manifest says %" PRIu64,
		    applied.index, manifest->applied.index);
		err = NC_CORRUPT;
	}
	int wt = connection->close(connection, NULL);
	if (err == NC_OK)
		err = nc_wt_err(&handler, wt);
	return err == NC_NOTFOUND ? NC_CORRUPT : err;
}

int nc_snapshot_adopt(const char *directory, struct nc_snapshot_manifest *manifest_out,
                      char fault[NC_SNAPSHOT_FAULT_SIZE])
{
	struct nc_snapshot_manifest manifest;
	fault[0] = '\0';
	if (nc_snapshot_adopted(directory, manifest_out) == NC_OK)
		return NC_OK;
	int err = nc_snapshot_stage_whole(directory, &manifest);
	if (err != NC_OK) {
		say(fault, "%s: not all of the snapshot is there", directory);
		return err;
	}
	char files[PATH_MAX];
	(void)snprintf(files, sizeof files, "%s/%s", directory, NC_SNAPSHOT_FILES);
	err = tables_check(files, &manifest, fault);
	if (err != NC_OK)
		return err;
	struct nc_buf bytes = { 0 };
	nc_snapshot_manifest_put(&manifest, &bytes);
	err = nc_buf_status(&bytes);
	if (err == NC_OK)
		err = nc_snapshot_sync(files);
	if (err == NC_OK) {
		err = nc_snapshot_file_write(directory, NC_SNAPSHOT_ADOPTED_FILE,
		                             nc_buf_slice(&bytes));
	}
	nc_buf_release(&bytes);
	if (err == NC_OK) {
		*manifest_out = manifest;
	} else {
		say(fault, "%s: %s", directory, nc_err_name(err));
	}
	return err;
}

int nc_snapshot_adopted(const char *directory, struct nc_snapshot_manifest *manifest_out)
{
	struct nc_buf bytes = { 0 };
	int err = nc_snapshot_file_read(directory, NC_SNAPSHOT_ADOPTED_FILE, &bytes);
	if (err == NC_OK && nc_snapshot_manifest_get(nc_buf_slice(&bytes), manifest_out) != NC_OK)
		err = NC_NOTFOUND;
	nc_buf_release(&bytes);
	return err;
}
