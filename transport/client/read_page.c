/* SPDX-License-Identifier: Apache-2.0 */
/* A reader's pages, each asked for where the one before said to go on, or, of a long read, ahead of
 * that. */
#include "transport/client/read_private.h"

#define LOOK_MS 250 /* between looks at the connection while nothing comes */

/* Events that may still be asked for, once so many more have come. */
static uint64_t left_after(const struct nacre_reader *reader, uint64_t more)
{
	uint64_t limit = reader->read.limit, given = reader->given + more;
	return limit == 0 ? UINT64_MAX : limit > given ? limit - given : 0;
}

/* What was asked for over another connection may have been answered in part to nobody. */
static natsStatus connection_of(const struct nacre_reader *reader, uint64_t *connection_out)
{
	return nc_client_connections(reader->client->nc, connection_out);
}

static natsStatus page_ask(struct nacre_reader *reader, uint64_t from, uint64_t left,
                           struct nc_client_page *page)
{
	char inbox[NC_CLIENT_INBOX_SIZE];
	struct nc_buf body = { 0 };
	natsMsg *msg = NULL;
	natsStatus status = NATS_NO_MEMORY;
	page->from = from;
	nc_client_read_body(&body, reader, from,
	                    left < NC_CLIENT_PAGE_EVENTS ? left : NC_CLIENT_PAGE_EVENTS);
	if (nc_buf_status(&body) == NC_OK)
		status = nc_client_inbox_make(reader->client, inbox) ? NATS_OK : NATS_SYS_ERROR;
	if (status == NATS_OK)
		status = connection_of(reader, &page->connection);
	if (status == NATS_OK)
		status = natsConnection_SubscribeSync(&page->sub, reader->client->nc, inbox);
	if (status == NATS_OK)
		status = natsSubscription_SetPendingLimits(page->sub, -1, -1);
	if (status == NATS_OK) {
		status = natsMsg_Create(&msg, (char *)reader->subject.data, inbox,
		                        (char *)body.data, (int)body.size);
	}
	if (status == NATS_OK)
		status = nc_client_min_position(msg, reader->min_position);
	if (status == NATS_OK)
		status = natsConnection_PublishMsg(reader->client->nc, msg);
	natsMsg_Destroy(msg);
	nc_buf_release(&body);
	return status;
}

/* `at_rest`: the store has said that it is the end. */
static void page_drop(struct nacre_reader *reader, struct nc_client_page *page, bool at_rest)
{
	nc_client_retire(reader->client, page->sub, at_rest);
	*page = (struct nc_client_page){ 0 };
}

void nc_client_page_end(struct nacre_reader *reader)
{
	page_drop(reader, &reader->page, true);
}

void nc_client_pages_drop(struct nacre_reader *reader)
{
	bool both = reader->ahead.sub != NULL; /* one round trip will do for them */
	page_drop(reader, &reader->page, both);
	page_drop(reader, &reader->ahead, false);
}

/* A message, or NATS_TIMEOUT. It looks now and then whether the connection still is the one over
 * which the answer comes: if not, what is missing may be the whole rest, and waiting is in vain. */
static natsStatus next_message(struct nacre_reader *reader, int64_t timeout_ms, natsMsg **msg_out,
                               bool *same_out)
{
	uint64_t connection = reader->page.connection;
	natsStatus status = NATS_TIMEOUT;
	while (status == NATS_TIMEOUT && timeout_ms > 0 && connection == reader->page.connection) {
		int64_t wait_ms = timeout_ms < LOOK_MS ? timeout_ms : LOOK_MS;
		status = natsSubscription_NextMsg(msg_out, reader->page.sub, wait_ms);
		timeout_ms -= wait_ms;
		natsStatus known = connection_of(reader, &connection);
		if (known != NATS_OK)
			status = known;
	}
	*same_out = connection == reader->page.connection;
	return status;
}

int nc_client_page_message(struct nacre_reader *reader, int64_t timeout_ms, natsMsg **msg_out,
                           struct nacre_error *error)
{
	natsMsg *msg = NULL;
	bool same = true;
	natsStatus status = next_message(reader, timeout_ms, &msg, &same);
	if (status == NATS_OK && same) {
		*msg_out = msg;
		return NACRE_OK;
	}
	natsMsg_Destroy(msg);
	if (!same) {
		return nc_client_fail(error, NACRE_UNAVAILABLE,
		                      "read: the connection was lost within an answer");
	}
	return nc_client_fail_nats(error, status, "read");
}

/* ---- A page ahead --------------------------------------------------------------------------- */

/* Where the page behind the one at `from` begins, if that one is full; 0: that cannot be known. In
 * these orders numbers follow one another, but for what has been deleted. */
static uint64_t page_behind(const struct nacre_reader *reader, uint64_t from)
{
	uint64_t behind = from + NC_CLIENT_PAGE_EVENTS, to = reader->read.to;
	bool counts = reader->read.source == NACRE_ALL || reader->read.source == NACRE_STREAM;
	if (!counts || reader->read.filter != NULL || reader->read.backward ||
	    (to > 0 && behind > to))
		return 0;
	return behind;
}

/* While the program reads one page the store works on the next: asked for when the page before was
 * full, so not for what is short, and without gaps, since the next would not begin where it is
 * expected. Whether it is the right one its turn will show. */
static void ahead_ask(struct nacre_reader *reader)
{
	uint64_t from = page_behind(reader, reader->next);
	uint64_t left = left_after(reader, NC_CLIENT_PAGE_EVENTS);
	bool full = reader->page_given >= NC_CLIENT_PAGE_EVENTS &&
	            reader->next - reader->page_first == NC_CLIENT_PAGE_EVENTS;
	if (!full || from == 0 || left == 0)
		return;
	reader->ahead.ahead = true;
	if (page_ask(reader, from, left, &reader->ahead) != NATS_OK)
		page_drop(reader, &reader->ahead, false); /* it is asked for in its turn */
}

natsStatus nc_client_page_next(struct nacre_reader *reader)
{
	natsStatus status = NATS_OK;
	if (reader->ahead.sub != NULL && reader->ahead.from == reader->next) {
		reader->page = reader->ahead;
		reader->ahead = (struct nc_client_page){ 0 };
	} else {
		page_drop(reader, &reader->ahead, false);
		status = page_ask(reader, reader->next, left_after(reader, 0), &reader->page);
	}
	if (status == NATS_OK)
		ahead_ask(reader);
	reader->page_given = 0;
	return status;
}
