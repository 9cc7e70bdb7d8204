/* SPDX-License-Identifier: Apache-2.0 */
/* A reader's pages, each asked for where the one before said to go on, or, of a long read, ahead of
 * that. */
#include "transport/client/read_private.h"

/* Events that may still be asked for, once so many more have come. */
static uint64_t left_after(const struct nacre_reader *reader, uint64_t more)
{
	uint64_t limit = reader->read.limit, given = reader->given + more;
	return limit == 0 ? UINT64_MAX : limit > given ? limit - given : 0;
}

static natsStatus page_ask(struct nacre_reader *reader, uint64_t from, uint64_t left,
                           natsSubscription **sub_out)
{
	char inbox[NC_CLIENT_INBOX_SIZE];
	struct nc_buf body = { 0 };
	natsMsg *msg = NULL;
	natsStatus status = NATS_NO_MEMORY;
	nc_client_read_body(&body, reader, from,
	                    left < NC_CLIENT_PAGE_EVENTS ? left : NC_CLIENT_PAGE_EVENTS);
	if (nc_buf_status(&body) == NC_OK)
		status = nc_client_inbox_make(reader->client, inbox) ? NATS_OK : NATS_SYS_ERROR;
	if (status == NATS_OK)
		status = natsConnection_SubscribeSync(sub_out, reader->client->nc, inbox);
	if (status == NATS_OK)
		status = natsSubscription_SetPendingLimits(*sub_out, -1, -1);
	if (status == NATS_OK) {
		status = natsMsg_Create(&msg, (char *)reader->subject.data, inbox,
		                        (char *)body.data, (int)body.size);
	}
	if (status == NATS_OK)
		status = nc_client_min_position(msg, reader->read.min_position);
	if (status == NATS_OK)
		status = natsConnection_PublishMsg(reader->client->nc, msg);
	natsMsg_Destroy(msg);
	nc_buf_release(&body);
	return status;
}

/* `at_rest`: the store has said that it is the end. */
static void sub_end(struct nacre_reader *reader, natsSubscription **sub, bool at_rest)
{
	nc_client_retire(reader->client, *sub, at_rest);
	*sub = NULL;
}

void nc_client_page_end(struct nacre_reader *reader)
{
	sub_end(reader, &reader->sub, true);
}

void nc_client_pages_drop(struct nacre_reader *reader)
{
	sub_end(reader, &reader->sub, false);
	sub_end(reader, &reader->ahead, false);
}

/* ---- A page ahead --------------------------------------------------------------------------- */

/* Where the page behind the one at `from` begins, if that one is full; 0: that cannot be known. In
 * these orders numbers follow one another. */
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
 * full, so not for what is short. Whether it is the right one its turn will show. */
static void ahead_ask(struct nacre_reader *reader)
{
	uint64_t from = page_behind(reader, reader->next);
	uint64_t left = left_after(reader, NC_CLIENT_PAGE_EVENTS);
	if (reader->page_given < NC_CLIENT_PAGE_EVENTS || from == 0 || left == 0)
		return;
	reader->ahead_from = from;
	if (page_ask(reader, from, left, &reader->ahead) != NATS_OK)
		sub_end(reader, &reader->ahead, false); /* it is asked for in its turn */
}

natsStatus nc_client_page_next(struct nacre_reader *reader)
{
	reader->was_ahead = reader->ahead != NULL && reader->ahead_from == reader->next;
	if (reader->was_ahead) {
		reader->sub = reader->ahead;
		reader->ahead = NULL;
	} else {
		sub_end(reader, &reader->ahead, false);
	}
	natsStatus status = reader->was_ahead ? NATS_OK
	                                      : page_ask(reader, reader->next,
	                                                 left_after(reader, 0), &reader->sub);
	if (status == NATS_OK)
		ahead_ask(reader);
	reader->page_given = 0;
	return status;
}
