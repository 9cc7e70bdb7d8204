/* SPDX-License-Identifier: Apache-2.0 */
/* A reader and what it asks. */
#ifndef NC_TRANSPORT_CLIENT_READ_PRIVATE_H
#define NC_TRANSPORT_CLIENT_READ_PRIVATE_H

#include "transport/client/client_private.h"

#define NC_CLIENT_PAGE_EVENTS 10000u /* of a request: what a node gives at most; and 8 MiB */
#define NC_CLIENT_PAGES_AHEAD 3u

/* An answer that is under way: to one request, over one connection. */
struct nc_client_page {
	natsSubscription *sub; /* NULL: there is none */
	uint64_t from;         /* as asked for; 0: open */
	uint64_t connection;   /* over which: how often the client had connected again */
	bool ahead;            /* asked for before the page in front of it was read */
};

struct nacre_reader {
	struct nacre_client *client;
	struct nc_buf subject; /* NUL-terminated */
	struct nc_buf load;    /* subject of the first page of nacre_load(); empty: `subject` */
	natsMsg *first;        /* likewise: of that page, and not looked at yet; owned */
	struct nc_buf fixed;   /* members of the body that each page has, each after a comma */
	size_t timeless;       /* bytes of it before from_time, which only the first page has */
	struct nc_client_page page; /* the one being read; none between two */
	/* Those behind it, asked for meanwhile, in order; as many as pages in a row were full. */
	struct nc_client_page ahead[NC_CLIENT_PAGES_AHEAD];
	unsigned ahead_count, ahead_most;
	struct nc_client_event held;
	natsMsg *packed;       /* many events, of which … */
	struct nc_unpack rest; /* … these are still to be given */
	uint32_t rest_count;
	struct nacre_read read; /* its strings are the caller's, and gone: they are in `fixed` */
	uint64_t next;          /* `from` of the next page; 0: open */
	uint64_t given;         /* events so far */
	uint64_t page_given;    /* of this page */
	uint64_t page_first;    /* the number that could have been the first of them */
	uint64_t min_position;  /* direct: what the next to answer must have applied, at least what
	                           those before had: another may be behind them */
	uint64_t head;
	bool last; /* nothing can follow but the end of the page */
	bool ended;
};

/* The next message of the answer, which is no error. `error` is not NULL. Errors: as those of
 * nacre_read_next(). */
int nc_client_read_message(struct nacre_reader *reader, int64_t deadline_ms, natsMsg **msg_out,
                           struct nacre_error *error);

/* ---- read_page.c ---------------------------------------------------------------------------- */

/* Ask for the page at reader->next, unless that was done ahead. */
natsStatus nc_client_page_next(struct nacre_reader *reader);
/* The next message of it. Errors: NACRE_UNAVAILABLE: none came in time, or the connection has been
 * another meanwhile, and what the store sent in between is missing, which nothing in the rest would
 * show; NACRE_CONNECTION, NACRE_NOMEM. */
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
/* The request of a page from `from` on, 0: where the reader begins. */
void nc_client_read_body(struct nc_buf *body, const struct nacre_reader *reader, uint64_t from,
                         uint64_t limit);

#endif
