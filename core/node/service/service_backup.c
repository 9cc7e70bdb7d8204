/* SPDX-License-Identifier: GPL-3.0-or-later */
/* R.backup: this node's state as of now, sent to a subject chunk by chunk, as fast as it is read
 * (decision 0149).
 *
 *   what was acknowledged is applied ─► a checkpoint is held (exporter.h) ─► answered ─► chunks
 *        ─► the end ─► the checkpoint is let go
 *
 * A chunk is answered by who has taken it; a few may be under way. Where nobody listens NATS says
 * so; while nothing is sent a heartbeat asks. All ends are one: nc_backup_over(), then
 * nc_backup_settle(). One at a time. */
#include "core/node/service/service_backup_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/node/common/say.h"
#include "core/node/common/version.h"
#include "transport/nats/body.h"
#include "transport/nats/reply.h"
#include "transport/nats/subject.h"

#define HEARTBEAT_MS 1000u   /* so long after the last message, a heartbeat is sent */
#define PATIENCE_MS  60000u  /* who reads may take so long over a chunk; the disk, too */
#define OPENING_MS   600000u /* how long a checkpoint may take, which may have much to write */

static const char STOPS[] = "this node stops; ask again";

char nc_backup_tag;

/* ---- The end --------------------------------------------------------------------------------- */

void nc_backup_settle(struct nc_backup *backup)
{
	if (backup->phase != NC_BACKUP_OVER || backup->waits || backup->out)
		return;
	if (backup->opened) { /* the checkpoint is not needed any more */
		backup->opened = false;
		backup->job.what.verb = NC_STATE_CLOSE;
		if (nc_backup_job_put(backup) == NC_OK)
			return;
	}
	nc_buf_release(&backup->job.answer);
	nc_buf_release(&backup->manifest_bytes);
	nc_buf_release(&backup->message);
	free(backup);
}

void nc_backup_over(struct nc_backup *backup)
{
	if (backup->phase == NC_BACKUP_OVER)
		return;
	backup->phase = NC_BACKUP_OVER;
	nc_bus_unsubscribe_one(backup->service->bus, backup->answers);
	backup->answers = NULL;
	backup->service->backup = NULL; /* the next one may begin */
}

void nc_backup_fail(struct nc_backup *backup, struct nc_fault fault, const char *text)
{
	struct nc_service *service = backup->service;
	char extra[NC_BACKUP_ID_SIZE + 16];
	bool sending = backup->phase == NC_BACKUP_SENDING;
	if (backup->phase == NC_BACKUP_OVER)
		return;
	(void)snprintf(extra, sizeof extra, "Es-Backup: %s\r\n", backup->id);
	nc_service_error(
	        service, &service->out, sending ? backup->deliver : backup->reply,
	        &service->srv.endpoints[backup->endpoint].stats,
	        &(struct nc_service_refusal){ .fault = fault,
	                                      .text = text,
	                                      .extra = nc_slice_str(sending ? extra : "") });
	if (sending) {
		nc_say_warning("backup: ended after %" PRIu64 " of %" PRIu64 " bytes: %s",
		               backup->sent_bytes, backup->bytes, text);
	}
	nc_backup_over(backup);
}

void nc_backup_gone(struct nc_backup *backup, const char *why)
{
	if (backup->phase == NC_BACKUP_SENDING) {
		nc_say_info("backup: ended after %" PRIu64 " of %" PRIu64 " bytes: %s",
		            backup->sent_bytes, backup->bytes, why);
		nc_backup_over(backup);
	} else { /* the client that asked may not be the receiver, and waits for an answer */
		nc_backup_fail(backup, NC_FAULT_UNAVAILABLE, why);
	}
	nc_backup_settle(backup);
}

bool nc_backup_lost(struct nc_backup *backup)
{
	struct nc_bus *bus = backup->service->bus;
	if (nc_bus_connection(bus) != backup->connection || !nc_bus_connected(bus))
		backup->connection = 0; /* whatever comes, a message was not sent */
	return backup->connection == 0;
}

static void fail_of(struct nc_backup *backup, int err)
{
	char text[96];
	if (err == NC_CLOSED) {
		nc_backup_fail(backup, NC_FAULT_UNAVAILABLE, STOPS);
	} else if (err == NC_BUSY) {
		nc_backup_fail(backup, NC_FAULT_BUSY,
		               "the state is being read from here already; try again");
	} else if (err == NC_NOTFOUND) {
		nc_backup_fail(backup, NC_FAULT_UNAVAILABLE,
		               "a node needs a newer state from here; ask again");
	} else if (err == NC_FULL) {
		nc_backup_fail(backup, NC_FAULT_DISK_FULL,
		               "disk full: there is no room for a checkpoint");
	} else {
		(void)snprintf(text, sizeof text, "the state cannot be read: %s", nc_err_name(err));
		nc_backup_fail(backup, NC_FAULT_UNAVAILABLE, text);
	}
}

/* ---- Jobs ------------------------------------------------------------------------------------ */

static void put_description(const struct nc_backup *backup, struct nc_buf *out)
{
	const struct nc_service *service = backup->service;
	const struct nc_engine_head *head = &backup->job.head;
	char time[NC_TIME_TEXT_SIZE];
	nc_buf_printf(out, "{\"backup\":\"%s\",\"store\":\"%s\",\"cluster_id\":\"", backup->id,
	              service->options.config->store_id);
	nc_buf_put_hex(out, service->options.cluster_id, 16);
	nc_buf_printf(out, "\",\"node\":\"%s\",\"version\":\"%s\",\"pos\":%" PRIu64,
	              service->options.config->node_id, NC_VERSION, head->position);
	if (head->position > 0) {
		nc_time_format(head->time_ns, time);
		nc_buf_printf(out, ",\"time\":\"%s\"", time);
	}
	nc_buf_printf(out, ",\"events\":%" PRIu64 ",\"digest\":\"", head->events);
	nc_buf_put_hex(out, head->digest, sizeof head->digest);
	nc_buf_printf(out, "\",\"bytes\":%" PRIu64 ",\"files\":[", backup->bytes);
	for (uint32_t i = 0; i <= backup->manifest.file_count; i++) {
		nc_buf_printf(out, "%s{\"name\":\"%s\",\"size\":%" PRIu64 "}", i == 0 ? "" : ",",
		              nc_backup_file_name(backup, i), nc_backup_file_size(backup, i));
	}
	nc_buf_put_str(out, "]}");
}

static void on_opened(struct nc_backup *backup)
{
	struct nc_service *service = backup->service;
	nc_buf_put_slice(&backup->manifest_bytes, nc_buf_slice(&backup->job.answer));
	int err = nc_buf_status(&backup->manifest_bytes);
	if (err == NC_OK)
		err = nc_snapshot_manifest_get(nc_buf_slice(&backup->manifest_bytes),
		                               &backup->manifest);
	if (err != NC_OK) {
		fail_of(backup, err);
		return;
	}
	backup->bytes = backup->manifest_bytes.size + nc_snapshot_manifest_size(&backup->manifest);
	nc_buf_clear(&service->out);
	put_description(backup, &service->out);
	nc_service_send_buf(service, backup->reply, &service->out, 0);
	nc_say_info("backup: %" PRIu64 " MiB as of position %" PRIu64, backup->bytes >> 20,
	            backup->job.head.position);
	backup->phase = NC_BACKUP_SENDING;
	backup->said_ms = backup->heard_ms = nc_clock_ms();
	nc_backup_step(backup);
}

static void on_job(struct nc_exporter_job *job)
{
	struct nc_backup *backup = (struct nc_backup *)job;
	bool opens = job->what.verb == NC_STATE_OPEN;
	backup->out = false;
	if (job->err == NC_CLOSED) {
		backup->opened = false; /* the exporter has let everything go */
	} else if (opens) {
		backup->opened = job->err == NC_OK; /* also if nobody wants it any more */
	}
	if (backup->phase != NC_BACKUP_OVER) {
		if (job->err != NC_OK) {
			fail_of(backup, job->err);
		} else if (opens) {
			on_opened(backup);
		} else {
			nc_backup_read_done(backup);
		}
	}
	nc_backup_settle(backup);
}

int nc_backup_job_put(struct nc_backup *backup)
{
	int err = nc_exporter_put(backup->service->options.exporter, &backup->job);
	backup->out = err == NC_OK;
	backup->asked_ms = nc_clock_ms();
	return err;
}

static void on_may_begin(struct nc_replica_wait *wait, int err)
{
	struct nc_backup *backup =
	        (struct nc_backup *)(void *)((char *)wait - offsetof(struct nc_backup, wait));
	struct nc_service *service = backup->service;
	backup->waits = false;
	if (backup->phase != NC_BACKUP_OVER && err == NC_OK) {
		backup->phase = NC_BACKUP_OPENING;
		backup->job.what.verb = NC_STATE_OPEN;
		backup->job.what.index = nc_replica_status(service->replica).applied;
		err = nc_backup_job_put(backup);
		if (err != NC_OK)
			fail_of(backup, err);
	} else if (err != NC_OK) {
		nc_backup_fail(backup, NC_FAULT_UNAVAILABLE, nc_fault_text(NC_FAULT_UNAVAILABLE));
	}
	nc_backup_settle(backup);
}

/* ---- The request ----------------------------------------------------------------------------- */

static bool body_read(struct nc_service *service, struct nc_slice body,
                      char deliver[NC_BACKUP_SUBJECT_SIZE], struct nc_refusal *refusal)
{
	if (!nc_body_name(body, "deliver", deliver, NC_BACKUP_SUBJECT_SIZE, refusal))
		return false;
	if (!nc_subject_reserved(nc_slice_str(deliver), service->options.config->prefix))
		return true;
	refusal->fault = NC_FAULT_REQUEST;
	(void)snprintf(refusal->text, sizeof refusal->text,
	               "deliver: a literal subject outside the store's own, which does not begin "
	               "with '$'");
	return false;
}

static struct nc_backup *backup_new(struct nc_service *service, struct nc_slice reply, int endpoint,
                                    const char *deliver)
{
	static uint64_t serial;
	char pattern[NC_ROOT_SIZE + NC_BACKUP_ID_SIZE + 16];
	struct nc_backup *backup = calloc(1, sizeof *backup + reply.size + 1);
	if (backup == NULL || !nc_backup_id_make(backup->id)) {
		free(backup);
		return NULL;
	}
	backup->service = service;
	backup->endpoint = endpoint;
	backup->wait.fn = on_may_begin;
	backup->job.done = on_job;
	backup->job.reader = NC_EXPORTER_OTHERS + ++serial;
	backup->job.exact = true;
	backup->began_ms = backup->said_ms = nc_clock_ms();
	backup->connection = nc_bus_connection(service->bus);
	(void)snprintf(backup->deliver, sizeof backup->deliver, "%s", deliver);
	if (reply.size > 0)
		memcpy(backup->reply, reply.data, reply.size);
	(void)snprintf(pattern, sizeof pattern, "%s.backup.ack.%s.*", service->root, backup->id);
	if (nc_bus_subscribe_one(service->bus, pattern, &nc_backup_tag, &backup->answers) !=
	    NC_OK) {
		free(backup);
		return NULL;
	}
	return backup;
}

void nc_service_backup(struct nc_service *service, const struct nc_request *request,
                       struct nc_slice reply, int endpoint)
{
	char deliver[NC_BACKUP_SUBJECT_SIZE];
	struct nc_refusal refusal = { .fault = NC_FAULT_BUSY };
	struct nc_backup *backup = NULL;
	bool fine = body_read(service, request->body, deliver, &refusal);
	if (fine && service->drain.closed) { /* it came before the server knew that none may */
		refusal.fault = NC_FAULT_UNAVAILABLE;
		(void)snprintf(refusal.text, sizeof refusal.text, "%s", STOPS);
	} else if (fine && service->backup != NULL) {
		(void)snprintf(refusal.text, sizeof refusal.text,
		               "another backup is being read from this node; try again");
	} else if (fine) {
		(void)snprintf(refusal.text, sizeof refusal.text, "%s",
		               nc_fault_text(NC_FAULT_BUSY));
		backup = backup_new(service, reply, endpoint, deliver);
	}
	if (backup == NULL) {
		nc_service_error(service, &service->out, nc_service_reply_str(reply),
		                 &service->srv.endpoints[endpoint].stats,
		                 &(struct nc_service_refusal){ .fault = refusal.fault,
		                                               .text = refusal.text });
		return;
	}
	service->backup = backup;
	backup->waits = true;
	nc_replica_read(service->replica, &backup->wait);
}

/* ---- Time ------------------------------------------------------------------------------------ */

/* Send a heartbeat. It shows the receiver that the node is there, and a 503 shows that there is no
 * receiver. */
static void heartbeat(struct nc_backup *backup)
{
	nc_buf_clear(&backup->message);
	size_t header_size = nc_backup_heartbeat_put(&backup->message, backup->id);
	nc_backup_publish(backup, backup->answered, header_size);
}

void nc_service_backup_tick(struct nc_service *service)
{
	struct nc_backup *backup = service->backup;
	uint64_t now_ms = nc_clock_ms();
	if (backup == NULL)
		return;
	uint64_t disk_patience_ms = backup->phase == NC_BACKUP_OPENING ? OPENING_MS : PATIENCE_MS;
	bool late = now_ms - backup->began_ms > service->options.config->timeout_ms;
	if (nc_backup_lost(backup)) {
		if (nc_bus_connected(service->bus) || now_ms - backup->said_ms > PATIENCE_MS) {
			nc_backup_fail(
			        backup, NC_FAULT_UNAVAILABLE,
			        "the node's connection was lost, and a part with it; ask again");
		}
	} else if (backup->phase == NC_BACKUP_WAITING && late) {
		nc_backup_fail(backup, NC_FAULT_UNAVAILABLE, nc_fault_text(NC_FAULT_UNAVAILABLE));
	} else if (backup->phase == NC_BACKUP_SENDING && backup->sent > backup->answered &&
	           now_ms - backup->heard_ms > PATIENCE_MS) {
		nc_backup_fail(backup, NC_FAULT_UNAVAILABLE,
		               "nobody has answered a chunk for a minute");
	} else if (backup->out && now_ms - backup->asked_ms > disk_patience_ms) {
		nc_backup_fail(backup, NC_FAULT_UNAVAILABLE,
		               "the state cannot be read: the disk does not answer");
	} else if (now_ms - backup->said_ms >= HEARTBEAT_MS) {
		heartbeat(backup);
	}
	nc_backup_settle(backup);
}

void nc_service_backup_end(struct nc_service *service)
{
	struct nc_backup *backup = service->backup;
	if (backup == NULL)
		return;
	fail_of(backup, NC_CLOSED);
	nc_backup_settle(backup);
}

void nc_service_backup_put(const struct nc_service *service, struct nc_buf *out)
{
	const struct nc_backup *backup = service->backup;
	if (backup == NULL) {
		nc_buf_put_str(out, "null");
		return;
	}
	nc_buf_printf(out, "{\"id\":\"%s\",\"sent\":%" PRIu64 ",\"bytes\":%" PRIu64 "}", backup->id,
	              backup->sent_bytes, backup->bytes);
}
