/* SPDX-License-Identifier: GPL-3.0-or-later */
/* consumer.h -- workers that run a command for each delivery and answer for it.
 *
 * What no worker is free for yet waits in a queue. Pulled subscriptions need none: nothing is asked
 * for that nobody is free for. Pushed ones send as many as their window allows, and while these
 * wait here their time must not run out: the queue is tended, and what is left at the end is given
 * back.
 *
 * Threads:   all calls from one; the workers are its own. They share the queue and the counts,
 * under a mutex. Ownership: deliveries are copied.
 */
#ifndef NC_TRANSPORT_CLI_CONSUMER_H
#define NC_TRANSPORT_CLI_CONSUMER_H

#include "transport/cli/cli.h"

struct nc_cli_consumer; /* opaque */

struct nc_cli_consume {
	struct nc_cli *cli;
	const char *subscription;
	char **command;
	size_t parallel;           /* workers, from 1 */
	uint64_t working_every_ms; /* how often to say that one is still working */
	int64_t nak_delay_ms;      /* after a failure; below 0: the subscription's own pause */
};

/* NULL: no threads, or no memory; errno says which. */
struct nc_cli_consumer *nc_cli_consumer_new(const struct nc_cli_consume *how);

/* Whether a worker has nothing to do; waits up to `wait_ms` for that. */
bool nc_cli_consumer_is_free(struct nc_cli_consumer *consumer, unsigned wait_ms);
/* Whether nothing waits and nothing runs; waits up to `wait_ms` for that. */
bool nc_cli_consumer_is_idle(struct nc_cli_consumer *consumer, unsigned wait_ms);
/* False: out of memory. */
bool nc_cli_consumer_give(struct nc_cli_consumer *consumer, const struct nacre_delivery *delivery);
/* Say of what waits that it is being worked on, if that is due. */
void nc_cli_consumer_tend(struct nc_cli_consumer *consumer);
/* Whether a command could not even be begun: then there is no sense in going on. */
bool nc_cli_consumer_is_broken(struct nc_cli_consumer *consumer);

/* Wait until what runs has ended, and until what was acknowledged is kept for good. What waits is
 * not begun any more. */
void nc_cli_consumer_finish(struct nc_cli_consumer *consumer);
/* How many were done and how many were not; of those that were begun. */
void nc_cli_consumer_count(struct nc_cli_consumer *consumer, uint64_t *done_out,
                           uint64_t *failed_out);
/* Give back what waits, and end. Call it when the subscription is no longer listened to, else it
 * comes again here. Accepts NULL. */
void nc_cli_consumer_free(struct nc_cli_consumer *consumer);

#endif
