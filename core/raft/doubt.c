/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A node whose disk has lost the end of the log: what it acknowledged there, and whom it voted for,
 * it has forgotten. Its word counts for less until it has all that may have been committed with it.
 *
 * What may have been is what a leader's read index [6.4] says that it asked for in this life: the
 * leader forgets first what it knows of the node's log, and then finds out, not counting the node,
 * that no later leader there is. So nothing that was said before the loss can end the doubt; a late
 * message could. In elections and rounds of reads those in doubt count when no voter is missing:
 * then somebody there knows what they have forgotten. After a power cut that has hit them all that
 * is how they come back. [Liskov, Cowling: Viewstamped Replication Revisited, 4.3; decision 0141]
 */
#include "core/raft/raft_private.h"

void nc_raft_doubt_settle(struct nc_raft *raft)
{
	const struct nc_raft_doubt *doubt = &raft->doubt;
	if (doubt->nonce != 0 && doubt->index != 0 && raft->commit >= doubt->index &&
	    raft->stable >= doubt->index)
		raft->doubt = (struct nc_raft_doubt){ 0 };
}

void nc_raft_doubt_ask(struct nc_raft *raft)
{
	if (raft->doubt.nonce == 0 || raft->doubt.index != 0)
		return;
	nc_raft_send(raft, (struct nc_raft_message){ .type = NC_RAFT_READ,
	                                             .to = raft->leader,
	                                             .force = true,
	                                             .context = raft->doubt.nonce });
}

bool nc_raft_doubt_answered(struct nc_raft *raft, const struct nc_raft_message *message)
{
	if (raft->doubt.nonce == 0 || message->context != raft->doubt.nonce)
		return false;
	if (raft->doubt.index == 0)
		raft->doubt.index = message->index;
	nc_raft_doubt_settle(raft);
	return true;
}

void nc_raft_doubt_heard(struct nc_raft *raft, const struct nc_raft_message *message)
{
	struct nc_raft_peer *peer = nc_raft_peer(raft, message->from);
	if (peer == NULL || peer->doubt == message->context)
		return;
	peer->doubt = message->context;
	if (NC_MUTANT(DOUBT_KEEPS_MATCH))
		return;
	/* To assume a lower match is always safe. */
	peer->match = 0;
	if (peer->state == NC_RAFT_SENDING)
		return;
	nc_raft_peer_turn(peer, NC_RAFT_PROBE);
	peer->next = raft->trail.last + 1;
	nc_raft_append_to(raft, peer);
}
