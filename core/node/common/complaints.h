/* SPDX-License-Identifier: GPL-3.0-or-later */
/* complaints.h -- errors that NATS tells of on a connection that goes on. One that comes with each
 * message, such as a missing permission, is logged a few times, and then counted.
 *
 * Threads: one. Zeros are a good beginning. */
#ifndef NC_CORE_NODE_COMMON_COMPLAINTS_H
#define NC_CORE_NODE_COMMON_COMPLAINTS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/node/common/config.h"

struct nc_complaints {
	char last[256]; /* that was logged; "": none in this while */
	uint64_t since_ms;
	unsigned said;   /* since then */
	uint64_t unsaid; /* not logged, but counted */
	bool permissions_told;
};

/* `who`: the connection, as the log calls it. */
void nc_complaints_hear(struct nc_complaints *complaints, const char *who,
                        const struct nc_config *config, const char *detail);

/* From a timer: log how many were not logged, when their while is over. */
void nc_complaints_tick(struct nc_complaints *complaints, const char *who);

#endif
