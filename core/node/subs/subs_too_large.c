/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events that are left out of what is published: those larger than the server takes, which are
 * parked, and those that are gone. A large one is noted before what comes behind it leaves: with
 * ack all an answer to that takes along all before it, and may be here before the job that
 * delivers. */
#include "core/node/subs/subs_job.h"

/* of a note: position and flight */
#define NOTED_SIZE 16u

static void park(struct nc_subscription *sub, uint64_t position, uint64_t flight)
{
	const struct nc_slice why = NC_SLICE("larger than the server's max_payload");
	nc_sub_unsendable(sub->machine, position, flight, why, nc_clock_ns());
}

/* Without memory the machine is told when the job is back. */
void nc_sub_too_large_note(struct nc_sub_teller *teller, const struct nc_delivery *delivery)
{
	uint8_t noted[NOTED_SIZE];
	nc_set_u64(noted, delivery->position);
	nc_set_u64(noted + 8, delivery->flight);
	pthread_mutex_lock(&teller->subs->lock);
	nc_buf_put(&teller->sub->out.too_large, noted, sizeof noted);
	pthread_mutex_unlock(&teller->subs->lock);
}

void nc_subs_too_large_tell(struct nc_subs *subs, struct nc_subscription *sub)
{
	pthread_mutex_lock(&subs->lock);
	struct nc_buf noted = sub->out.too_large;
	nc_buf_init(&sub->out.too_large);
	pthread_mutex_unlock(&subs->lock);
	for (size_t at = 0; at < noted.size; at += NOTED_SIZE)
		park(sub, nc_get_u64(noted.data + at), nc_get_u64(noted.data + at + 8));
	if (noted.size > 0 && !sub->gone)
		nc_subs_mark(sub);
	nc_buf_release(&noted);
}

bool nc_subs_left_out(struct nc_subscription *sub, const struct nc_delivery *list, size_t count)
{
	bool some = false;
	for (size_t i = 0; i < count; i++) {
		const struct nc_delivery *at = &list[i];
		if (!at->gone)
			continue;
		some = true;
		if (at->unsendable) {
			park(sub, at->position, at->flight);
		} else {
			(void)nc_sub_gone(sub->machine, at->position);
		}
		nc_subs_pull_gone(sub, list, count, i);
	}
	return some;
}
