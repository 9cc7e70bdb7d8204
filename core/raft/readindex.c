/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Linearizable reads without the log [6.4]: a round of heartbeats shows that this leader still
 * leads; all reads that came before the round share it. A follower forwards its reads in rounds of
 * its own.
 *
 * Reads without a round wait for the next one, which begins when the one before it has ended, and
 * at each heartbeat at the latest.
 */
#include "core/raft/raft_private.h"

bool nc_raft_settled(const struct nc_raft *raft)
{
	nc_assert(raft->role != NC_RAFT_LEADER || raft->noop != 0);
	return raft->role == NC_RAFT_LEADER && raft->commit >= raft->noop;
}

static void answer(struct nc_raft *raft, const struct nc_raft_waiting_read *read, int err,
                   uint64_t index)
{
	if (read->from == 0) {
		nc_assert(raft->answer_count <= raft->options.reads_max);
		raft->answers[raft->answer_count++] =
		        (struct nc_raft_read){ .ctx = read->ctx, .err = err, .index = index };
	} else if (err == NC_OK) {
		nc_raft_send(raft, (struct nc_raft_message){ .type = NC_RAFT_READ_RESP,
		                                             .to = read->from,
		                                             .context = read->ctx,
		                                             .index = index });
	}
}

/* Forget the first `count` reads, which are dealt with. */
static void drop_first(struct nc_raft *raft, size_t count)
{
	raft->read_count -= count;
	memmove(raft->reads, raft->reads + count, raft->read_count * sizeof *raft->reads);
}

/* How many reads are of rounds up to `round`; they are the first ones. */
static size_t through_round(const struct nc_raft *raft, uint64_t round)
{
	size_t count = 0;
	while (count < raft->read_count && raft->reads[count].round <= round)
		count++;
	return count;
}

static size_t in_rounds(const struct nc_raft *raft)
{
	return through_round(raft, NC_RAFT_ROUND_NONE - 1);
}

/* ---- Rounds ---------------------------------------------------------------------------------- */

static bool may_begin(const struct nc_raft *raft)
{
	if (raft->role == NC_RAFT_LEADER)
		return nc_raft_settled(raft) || NC_MUTANT(READ_BEFORE_OWN_COMMIT);
	return raft->leader != 0;
}

static uint64_t read_ack_of(const struct nc_raft_peer *peer)
{
	return peer->read_ack;
}

/* The last round that every voter has answered, be it in doubt. */
static uint64_t round_of_all(const struct nc_raft *raft)
{
	uint64_t round = raft->read_round;
	for (uint32_t i = 0; i < raft->peer_count; i++) {
		const struct nc_raft_peer *peer = &raft->peers[i];
		uint64_t ack = peer->read_ack > peer->read_ack_doubt ? peer->read_ack
		                                                     : peer->read_ack_doubt;
		if (peer->voter && ack < round)
			round = ack;
	}
	return round;
}

/* Answer the reads of the rounds that a quorum has confirmed. Returns how many those are. */
static size_t answer_confirmed(struct nc_raft *raft)
{
	struct nc_raft_peer *self = nc_raft_peer(raft, raft->options.self);
	if (self != NULL)
		self->read_ack = raft->read_round;
	uint64_t confirmed = nc_raft_quorum_value(raft, read_ack_of);
	uint64_t of_all = round_of_all(raft);
	if (of_all > confirmed)
		confirmed = of_all;
	if (NC_MUTANT(READ_WITHOUT_QUORUM))
		confirmed = raft->read_round;
	size_t count = through_round(raft, confirmed);
	for (size_t i = 0; i < count; i++)
		answer(raft, &raft->reads[i], NC_OK, raft->reads[i].index);
	drop_first(raft, count);
	return count;
}

/* Begin a round for the reads after the first `begun`, which are in one already. */
static void round_begin(struct nc_raft *raft, size_t begun)
{
	if (begun == raft->read_count || !may_begin(raft))
		return;
	raft->read_round++;
	for (size_t i = begun; i < raft->read_count; i++) {
		raft->reads[i].round = raft->read_round;
		raft->reads[i].index = raft->commit;
	}
	if (raft->role == NC_RAFT_LEADER) {
		nc_raft_heartbeats(raft);
		(void)answer_confirmed(raft); /* the only voter needs no more */
		return;
	}
	nc_raft_send(raft,
	             (struct nc_raft_message){ .type = NC_RAFT_READ,
	                                       .to = raft->leader,
	                                       .context = raft->read_nonce + raft->read_round });
}

void nc_raft_reads_begin(struct nc_raft *raft)
{
	if (in_rounds(raft) == 0)
		round_begin(raft, 0);
}

void nc_raft_reads_begin_another(struct nc_raft *raft)
{
	round_begin(raft, in_rounds(raft));
}

void nc_raft_reads_confirm(struct nc_raft *raft)
{
	if (answer_confirmed(raft) > 0)
		nc_raft_reads_begin(raft);
}

/* ---- Asking ---------------------------------------------------------------------------------- */

/* Whether one more may wait. Reads that were answered count too, so that answers have room. */
static bool room(const struct nc_raft *raft)
{
	return raft->read_count + raft->answer_count < raft->options.reads_max;
}

static void enqueue(struct nc_raft *raft, uint64_t ctx, uint64_t from)
{
	raft->reads[raft->read_count++] = (struct nc_raft_waiting_read){
		.ctx = ctx, .from = from, .round = NC_RAFT_ROUND_NONE
	};
	nc_raft_reads_begin(raft);
}

int nc_raft_read_index(struct nc_raft *raft, uint64_t ctx)
{
	if (raft->leader == 0 || raft->halted)
		return NC_CONFLICT;
	if (!room(raft))
		return NC_BUSY;
	enqueue(raft, ctx, 0);
	return NC_OK;
}

void nc_raft_read_asked(struct nc_raft *raft, const struct nc_raft_message *message)
{
	if (message->force)
		nc_raft_doubt_heard(raft, message);
	if (room(raft)) /* otherwise the asker gives up in time */
		enqueue(raft, message->context, message->from);
}

void nc_raft_read_answered(struct nc_raft *raft, const struct nc_raft_message *message)
{
	if (nc_raft_doubt_answered(raft, message))
		return;
	uint64_t round = message->context - raft->read_nonce;
	if (raft->role != NC_RAFT_FOLLOWER || round == 0 || round > raft->read_round)
		return; /* of another life of this node */
	size_t count = through_round(raft, round);
	for (size_t i = 0; i < count; i++)
		answer(raft, &raft->reads[i], NC_OK, message->index);
	drop_first(raft, count);
	nc_raft_reads_begin(raft);
}

/* ---- Giving up ------------------------------------------------------------------------------- */

void nc_raft_reads_fail(struct nc_raft *raft)
{
	for (size_t i = 0; i < raft->read_count; i++)
		answer(raft, &raft->reads[i], NC_CLOSED, 0);
	raft->read_count = 0;
}

void nc_raft_reads_age(struct nc_raft *raft)
{
	size_t old = 0; /* they are in the order of their coming */
	for (size_t i = 0; i < raft->read_count; i++) {
		if (++raft->reads[i].age >= raft->options.election_ticks)
			old = i + 1;
	}
	for (size_t i = 0; i < old; i++)
		answer(raft, &raft->reads[i], NC_CLOSED, 0);
	drop_first(raft, old);
	if (raft->role != NC_RAFT_LEADER)
		nc_raft_reads_begin_another(raft);
}
