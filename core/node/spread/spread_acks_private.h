/* SPDX-License-Identifier: GPL-3.0-or-later */
/* spread_acks_private.h -- an acknowledgement that the leader has heard and keeps until it is sure
 * who answers it: spread_acks.c keeps it, spread_asked.c asks the other nodes. */
#ifndef NC_CORE_NODE_SPREAD_SPREAD_ACKS_PRIVATE_H
#define NC_CORE_NODE_SPREAD_SPREAD_ACKS_PRIVATE_H

#include "core/node/spread/spread_private.h"

#define NC_SPREAD_ASKED_MAX 4096u /* acknowledgements in one question to the other nodes */
#define NC_SPREAD_ASKED_MS  300u  /* how long a node may take to say which of them it answers */

struct nc_spread_ack {
	struct nc_spread_ack *next;
	uint64_t hash, epoch;
	uint64_t arrived_ns,
	        early_ns;          /* when it was taken up; the earliest that it can have come */
	struct nc_sub_owner owner; /* who should answer it; number 0: not known */
	uint64_t heard_ns;         /* when the owner last asked for a lease */
	uint64_t again_ns;         /* not to be asked about before this time */
	bool doubt;                /* its owner may not have been running when it came */
	bool asked;                /* it is in the question that is under way */
	bool last;                 /* its time is over: this is the last question */
	int endpoint;
	char name[NC_WORD_SIZE_MAX + 1];
	size_t reply_size;
	char reply[];
};

/* Take `*at` out of the list, and free it. */
void nc_spread_ack_remove(struct nc_spread *spread, struct nc_spread_ack **at);
/* Ask all nodes about the acknowledgements that are `asked`: `hashes` are theirs, in the list's
 * order. */
void nc_spread_acks_ask(struct nc_spread *spread, struct nc_slice hashes);
/* The question could not be sent: none of them is `asked`. */
void nc_spread_acks_ask_nobody(struct nc_spread *spread);
/* Ignore answers that still come to the question under way. */
void nc_spread_asked_drop(struct nc_spread *spread);

#endif
