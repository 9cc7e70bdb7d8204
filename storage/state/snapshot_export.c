/* SPDX-License-Identifier: GPL-3.0-or-later */
/* snapshot_export.c -- a checkpoint held by WiredTiger's backup cursor, and its files read. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/state/snapshot_private.h"

#define CHECKPOINT "checkpoint=WiredTigerCheckpoint"

struct nc_snapshot_export {
	struct nc_wt_state *state;
	WT_SESSION *session;
	WT_CURSOR *backup; /* keeps the checkpoint's pages while it is open */
	WT_CURSOR *meta;   /* of that checkpoint, whatever others come */
	struct nc_snapshot_manifest manifest;
	int fd; /* of file `open_file`; -1: none */
	uint32_t open_file;
};

int nc_snapshot_applied_read(WT_SESSION *session, const char *cursor_config,
                             struct nc_wt_handler *handler, struct nc_state_applied *applied_out)
{
	char uri[64];
	WT_CURSOR *cursor;
	(void)snprintf(uri, sizeof uri, "table:%s", nc_wt_table_names[NC_WT_MARKS]);
	int wt = session->open_cursor(session, uri, NULL, cursor_config, &cursor);
	if (wt != 0)
		return nc_wt_err(handler, wt);
	WT_ITEM value = { .size = 0 };
	cursor->set_key(cursor, "applied");
	wt = cursor->search(cursor);
	if (wt == 0)
		wt = cursor->get_value(cursor, &value);
	struct nc_state_applied applied = { 0 }; /* no mark: nothing was applied yet */
	int err = wt == WT_NOTFOUND ? NC_OK : nc_wt_err(handler, wt);
	if (wt == 0 && value.size != 16) {
		err = NC_CORRUPT;
	} else if (wt == 0) {
		applied = (struct nc_state_applied){ nc_get_u64(value.data),
			                             nc_get_u64((const uint8_t *)value.data + 8) };
	}
	wt = cursor->close(cursor);
	if (err == NC_OK)
		err = nc_wt_err(handler, wt);
	if (err == NC_OK)
		*applied_out = applied;
	return err;
}

static void file_path(const struct nc_snapshot_export *snapshot, uint32_t file, char *path,
                      size_t size)
{
	(void)snprintf(path, size, "%s/%s", snapshot->state->directory,
	               snapshot->manifest.files[file].name);
}

static int file_add(struct nc_snapshot_export *snapshot, const char *name)
{
	struct nc_snapshot_manifest *manifest = &snapshot->manifest;
	if (manifest->file_count == NC_SNAPSHOT_FILES_MAX || strlen(name) >= NC_SNAPSHOT_NAME_SIZE)
		return NC_UNSUPPORTED;
	struct nc_snapshot_file *file = &manifest->files[manifest->file_count];
	(void)snprintf(file->name, sizeof file->name, "%s", name);
	char path[PATH_MAX];
	struct stat info;
	file_path(snapshot, manifest->file_count, path, sizeof path);
	if (stat(path, &info) != 0)
		return NC_IO;
	file->size = (uint64_t)info.st_size;
	manifest->file_count++;
	return NC_OK;
}

static int files_list(struct nc_snapshot_export *snapshot)
{
	int wt, err = NC_OK;
	while (err == NC_OK && (wt = snapshot->backup->next(snapshot->backup)) == 0) {
		const char *name;
		wt = snapshot->backup->get_key(snapshot->backup, &name);
		err = wt == 0 ? file_add(snapshot, name) : nc_wt_err(&snapshot->state->handler, wt);
	}
	if (err == NC_OK && wt != WT_NOTFOUND)
		err = nc_wt_err(&snapshot->state->handler, wt);
	return err;
}

static int meta_open(struct nc_snapshot_export *snapshot)
{
	char uri[64];
	WT_SESSION *session = snapshot->session;
	(void)snprintf(uri, sizeof uri, "table:%s", nc_wt_table_names[NC_SPACE_META]);
	int wt = session->open_cursor(session, uri, NULL, CHECKPOINT, &snapshot->meta);
	return nc_wt_err(&snapshot->state->handler, wt);
}

/* Open the backup cursor. `checkpointing` is held, so that no checkpoint comes between it and
 * reading what the last one has applied. */
static int checkpoint_hold(struct nc_snapshot_export *snapshot)
{
	struct nc_wt_state *state = snapshot->state;
	WT_SESSION *session = snapshot->session;
	int wt = session->open_cursor(session, "backup:", NULL, NULL, &snapshot->backup);
	if (wt == EINVAL || wt == EBUSY) {
		snapshot->backup = NULL;
		return NC_BUSY;
	}
	int err = nc_wt_err(&state->handler, wt);
	if (err == NC_OK)
		err = files_list(snapshot);
	if (err == NC_OK) {
		err = nc_snapshot_applied_read(session, CHECKPOINT, &state->handler,
		                               &snapshot->manifest.applied);
	}
	return err == NC_OK ? meta_open(snapshot) : err;
}

int nc_snapshot_export_open(struct nc_state *base, struct nc_snapshot_export **export_out)
{
	struct nc_wt_state *state = nc_wt_state_of(base);
	struct nc_snapshot_export *snapshot = calloc(1, sizeof *snapshot);
	if (snapshot == NULL)
		return NC_NOMEM;
	snapshot->state = state;
	snapshot->fd = -1;
	int err = nc_wt_broken(state);
	if (err == NC_OK &&
	    getrandom(snapshot->manifest.id, NC_SNAPSHOT_ID_SIZE, 0) != NC_SNAPSHOT_ID_SIZE)
		err = NC_IO;
	pthread_mutex_lock(&state->checkpointing);
	if (err == NC_OK && state->exporting)
		err = NC_BUSY;
	if (err == NC_OK) {
		err = nc_wt_err(&state->handler,
		                state->connection->open_session(state->connection, NULL, NULL,
		                                                &snapshot->session));
	}
	if (err == NC_OK)
		err = checkpoint_hold(snapshot);
	if (err == NC_OK)
		state->exporting = true;
	pthread_mutex_unlock(&state->checkpointing);
	if (err != NC_OK) {
		if (snapshot->session != NULL)
			(void)snapshot->session->close(snapshot->session, NULL);
		free(snapshot);
		return err;
	}
	*export_out = snapshot;
	return NC_OK;
}

const struct nc_snapshot_manifest *
nc_snapshot_export_manifest(const struct nc_snapshot_export *snapshot)
{
	return &snapshot->manifest;
}

int nc_snapshot_export_meta(struct nc_snapshot_export *snapshot, struct nc_slice key,
                            struct nc_buf *buf)
{
	WT_CURSOR *cursor = snapshot->meta;
	struct nc_wt_handler *handler = &snapshot->state->handler;
	WT_ITEM item = { .data = key.data, .size = key.size };
	cursor->set_key(cursor, &item);
	int wt = cursor->search(cursor);
	if (wt == 0)
		wt = cursor->get_value(cursor, &item);
	int err = nc_wt_err(handler, wt);
	if (err == NC_OK)
		nc_buf_put(buf, item.data, item.size);
	wt = cursor->reset(cursor);
	if (err == NC_OK)
		err = nc_wt_err(handler, wt);
	return err == NC_OK ? nc_buf_status(buf) : err;
}

static int file_open(struct nc_snapshot_export *snapshot, uint32_t file)
{
	if (snapshot->fd >= 0 && snapshot->open_file == file)
		return NC_OK;
	if (snapshot->fd >= 0)
		(void)close(snapshot->fd);
	char path[PATH_MAX];
	file_path(snapshot, file, path, sizeof path);
	snapshot->fd = open(path, O_RDONLY | O_CLOEXEC);
	snapshot->open_file = file;
	return snapshot->fd >= 0 ? NC_OK : NC_IO;
}

int nc_snapshot_export_read(struct nc_snapshot_export *snapshot, uint32_t file, uint64_t offset,
                            size_t size_max, struct nc_buf *buf)
{
	const struct nc_snapshot_manifest *manifest = &snapshot->manifest;
	if (file >= manifest->file_count || offset >= manifest->files[file].size || size_max == 0)
		return NC_INVALID;
	uint64_t left = manifest->files[file].size - offset;
	size_t size = left < size_max ? (size_t)left : size_max;
	int err = file_open(snapshot, file);
	if (err != NC_OK)
		return err;
	size_t start = buf->size;
	uint8_t *room = nc_buf_extend(buf, size);
	if (room == NULL)
		return NC_NOMEM;
	for (size_t have = 0; have < size;) {
		ssize_t got = pread(snapshot->fd, room + have, size - have, (off_t)(offset + have));
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) { /* the file is shorter than it was: the checkpoint was not held */
			buf->size = start;
			return NC_IO;
		}
		have += (size_t)got;
	}
	return NC_OK;
}

void nc_snapshot_export_close(struct nc_snapshot_export *snapshot)
{
	if (snapshot == NULL)
		return;
	struct nc_wt_state *state = snapshot->state;
	if (snapshot->fd >= 0)
		(void)close(snapshot->fd);
	pthread_mutex_lock(&state->checkpointing);
	(void)snapshot->session->close(snapshot->session, NULL); /* its cursors with it */
	state->exporting = false;
	pthread_mutex_unlock(&state->checkpointing);
	free(snapshot);
}
