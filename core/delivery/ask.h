/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ask.h -- what people ask of a subscription that is there: the bodies of R.sub.seek, replay,
 * parked, explain and list (PROTOCOL.md section 8). Pure functions; any thread.
 *
 * Errors: NC_INVALID, and `why` says which member and why; NC_NOMEM. Nothing need be released after
 *         an error.
 */
#ifndef NC_CORE_DELIVERY_ASK_H
#define NC_CORE_DELIVERY_ASK_H

#include "core/delivery/definition.h"

#define NC_ASK_POSITIONS_MAX 10000u /* of one replay */
#define NC_ASK_LIMIT_MAX     1000u  /* of a page */
#define NC_ASK_LIMIT         100u   /* when none is named */

/* `"first"`, `"new"`, `{"pos":N}`, `{"time":"RFC 3339"}`; seq is refused. */
int nc_seek_parse(struct nc_slice body, enum nc_start *start_out, uint64_t *value_out,
                  struct nc_buf *why);

enum nc_replay_kind { NC_REPLAY_ALL, NC_REPLAY_KEY, NC_REPLAY_POSITIONS };

struct nc_replay_ask {
	enum nc_replay_kind kind;
	struct nc_slice key; /* in `memory` */
	uint64_t *positions; /* [count], ascending, each once */
	size_t count;
	void *memory;
};

/* `{"pos":[…]}` (also one number), `{"key":…}`, `{}` or nothing. */
int nc_replay_parse(struct nc_slice body, struct nc_replay_ask *ask_out, struct nc_buf *why);
void nc_replay_ask_release(struct nc_replay_ask *ask);

/* `{"pos":N}` */
int nc_explain_parse(struct nc_slice body, uint64_t *position_out, struct nc_buf *why);

/* A page: `{"after":…,"limit":N}`, both optional, or nothing. `after` is a position. */
struct nc_page_ask {
	uint64_t after;
	uint32_t limit; /* from 1 to NC_ASK_LIMIT_MAX */
};
int nc_page_parse(struct nc_slice body, struct nc_page_ask *ask_out, struct nc_buf *why);

/* The same where `after` is a name, copied with its NUL; "": from the first on. `limit` 0: as many
 * as fit. */
struct nc_list_ask {
	char after[65];
	uint32_t limit;
};
int nc_list_parse(struct nc_slice body, struct nc_list_ask *ask_out, struct nc_buf *why);

#endif
