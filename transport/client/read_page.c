/* SPDX-License-Identifier: Apache-2.0 */
/* A reader's pages. Each is asked for when the one before has said where to go on; in a long read,
 * even before that. */
#include <string.h>

#include "transport/client/read_private.h"

#define LOOK_MS 250 /* between looks at the connection while nothing comes */

/* How many events may still be asked for when `more` have come. */
static uint64_t left_after(const struct nacre_reader *reader, uint64_t more)
{
	uint64_t limit = reader->read.limit, given = reader->given + more;
	return limit == 0 ? UINT64_MAX : limit > given ? limit - given : 0;
}

/* How often the connection was made again. If that has changed since a page was asked for, a part
 * of the page may be lost. */
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
		const struct nc_buf *subject =
		        reader->load.size > 0 ? &reader->load : &reader->subject;
		status = natsMsg_Create(&msg, (char *)subject->data, inbox, (char *)body.data,
		                        (int)body.size);
	}
	if (status == NATS_OK)
		status = nc_client_min_position(msg, reader->min_position);
	if (status == NATS_OK)
		status = natsConnection_PublishMsg(reader->client->nc, msg);
	natsMsg_Destroy(msg);
	nc_buf_release(&body);
	return status;
}

/* Give up a page. `at_rest` says that the store has told that it is at its end. */
static void page_drop(struct nacre_reader *reader, struct nc_client_page *page, bool at_rest)
{
	nc_client_retire(reader->client, page->sub, at_rest);
	*page = (struct nc_client_page){ 0 };
}

void nc_client_page_end(struct nacre_reader *reader)
{
	page_drop(reader, &reader->page, true);
}

/* Give up the pages that were asked for ahead. All but the first are at rest: the round trip for
 * that one serves for all. */
static void aheads_drop(struct nacre_reader *reader)
{
	while (reader->ahead_count > 0) {
		struct nc_client_page *last = &reader->ahead[--reader->ahead_count];
		page_drop(reader, last, reader->ahead_count > 0);
	}
}

void nc_client_pages_drop(struct nacre_reader *reader)
{
	page_drop(reader, &reader->page, reader->ahead_count > 0);
	aheads_drop(reader);
}

/* Wait for a message; NATS_TIMEOUT if none comes. Now and then it looks whether the connection is
 * still the one over which the answer comes. If not, all of the rest may be missing, and waiting is
 * in vain. */
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

/* ---- Pages ahead ---------------------------------------------------------------------------- */

/* Where the page behind the one at `from` begins, if that one is full; 0 if it cannot be known. It
 * can where numbers follow on one another, except for what has been deleted. */
static uint64_t page_behind(const struct nacre_reader *reader, uint64_t from)
{
	uint64_t behind = from + NC_CLIENT_PAGE_EVENTS, to = reader->read.to;
	bool counts = reader->read.source == NACRE_ALL || reader->read.source == NACRE_STREAM;
	if (!counts || reader->read.filter != NULL || reader->read.backward ||
	    (to > 0 && behind > to))
		return 0;
	return behind;
}

/* Ask for the page behind those that are asked for already, unless it would begin beyond what is
 * known to be there. Its turn will show whether it was the right one. */
static bool ahead_ask(struct nacre_reader *reader)
{
	unsigned count = reader->ahead_count;
	struct nc_client_page *page = &reader->ahead[count];
	uint64_t from = page_behind(reader, count > 0 ? page[-1].from : reader->next);
	uint64_t left = left_after(reader, (uint64_t)(count + 1) * NC_CLIENT_PAGE_EVENTS);
	if (from == 0 || from > reader->head || left == 0)
		return false;
	page->ahead = true;
	if (page_ask(reader, from, left, page) != NATS_OK) {
		page_drop(reader, page, false); /* it is asked for in its turn */
		return false;
	}
	reader->ahead_count++;
	return true;
}

/* Let the store work on the next pages while the program reads one. They are asked for when the
 * page before was full, so not in a short read; and when it had no gaps, since the next one would
 * not begin where it is expected. The longer a read goes on, the more pages are asked for: so a
 * program that stops has not asked for more than it has read. */
static void aheads_ask(struct nacre_reader *reader)
{
	bool full = reader->page_given >= NC_CLIENT_PAGE_EVENTS &&
	            reader->next - reader->page_first == NC_CLIENT_PAGE_EVENTS;
	if (!full) {
		reader->ahead_most = 0;
	} else if (reader->ahead_most < NC_CLIENT_PAGES_AHEAD) {
		reader->ahead_most++;
	}
	while (reader->ahead_count < reader->ahead_most && ahead_ask(reader))
		;
}

static void ahead_take(struct nacre_reader *reader)
{
	reader->page = reader->ahead[0];
	reader->ahead_count--;
	memmove(reader->ahead, reader->ahead + 1, reader->ahead_count * sizeof *reader->ahead);
	reader->ahead[reader->ahead_count] = (struct nc_client_page){ 0 };
}

natsStatus nc_client_page_next(struct nacre_reader *reader)
{
	natsStatus status = NATS_OK;
	if (reader->ahead_count > 0 && reader->ahead[0].from == reader->next) {
		ahead_take(reader);
	} else {
		aheads_drop(reader);
		status = page_ask(reader, reader->next, left_after(reader, 0), &reader->page);
	}
	if (status == NATS_OK)
		aheads_ask(reader);
	reader->page_given = 0;
	return status;
}
