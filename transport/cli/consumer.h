/* SPDX-License-Identifier: GPL-3.0-or-later */
/* consumer.h -- workers that run a command for each delivery, and answer the delivery by how the
 * command ended.
 *
 * Deliveries for which no worker is free wait in a queue. A pulled subscription needs none, since
 * nothing is asked for unless a worker is free. A pushed one sends as many as its window allows,
 * and their time must not run out while they wait: so the queue is tended, and what is left at the
 * end is given back.
 *
 * Threads:   all calls from one. The workers are threads of the consumer's own, and share the queue
 *            and the counts under a mutex.
 * Ownership: deliveries are copied.
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

/* NULL if there are no threads or no memory to be had; errno says which. */
struct nc_cli_consumer *nc_cli_consumer_new(const struct nc_cli_consume *how);

/* Whether a worker has nothing to do; waits up to `wait_ms` for that. */
bool nc_cli_consumer_is_free(struct nc_cli_consumer *consumer, unsigned wait_ms);
/* Whether nothing waits and nothing runs; waits up to `wait_ms` for that. */
bool nc_cli_consumer_is_idle(struct nc_cli_consumer *consumer, unsigned wait_ms);
/* Whether a command has ended, and its event was answered, since this was last asked, or all have;
 * waits up to `wait_ms` for that. */
bool nc_cli_consumer_has_ended(struct nc_cli_consumer *consumer, unsigned wait_ms);
/* Give the workers a delivery. False if out of memory. */
bool nc_cli_consumer_give(struct nc_cli_consumer *consumer, const struct nacre_delivery *delivery);
/* Tell the store of the deliveries which wait that they are being worked on, if it is time. */
void nc_cli_consumer_tend(struct nc_cli_consumer *consumer);
/* Whether a command could not even be started: then there is no sense in going on. */
bool nc_cli_consumer_is_broken(struct nc_cli_consumer *consumer);

/* Wait until the commands that run have ended, and until acknowledgements are durable. No other
 * command is started. */
void nc_cli_consumer_finish(struct nc_cli_consumer *consumer);
/* How many commands ended well, and how many did not. */
void nc_cli_consumer_count(struct nc_cli_consumer *consumer, uint64_t *done_out,
                           uint64_t *failed_out);
/* Give back the deliveries that wait, and end. To be called when nobody listens to the subscription
 * any more, since it would deliver them here again. NULL is a no-op. */
void nc_cli_consumer_free(struct nc_cli_consumer *consumer);

#endif
