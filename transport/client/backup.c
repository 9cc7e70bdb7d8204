/* SPDX-License-Identifier: Apache-2.0 */
/* Taking a backup: its files come chunk by chunk. Each chunk is checked against its hash, and at
 * the end all of them against the chain. A chunk is answered when the program asks for the next, so
 * the store sends no faster than the program takes them. All of a backup comes on one subscription,
 * over one connection. */
#include <stdlib.h>
#include <string.h>

#include "core/base/digits.h"
#include "transport/client/backup_private.h"

#define LOOK_MS    500  /* how long to wait before looking whether the connection is the same */
#define SILENCE_MS 4000 /* at least; a node says something each second */

/* ---- Messages -------------------------------------------------------------------------------- */

static bool is_own(const struct nacre_backup *backup, const natsMsg *msg)
{
	return nc_slice_is(nc_client_header(msg, "Es-Backup"), backup->id);
}

/* Tell a node that nobody takes its backup. That happens if a request was repeated while the one
 * before it was still to be answered. */
static void foreign_end(struct nacre_backup *backup, const natsMsg *msg)
{
	const char *reply = natsMsg_GetReply(msg);
	if (reply != NULL)
		(void)natsConnection_Publish(backup->client->nc, reply, "+TERM", 5);
}

/* The next message of this backup. Its heartbeats are passed over, and show that the node is at
 * work; as long as the backup has no id, any heartbeat counts as one. Messages of other backups are
 * passed over too, and show nothing. */
static int message_next(struct nacre_backup *backup, natsMsg **msg_out, struct nacre_error *error)
{
	struct nacre_client *client = backup->client;
	int64_t silence_ms = client->timeout_ms > SILENCE_MS ? client->timeout_ms : SILENCE_MS;
	int64_t until_ms = nc_client_now_ms() + silence_ms;
	for (;;) {
		uint64_t connection = backup->connection;
		natsMsg *msg = NULL;
		natsStatus status = natsSubscription_NextMsg(&msg, backup->sub, LOOK_MS);
		if (nc_client_connections(client->nc, &connection) != NATS_OK ||
		    connection != backup->connection) {
			natsMsg_Destroy(msg);
			return nc_client_fail(
			        error, NACRE_UNAVAILABLE,
			        "the connection was lost, and a part of the backup with it");
		}
		if (status == NATS_TIMEOUT && nc_client_now_ms() < until_ms)
			continue;
		if (status != NATS_OK)
			return nc_client_fail_nats(error, status, "backup");
		bool heartbeat = nc_client_status(msg) == 100, own = is_own(backup, msg);
		if (own && !heartbeat) {
			*msg_out = msg;
			return NACRE_OK;
		}
		if (own || (heartbeat && backup->id[0] == '\0')) {
			until_ms = nc_client_now_ms() + silence_ms;
		} else {
			foreign_end(backup, msg);
		}
		natsMsg_Destroy(msg);
	}
}

static int ask_once(struct nacre_backup *backup, struct nacre_error *error)
{
	struct nc_buf body = { 0 };
	natsMsg *msg = NULL;
	(void)nc_client_connections(backup->client->nc, &backup->connection);
	nc_buf_printf(&body, "{\"deliver\":\"%s\"}", backup->inbox);
	natsStatus status = nc_buf_status(&body) == NC_OK ? NATS_OK : NATS_NO_MEMORY;
	if (status == NATS_OK) {
		status = nc_client_msg_new(backup->client, "backup", backup->inbox, body.data,
		                           body.size, &msg);
	}
	if (status == NATS_OK)
		status = natsConnection_PublishMsg(backup->client->nc, msg);
	natsMsg_Destroy(msg);
	nc_buf_release(&body);
	if (status != NATS_OK)
		return nc_client_fail_nats(error, status, "backup");
	int result = message_next(backup, &msg, error);
	if (result != NACRE_OK)
		return result;
	result = nc_client_judge(msg, error);
	const struct nc_slice answer =
	        nc_slice(natsMsg_GetData(msg), (size_t)natsMsg_GetDataLength(msg));
	if (result == NACRE_OK && !nc_client_backup_info(backup, answer))
		result = nc_client_fail(error, NACRE_PROTOCOL, "backup: answer not understood");
	natsMsg_Destroy(msg);
	return result;
}

/* Ask for a backup. If nobody is there, or somebody else is being given one, ask again: both may be
 * over soon. */
static int ask(struct nacre_backup *backup, struct nacre_error *error)
{
	int64_t deadline_ms = nc_client_now_ms() + backup->client->timeout_ms;
	for (unsigned tries = 0;; tries++) {
		int result = ask_once(backup, error);
		bool again = (result == NACRE_REFUSED && error->code == 429) ||
		             result == NACRE_UNAVAILABLE;
		if (!again || !nc_client_pause(tries, deadline_ms))
			return result;
	}
}

/* ---- Chunks ---------------------------------------------------------------------------------- */

static bool digest_is(const natsMsg *msg, const uint8_t digest[NC_SHA256_SIZE])
{
	char text[2 * NC_SHA256_SIZE];
	nc_digits_hex_bytes(text, digest, NC_SHA256_SIZE);
	return nc_slice_eq(nc_client_header(msg, "Es-Backup-Sha256"), nc_slice(text, sizeof text));
}

/* Go to the next file of which something is left. False if there is none. */
static bool file_next(struct nacre_backup *backup)
{
	while (backup->file < backup->file_count &&
	       backup->offset == backup->files[backup->file].size) {
		backup->file++;
		backup->offset = 0;
	}
	return backup->file < backup->file_count;
}

static bool chunk_fits(struct nacre_backup *backup, const natsMsg *msg, struct nc_slice bytes)
{
	uint64_t number, offset;
	uint8_t sha256[NC_SHA256_SIZE];
	if (!file_next(backup) || bytes.size == 0)
		return false;
	const struct nc_backup_file *file = &backup->files[backup->file];
	if (!nc_client_header_number(msg, "Es-Backup-Chunk", &number) ||
	    number != backup->chunks + 1 ||
	    !nc_slice_is(nc_client_header(msg, "Es-Backup-File"), file->name) ||
	    !nc_client_header_number(msg, "Es-Backup-Offset", &offset) ||
	    offset != backup->offset || bytes.size > file->size - offset)
		return false;
	nc_sha256(&bytes, 1, sha256);
	if (!digest_is(msg, sha256))
		return false;
	nc_sha256_chain(backup->digest, sha256);
	return true;
}

/* Take a chunk. The message is taken over. */
static int chunk_take(struct nacre_backup *backup, natsMsg *msg,
                      const struct nacre_backup_chunk **chunk_out, struct nacre_error *error)
{
	const struct nc_slice bytes =
	        nc_slice(natsMsg_GetData(msg), (size_t)natsMsg_GetDataLength(msg));
	if (!chunk_fits(backup, msg, bytes)) {
		natsMsg_Destroy(msg);
		return nc_client_fail(error, NACRE_PROTOCOL,
		                      "backup: a part is missing, or damaged on the way");
	}
	backup->chunk = (struct nacre_backup_chunk){ .file = backup->files[backup->file].name,
		                                     .offset = backup->offset,
		                                     .data = bytes.data,
		                                     .size = bytes.size };
	backup->chunks++;
	backup->offset += bytes.size;
	backup->bytes += bytes.size;
	backup->held = msg;
	backup->taken = true;
	*chunk_out = &backup->chunk;
	return NACRE_OK;
}

static int end_take(struct nacre_backup *backup, const natsMsg *msg, struct nacre_error *error)
{
	uint64_t chunks, bytes;
	bool whole = !file_next(backup) &&
	             nc_client_header_number(msg, "Es-Backup-Chunks", &chunks) &&
	             nc_client_header_number(msg, "Es-Backup-Bytes", &bytes) &&
	             chunks == backup->chunks && bytes == backup->bytes &&
	             digest_is(msg, backup->digest);
	return whole ? NACRE_END
	             : nc_client_fail(error, NACRE_PROTOCOL, "backup: it ended, and is not whole");
}

static void answer_note(struct nacre_backup *backup, const natsMsg *msg)
{
	const char *reply = natsMsg_GetReply(msg);
	backup->answer[0] = '\0';
	if (reply != NULL && strlen(reply) < sizeof backup->answer)
		memcpy(backup->answer, reply, strlen(reply) + 1);
}

static int chunk_answer(struct nacre_backup *backup, struct nacre_error *error)
{
	natsStatus status = NATS_OK;
	if (backup->taken)
		status = natsConnection_Publish(backup->client->nc, backup->answer, NULL, 0);
	backup->taken = false;
	natsMsg_Destroy(backup->held);
	backup->held = NULL;
	return status == NATS_OK ? NACRE_OK : nc_client_fail_nats(error, status, "backup");
}

static int take(struct nacre_backup *backup, natsMsg *msg,
                const struct nacre_backup_chunk **chunk_out, struct nacre_error *error)
{
	int result = nc_client_judge(msg, error);
	if (result == NACRE_OK && nc_client_status(msg) != 204) {
		answer_note(backup, msg);
		return chunk_take(backup, msg, chunk_out, error);
	}
	if (result == NACRE_OK)
		result = end_take(backup, msg, error);
	backup->over = true; /* also where the node says why */
	natsMsg_Destroy(msg);
	return result;
}

int nacre_backup_next(struct nacre_backup *backup, const struct nacre_backup_chunk **chunk_out,
                      struct nacre_error *error)
{
	natsMsg *msg = NULL;
	if (backup->result == NACRE_OK)
		backup->result = chunk_answer(backup, &backup->failure);
	if (backup->result == NACRE_OK)
		backup->result = message_next(backup, &msg, &backup->failure);
	if (backup->result == NACRE_OK)
		backup->result = take(backup, msg, chunk_out, &backup->failure);
	if (error != NULL && backup->result != NACRE_OK && backup->result != NACRE_END)
		*error = backup->failure;
	return backup->result;
}

/* ---- Life ------------------------------------------------------------------------------------ */

const char *nacre_backup_info(const struct nacre_backup *backup)
{
	return (const char *)backup->info.data;
}

int nacre_backup_open(struct nacre_client *client, struct nacre_backup **backup_out,
                      struct nacre_error *error)
{
	struct nacre_error unseen;
	struct nacre_backup *backup = calloc(1, sizeof *backup);
	error = error == NULL ? &unseen : error;
	if (backup == NULL)
		return nc_client_fail_nomem(error);
	backup->client = client;
	if (!nc_client_inbox_make(client, backup->inbox)) {
		free(backup);
		return nc_client_fail(error, NACRE_CONNECTION, "inbox: no random bytes to be had");
	}
	natsStatus status = nc_client_connections(client->nc, &backup->connection);
	if (status == NATS_OK)
		status = natsConnection_SubscribeSync(&backup->sub, client->nc, backup->inbox);
	int result = status == NATS_OK ? ask(backup, error)
	                               : nc_client_fail_nats(error, status, "backup");
	if (result != NACRE_OK) {
		nacre_backup_close(backup);
		return result;
	}
	*backup_out = backup;
	return NACRE_OK;
}

void nacre_backup_close(struct nacre_backup *backup)
{
	if (backup == NULL)
		return;
	if (!backup->over && backup->answer[0] != '\0') /* the node need not find it out */
		(void)natsConnection_Publish(backup->client->nc, backup->answer, "+TERM", 5);
	natsMsg_Destroy(backup->held);
	nc_client_retire(backup->client, backup->sub, backup->over);
	nc_buf_release(&backup->info);
	free(backup);
}
