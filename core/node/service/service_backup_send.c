/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A backup's chunks, and the answers to them. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "core/base/digits.h"
#include "core/node/common/say.h"
#include "core/node/service/service_backup_private.h"

/* Small enough that what is under way does not hold up the answers of appends (decision 0093). */
#define CHUNK_SIZE  (128u << 10) /* bytes */
#define UNDER_WAY   4u           /* chunks that are not answered yet */
#define MANIFEST    "manifest"   /* name of file 0 */
#define SUBJECT_MAX (NC_ROOT_SIZE + NC_BACKUP_ID_SIZE + 48)

bool nc_backup_id_make(char id[NC_BACKUP_ID_SIZE])
{
	uint8_t bytes[(NC_BACKUP_ID_SIZE - 1) / 2];
	if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
		return false;
	nc_digits_hex_text(id, bytes, sizeof bytes);
	return true;
}

const char *nc_backup_file_name(const struct nc_backup *backup, uint32_t file)
{
	return file == 0 ? MANIFEST : backup->manifest.files[file - 1].name;
}

uint64_t nc_backup_file_size(const struct nc_backup *backup, uint32_t file)
{
	return file == 0 ? backup->manifest_bytes.size : backup->manifest.files[file - 1].size;
}

void nc_backup_publish(struct nc_backup *backup, uint64_t number, size_t header_size)
{
	char answer[SUBJECT_MAX];
	struct nc_service *service = backup->service;
	(void)snprintf(answer, sizeof answer, "%s.backup.ack.%s.%" PRIu64, service->root,
	               backup->id, number);
	int err = nc_buf_status(&backup->message);
	if (err == NC_OK) {
		err = nc_bus_publish_block(service->bus, backup->deliver, answer,
		                           nc_buf_slice(&backup->message), header_size);
	}
	if (err != NC_OK && nc_backup_lost(backup))
		return;
	backup->said_ms = nc_clock_ms();
	if (err != NC_OK) {
		nc_backup_fail(backup, NC_FAULT_UNAVAILABLE,
		               "NATS did not take a part of it; ask again");
	}
}

static void chunk_send(struct nc_backup *backup, const uint8_t *sha256, struct nc_slice bytes)
{
	const struct nc_backup_chunk chunk = { .id = backup->id,
		                               .number = ++backup->sent,
		                               .file = nc_backup_file_name(backup, backup->file),
		                               .offset = backup->offset,
		                               .sha256 = sha256,
		                               .bytes = bytes };
	nc_buf_clear(&backup->message);
	size_t header_size = nc_backup_chunk_put(&backup->message, &chunk);
	nc_sha256_chain(backup->digest, sha256);
	if (backup->answered + 1 == backup->sent) /* the receiver was waiting for this node */
		backup->heard_ms = nc_clock_ms();
	backup->offset += bytes.size;
	backup->sent_bytes += bytes.size;
	nc_backup_publish(backup, backup->sent, header_size);
}

/* Everything was sent: send the end, and let the checkpoint go. */
static void end_send(struct nc_backup *backup)
{
	const struct nc_backup_end end = { .id = backup->id,
		                           .chunks = backup->sent,
		                           .bytes = backup->sent_bytes,
		                           .digest = backup->digest };
	nc_buf_clear(&backup->message);
	size_t header_size = nc_backup_end_put(&backup->message, &end);
	nc_backup_publish(backup, backup->sent, header_size);
	if (backup->phase == NC_BACKUP_OVER || nc_backup_lost(backup))
		return;
	nc_say_info("backup: all of its %" PRIu64 " bytes were sent", backup->sent_bytes);
	nc_backup_over(backup);
}

static size_t chunk_size(const struct nc_backup *backup)
{
	size_t payload = nc_bus_max_payload(backup->service->bus);
	size_t room =
	        payload > 2 * NC_BACKUP_HEADERS_MAX ? payload - NC_BACKUP_HEADERS_MAX : payload / 2;
	return room < CHUNK_SIZE ? room : CHUNK_SIZE;
}

/* Send a chunk of the manifest, which is in memory. */
static void manifest_send(struct nc_backup *backup)
{
	uint8_t sha256[NC_SHA256_SIZE];
	struct nc_slice rest =
	        nc_slice_from(nc_buf_slice(&backup->manifest_bytes), (size_t)backup->offset);
	size_t size = chunk_size(backup);
	struct nc_slice bytes = nc_slice(rest.data, rest.size < size ? rest.size : size);
	nc_sha256(&bytes, 1, sha256);
	chunk_send(backup, sha256, bytes);
}

static void read_ask(struct nc_backup *backup)
{
	backup->job.what.verb = NC_STATE_READ;
	backup->job.what.file = backup->file - 1;
	backup->job.what.offset = backup->offset;
	backup->job.what.size = (uint32_t)chunk_size(backup);
	if (nc_backup_job_put(backup) != NC_OK)
		nc_backup_fail(backup, NC_FAULT_BUSY, "too many read the state; try again");
}

static bool may_send(struct nc_backup *backup)
{
	return backup->phase == NC_BACKUP_SENDING && !backup->out && !nc_backup_lost(backup) &&
	       backup->sent - backup->answered < UNDER_WAY;
}

void nc_backup_step(struct nc_backup *backup)
{
	while (may_send(backup)) {
		while (backup->file <= backup->manifest.file_count &&
		       backup->offset == nc_backup_file_size(backup, backup->file)) {
			backup->file++;
			backup->offset = 0;
		}
		if (backup->file == 0) {
			manifest_send(backup);
		} else if (backup->file <= backup->manifest.file_count) {
			read_ask(backup);
		} else {
			end_send(backup);
		}
	}
}

void nc_backup_read_done(struct nc_backup *backup)
{
	const uint8_t *sha256;
	struct nc_slice bytes;
	if (nc_backup_lost(backup))
		return;
	if (nc_state_chunk_get(nc_buf_slice(&backup->job.answer), &sha256, &bytes) != NC_OK) {
		nc_backup_fail(backup, NC_FAULT_UNAVAILABLE, "the state cannot be read");
		return;
	}
	chunk_send(backup, sha256, bytes);
	nc_backup_step(backup);
}

/* ---- Answers --------------------------------------------------------------------------------- */

/* The number that follows "….ack.<id>."; UINT64_MAX: there is none, or it is of another backup. */
static uint64_t number_of(const struct nc_backup *backup, struct nc_slice subject)
{
	uint64_t number = 0;
	size_t before = backup->service->root_size + strlen(".backup.ack.");
	struct nc_slice rest =
	        nc_slice_from(subject, subject.size < before ? subject.size : before);
	if (!nc_slice_starts(rest, nc_slice_str(backup->id)))
		return UINT64_MAX;
	for (size_t i = NC_BACKUP_ID_SIZE; i < rest.size; i++) { /* after the id and its dot */
		if (rest.data[i] < '0' || rest.data[i] > '9' || number > UINT32_MAX)
			return UINT64_MAX;
		number = number * 10 + (rest.data[i] - '0');
	}
	return number;
}

void nc_service_backup_answer(struct nc_service *service, const struct nc_bus_msg *msg)
{
	struct nc_backup *backup = service->backup;
	if (backup == NULL)
		return;
	uint64_t number = number_of(backup, msg->subject);
	if (number > backup->sent)
		return;
	if (nc_bus_no_responders(msg)) {
		nc_backup_gone(backup, "nobody listens any more");
		return;
	}
	if (nc_slice_starts(msg->data, NC_SLICE("+TERM"))) {
		nc_backup_gone(backup, "who reads it has ended it");
		return;
	}
	if (nc_bus_has_status(msg) || number <= backup->answered)
		return; /* an answer to a heartbeat acknowledges no chunk */
	backup->heard_ms = nc_clock_ms();
	backup->answered = number;
	nc_backup_step(backup);
	nc_backup_settle(backup);
}
