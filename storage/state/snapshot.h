/* SPDX-License-Identifier: GPL-3.0-or-later */
/* snapshot.h -- a state on its way to another node, in four steps:
 *
 *   export   a completed checkpoint, held as it is while its files are read (snapshot_export.c)
 *   stage    a directory that takes the files in, a chunk at a time (snapshot_stage.c)
 *   adopt    what was staged, opened and verified, made a state directory (snapshot_adopt.c)
 *   swap     into the place of the old state: core/node/data/install.h, since the log has to follow
 *
 * The files are those of WiredTiger's backup cursor. While that is open, the pages of its
 * checkpoint stay where they are. But other pages are written around them, so a byte that belongs
 * to no page of the checkpoint may differ between two reads. That is why chunks have hashes and
 * files have none, and why chunks of two exports must not be mixed: each manifest has an id, and a
 * stage that is given another one begins anew.
 *
 * Threads:   an export and a stage each belong to one thread at a time, any.
 * Ownership: an export borrows the state and must be closed before it.
 * Errors:    NC_OK or a negative enum nc_err; out-parameters are written on NC_OK only.
 */
#ifndef NC_STORAGE_STATE_SNAPSHOT_H
#define NC_STORAGE_STATE_SNAPSHOT_H

#include "core/base/sha256.h"
#include "core/engine/state.h"

#define NC_SNAPSHOT_ID_SIZE   16           /* bytes */
#define NC_SNAPSHOT_FILES_MAX 32           /* of one state */
#define NC_SNAPSHOT_NAME_SIZE 32           /* bytes with the NUL */
#define NC_SNAPSHOT_CHUNK_MAX (512u << 10) /* bytes of a file in one chunk */

/* ---- The manifest --------------------------------------------------------------------------- */

struct nc_snapshot_file {
	char name[NC_SNAPSHOT_NAME_SIZE]; /* without a path */
	uint64_t size;                    /* bytes that belong to the checkpoint */
};

struct nc_snapshot_manifest {
	uint8_t id[NC_SNAPSHOT_ID_SIZE]; /* of this export, random */
	struct nc_state_applied applied; /* what the checkpoint has applied, exactly */
	uint32_t file_count;
	struct nc_snapshot_file files[NC_SNAPSHOT_FILES_MAX];
};

/* Append the manifest's bytes, with a checksum (docs/formats-state.md). */
void nc_snapshot_manifest_put(const struct nc_snapshot_manifest *manifest, struct nc_buf *buf);

/* Read a manifest. Its bytes may come from anywhere, so names that are not those of a state's files
 * are refused. Errors: NC_INVALID. */
int nc_snapshot_manifest_get(struct nc_slice bytes, struct nc_snapshot_manifest *manifest_out);

/* How many bytes all files have together. */
uint64_t nc_snapshot_manifest_size(const struct nc_snapshot_manifest *manifest);

/* ---- Export --------------------------------------------------------------------------------- */

struct nc_snapshot_export;

/* Hold the last completed checkpoint of a state that nc_wt_state_open() gave. The state goes on,
 * and so do checkpoints, but the space of old pages is not used again meanwhile. Errors: NC_BUSY,
 * another export is open; NC_IO; NC_NOMEM; NC_CORRUPT. */
int nc_snapshot_export_open(struct nc_state *state, struct nc_snapshot_export **export_out);

/* Valid until the export is closed. */
const struct nc_snapshot_manifest *nc_snapshot_export_manifest(const struct nc_snapshot_export *);

/* Append a row of NC_SPACE_META as the checkpoint has it. Errors: NC_NOTFOUND; NC_IO; NC_NOMEM;
 * NC_CORRUPT. */
int nc_snapshot_export_meta(struct nc_snapshot_export *snapshot, struct nc_slice key,
                            struct nc_buf *buf);

/* Append up to `size_max` bytes of file number `file`, from `offset` on, to `buf`.
 * Errors: NC_INVALID, no such file, or `offset` is not within it; NC_IO; NC_NOMEM. */
int nc_snapshot_export_read(struct nc_snapshot_export *snapshot, uint32_t file, uint64_t offset,
                            size_t size_max, struct nc_buf *buf);

/* NULL is a no-op. */
void nc_snapshot_export_close(struct nc_snapshot_export *snapshot);

/* ---- Stage ---------------------------------------------------------------------------------- */

struct nc_snapshot_stage;

/* Begin to take the files of `manifest` into `directory`. If the beginning of this very snapshot is
 * there already, it is continued; anything else in the directory is removed. Errors: NC_FULL, the
 * disk has no room for all of the files; NC_IO; NC_NOMEM. */
int nc_snapshot_stage_open(const char *directory, const struct nc_snapshot_manifest *manifest,
                           struct nc_snapshot_stage **stage_out);

/* The place from which bytes are wanted next. False if all are there. */
bool nc_snapshot_stage_next(const struct nc_snapshot_stage *stage, uint32_t *file_out,
                            uint64_t *offset_out);

/* Take a chunk. One that was taken already is ignored: NC_OK. Now and then, and at the end of each
 * file, what was taken becomes durable, and with it a note of how far that is. Errors: NC_INVALID,
 * the chunk is empty, reaches beyond the file, or is not from the place that is wanted next;
 * NC_CORRUPT, its bytes do not have this hash; NC_FULL; NC_IO. */
int nc_snapshot_stage_put(struct nc_snapshot_stage *stage, uint32_t file, uint64_t offset,
                          struct nc_slice bytes, const uint8_t sha256[NC_SHA256_SIZE]);

/* How many bytes were taken so far. */
uint64_t nc_snapshot_stage_size(const struct nc_snapshot_stage *stage);

/* Close the stage. What was taken stays for the next time. NULL is a no-op. */
void nc_snapshot_stage_close(struct nc_snapshot_stage *stage);

/* The directory in a stage's directory that has the files, and takes the old state's place. */
#define NC_SNAPSHOT_FILES "files"

/* ---- Adopt ---------------------------------------------------------------------------------- */

#define NC_SNAPSHOT_FAULT_SIZE 512

/* Make of a whole stage a directory that nc_wt_state_open() opens. WiredTiger brings the files into
 * their usual form, every table is read through and its checksums are checked, and what it has
 * applied is compared with the manifest. It does no harm to do so again. Damage may make WiredTiger
 * abort, so call this in a process of its own. Errors: NC_CORRUPT, and `fault` has a line that says
 * why; NC_NOTFOUND, the stage is not whole; NC_IO; NC_FULL. */
int nc_snapshot_adopt(const char *directory, struct nc_snapshot_manifest *manifest_out,
                      char fault[NC_SNAPSHOT_FAULT_SIZE]);

/* The manifest of a stage that nc_snapshot_adopt() has accepted. Errors: NC_NOTFOUND, it has
 * accepted none there; NC_IO. */
int nc_snapshot_adopted(const char *directory, struct nc_snapshot_manifest *manifest_out);

/* Remove a directory and all files in it. If there is no such directory, nothing happens: NC_OK.
 * Errors: NC_IO. */
int nc_snapshot_remove(const char *directory);

#endif
