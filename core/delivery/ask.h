/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ask.h -- the bodies of requests about existing subscriptions: R.sub.seek, replay, parked, explain
 * and list (PROTOCOL.md section 8). Pure functions; any thread.
 *
 * Errors: NC_INVALID, and `why` says which member is wrong and why, for the client; NC_NOMEM. After
 *         an error there is nothing to release.
 */
#ifndef NC_CORE_DELIVERY_ASK_H
#define NC_CORE_DELIVERY_ASK_H

#include "core/delivery/definition.h"
#include "core/engine/names.h"

#define NC_ASK_POSITIONS_MAX 10000u /* positions of one replay */
#define NC_ASK_LIMIT_MAX     1000u  /* entries of a page */
#define NC_ASK_LIMIT         100u   /* the same where the request names no limit */

/* The start of a seek: `"first"`, `"new"`, `{"pos":N}` or `{"time":"RFC 3339"}`; `seq` is refused.
 * `value_out` is as nc_definition.start_value. */
int nc_seek_parse(struct nc_slice body, enum nc_start *start_out, uint64_t *value_out,
                  struct nc_buf *why);

enum nc_replay_kind { NC_REPLAY_ALL, NC_REPLAY_KEY, NC_REPLAY_POSITIONS };

struct nc_replay_ask {
	enum nc_replay_kind kind;
	struct nc_slice key; /* of KEY; a slice of `memory` */
	uint64_t *positions; /* of POSITIONS: [count], ascending, each once */
	size_t count;
	void *memory; /* owned */
};

/* Which parked events to replay: `{"pos":[…]}` or one number, `{"key":…}`; `{}` or an empty body
 * means all. */
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

/* Likewise, but `after` is a name, copied with its NUL; "": from the first on. `limit` 0: as many
 * as fit into the answer. */
struct nc_list_ask {
	char after[NC_WORD_SIZE_MAX + 1];
	uint32_t limit;
};
int nc_list_parse(struct nc_slice body, struct nc_list_ask *ask_out, struct nc_buf *why);

#endif
