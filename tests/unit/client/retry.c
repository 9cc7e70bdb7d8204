/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A store that does not answer at once: what is asked again, and that it is the same.
 * usage: unit_client_retry URL */
#include <nats/nats.h>
#include <pthread.h>

#include "check.h"

/* ---- The store: refuses a request so many times, then answers ------------------------------- */

enum manner { SAYS_503, SAYS_429, IS_SILENT };

static natsConnection *store_nc;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static enum manner manner;
static int refusals;                 /* still to come */
static int asked;                    /* requests, in all */
static char first[4096], last[4096]; /* what they held: id and body */
static const char *good;             /* the answer in the end */

static void refuse(natsConnection *nc, const char *to, const char *code)
{
	natsMsg *msg = NULL;
	if (manner == IS_SILENT || natsMsg_Create(&msg, to, NULL, "{}", 2) != NATS_OK)
		return;
	(void)natsMsgHeader_Set(msg, "Nats-Service-Error", "not now");
	(void)natsMsgHeader_Set(msg, "Nats-Service-Error-Code", code);
	(void)natsConnection_PublishMsg(nc, msg);
	natsMsg_Destroy(msg);
}

static void on_request(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *closure)
{
	const char *id = NULL;
	(void)sub;
	(void)closure;
	if (natsMsgHeader_Get(msg, "Nats-Msg-Id", &id) != NATS_OK)
		id = "";
	pthread_mutex_lock(&lock);
	(void)snprintf(asked == 0 ? first : last, sizeof first, "%s %.*s", id,
	               natsMsg_GetDataLength(msg), natsMsg_GetData(msg));
	asked++;
	if (refusals > 0) {
		refusals--;
		refuse(nc, natsMsg_GetReply(msg), manner == SAYS_503 ? "503" : "429");
	} else {
		(void)natsConnection_PublishString(nc, natsMsg_GetReply(msg), good);
	}
	pthread_mutex_unlock(&lock);
	natsMsg_Destroy(msg);
}

static void will(enum manner how, int times, const char *answer)
{
	pthread_mutex_lock(&lock);
	manner = how;
	refusals = times;
	good = answer;
	asked = 0;
	first[0] = last[0] = '\0';
	pthread_mutex_unlock(&lock);
}

/* ---- What is asked --------------------------------------------------------------------------- */

#define APPENDED "{\"stream\":\"s\",\"seq\":1,\"pos\":2}"
#define BATCHED  "{\"results\":[{\"stream\":\"s\",\"seq\":1,\"pos\":2}],\"pos\":2}"

static int append_async(void)
{
	int result = 1;
	const struct nacre_append event = order("s", NACRE_EXPECT_ANY, NULL);
	if (nacre_append_async(client, &event, told, &result, NULL) != NACRE_OK ||
	    nacre_flush(client, -1, NULL) != NACRE_OK)
		return 1;
	return result;
}

static int ask(bool repeatable)
{
	const struct nacre_request request = { .subject = "sub.seek.s", .repeatable = repeatable };
	return nacre_request(client, &request, NULL, NULL);
}

static int ask_once(void)
{
	return ask(false);
}

static int ask_again(void)
{
	return ask(true);
}

/* ---- Claims ---------------------------------------------------------------------------------- */

static void asks_again(int (*call)(void), enum manner how, int times, const char *answer,
                       const char *what)
{
	will(how, times, answer);
	int result = call();
	pthread_mutex_lock(&lock);
	expect(result == NACRE_OK && asked == times + 1 && strcmp(first, last) == 0 && *first != 0,
	       what);
	pthread_mutex_unlock(&lock);
}

static void asks_once(enum manner how, const char *what)
{
	will(how, 1, "{}");
	int result = ask_once();
	expect(result == NACRE_UNAVAILABLE && asked == 1, what);
}

int main(int argc, char **argv)
{
	natsSubscription *sub = NULL;
	if (argc != 2 || natsConnection_ConnectTo(&store_nc, argv[1]) != NATS_OK ||
	    natsConnection_Subscribe(&sub, store_nc, "es.slow.>", on_request, NULL) != NATS_OK ||
	    natsConnection_Flush(store_nc) != NATS_OK)
		return 2;
	client = connect_to(argv[1], "slow", 20000);
	asks_again(ask_append, SAYS_503, 3, APPENDED, "an append, after 503, with the same id");
	asks_again(ask_append, SAYS_429, 3, APPENDED, "after 429");
	asks_again(ask_append, IS_SILENT, 1, APPENDED, "after 5 s of silence");
	asks_again(append_async, SAYS_503, 3, APPENDED, "an asynchronous one, after 503");
	asks_again(append_async, SAYS_429, 3, APPENDED, "after 429");
	asks_again(append_async, IS_SILENT, 1, APPENDED, "after 5 s of silence");
	asks_again(ask_batch, SAYS_503, 3, BATCHED, "a batch, after 503, with the same ids");
	asks_again(ask_again, SAYS_503, 2, "{}", "a request that may be repeated, after 503");
	asks_again(ask_once, SAYS_429, 2, "{}", "any, after 429: nothing was done");
	nacre_close(client);

	client = connect_to(argv[1], "slow", 1000);
	asks_once(SAYS_503, "one that may not is not asked again after 503");
	asks_once(IS_SILENT, "nor after silence");
	will(SAYS_429, 1000, APPENDED);
	expect(ask_append() == NACRE_REFUSED && append_async() == NACRE_REFUSED,
	       "who sheds load to the end has refused");
	will(SAYS_503, 1000, APPENDED);
	expect(ask_append() == NACRE_UNAVAILABLE && append_async() == NACRE_UNAVAILABLE,
	       "who is unavailable to the end is that");
	nacre_close(client);
	natsSubscription_Destroy(sub);
	natsConnection_Destroy(store_nc);
	return failed != 0;
}
