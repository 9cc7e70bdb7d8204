/* SPDX-License-Identifier: Apache-2.0 */
/* A reader and what it asks. */
#ifndef NC_TRANSPORT_CLIENT_READ_PRIVATE_H
#define NC_TRANSPORT_CLIENT_READ_PRIVATE_H

#include "transport/client/client_private.h"

#define NC_CLIENT_PAGE_EVENTS 10000u /* of a request: what a node gives at most; and 8 MiB */

struct nacre_reader {
	struct nacre_client *client;
	struct nc_buf subject;   /* NUL-terminated */
	struct nc_buf fixed;     /* members of the body that each page has, each after a comma */
	size_t timeless;         /* bytes of it before from_time, which only the first page has */
	natsSubscription *sub;   /* of the page being read; NULL between pages */
	natsSubscription *ahead; /* of the one behind it, asked for meanwhile; NULL: of none */
	uint64_t ahead_from;
	bool was_ahead; /* the page being read was */
	struct nc_client_event held;
	natsMsg *packed;       /* many events, of which … */
	struct nc_unpack rest; /* … these are still to be given */
	uint32_t rest_count;
	struct nacre_read read; /* its strings are the caller's, and gone: they are in `fixed` */
	uint64_t next;          /* `from` of the next page; 0: open */
	uint64_t given;         /* events so far */
	uint64_t page_given;    /* of this page */
	uint64_t head;
	bool last; /* nothing can follow but the end of the page */
	bool ended;
};

/* ---- read_page.c ---------------------------------------------------------------------------- */

/* Ask for the page at reader->next, unless that was done ahead. */
natsStatus nc_client_page_next(struct nacre_reader *reader);
/* The store has said that the page being read is at its end. */
void nc_client_page_end(struct nacre_reader *reader);
/* The page being read, and the one that was asked for ahead, are not wanted any more. */
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
