/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Linearizable reads: those of one turn ask for an index together, then wait until it is applied.
 */
#include <stdlib.h>

#include "core/node/replica/replica_private.h"

static void list_put(struct nc_replica_wait **first, struct nc_replica_wait **last,
                     struct nc_replica_wait *wait)
{
	wait->next = NULL;
	if (*last == NULL) {
		*first = wait;
	} else {
		(*last)->next = wait;
	}
	*last = wait;
}

static void list_fail(struct nc_replica_wait *wait)
{
	while (wait != NULL) {
		struct nc_replica_wait *next = wait->next;
		wait->fn(wait, NC_CLOSED);
		wait = next;
	}
}

void nc_replica_confirm(struct nc_replica *replica, struct nc_replica_wait *wait)
{
	wait->index = 0;
	wait->confirms = true;
	list_put(&replica->read_first, &replica->read_last, wait);
}

void nc_replica_read(struct nc_replica *replica, struct nc_replica_wait *wait)
{
	wait->confirms = false;
	/* The read must also see everything taken up here before, since requests of one connection
	 * are taken up in order. */
	wait->index = replica->tail.last + (replica->gathered != NULL);
	list_put(&replica->read_first, &replica->read_last, wait);
}

void nc_replica_reads_ask(struct nc_replica *replica)
{
	if (replica->read_first == NULL)
		return;
	struct nc_replica_asked *asked = calloc(1, sizeof *asked);
	int err =
	        asked == NULL ? NC_NOMEM : nc_raft_read_index(replica->raft, ++replica->read_batch);
	struct nc_replica_wait *first = replica->read_first;
	if (err == NC_BUSY) { /* the next turn asks again */
		free(asked);
		return;
	}
	if (err != NC_OK) {
		free(asked);
		replica->read_first = replica->read_last = NULL;
		list_fail(first);
		return;
	}
	*asked = (struct nc_replica_asked){ replica->asked, replica->read_batch, first,
		                            replica->read_last };
	replica->asked = asked;
	replica->read_first = replica->read_last = NULL;
}

/* Waits are in the order of their indexes. After a change of leaders they may not be quite; then
 * one waits for more than it needs, never for less. */
void nc_replica_reads_answer(struct nc_replica *replica, const struct nc_raft_read *read)
{
	struct nc_replica_asked **at = &replica->asked;
	while (*at != NULL && (*at)->batch != read->ctx)
		at = &(*at)->next;
	struct nc_replica_asked *asked = *at;
	if (asked == NULL)
		return; /* it has failed meanwhile */
	*at = asked->next;
	struct nc_replica_wait *wait = asked->first;
	free(asked);
	if (read->err != NC_OK) {
		list_fail(wait);
		return;
	}
	while (wait != NULL) {
		struct nc_replica_wait *next = wait->next;
		if (wait->index < read->index)
			wait->index = read->index;
		if (wait->confirms) {
			wait->fn(wait, NC_OK);
		} else {
			list_put(&replica->wait_first, &replica->wait_last, wait);
		}
		wait = next;
	}
	nc_replica_reads_wake(replica);
}

void nc_replica_reads_wake(struct nc_replica *replica)
{
	while (replica->wait_first != NULL && replica->wait_first->index <= replica->applied) {
		struct nc_replica_wait *wait = replica->wait_first;
		replica->wait_first = wait->next;
		if (replica->wait_first == NULL)
			replica->wait_last = NULL;
		wait->fn(wait, NC_OK);
	}
}

void nc_replica_reads_fail(struct nc_replica *replica)
{
	struct nc_replica_wait *gathered = replica->read_first, *waiting = replica->wait_first;
	struct nc_replica_asked *asked = replica->asked;
	replica->read_first = replica->read_last = replica->wait_first = replica->wait_last = NULL;
	replica->asked = NULL;
	list_fail(gathered);
	list_fail(waiting);
	while (asked != NULL) {
		struct nc_replica_asked *next = asked->next;
		list_fail(asked->first);
		free(asked);
		asked = next;
	}
}
