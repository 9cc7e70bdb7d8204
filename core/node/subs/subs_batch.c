/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Acknowledgements that come with a batch: what is known of the delivery goes into the log with it,
 * and what the log says of it comes back. */
#include <string.h>

#include "core/node/common/say.h"
#include "core/node/spread/spread.h"
#include "core/node/subs/subs_deliver.h"
#include "core/node/subs/subs_move.h"

/* Whether it was delivered and is not done: an answer to any of its attempts counts. */
static bool is_in_flight(const struct nc_sub *machine, uint64_t position)
{
	uint32_t attempts = 0;
	switch (nc_sub_find(machine, position, &attempts)) {
	case NC_SUB_RECALLED: /* by another node, or before the restart */
		return true;
	case NC_SUB_HELD:
	case NC_SUB_READY:
	case NC_SUB_FLYING:
	case NC_SUB_DELAYED:
		return attempts > 0;
	default:
		return false;
	}
}

/* Bytes of rows of parked events that are on their way: a progress', and behind them those of an
 * update or a seek. */
static size_t rows_sent(const struct nc_subscription *sub)
{
	return sub->save.sent_parked + (sub->move == NULL ? 0 : sub->move->parked);
}

/* Whether one of the rows to be written, but for the first `sent` bytes of them, is of an event
 * before `position`. */
static bool row_waits(const struct nc_subscription *sub, size_t sent, uint64_t position)
{
	struct nc_slice list = nc_slice_from(nc_buf_slice(&sub->save.parked), sent);
	struct nc_parked parked;
	while (nc_parked_next(&list, &parked)) {
		if (parked.position < position)
			return true;
	}
	return false;
}

/* What the log may be told of a delivery, if everything that was proposed before is in it when that
 * is; with `settled`, only what is in it already counts. Where the log must be told something else
 * first, that is due, and this has to be asked again. */
static enum nc_sub_word word_of(struct nc_subscription *sub, uint64_t position, bool settled)
{
	const struct nc_sub_save *save = &sub->save;
	bool later = false;
	nc_subs_too_large_tell(sub->subs, sub);
	if (!is_in_flight(sub->machine, position))
		return NC_SUB_WORD_STALE;
	switch (nc_sub_batch_begins(sub->machine, position, nc_clock_ns())) {
	case NC_SUB_REACH_REPLAY:
		return NC_SUB_WORD_REPLAY;
	case NC_SUB_REACH_ALONE:
		return NC_SUB_WORD_ALONE;
	case NC_SUB_REACH_UNKNOWN: /* it is delivered again, and by then that is known */
		return NC_SUB_WORD_STALE;
	case NC_SUB_REACH_UNSAID:
		later = true;
		break;
	case NC_SUB_REACH_BEHIND:
		later = save->missed || sub->move != NULL || (settled && save->under_way);
		break;
	case NC_SUB_REACH_THROUGH:
		break;
	}
	if (!later && !row_waits(sub, settled ? 0 : rows_sent(sub), position))
		return NC_SUB_WORD_THROUGH;
	sub->save.hurry = true;
	nc_subs_mark(sub);
	return NC_SUB_WORD_LATER;
}

int nc_subs_own_word(struct nc_subs *subs, struct nc_slice name, uint64_t epoch, uint64_t position,
                     enum nc_sub_word *word_out)
{
	struct nc_subscription *sub = nc_subs_find(subs, name);
	if (sub == NULL || !sub->lease.owned || sub->epoch < epoch)
		return NC_NOTFOUND;
	*word_out = sub->epoch > epoch ? NC_SUB_WORD_STALE : word_of(sub, position, true);
	return NC_OK;
}

void nc_subs_batch_say(const struct nc_subs *subs, enum nc_sub_word word, struct nc_batch_ack *ack)
{
	ack->stale = word == NC_SUB_WORD_STALE;
	ack->through = word == NC_SUB_WORD_THROUGH;
	ack->replay = word == NC_SUB_WORD_REPLAY &&
	              subs->service->engine_version >= NC_ENGINE_VERSION_STAYS;
}

int nc_subs_batch_judge(struct nc_subs *subs, struct nc_batch_ack *ack)
{
	struct nc_subscription *sub = nc_subs_find(subs, ack->name);
	if (sub == NULL) /* the log will tell whether it is stale */
		return NC_OK;
	if (!sub->definition.durable)
		return NC_UNSUPPORTED;
	enum nc_sub_word word = NC_SUB_WORD_STALE;
	if (ack->epoch == sub->epoch)
		word = word_of(sub, ack->position, false);
	bool sleeps = sub->lease.owned && !nc_subs_own_runs(sub);
	if (word == NC_SUB_WORD_LATER && sub->move == NULL && !sleeps) {
		nc_subs_save(subs, sub, nc_clock_ns()); /* which stands before the batch */
		word = word_of(sub, ack->position, false);
	}
	if (word == NC_SUB_WORD_LATER)
		return NC_BUSY;
	nc_subs_batch_say(subs, word, ack);
	return NC_OK;
}

int nc_subs_batch_ack(struct nc_subs *subs, struct nc_slice rest, struct nc_batch_ack *ack_out)
{
	struct nc_ack_address at;
	if (nc_ack_address_get(rest, &at) != NC_OK)
		return NC_INVALID;
	*ack_out = (struct nc_batch_ack){ .name = at.name,
		                          .epoch = at.epoch,
		                          .position = at.position };
	return nc_subs_batch_judge(subs, ack_out);
}

/* Take `position` out of the rows that are to be written. One that is on its way to the log stays
 * there, since the log drops it. False: it is not among them. */
static bool unsaid(struct nc_subscription *sub, uint64_t position)
{
	struct nc_slice list = nc_buf_slice(&sub->save.parked);
	struct nc_parked parked;
	size_t sent = rows_sent(sub);
	for (;;) {
		size_t before = sub->save.parked.size - list.size;
		if (!nc_parked_next(&list, &parked))
			return false;
		if (parked.position != position)
			continue;
		size_t after = sub->save.parked.size - list.size;
		if (before >= sent) {
			memmove(sub->save.parked.data + before, sub->save.parked.data + after,
			        list.size);
			sub->save.parked.size = before + list.size;
		}
		return true;
	}
}

/* The delivery's wait ended while the batch was on its way, so the event was parked: undo that. */
static void unpark(struct nc_subs *subs, struct nc_subscription *sub, uint64_t position)
{
	if (!nc_sub_park_cancel(sub->machine, position) && !unsaid(sub, position))
		return;
	if (nc_subs_parked_gone(subs, sub, position) != NC_OK) {
		nc_say_error("subscription %s: the key of %llu, which a batch acknowledged, could "
		             "not be found: events of that key wait until this node starts again",
		             sub->name, (unsigned long long)position);
	}
	/* A row that is on its way counts no more, nor one that the log had: of what is replayed.
	 */
	nc_subs_unpark(sub, position);
}

void nc_subs_batch_acked(struct nc_subs *subs, const struct nc_batch_ack *ack)
{
	struct nc_subscription *sub = nc_subs_find(subs, ack->name);
	if (sub == NULL)
		/* another node runs it; or it is loaded later, and finds this among its rows */
		return;
	const struct nc_sub_batch_ack of = { ack->epoch, ack->position, ack->through };
	int err = nc_sub_batch_acked(sub->machine, &of, nc_clock_ns());
	if (err == NC_OK) {
		/* So that a PARK that is due has been taken, if it may act. */
		nc_subs_act(subs, sub);
		unpark(subs, sub, ack->position);
		/* The row of this one covers what stands before it, also what met nobody, until a
		 * progress has taken its place. */
		struct nc_sub_info info;
		nc_sub_info(sub->machine, &info);
		sub->save.hurry |= ack->through && info.ack_floor < ack->position;
	} else if (err == NC_NOMEM) {
		nc_say_error("subscription %s: out of memory for an acknowledgement of %llu, which "
		             "the log has; it may be delivered again",
		             sub->name, (unsigned long long)ack->position);
	}
	nc_subs_mark(sub);
}
