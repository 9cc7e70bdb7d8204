/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A store out of a backup: what a node that fetched a state does, with files in place of a peer,
 * and with nobody else in the cluster. */
#include "core/node/data/restore.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/digits.h"
#include "core/node/common/say.h"
#include "core/node/data/adopter.h"
#include "core/node/data/backup_read.h"
#include "core/node/data/install.h"
#include "core/node/data/store.h"
#include "storage/log/files.h"

#define SELF 1 /* number of a node alone */

static void path_make(char path[PATH_MAX], const struct nc_config *config, const char *name)
{
	(void)snprintf(path, PATH_MAX, "%s/%s", config->data_dir, name);
}

/* ---- The directory --------------------------------------------------------------------------- */

bool nc_restore_unfinished(const char *data_dir)
{
	char path[PATH_MAX];
	(void)snprintf(path, sizeof path, "%s/%s", data_dir, NC_RESTORE_MARK);
	return access(path, F_OK) == 0;
}

static int empty_check(const struct nc_config *config)
{
	bool holds;
	if (nc_store_directory_holds(config->data_dir, &holds) != NC_OK) {
		nc_say_error("%s: %s", config->data_dir, strerror(errno));
		return NC_IO;
	}
	if (!holds)
		return NC_OK;
	nc_say_error("%s is not empty; restore into an empty directory, or a new one",
	             config->data_dir);
	return NC_CONFLICT;
}

/* Write the mark: from now on no node starts on this directory. */
static int mark_make(const struct nc_config *config)
{
	char path[PATH_MAX];
	path_make(path, config, NC_RESTORE_MARK);
	FILE *file = fopen(path, "we");
	if (file == NULL || fclose(file) != 0) {
		int number = errno;
		nc_say_error("%s: %s", path, strerror(number));
		return nc_files_err(number);
	}
	return nc_files_sync_directory(config->data_dir);
}

static int mark_remove(const struct nc_config *config)
{
	char path[PATH_MAX];
	path_make(path, config, NC_RESTORE_MARK);
	return unlink(path) == 0 ? nc_files_sync_directory(config->data_dir) : NC_IO;
}

/* ---- The state ------------------------------------------------------------------------------- */

static int stage_fill(const struct nc_config *config, struct nc_backup_read *backup)
{
	char incoming[PATH_MAX];
	struct nc_snapshot_stage *stage;
	path_make(incoming, config, NC_INSTALL_INCOMING);
	int err = nc_snapshot_stage_open(incoming, nc_backup_read_manifest(backup), &stage);
	if (err == NC_FULL)
		nc_say_error("%s: the disk has no room for it", config->data_dir);
	if (err != NC_OK)
		return err;
	err = nc_backup_read_files(backup, stage);
	nc_snapshot_stage_close(stage);
	return err;
}

static void on_adopted(void *ctx, int err)
{
	*(int *)ctx = err;
}

/* Open and read every table, in a process of its own, since damage may end it. */
static int adopt(const struct nc_config *config)
{
	char incoming[PATH_MAX];
	struct nc_adopter *adopter;
	uv_loop_t loop;
	int err = NC_IO;
	path_make(incoming, config, NC_INSTALL_INCOMING);
	if (uv_loop_init(&loop) != 0)
		return NC_IO;
	int started = nc_adopter_start(&loop, incoming, on_adopted, &err, &adopter);
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	if (started == NC_OK)
		nc_adopter_stop(adopter);
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	(void)uv_loop_close(&loop);
	return started == NC_OK ? err : started;
}

/* The state is whole, but a newer build may have written it. */
static int build_check(const struct nc_config *config)
{
	char files[PATH_MAX];
	path_make(files, config, NC_INSTALL_INCOMING "/" NC_SNAPSHOT_FILES);
	return nc_store_state_check(config, files);
}

static int state_take(const struct nc_config *config, struct nc_backup_read *backup)
{
	char incoming[PATH_MAX];
	(void)printf(
	        "%llu bytes are checked and copied\n",
	        (unsigned long long)nc_snapshot_manifest_size(nc_backup_read_manifest(backup)));
	(void)fflush(stdout);
	int err = stage_fill(config, backup);
	if (err == NC_OK) {
		(void)printf("every table is read through\n");
		(void)fflush(stdout);
		err = adopt(config);
	}
	if (err == NC_OK)
		err = build_check(config);
	if (err == NC_OK)
		return nc_install_commit(config->data_dir);
	/* nothing has been made of the files yet */
	path_make(incoming, config, NC_INSTALL_INCOMING);
	if (nc_snapshot_remove(incoming) == NC_OK)
		(void)mark_remove(config);
	return err;
}

/* ---- A node alone ---------------------------------------------------------------------------- */

static int tell(const struct nc_config *config, const struct nc_store *store)
{
	struct nc_engine_head head;
	char digest[2 * NC_SHA256_SIZE + 1];
	int err = nc_store_head(store, &head);
	if (err != NC_OK)
		return err;
	nc_digits_hex_text(digest, head.digest, sizeof head.digest);
	(void)printf("%s: store %s, node %s, events through position %llu, digest %s\n",
	             config->data_dir, config->store_id, config->node_id,
	             (unsigned long long)head.position, digest);
	return NC_OK;
}

static int store_make(const struct nc_config *config, struct nc_state_applied applied)
{
	struct nc_store store;
	int err = nc_store_open_begun(config, &store);
	if (err != NC_OK)
		return err;
	err = nc_store_be_alone(&store, SELF, applied.term);
	if (err == NC_OK)
		err = tell(config, &store);
	nc_store_close(&store);
	return err;
}

static int restore(const struct nc_config *config, struct nc_backup_read *backup)
{
	int err = nc_store_directory_make(config->data_dir);
	if (err == NC_OK)
		err = empty_check(config);
	if (err == NC_OK)
		err = mark_make(config);
	if (err == NC_OK)
		err = state_take(config, backup);
	if (err == NC_OK)
		err = store_make(config, nc_backup_read_manifest(backup)->applied);
	return err == NC_OK ? mark_remove(config) : err;
}

int nc_restore(const struct nc_config *config, const char *from)
{
	struct nc_backup_read *backup;
	int err = nc_backup_read_open(from, &backup);
	if (err == NC_OK) {
		err = restore(config, backup);
		nc_backup_read_close(backup);
	}
	if (err != NC_OK) {
		nc_say_error("%s: not restored from %s: %s", config->data_dir, from,
		             nc_err_name(err));
		return err;
	}
	(void)printf(
	        "Done. It is a cluster of its own, of one node: start it as any other. Nodes of "
	        "the old one must not run beside it under the same store's name.\n");
	return NC_OK;
}
