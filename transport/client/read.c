/* SPDX-License-Identifier: Apache-2.0 */
/* A reader: pages of events, each asked for where the one before said to go on. */
#include <stdlib.h>
#include <string.h>

#include "transport/client/client_private.h"

#define PAGE_EVENTS 1000u /* fewer than nats.c lets wait in a subscription */

struct nacre_reader {
	struct nacre_client *client;
	struct nc_buf subject; /* NUL-terminated */
	natsSubscription *sub; /* of the page being read; NULL between pages */
	natsMsg *msg;          /* the event last given */
	struct nacre_read read;
	uint64_t next;  /* `from` of the next page; 0: open */
	uint64_t given; /* events so far */
	bool ended;
};

static int subject_put(struct nc_buf *out, const char *root, const struct nacre_read *read)
{
	static const char *const verbs[] = { "read", "all", "type", "category" };
	nc_buf_printf(out, "%s.%s%s", root, read->direct ? "direct." : "", verbs[read->source]);
	if (read->source != NACRE_ALL) {
		nc_buf_put_u8(out, '.');
		nc_client_put_name(out, read->name, read->source == NACRE_STREAM);
	}
	nc_buf_put_u8(out, '\0');
	return nc_buf_status(out) == NC_OK ? NACRE_OK : NACRE_NOMEM;
}

static uint64_t page_limit(const struct nacre_reader *reader)
{
	uint64_t left = reader->read.limit == 0 ? UINT64_MAX : reader->read.limit - reader->given;
	return left < PAGE_EVENTS ? left : PAGE_EVENTS;
}

static natsStatus request_send(struct nacre_reader *reader, const char *inbox, const char *body)
{
	natsMsg *msg = NULL;
	natsStatus status =
	        natsMsg_Create(&msg, (char *)reader->subject.data, inbox, body, (int)strlen(body));
	if (status == NATS_OK && reader->read.direct && reader->read.min_position > 0) {
		char number[24];
		(void)snprintf(number, sizeof number, "%llu",
		               (unsigned long long)reader->read.min_position);
		status = natsMsgHeader_Add(msg, "Es-Min-Position", number);
	}
	if (status == NATS_OK)
		status = natsConnection_PublishMsg(reader->client->nc, msg);
	natsMsg_Destroy(msg);
	return status;
}

static natsStatus page_ask(struct nacre_reader *reader)
{
	struct nc_buf body = { 0 };
	nc_buf_printf(&body, "{\"limit\":%llu,\"max_bytes\":8388608",
	              (unsigned long long)page_limit(reader));
	if (reader->next > 0)
		nc_buf_printf(&body, ",\"from\":%llu", (unsigned long long)reader->next);
	if (reader->read.to > 0)
		nc_buf_printf(&body, ",\"to\":%llu", (unsigned long long)reader->read.to);
	nc_buf_put_str(&body, reader->read.backward ? ",\"dir\":\"backward\"}" : "}");
	nc_buf_put_u8(&body, '\0');
	natsInbox *inbox = NULL;
	natsStatus status =
	        nc_buf_status(&body) == NC_OK ? natsInbox_Create(&inbox) : NATS_NO_MEMORY;
	if (status == NATS_OK)
		status = natsConnection_SubscribeSync(&reader->sub, reader->client->nc, inbox);
	if (status == NATS_OK)
		status = natsSubscription_SetPendingLimits(reader->sub, -1, -1);
	if (status == NATS_OK)
		status = request_send(reader, inbox, (char *)body.data);
	natsInbox_Destroy(inbox);
	nc_buf_release(&body);
	return status;
}

static void page_end(struct nacre_reader *reader)
{
	natsSubscription_Destroy(reader->sub);
	reader->sub = NULL;
	natsMsg_Destroy(reader->msg);
	reader->msg = NULL;
}

static void event_fill(natsMsg *msg, struct nacre_event *event_out)
{
	*event_out = (struct nacre_event){
		.stream = nc_client_header(msg, "Es-Stream"),
		.type = nc_client_header(msg, "Es-Type"),
		.id = nc_client_header(msg, "Nats-Msg-Id"),
		.time = nc_client_header(msg, "Nats-Time-Stamp"),
		.content_type = nc_client_header(msg, "Content-Type"),
		.tags = nc_client_header(msg, "Es-Tags"),
		.seq = nc_client_header_u64(msg, "Nats-Sequence"),
		.pos = nc_client_header_u64(msg, "Es-Position"),
		.data = natsMsg_GetData(msg),
		.size = (size_t)natsMsg_GetDataLength(msg),
	};
}

/* Where a page goes on that is asked for again after it broke off behind this event. Both orders
 * count without gaps enough for that: the next number, or the one before. */
static void mark(struct nacre_reader *reader, const struct nacre_event *event)
{
	uint64_t at = reader->read.source == NACRE_STREAM ? event->seq : event->pos;
	reader->given++;
	reader->next = reader->read.backward ? at - 1 : at + 1;
	reader->ended = reader->next == 0 || reader->given == reader->read.limit;
}

/* One message of the answer. NACRE_OK with *got_out: an event, or else the page's end. */
static int message_take(struct nacre_reader *reader, int64_t deadline_ms,
                        struct nacre_event *event_out, bool *got_out, struct nacre_error *error)
{
	natsMsg_Destroy(reader->msg);
	reader->msg = NULL;
	natsStatus status = NATS_OK;
	if (reader->sub == NULL)
		status = page_ask(reader);
	int64_t left_ms = deadline_ms - nc_client_now_ms();
	if (status == NATS_OK)
		status = natsSubscription_NextMsg(&reader->msg, reader->sub,
		                                  left_ms < 1 ? 1 : left_ms);
	if (status != NATS_OK)
		return nc_client_fail_nats(error, status, "read");
	if (nc_client_is_error(reader->msg, error))
		return error->code == 503 ? NACRE_UNAVAILABLE : NACRE_REFUSED;
	if (*nc_client_header(reader->msg, "Es-Stream") != '\0') {
		event_fill(reader->msg, event_out);
		mark(reader, event_out);
		*got_out = true;
		return NACRE_OK;
	}
	if (strcmp(nc_client_header(reader->msg, "Status"), "204") != 0)
		return nc_client_fail(error, NACRE_PROTOCOL, "read: answer not understood");
	reader->next = nc_client_header_u64(reader->msg, "Es-Next");
	reader->ended = reader->next == 0;
	*got_out = false;
	page_end(reader);
	return NACRE_OK;
}

int nacre_read_next(struct nacre_reader *reader, struct nacre_event *event_out,
                    struct nacre_error *error)
{
	struct nacre_error unseen;
	int64_t deadline_ms = nc_client_now_ms() + reader->client->timeout_ms;
	if (error == NULL)
		error = &unseen;
	for (unsigned attempt = 0; !reader->ended;) {
		bool got = false;
		int result = message_take(reader, deadline_ms, event_out, &got, error);
		if (result == NACRE_OK && got)
			return NACRE_OK;
		if (result == NACRE_OK)
			continue;
		page_end(reader);
		bool again = result == NACRE_UNAVAILABLE || error->code == 429;
		if (!again || !nc_client_pause(attempt++, deadline_ms))
			return result;
	}
	return NACRE_END;
}

int nacre_read_open(struct nacre_client *client, const struct nacre_read *read,
                    struct nacre_reader **reader_out, struct nacre_error *error)
{
	if (read->source > NACRE_CATEGORY)
		return nc_client_fail(error, NACRE_INVALID, "source: not known");
	if (read->source != NACRE_ALL && !nc_client_name_valid(read->name))
		return nc_client_fail(error, NACRE_INVALID, "name: 1 to 255 bytes");
	struct nacre_reader *reader = calloc(1, sizeof *reader);
	if (reader == NULL || subject_put(&reader->subject, client->root, read) != NACRE_OK) {
		nacre_read_close(reader);
		return nc_client_fail(error, NACRE_NOMEM, "out of memory");
	}
	reader->client = client;
	reader->read = *read;
	reader->read.name = NULL; /* the caller's; the subject has it */
	reader->next = read->from;
	*reader_out = reader;
	return NACRE_OK;
}

void nacre_read_close(struct nacre_reader *reader)
{
	if (reader == NULL)
		return;
	page_end(reader);
	nc_buf_release(&reader->subject);
	free(reader);
}
