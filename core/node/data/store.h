/* SPDX-License-Identifier: GPL-3.0-or-later */
/* store.h -- a data directory, opened: identity, log, state, engine.
 *
 *   <data dir>/identity, identity.copy, lock    whose it is
 *   <data dir>/log/                             the Raft log
 *   <data dir>/state/                           the tables
 */
#ifndef NC_CORE_NODE_DATA_STORE_H
#define NC_CORE_NODE_DATA_STORE_H

#include "core/engine/engine.h"
#include "core/node/common/config.h"
#include "core/raft/log.h"
#include "storage/log/identity.h"

struct nc_store {
	struct nc_identity_file *identity;
	struct nc_log *log;
	struct nc_log_recovery recovery;
	struct nc_state *state;
	struct nc_engine *engine;
	uint64_t disk_reserve; /* bytes to keep free */
};

/* `mkdir -p`. Errors: NC_INVALID, too long; NC_IO, NC_FULL; said. */
int nc_store_directory_make(const char *path);

/* Whether anything lies in it; of a disk of its own, a directory that the file system has made does
 * not count. Errors: NC_IO, it is not there or cannot be read; errno says why. */
int nc_store_directory_holds(const char *path, bool *holds_out);

/* Open or make everything in config->data_dir; what is wrong is said on stderr. Call it before the
 * process has threads. Errors: NC_BUSY, NC_CONFLICT, NC_CORRUPT, NC_UNSUPPORTED, NC_FULL, NC_IO,
 * NC_NOMEM. */
int nc_store_open(const struct nc_config *config, struct nc_store *store_out);

/* Likewise, for restore.h alone: of what it has begun, and others may not open. */
int nc_store_open_begun(const struct nc_config *config, struct nc_store *store_out);

/* Whether this build can go on from the state in the directory `path`, said on stderr where it
 * cannot. Errors: NC_UNSUPPORTED, a newer build's; as nc_store_open(). */
int nc_store_state_check(const struct nc_config *config, const char *path);

/* Behind all that the log has, and in the term after `term`, which this node votes for itself in:
 * it is the only member. Errors: those of nc_log_append(). */
int nc_store_be_alone(struct nc_store *store, uint64_t self, uint64_t term);

/* The head as of what is applied. Errors: NC_IO, NC_NOMEM, NC_CORRUPT. */
int nc_store_head(const struct nc_store *store, struct nc_engine_head *head_out);

/* Close a store in which nothing was applied. One that was never opened is {0}. */
void nc_store_close(struct nc_store *store);
/* Checkpoint and close, at a node's end. Errors, which are said: the checkpoint failed; it is
 * closed all the same, and the log has what the state on the disk lacks. NC_CORRUPT: stored data do
 * not hold. */
int nc_store_end(struct nc_store *store);

#endif
