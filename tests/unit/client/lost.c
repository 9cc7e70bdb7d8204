/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests whose connection is lost before they are answered: they are asked again when there is
 * another, and not after a silence; where they may be.
 * usage: unit_client_lost
 *
 * This plays the store behind a wire that ends when so many requests have come, unanswered. */
#include <pthread.h>
#include <time.h>

#include "check.h"
#include "wire.h"

/* Less than the silence after which an answer is missed. */
#define PATIENCE_MS 4000
#define WINDOW      40

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int swallowed;  /* requests that come before the connection ends; 0: it does not */
static int came, lost; /* since then; of these unanswered */
static char first[WINDOW][128], last[WINDOW][128]; /* what tells one from another */

/* ---- The store ------------------------------------------------------------------------------ */

static char torn_inbox[128]; /* of an answer whose middle is lost */

/* Its end, when the client has subscribed again. */
void on_subscribe(const char *subject, const char *sid)
{
	char line[128];
	if (strcmp(subject, torn_inbox) != 0)
		return;
	wire_say(line, (size_t)snprintf(line, sizeof line,
	                                "HMSG in %s 20 20\r\nNATS/1.0 204 EOB\r\n\r\n\r\n", sid));
}

static void tear(const char *inbox)
{
	(void)snprintf(torn_inbox, sizeof torn_inbox, "%s", inbox);
	wire_answer(inbox, "{}");
	wire_end();
}

/* The id of an event, or else what was sent. */
static void mark_of(const struct wire_message *message, char mark[128])
{
	static const char name[] = "Nats-Msg-Id: ";
	const char *at = strstr(message->bytes, name);
	at = at == NULL ? message->bytes : at + sizeof name - 1;
	(void)snprintf(mark, 128, "%s %.*s", message->subject, (int)strcspn(at, "\r\n"), at);
}

static const char *answer_to(const char *subject)
{
	if (strstr(subject, ".append.") != NULL)
		return "{\"stream\":\"s\",\"seq\":1,\"pos\":2}";
	if (strstr(subject, ".batch") != NULL)
		return "{\"results\":[{\"stream\":\"s\",\"seq\":1,\"pos\":2}],\"pos\":2}";
	return strstr(subject, ".ack.") != NULL ? "" : "{}";
}

void on_message(const struct wire_message *message)
{
	if (strstr(message->subject, ".load.") != NULL) {
		tear(message->inbox);
		return;
	}
	pthread_mutex_lock(&lock);
	bool is_lost = lost < swallowed;
	if (is_lost) {
		mark_of(message, first[lost++]);
	} else if (came < WINDOW) {
		mark_of(message, last[came++]);
	}
	if (is_lost && lost == swallowed)
		wire_end();
	pthread_mutex_unlock(&lock);
	if (!is_lost)
		wire_answer(message->inbox, answer_to(message->subject));
}

static void will_lose(int count)
{
	pthread_mutex_lock(&lock);
	swallowed = count;
	came = lost = 0;
	pthread_mutex_unlock(&lock);
}

/* ---- What is asked -------------------------------------------------------------------------- */

static struct tally {
	int fine, failed;
	struct nacre_error error;
} tally;

static void on_done(void *ctx, int result, const struct nacre_appended *appended,
                    const struct nacre_error *error)
{
	(void)ctx;
	(void)appended;
	tally.fine += result == NACRE_OK;
	tally.failed += result != NACRE_OK;
	if (result != NACRE_OK)
		tally.error = *error;
}

/* Each with an id that says which one it is. */
static bool append_async(int count)
{
	tally = (struct tally){ 0 };
	for (int i = 0; i < count; i++) {
		char id[32];
		(void)snprintf(id, sizeof id, "event-%d", i);
		const struct nacre_append event = order("s", NACRE_EXPECT_ANY, id);
		if (nacre_append_async(client, &event, on_done, NULL, NULL) != NACRE_OK)
			return false;
	}
	return nacre_flush(client, 20000, NULL) == NACRE_OK;
}

static int acknowledge(void)
{
	return nacre_ack(client, "es.shop.ack.billing.1.7.1", true, NULL);
}

static int ask(void)
{
	const struct nacre_request request = { .subject = "sub.info.s", .repeatable = true };
	return nacre_request(client, &request, NULL, NULL);
}

/* ---- Claims --------------------------------------------------------------------------------- */

static void is_asked_again(int (*call)(void), const char *what)
{
	will_lose(1);
	int result = call();
	pthread_mutex_lock(&lock);
	expect(result == NACRE_OK && came == 1 && strcmp(first[0], last[0]) == 0, what);
	pthread_mutex_unlock(&lock);
}

/* `before`: that are answered, so that places in the window are given out in another order. */
static void all_are_asked_again(int before, const char *what)
{
	will_lose(0);
	bool fine = append_async(before) && tally.fine == before;
	will_lose(WINDOW / 2);
	fine &= append_async(WINDOW / 2) && tally.fine == WINDOW / 2 && tally.failed == 0;
	pthread_mutex_lock(&lock);
	expect(fine && came == WINDOW / 2 && memcmp(first, last, sizeof *first * WINDOW / 2) == 0,
	       what);
	pthread_mutex_unlock(&lock);
}

static time_t now_s(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* What may not be is not, and says long before its time that nobody knows what became of it. */
static void is_not_asked_again(void)
{
	const struct nacre_request request = { .subject = "sub.seek.s", .timeout_ms = 30000 };
	time_t from_s = now_s();
	will_lose(1);
	int result = nacre_request(client, &request, NULL, NULL);
	expect(result == NACRE_UNAVAILABLE && now_s() - from_s < 15,
	       "a request that may not be repeated has an unknown outcome");
	expect(ask_append() == NACRE_OK && came == 1, "it is not, and the client goes on");
}

static void is_not_taken_for_whole(void)
{
	struct nacre_subscription *sub = NULL;
	const struct nacre_delivery *one;
	const struct nacre_request load = { .subject = "load.s" };
	if (nacre_request_many(client, &load, &sub, NULL) != NACRE_OK)
		exit(2);
	int result = NACRE_OK;
	for (int i = 0; i < 3 && result == NACRE_OK; i++)
		result = nacre_next(sub, 10000, &one, NULL);
	expect(result == NACRE_UNAVAILABLE,
	       "an answer that a lost connection has torn is not taken for whole");
	nacre_unsubscribe(sub);
}

static bool says_disconnected(const struct nacre_error *error)
{
	return strstr(error->description, "Disconnected") != NULL;
}

/* A server that does not come back for longer than is waited. */
static void ends_in_time(const char *url)
{
	struct nacre_error error = { 0 };
	client = connect_to(url, "shop", 1000);
	atomic_store(&wire_hangs, true);
	will_lose(WINDOW / 2);
	expect(append_async(WINDOW / 2) && tally.failed == WINDOW / 2 &&
	               says_disconnected(&tally.error),
	       "without a server appends fail in time, and say why");
	const struct nacre_append event = order("s", NACRE_EXPECT_ANY, NULL);
	expect(nacre_append(client, &event, NULL, &error) == NACRE_UNAVAILABLE &&
	               says_disconnected(&error),
	       "one that is waited for, too");
	tally = (struct tally){ 0 };
	expect(nacre_append_async(client, &event, on_done, NULL, NULL) == NACRE_OK,
	       "and another is taken");
	nacre_close(client);
	expect(tally.failed == 1, "which ends with the client");
}

int main(void)
{
	char url[64];
	wire_open(url);
	client = connect_to(url, "shop", PATIENCE_MS);
	all_are_asked_again(0, "appends under way are asked again, once, in their order");
	all_are_asked_again(7, "which is that of the calls");
	is_asked_again(ask_append, "one append, with the same id");
	is_asked_again(ask_batch, "a batch, with the same ids");
	is_asked_again(acknowledge, "an acknowledgement");
	is_asked_again(ask, "a request that may be repeated");
	is_not_asked_again();
	is_not_taken_for_whole();
	nacre_close(client);
	ends_in_time(url);
	return failed != 0;
}
