/* SPDX-License-Identifier: Apache-2.0 */
/* What a lost connection took along.
 *
 * Requests that were being written at that moment, and answers that came while it was down, are
 * lost: waiting for them is in vain. nats.c fails the requests for which it waits itself. Whoever
 * else waits looks here. */
#include "transport/client/window_private.h"

natsStatus nc_client_connections(natsConnection *nc, uint64_t *count_out)
{
	natsStatistics *statistics = NULL;
	natsStatus status = natsStatistics_Create(&statistics);
	if (status == NATS_OK)
		status = natsConnection_GetStats(nc, statistics);
	if (status == NATS_OK)
		status = natsStatistics_GetCounts(statistics, NULL, NULL, NULL, NULL, count_out);
	natsStatistics_Destroy(statistics);
	return status;
}

bool nc_client_connected(natsConnection *nc)
{
	return natsConnection_Status(nc) == NATS_CONN_STATUS_CONNECTED;
}

/* How often the connection of a line, which also brings the answers to what is sent over it, has
 * been made again. False if it is not there. */
static bool is_known(const struct nc_window *window, enum nc_line_name line, uint64_t *count_out)
{
	natsConnection *nc = nc_line_connection(window, line);
	return nc != NULL && nc_client_connected(nc) &&
	       nc_client_connections(nc, count_out) == NATS_OK;
}

void nc_window_look_from_now(struct nc_window *window)
{
	enum nc_line_name line = nc_line(window);
	(void)is_known(window, line, &window->connections[line]); /* or one is asked in vain */
}

static void sent_is_due(struct nc_window *window, enum nc_line_name line)
{
	int64_t now_ms = nc_client_now_ms();
	for (uint32_t i = 0; i < window->size; i++) {
		struct nc_slot *slot = &window->slots[i];
		if (slot->state == NC_SLOT_SENT && slot->line == line) {
			slot->state = NC_SLOT_WAITING;
			slot->due_ms = now_ms;
		}
	}
}

bool nc_window_look(struct nc_window *window)
{
	bool lost = false;
	for (unsigned line = 0; line < NC_LINES && window->under_way > 0; line++) {
		uint64_t count;
		if (!is_known(window, line, &count) || count == window->connections[line])
			continue;
		window->connections[line] = count;
		sent_is_due(window, line);
		lost = true;
	}
	return lost;
}
