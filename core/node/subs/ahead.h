/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ahead.h -- history that a search has read, written as messages, until it is delivered: so that
 * the loop can publish it with everything else of its turn, and nobody reads it twice.
 *
 * A search fills a portion, on a reader's thread. The loop then keeps portions in line, looks
 * events up by position, and lets go of a portion when what is in it has been delivered. All that
 * is kept anywhere, or is being filled, comes out of one stock of bounded size; where that is used
 * up a search keeps nothing, and readers deliver what it finds.
 *
 * What is kept is only ever an event as it stands in the store: whoever makes events go must clear.
 *
 * Threads:   the loop's, but for nc_ahead_put(), which is whoever's who has the portion.
 * Ownership: a portion is its taker's until it is added or given back.
 */
#ifndef NC_CORE_NODE_SUBS_AHEAD_H
#define NC_CORE_NODE_SUBS_AHEAD_H

#include "core/engine/event.h"

#define NC_AHEAD_PORTION_SIZE (256u << 10) /* bytes of messages, at which a portion is full */
#define NC_AHEAD_PORTIONS_MAX 32u          /* of a stock */

/* An event as a message: header lines without the block's end, then the data. */
struct nc_ahead_message {
	struct nc_slice head, data;
	size_t data_size; /* of the event; `data` is empty where only headers are wanted */
};

struct nc_ahead_place {
	uint64_t position;
	size_t offset, head_size, kept_size, data_size; /* kept: of the data */
};

struct nc_ahead_portion {
	struct nc_ahead_portion *next;
	struct nc_buf bytes;
	struct nc_ahead_place *places; /* [room], ascending */
	uint32_t count, room;
	bool old; /* goes the next time that the line ages */
};

/* Begins as zeros. */
struct nc_ahead_stock {
	uint32_t taken;                 /* portions */
	struct nc_ahead_portion *spare; /* with their memory, for the next */
	uint32_t spare_count;
};

/* A subscription's. Begins as zeros. */
struct nc_ahead {
	struct nc_ahead_portion *first, *last;
};

/* An empty portion for at most `room` events; NULL: no memory, or the stock is used up. */
struct nc_ahead_portion *nc_ahead_take(struct nc_ahead_stock *stock, uint32_t room);
void nc_ahead_give_back(struct nc_ahead_stock *stock, struct nc_ahead_portion *portion);
void nc_ahead_stock_release(struct nc_ahead_stock *stock); /* all has been given back */

/* Whether it takes no more. */
bool nc_ahead_full(const struct nc_ahead_portion *portion);
/* Keep an event that stands behind all that were put before; without memory it is left out. `root`
 * as in event_message.h; `bare`: without the data. */
void nc_ahead_put(struct nc_ahead_portion *portion, const char *root, const struct nc_event *event,
                  bool bare);

/* Keep what of the portion stands up to `through`, behind all that is kept; what a search has found
 * anew goes first. The portion is the stock's or the line's from here on. */
void nc_ahead_add(struct nc_ahead *ahead, struct nc_ahead_stock *stock,
                  struct nc_ahead_portion *portion, uint64_t through);

/* False: it is not here. The message is valid until the next change. */
bool nc_ahead_find(const struct nc_ahead *ahead, uint64_t position,
                   struct nc_ahead_message *message_out);

/* Everything up to `position` has been delivered: portions that hold nothing beyond it go. */
void nc_ahead_pass(struct nc_ahead *ahead, struct nc_ahead_stock *stock, uint64_t position);
/* Portions that were there the last time go, as in recent.h. */
void nc_ahead_age(struct nc_ahead *ahead, struct nc_ahead_stock *stock);
void nc_ahead_clear(struct nc_ahead *ahead, struct nc_ahead_stock *stock);

#endif
