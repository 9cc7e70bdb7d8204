/* SPDX-License-Identifier: GPL-3.0-or-later */
/* identity.h -- whose data directory this is. It tells an empty disk from a lost one, keeps a
 * second process out, and remembers how far the log was.
 *
 * Written twice ("identity", "identity.copy"), each with CRC32C and synced, one after the other:
 * one of them always holds. A lock on "lock" is kept as long as it is open.
 *
 * Threads: one. Errors: NC_OK or a negative enum nc_err; `fault` then says what to do.
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
	uint64_t number;     /* of the node among the voters */
	uint64_t boot_epoch; /* starts so far, this one included */
	uint64_t high_water; /* the log has had an entry of this index, committed */
};

struct nc_identity_file;

/* Open or create the identity in `directory`, which exists; a new one takes `store` and `node`. The
 * boot epoch is counted up, durably. Errors: NC_BUSY, another process has the directory;
 * NC_CONFLICT, it belongs to another store or node; NC_CORRUPT, neither copy holds, or there is
 * data without an identity; NC_UNSUPPORTED; NC_IO; NC_FULL; NC_NOMEM. */
int nc_identity_open(const char *directory, const char *store, const char *node,
                     struct nc_identity_file **file_out, char fault[NC_IDENTITY_FAULT_SIZE]);

const struct nc_identity *nc_identity_get(const struct nc_identity_file *file);

/* Remember that the log has had an entry of this index, and will not lose it to another leader.
 * Errors: NC_IO, NC_FULL. */
int nc_identity_high_water(struct nc_identity_file *file, uint64_t index);

/* A state from a peer takes the place of what the log had: it has to reach no further than `index`.
 * Errors: NC_IO, NC_FULL. */
int nc_identity_high_water_lower(struct nc_identity_file *file, uint64_t index);

/* From now on the node has this number in consensus: a node of a cluster that has promised nothing
 * under its last one. Errors: NC_IO, NC_FULL: it may have either. */
int nc_identity_renumber(struct nc_identity_file *file, uint64_t number);

/* Gives up the lock. NULL is a no-op. */
void nc_identity_close(struct nc_identity_file *file);

#endif
