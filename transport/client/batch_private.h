/* SPDX-License-Identifier: Apache-2.0 */
/* batch_private.h -- a batch: its members, packed as they were added. */
#ifndef NC_TRANSPORT_CLIENT_BATCH_PRIVATE_H
#define NC_TRANSPORT_CLIENT_BATCH_PRIVATE_H

#include "transport/client/client_private.h"

#define NC_CLIENT_BATCH_MAX 1000u /* events, and checks */

struct nacre_batch {
	struct nc_buf events, checks; /* elements of arrays, without the heads */
	struct nc_buf condition, ack; /* key and value; empty: none */
	uint32_t event_count, check_count;
	bool has_condition, has_ack;
};

#endif
