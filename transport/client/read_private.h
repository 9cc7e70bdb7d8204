/* SPDX-License-Identifier: Apache-2.0 */
/* read_private.h -- a reader, and what it asks the store. */
#ifndef NC_TRANSPORT_CLIENT_READ_PRIVATE_H
#define NC_TRANSPORT_CLIENT_READ_PRIVATE_H

#include "transport/client/client_private.h"

#define NC_CLIENT_PAGE_EVENTS 10000u /* of a request: what a node gives at most; and 8 MiB */
#define NC_CLIENT_PAGES_AHEAD 3u

/* An answer that is under way: to one request, over one connection. */
struct nc_client_page {
	natsSubscription *sub; /* NULL: there is none */
	uint64_t from;         /* the `from` of its request; 0: it has none */
	uint64_t connection;   /* nc_client_connections() when it was asked for */
	bool ahead;            /* it was asked for before the page in front of it was read */
};

struct nacre_reader {
	struct nacre_client *client;
	struct nc_buf subject; /* NUL-terminated */
	struct nc_buf load;    /* subject of the first page of nacre_load(); empty: `subject` */
	natsMsg *first;        /* of that page, a message that was not looked at yet; owned */
	struct nc_buf fixed;   /* members that the body of each page has, each after a comma */
	size_t timeless;       /* how many bytes stand before from_time, which only the first has */
	struct nc_client_page page; /* the one being read; none between two */
	/* Pages behind it that are asked for meanwhile, in order: as many as pages in a row were
	 * full. */
	struct nc_client_page ahead[NC_CLIENT_PAGES_AHEAD];
	unsigned ahead_count, ahead_most;
	struct nc_client_event held;
	natsMsg *packed;       /* a message of many events */
	struct nc_unpack rest; /* those of them that are still to be given */
	uint32_t rest_count;
	struct nacre_read read; /* its strings are not valid any more: they are in `fixed` */
	uint64_t next;          /* `from` of the next page; 0: it has none */
	uint64_t given;         /* events given so far */
	uint64_t page_given;    /* events of this page given so far */
	uint64_t page_first;    /* the lowest number that the first of them could have */
	/* Of a direct read: what the node that answers next must have applied. That is at least
	 * what those before it had, since another node may be behind them. */
	uint64_t min_position;
	uint64_t head;
	bool last; /* nothing can follow but the end of the page */
	bool ended;
};

/* The next message of the answer. `error` is not NULL. Errors: those of nacre_read_next(). */
int nc_client_read_message(struct nacre_reader *reader, int64_t deadline_ms, natsMsg **msg_out,
                           struct nacre_error *error);

/* ---- read_page.c ---------------------------------------------------------------------------- */

/* Ask for the page at reader->next, unless that was done ahead. */
natsStatus nc_client_page_next(struct nacre_reader *reader);
/* The next message of the page. Errors: NACRE_UNAVAILABLE, none came in time, or the connection was
 * made again meanwhile: what the store sent in between is then missing, and nothing in the rest
 * would show it; NACRE_CONNECTION; NACRE_NOMEM. */
int nc_client_page_message(struct nacre_reader *reader, int64_t timeout_ms, natsMsg **msg_out,
                           struct nacre_error *error);
/* The store has said that the page being read is at its end. */
void nc_client_page_end(struct nacre_reader *reader);
/* The page being read, and those that were asked for ahead, are not wanted any more. */
void nc_client_pages_drop(struct nacre_reader *reader);

/* ---- read_ask.c ----------------------------------------------------------------------------- */

int nc_client_read_check(const struct nacre_read *read, struct nacre_error *error);
void nc_client_read_subject(struct nc_buf *subject, const struct nacre_client *client,
                            const struct nacre_read *read);
/* Fill `fixed` and `timeless` from `read`. */
void nc_client_read_fixed(struct nacre_reader *reader);
/* Make the request of a page from `from` on; 0: from where the reader begins. */
void nc_client_read_body(struct nc_buf *body, const struct nacre_reader *reader, uint64_t from,
                         uint64_t limit);

#endif
