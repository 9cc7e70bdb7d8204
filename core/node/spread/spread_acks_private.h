/* SPDX-License-Identifier: GPL-3.0-or-later */
/* spread_acks_private.h -- an acknowledgement that the leader keeps: kept and looked at in
 * spread_acks.c, asked for in spread_asked.c. */
#ifndef NC_CORE_NODE_SPREAD_SPREAD_ACKS_PRIVATE_H
#define NC_CORE_NODE_SPREAD_SPREAD_ACKS_PRIVATE_H

#include "core/node/spread/spread_private.h"

#define NC_SPREAD_ASKED_MAX 4096u /* at once */
#define NC_SPREAD_ASKED_MS  300u  /* a node has so long to say what it answers */

struct nc_spread_ack {
	struct nc_spread_ack *next;
	uint64_t hash, epoch;
	uint64_t arrived_ns, early_ns; /* taken up; it may have come since then */
	struct nc_sub_owner owner;     /* who was to answer it; number 0: not known */
	uint64_t heard_ns;             /* when that last asked for a lease */
	uint64_t again_ns;             /* not asked for before */
	bool doubt;                    /* its owner may have slept when it came */
	bool asked;
	bool last; /* for the last time: its time is over */
	int endpoint;
	char name[NC_WORD_SIZE_MAX + 1];
	size_t reply_size;
	char reply[];
};

/* Take one out, and free it. */
void nc_spread_ack_remove(struct nc_spread *spread, struct nc_spread_ack **at);
/* Ask all nodes for those that are `asked`, whose hashes these are, in the order of the list. */
void nc_spread_acks_ask(struct nc_spread *spread, struct nc_slice hashes);
/* They are not, after all. */
void nc_spread_acks_ask_nobody(struct nc_spread *spread);
/* Whatever is answered now is for nobody. */
void nc_spread_asked_drop(struct nc_spread *spread);
#endif
