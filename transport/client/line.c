/* SPDX-License-Identifier: Apache-2.0 */
/* Which connection events take.
 *
 * The first connection sends each event as it comes, which costs a system call an event here, and a
 * read an event in the server. The second one is for when many events are under way. It gathers
 * them for a millisecond at most, and then client and server take two thirds of the time.
 *
 * An event must not overtake one that the same thread has sent before. So events change to the
 * other connection only while nothing is under way. They wait for that, but not for ever. */
#include "transport/client/window_private.h"

#define GATHER_FROM 256u /* under way: from so many on gathering pays */
#define GATHER_TO   64u  /* below so many it does not */
#define LOOK_MS     1000
#define PATIENCE_MS 100  /* for nothing to be under way */
#define AGAIN_MS    5000 /* when it did not come to that */

/* The second connection, as it is made, and the subscription on it. */
struct second {
	struct nc_window *window;
	natsConnection *nc;
	natsSubscription *sub;
	natsStatus status;
};

static void second_make(void *ctx)
{
	struct second *made = ctx;
	made->status = natsConnection_Connect(&made->nc, made->window->client->dialling);
	if (made->status == NATS_OK) {
		made->status =
		        nc_window_listen(made->window, NC_LINE_GATHERING, made->nc, &made->sub);
	}
}

/* Make the second connection when it is first wanted. May release the lock meanwhile. */
static void dial(struct nc_window *window)
{
	struct nc_line *line = &window->line;
	struct second made = { .window = window };
	if (line->gathering != NULL || line->refused || !nc_client_connected(window->client->nc))
		return;
	line->refused = true; /* nobody else dials */
	pthread_mutex_unlock(&window->lock);
	made.status = natsOptions_SetSendAsap(window->client->dialling, false);
	bool done = made.status == NATS_OK && nc_client_apart(second_make, &made) &&
	            made.status == NATS_OK;
	if (!done)
		natsConnection_Destroy(made.nc);
	pthread_mutex_lock(&window->lock);
	if (!done)
		return;
	line->gathering = made.nc;
	line->refused = false;
	window->subs[NC_LINE_GATHERING] = made.sub;
	window->listening++;
}

static bool second_is_there(struct nc_window *window)
{
	dial(window);
	return window->line.gathering != NULL && nc_client_connected(window->line.gathering);
}

/* Whether the other connection would be better. Events go back to the first one only after a second
 * in which few were under way all the time: gathered events are answered in bursts, between which
 * there may be none. */
static bool is_better(struct nc_window *window, int64_t now_ms)
{
	struct nc_line *line = &window->line;
	if (!line->gathers)
		return window->under_way >= GATHER_FROM && now_ms >= line->again_ms;
	if (window->under_way > line->most)
		line->most = window->under_way;
	if (now_ms < line->again_ms)
		return false;
	bool few = line->most < GATHER_TO;
	line->most = 0;
	line->again_ms = now_ms + LOOK_MS;
	return few;
}

/* Nothing is under way, so what comes next may take the other connection. */
static void turn_end(struct nc_line *line, int64_t now_ms)
{
	line->gathers = line->turns && !line->gathers;
	line->turns = false;
	line->most = 0;
	line->again_ms = line->gathers ? now_ms + LOOK_MS : 0;
}

/* If the second connection is lost while the first is there, what comes next takes the first: the
 * second may never come back. */
static void leave_lost(struct nc_window *window, int64_t now_ms)
{
	struct nc_line *line = &window->line;
	if (!line->gathers || nc_client_connected(line->gathering) ||
	    !nc_client_connected(window->client->nc))
		return;
	line->gathers = line->turns = false;
	line->again_ms = now_ms + LOOK_MS;
}

bool nc_line_waits(struct nc_window *window)
{
	struct nc_line *line = &window->line;
	int64_t now_ms = nc_client_now_ms();
	if (line->gathers && now_ms >= line->again_ms)
		leave_lost(window, now_ms);
	if (!line->turns && window->under_way > 0 && is_better(window, now_ms)) {
		bool there = line->gathers || second_is_there(window);
		now_ms = nc_client_now_ms();
		line->turns = there;
		line->until_ms = now_ms + PATIENCE_MS;
		if (!there) /* all goes on as before */
			line->again_ms = now_ms + LOOK_MS;
	}
	if (window->under_way == 0 && (line->turns || line->gathers))
		turn_end(line, now_ms);
	if (line->turns && now_ms >= line->until_ms) { /* one is asked for in vain */
		line->turns = false;
		line->again_ms = now_ms + AGAIN_MS;
	}
	return line->turns;
}

enum nc_line_name nc_line(const struct nc_window *window)
{
	return window->line.gathers ? NC_LINE_GATHERING : NC_LINE_FIRST;
}

natsConnection *nc_line_connection(const struct nc_window *window, enum nc_line_name line)
{
	return line == NC_LINE_FIRST ? window->client->nc : window->line.gathering;
}

natsConnection *nc_client_line(struct nacre_client *client)
{
	struct nc_window *window = client->window;
	natsConnection *nc = client->nc;
	pthread_mutex_lock(&window->lock);
	if (window->under_way > 0 && window->line.gathers &&
	    nc_client_connected(window->line.gathering))
		nc = window->line.gathering;
	pthread_mutex_unlock(&window->lock);
	return nc;
}
