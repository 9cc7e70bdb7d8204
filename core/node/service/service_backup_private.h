/* SPDX-License-Identifier: GPL-3.0-or-later */
/* service_backup_private.h -- a backup under way, as its two files share it: service_backup.c has
 * its life, service_backup_send.c its chunks. */
#ifndef NC_CORE_NODE_SERVICE_SERVICE_BACKUP_PRIVATE_H
#define NC_CORE_NODE_SERVICE_SERVICE_BACKUP_PRIVATE_H

#include "core/node/data/exporter.h"
#include "core/node/service/service_private.h"
#include "transport/nats/backup_message.h"

#define NC_BACKUP_SUBJECT_SIZE 256 /* bytes of `deliver` with the NUL */

enum nc_backup_phase {
	NC_BACKUP_WAITING, /* until everything acknowledged is applied here */
	NC_BACKUP_OPENING, /* a checkpoint is being made */
	NC_BACKUP_SENDING,
	NC_BACKUP_OVER /* freed as soon as neither the replica nor the exporter has it */
};

struct nc_backup {
	struct nc_exporter_job job; /* first */
	struct nc_replica_wait wait;
	struct nc_service *service;
	enum nc_backup_phase phase;
	bool waits;  /* the replica has `wait` */
	bool out;    /* the exporter has `job` */
	bool opened; /* a checkpoint is held for it */
	char id[NC_BACKUP_ID_SIZE];
	char deliver[NC_BACKUP_SUBJECT_SIZE];
	struct nc_bus_sub *answers; /* to its chunks */
	int endpoint;
	uint64_t connection; /* number of the one over which all of it leaves; 0: that was lost */
	uint64_t began_ms, said_ms, heard_ms; /* began; last sent something; last heard an answer */
	uint64_t asked_ms;                    /* when the exporter was last given the job */

	/* File 0 is the manifest, file n the n-th file that it names. */
	struct nc_snapshot_manifest manifest;
	struct nc_buf manifest_bytes;
	uint32_t file; /* this and `offset`: the place that is read next */
	uint64_t offset;
	uint64_t sent, answered; /* the numbers of the last chunks that were */
	uint64_t sent_bytes, bytes;
	uint8_t digest[NC_SHA256_SIZE]; /* of what was sent */
	struct nc_buf message;
	char reply[]; /* NUL-terminated; "": the request wanted no answer */
};

/* service_backup.c: it ends, with an error for the request; or as it is. */
void nc_backup_fail(struct nc_backup *backup, struct nc_fault fault, const char *text);
void nc_backup_over(struct nc_backup *backup);
/* The receiver is gone: it ends, and the request is told `why`, unless it was answered. */
void nc_backup_gone(struct nc_backup *backup, const char *why);
/* Whether the connection over which it leaves was lost. Nothing is sent then until there is
 * another, over which the receiver can be told that the backup has failed. */
bool nc_backup_lost(struct nc_backup *backup);
/* If it is over and nobody else has it, free it. To be called last. */
void nc_backup_settle(struct nc_backup *backup);
/* Give the job to the exporter. Errors: NC_BUSY. */
int nc_backup_job_put(struct nc_backup *backup);

/* service_backup_send.c */
bool nc_backup_id_make(char id[NC_BACKUP_ID_SIZE]);
const char *nc_backup_file_name(const struct nc_backup *backup, uint32_t file);
uint64_t nc_backup_file_size(const struct nc_backup *backup, uint32_t file);
/* Read or send what can be now; when everything was sent, the end. */
void nc_backup_step(struct nc_backup *backup);
/* The exporter has read a chunk for the job. */
void nc_backup_read_done(struct nc_backup *backup);
/* Send backup->message. The receiver's answer is to name this number. */
void nc_backup_publish(struct nc_backup *backup, uint64_t number, size_t header_size);

#endif
