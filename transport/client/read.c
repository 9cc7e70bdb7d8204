/* SPDX-License-Identifier: Apache-2.0 */
/* A reader: the events of its pages, one at a time. */
#include <stdlib.h>
#include <string.h>

#include "transport/client/read_private.h"

static void packed_end(struct nacre_reader *reader)
{
	natsMsg_Destroy(reader->packed);
	reader->packed = NULL;
	reader->rest_count = 0;
}

/* Whether `at` lies further along than where the reader stands. */
static bool is_further(const struct nacre_reader *reader, uint64_t at, bool or_same)
{
	if (reader->next == 0 || (or_same && at == reader->next))
		return true;
	return reader->read.backward ? at < reader->next : at > reader->next;
}

/* Note what the node that answered has applied. The node that answers the next page must have
 * applied that too, or the read would end there. */
static void seen(struct nacre_reader *reader, uint64_t position)
{
	if (reader->read.direct && position > reader->min_position)
		reader->min_position = position;
}

/* Note where to go on if the page breaks off behind this event: at the number behind it, or
 * backward at the one before it. */
static int mark(struct nacre_reader *reader)
{
	const struct nacre_event *event = &reader->held.event;
	uint64_t at = reader->read.source == NACRE_STREAM ? event->seq : event->pos;
	if (!is_further(reader, at, true) || reader->last)
		return NACRE_PROTOCOL;
	seen(reader, event->pos);
	reader->given++;
	if (reader->page_given++ == 0)
		reader->page_first = reader->page.from > 0 ? reader->page.from : at;
	reader->next = reader->read.backward ? at - 1 : at + 1;
	reader->last = reader->next == 0 || reader->given == reader->read.limit;
	return NACRE_OK;
}

static int page_closed(struct nacre_reader *reader, natsMsg *msg)
{
	uint64_t next = 0, applied = 0, head_before = reader->head;
	bool more = nc_client_header_number(msg, "Es-Next", &next);
	(void)nc_client_header_number(msg, "Es-Head", &reader->head);
	if (nc_client_header_number(msg, "Es-Applied", &applied))
		seen(reader, applied);
	bool old = reader->page.ahead && reader->head < head_before;
	packed_end(reader);
	nc_client_page_end(reader);
	if (reader->last || (!more && !old)) {
		reader->ended = true;
		return NACRE_OK;
	}
	if (!more) { /* read before the page in front of it was: that knew of more */
		nc_client_pages_drop(reader);
		reader->page_given = 0;
		return NACRE_OK;
	}
	/* A page that gives nothing and goes on nowhere would be asked for for ever. */
	if (next == 0 || !is_further(reader, next, reader->page_given > 0))
		return NACRE_PROTOCOL;
	reader->next = next;
	return NACRE_OK;
}

/* Give the next event of a packed message, if one is left. */
static int packed_take(struct nacre_reader *reader, bool *got_out)
{
	if (reader->rest_count == 0) {
		packed_end(reader);
		return NACRE_OK;
	}
	reader->rest_count--;
	int result = nc_client_event_unpack(&reader->held, &reader->rest);
	if (result == NACRE_OK)
		result = mark(reader);
	*got_out = result == NACRE_OK;
	return result;
}

/* Take a message without a status line, which has one event or many. It is taken over. */
static int events_take(struct nacre_reader *reader, natsMsg *msg, bool *got_out)
{
	int result = NACRE_OK;
	if (nc_client_header(msg, "Es-Stream").size > 0) {
		result = nc_client_event_take(&reader->held, msg);
		if (result == NACRE_OK)
			result = mark(reader);
		*got_out = result == NACRE_OK;
		return result;
	}
	reader->packed = msg;
	reader->rest =
	        nc_unpack(nc_slice(natsMsg_GetData(msg), (size_t)natsMsg_GetDataLength(msg)));
	if (!nc_unpack_array(&reader->rest, &reader->rest_count) || reader->rest_count == 0)
		return NACRE_PROTOCOL;
	return packed_take(reader, got_out);
}

int nc_client_read_message(struct nacre_reader *reader, int64_t deadline_ms, natsMsg **msg_out,
                           struct nacre_error *error)
{
	if (reader->first != NULL) {
		*msg_out = reader->first;
		reader->first = NULL;
		return NACRE_OK;
	}
	natsStatus status = reader->page.sub == NULL ? nc_client_page_next(reader) : NATS_OK;
	int64_t left_ms = deadline_ms - nc_client_now_ms();
	if (left_ms > NC_CLIENT_TRY_MS)
		left_ms = NC_CLIENT_TRY_MS;
	if (status != NATS_OK) {
		int fault = nc_client_fail_nats(error, status, "read");
		return nc_client_not_sent(status) ? NACRE_UNAVAILABLE : fault;
	}
	int result = nc_client_page_message(reader, left_ms < 1 ? 1 : left_ms, msg_out, error);
	if (result != NACRE_OK)
		return result;
	result = nc_client_judge(*msg_out, error);
	if (result != NACRE_OK)
		natsMsg_Destroy(*msg_out);
	return result;
}

/* Take an event of the answer, or its next message. If *got_out is false, the page is at its end.
 */
static int message_take(struct nacre_reader *reader, int64_t deadline_ms, bool *got_out,
                        struct nacre_error *error)
{
	natsMsg *msg = NULL;
	int result = packed_take(reader, got_out);
	if (result == NACRE_OK && !*got_out) {
		result = nc_client_read_message(reader, deadline_ms, &msg, error);
		if (result != NACRE_OK)
			return result;
		unsigned code = nc_client_status(msg);
		if (code == 0) {
			result = events_take(reader, msg, got_out);
		} else {
			result = code == 204 ? page_closed(reader, msg) : NACRE_PROTOCOL;
			natsMsg_Destroy(msg);
		}
	}
	return result == NACRE_OK ? NACRE_OK
	                          : nc_client_fail(error, result, "read: answer not understood");
}

int nacre_read_next(struct nacre_reader *reader, const struct nacre_event **event_out,
                    struct nacre_error *error)
{
	struct nacre_error unseen;
	int64_t deadline_ms = 0; /* what has arrived need not look at the clock */
	if (reader->rest_count == 0)
		deadline_ms = nc_client_now_ms() + reader->client->timeout_ms;
	error = error == NULL ? &unseen : error;
	nc_client_event_drop(&reader->held);
	for (unsigned attempt = 0; !reader->ended;) {
		bool got = false;
		int result = message_take(reader, deadline_ms, &got, error);
		if (got) {
			*event_out = &reader->held.event;
			return NACRE_OK;
		}
		if (result ==
		    NACRE_OK) { /* a page more: a filter may take many that give nothing */
			deadline_ms = nc_client_now_ms() + reader->client->timeout_ms;
			continue;
		}
		packed_end(reader);
		nc_client_pages_drop(reader);
		if (reader->last && result == NACRE_UNAVAILABLE) { /* only the head is lost */
			reader->ended = true;
			break;
		}
		bool again = result == NACRE_UNAVAILABLE || error->code == 429;
		if (!again || !nc_client_pause(attempt++, deadline_ms))
			return result;
	}
	return NACRE_END;
}

uint64_t nacre_read_head(const struct nacre_reader *reader)
{
	return reader->head;
}

int nacre_read_open_sized(struct nacre_client *client, const struct nacre_read *given, size_t size,
                          struct nacre_reader **reader_out, struct nacre_error *error)
{
	struct nacre_read read;
	if (!nc_client_take(&read, sizeof read, given, size))
		return nc_client_fail(error, NACRE_INVALID, "read: this library is too old");
	int result = nc_client_read_check(&read, error);
	if (result != NACRE_OK)
		return result;
	struct nacre_reader *reader = calloc(1, sizeof *reader);
	if (reader == NULL)
		return nc_client_fail_nomem(error);
	reader->client = client;
	reader->read = read;
	reader->next = read.from;
	reader->min_position = read.min_position;
	nc_client_read_subject(&reader->subject, client, &read);
	nc_client_read_fixed(reader);
	if (nc_buf_status(&reader->subject) != NC_OK || nc_buf_status(&reader->fixed) != NC_OK) {
		nacre_read_close(reader);
		return nc_client_fail_nomem(error);
	}
	*reader_out = reader;
	return NACRE_OK;
}

void nacre_read_close(struct nacre_reader *reader)
{
	if (reader == NULL)
		return;
	packed_end(reader);
	nc_client_pages_drop(reader);
	nc_client_event_release(&reader->held);
	natsMsg_Destroy(reader->first);
	nc_buf_release(&reader->load);
	nc_buf_release(&reader->subject);
	nc_buf_release(&reader->fixed);
	free(reader);
}
