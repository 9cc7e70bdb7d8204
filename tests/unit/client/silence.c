/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A node that was killed says nothing of what it had taken: that is missed long before its time,
 * and what a slow one has is not asked for again.
 * usage: unit_client_silence URL */
#include <nats/nats.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "check.h"

#define PATIENCE_MS 4000 /* less than the silence after which any answer is missed */
#define EVENTS      40

static natsConnection *store_nc;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static enum { IS_DEAD, IS_SLOW, LIVES } manner;
static int asked;                  /* in all */
static int order_of[EVENTS];       /* the events that were answered, in order */
static int answered;               /* of them: each once */
static char kept[8 * EVENTS][128]; /* where answers of a slow one are to go */
static int kept_count;

/* ---- The store ------------------------------------------------------------------------------ */

static void answer(const char *to)
{
	(void)natsConnection_PublishString(store_nc, to, "{\"stream\":\"s\",\"seq\":1,\"pos\":2}");
}

static void note(int event)
{
	for (int i = 0; i < answered; i++) {
		if (order_of[i] == event)
			return;
	}
	if (answered < EVENTS)
		order_of[answered++] = event;
}

static void on_request(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *closure)
{
	const char *id = NULL;
	(void)nc;
	(void)sub;
	(void)closure;
	pthread_mutex_lock(&lock);
	asked++;
	if (manner == LIVES) {
		if (natsMsgHeader_Get(msg, "Nats-Msg-Id", &id) == NATS_OK)
			note(atoi(id));
		answer(natsMsg_GetReply(msg));
	} else if (manner == IS_SLOW && kept_count < 8 * EVENTS) {
		(void)snprintf(kept[kept_count++], sizeof *kept, "%s", natsMsg_GetReply(msg));
	}
	pthread_mutex_unlock(&lock);
	natsMsg_Destroy(msg);
}

static void becomes(int how)
{
	pthread_mutex_lock(&lock);
	manner = how;
	for (int i = 0; i < kept_count; i++)
		answer(kept[i]);
	kept_count = 0;
	pthread_mutex_unlock(&lock);
}

/* ---- What is asked -------------------------------------------------------------------------- */

static atomic_int fine;

static void on_done(void *ctx, int result, const struct nacre_appended *appended,
                    const struct nacre_error *error)
{
	(void)ctx;
	(void)appended;
	(void)error;
	atomic_fetch_add(&fine, result == NACRE_OK);
}

static void append_some(int first, int count)
{
	for (int i = first; i < first + count; i++) {
		char id[16];
		(void)snprintf(id, sizeof id, "%d", i);
		const struct nacre_append event = order("s", NACRE_EXPECT_ANY, id);
		if (nacre_append_async(client, &event, on_done, NULL, NULL) != NACRE_OK)
			exit(2);
	}
}

static void begin(int how)
{
	becomes(how);
	pthread_mutex_lock(&lock);
	asked = answered = 0;
	pthread_mutex_unlock(&lock);
	atomic_store(&fine, 0);
}

static int asked_so_far(void)
{
	pthread_mutex_lock(&lock);
	int count = asked;
	pthread_mutex_unlock(&lock);
	return count;
}

static bool flushed(void)
{
	return nacre_flush(client, 2 * PATIENCE_MS, NULL) == NACRE_OK;
}

/* ---- Claims --------------------------------------------------------------------------------- */

static bool in_order(void)
{
	bool rising = answered == EVENTS;
	for (int i = 0; i < answered && rising; i++)
		rising = order_of[i] == i;
	return rising;
}

static void all_is_taken_along(void)
{
	begin(IS_DEAD);
	append_some(0, EVENTS);
	(void)usleep(300000);
	becomes(LIVES);
	expect(flushed() && atomic_load(&fine) == EVENTS,
	       "what a killed node had taken does not wait in vain");
	expect(in_order(), "it is asked again in the order of the calls");
	expect(asked_so_far() <= 2 * EVENTS + 4, "once, but for the one that finds out");
}

/* Others go on being answered, so that it never is quiet. */
static void some_is_taken_along(void)
{
	begin(IS_DEAD);
	append_some(0, EVENTS / 2);
	(void)usleep(50000);
	becomes(LIVES);
	for (int i = EVENTS / 2; i < EVENTS; i++) {
		(void)usleep(50000);
		append_some(i, 1);
	}
	expect(atomic_load(&fine) >= EVENTS - 2, "nor where others are answered meanwhile");
	expect(flushed() && asked_so_far() == EVENTS + EVENTS / 2, "and is asked again once");
}

static void is_only_slow(void)
{
	begin(IS_SLOW);
	append_some(0, EVENTS);
	(void)usleep(1800000);
	becomes(LIVES);
	expect(flushed() && atomic_load(&fine) == EVENTS, "a slow store answers all");
	expect(asked_so_far() > EVENTS && asked_so_far() <= EVENTS + 4,
	       "and is asked for one again");
}

int main(int argc, char **argv)
{
	static natsSubscription *sub; /* until the program ends */
	if (argc != 2)
		return 2;
	if (natsConnection_ConnectTo(&store_nc, argv[1]) != NATS_OK ||
	    natsConnection_Subscribe(&sub, store_nc, "es.silent.>", on_request, NULL) != NATS_OK ||
	    natsConnection_Flush(store_nc) != NATS_OK)
		return 2;
	client = connect_to(argv[1], "silent", PATIENCE_MS);
	all_is_taken_along();
	some_is_taken_along();
	is_only_slow();
	nacre_close(client);
	natsConnection_Destroy(store_nc);
	return failed != 0;
}
