/* SPDX-License-Identifier: GPL-3.0-or-later */
/* identity.h -- whose data directory this is. The identity tells an empty disk from a lost one,
 * keeps a second process out, and remembers how far the log was.
 *
 * It is written to two files, "identity" and "identity.copy", one after the other, each with a
 * CRC32C and synced: so one of them always holds. While an identity is open, the file "lock" is
 * locked.
 *
 * Threads: one. Ownership: nc_identity_close(). Errors: NC_OK or a negative enum nc_err.
 */
#ifndef NC_STORAGE_LOG_IDENTITY_H
#define NC_STORAGE_LOG_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

#define NC_IDENTITY_NAME_SIZE  65 /* bytes with the NUL */
#define NC_IDENTITY_FAULT_SIZE 512

struct nc_identity {
	uint8_t cluster_id[16]; /* random, made with the store */
	char store[NC_IDENTITY_NAME_SIZE];
	char node[NC_IDENTITY_NAME_SIZE];
	uint64_t number;     /* under which consensus knows the node */
	uint64_t boot_epoch; /* how often the node has started, this time included */
	uint64_t high_water; /* the log has had a committed entry of this index */
};

struct nc_identity_file;

/* Open the identity in `directory`, which exists, or make a new one for `store` and `node`. The
 * boot epoch is counted up, durably. On failure `fault` says what is wrong and what to do. Errors:
 * NC_BUSY, another process has the directory; NC_CONFLICT, it belongs to another store or node;
 * NC_CORRUPT, neither copy holds, or there are data without an identity; NC_UNSUPPORTED, a newer
 * format; NC_IO; NC_FULL; NC_NOMEM. */
int nc_identity_open(const char *directory, const char *store, const char *node,
                     struct nc_identity_file **file_out, char fault[NC_IDENTITY_FAULT_SIZE]);

/* What the identity says; valid until it is closed. */
const struct nc_identity *nc_identity_get(const struct nc_identity_file *file);

/* Whether the lock still keeps others out. False: the directory was removed, or the lock in it. */
bool nc_identity_is_held(const struct nc_identity_file *file);

/* Remember that the log has had an entry of this index which no other leader can replace. If a
 * later start finds a shorter log, entries were lost. Errors: NC_IO; NC_FULL. */
int nc_identity_high_water(struct nc_identity_file *file, uint64_t index);

/* A state from a peer takes the place of what the log had, so that the log need not reach beyond
 * `index`. Errors: NC_IO; NC_FULL. */
int nc_identity_high_water_lower(struct nc_identity_file *file, uint64_t index);

/* Give the node another number in consensus. For a node of a cluster that has promised nothing
 * under its last number. Errors: NC_IO, NC_FULL: the next start may find either number. */
int nc_identity_renumber(struct nc_identity_file *file, uint64_t number);

/* Close the identity and give up the lock. NULL is a no-op. */
void nc_identity_close(struct nc_identity_file *file);

#endif
