/* SPDX-License-Identifier: Apache-2.0 */
/* What a node that was killed took along. No connection is lost then, and nobody tells of it.
 *
 * The store answers nearly in the order in which it was asked. So an event is missed if it was sent
 * well before another one that is answered, and is not answered itself. It is sent again a moment
 * later, unless its answer was only on its way.
 *
 * If nothing is answered any more, nothing shows what is missed. Then the oldest event is sent
 * again, and what becomes of it tells of the others. So a store that is only slow is asked twice
 * for one event, and not for all of them. (RFC 8985, RACK-TLP, does the same for segments of TCP.)
 */
#include "transport/client/window_private.h"

#define DISORDER_MS 250 /* by so much answers may overtake one another */
#define GRACE_MS    200 /* for answers that are on their way when one shows that they are missed */
#define QUIET_MS    500 /* without a word: then the oldest is sent again */

void nc_window_heard(struct nc_window *window, const struct nc_slot *slot)
{
	struct nc_window_heard *heard = &window->heard[slot->line];
	heard->at_ms = nc_client_now_ms();
	if (slot->sent_ms > heard->asked_ms)
		heard->asked_ms = slot->sent_ms;
}

static bool is_missed(const struct nc_window *window, struct nc_slot *slot, int64_t now_ms)
{
	if (slot->sent_ms + DISORDER_MS > window->heard[slot->line].asked_ms)
		return false;
	if (slot->late_ms == 0)
		slot->late_ms = now_ms;
	return now_ms - slot->late_ms >= GRACE_MS;
}

static bool is_quiet(const struct nc_window_heard *heard, const struct nc_slot *oldest,
                     int64_t now_ms)
{
	return now_ms - oldest->sent_ms >= QUIET_MS && now_ms - heard->at_ms >= QUIET_MS &&
	       now_ms - heard->probed_ms >= QUIET_MS;
}

static void probe(struct nc_window *window, struct nc_slot *oldest, int64_t now_ms)
{
	struct nc_window_heard *heard = &window->heard[oldest->line];
	if (!is_quiet(heard, oldest, now_ms) ||
	    !nc_client_connected(nc_line_connection(window, oldest->line)))
		return;
	heard->probed_ms = now_ms;
	(void)nc_window_publish(window, oldest); /* if that fails, it is due still */
}

bool nc_window_miss(struct nc_window *window, int64_t now_ms)
{
	struct nc_slot *oldest[NC_LINES] = { NULL };
	bool missed = false;
	for (uint32_t i = 0; i < window->size && window->under_way > 0; i++) {
		struct nc_slot *slot = &window->slots[i];
		if (slot->state != NC_SLOT_SENT)
			continue;
		if (is_missed(window, slot, now_ms)) {
			slot->state = NC_SLOT_WAITING;
			slot->due_ms = now_ms;
			missed = true;
		} else if (oldest[slot->line] == NULL ||
		           slot->number < oldest[slot->line]->number) {
			oldest[slot->line] = slot;
		}
	}
	for (unsigned line = 0; line < NC_LINES && !missed; line++) {
		if (oldest[line] != NULL)
			probe(window, oldest[line], now_ms);
	}
	return missed;
}
