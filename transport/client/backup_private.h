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
	uint64_t connection; /* nc_client_connections() when it began: all of it comes over one */
	char inbox[NC_CLIENT_INBOX_SIZE];
	char id[NC_CLIENT_ID_SIZE];
	char answer[NC_BACKUP_SUBJECT_MAX]; /* where the last chunk is answered; "": nowhere */
	struct nc_buf info;                 /* the node's answer, with a NUL */
	struct nc_backup_file files[NC_BACKUP_FILES_MAX];
	size_t file_count, file; /* which file is coming */
	uint64_t offset, chunks, bytes;
	uint8_t digest[NC_SHA256_SIZE];
	natsMsg *held; /* the chunk that was given last */
	struct nacre_backup_chunk chunk;
	bool taken;                 /* the program has taken `held`, which must be answered */
	bool over;                  /* the node has said that it is over: it need not be told */
	int result;                 /* NACRE_OK while it goes on; then how it ended */
	struct nacre_error failure; /* why it ended, if not well */
};

/* Read id and files of the node's answer, and copy the answer. False if it is not understood. */
bool nc_client_backup_info(struct nacre_backup *backup, struct nc_slice body);

#endif
