/* SPDX-License-Identifier: Apache-2.0 */
/* backup_private.h -- a backup that comes in, as its two files share it: backup_info.c understands
 * what there will be, backup.c takes it. */
#ifndef NC_TRANSPORT_CLIENT_BACKUP_PRIVATE_H
#define NC_TRANSPORT_CLIENT_BACKUP_PRIVATE_H

#include "core/base/sha256.h"
#include "transport/client/client_private.h"

#define NC_BACKUP_FILES_MAX   64
#define NC_BACKUP_NAME_SIZE   64  /* bytes with the NUL */
#define NC_BACKUP_SUBJECT_MAX 256 /* bytes of where chunks are answered */

struct nc_backup_file {
	char name[NC_BACKUP_NAME_SIZE];
	uint64_t size;
};

struct nacre_backup {
	struct nacre_client *client;
	natsSubscription *sub;
	uint64_t connection; /* over which all of it comes */
	char inbox[NC_CLIENT_INBOX_SIZE];
	char id[NC_CLIENT_ID_SIZE];
	char answer[NC_BACKUP_SUBJECT_MAX]; /* to what came last; "": it wants none */
	struct nc_buf info;                 /* with a NUL */
	struct nc_backup_file files[NC_BACKUP_FILES_MAX];
	size_t file_count, file; /* the one that comes */
	uint64_t offset, chunks, bytes;
	uint8_t digest[NC_SHA256_SIZE];
	natsMsg *held; /* the chunk that was given last */
	struct nacre_backup_chunk chunk;
	bool taken;                 /* `held` is, and is to be answered */
	bool over;                  /* the node has said so: it need not be told */
	int result;                 /* NACRE_OK: it goes on; else how it ended */
	struct nacre_error failure; /* why */
};

/* The node's answer: id and files; a copy of it all. False: not understood. */
bool nc_client_backup_info(struct nacre_backup *backup, struct nc_slice body);

#endif
