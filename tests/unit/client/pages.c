/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A long read asks for pages ahead: of each event once, in order, whatever the pages turn out to
 * be. usage: unit_client_pages URL */
#include <pthread.h>

#include "page_make.h"
#include "store.h"

#define ASKS_MAX 64

/* A store of so many events, whose answers end where they are told to. */
static struct {
	pthread_mutex_t lock;
	unsigned long events;
	unsigned long page_max;   /* events of an answer */
	unsigned long short_from; /* the answer from here on is of one event less; 0: none is */
	unsigned long stale_from; /* the first answer from here on knows of nothing; 0: none */
	unsigned long gap;        /* the first so many of each page are deleted */
	unsigned long applied;    /* of direct answers: what a node has that need not have more */
	unsigned long from[ASKS_MAX], limit[ASKS_MAX];
	size_t asks;
} store = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void answer_close(const char *to, unsigned long next, unsigned long head)
{
	char block[CLOSE_SIZE_MAX];
	close_make(block, next, head);
	raw_answer(to, block, "", 0);
}

/* Of nodes one has all events and another is behind: that one answers who does not ask for more. */
static bool direct_answer(const char *to, natsMsg *msg, unsigned long from)
{
	const char *min = NULL;
	if (strncmp(natsMsg_GetSubject(msg), "es.paged.direct.", 16) != 0)
		return false;
	if (natsMsgHeader_Get(msg, "Es-Min-Position", &min) == NATS_OK &&
	    strtoul(min, NULL, 10) > store.applied)
		return false;
	if (from <= 1) /* the first one comes to the one that has all */
		return false;
	answer_close(to, 0, store.applied);
	return true;
}

static void page_answer(const char *to, unsigned long from, unsigned long limit)
{
	static unsigned char bytes[PAGE_SIZE_MAX];
	unsigned long last = from + (limit < store.page_max ? limit : store.page_max) - 1;
	if (store.stale_from == from) {
		store.stale_from = 0;
		answer_close(to, 0, from - 1);
		return;
	}
	if (store.short_from == from)
		last--;
	from += store.gap;
	last += store.gap;
	if (last > store.events)
		last = store.events;
	if (from <= last) {
		size_t size = page_make(bytes, from, last);
		raw_answer(to, "NATS/1.0\r\n\r\n", (const char *)bytes, size);
	}
	answer_close(to, last < store.events ? last + 1 : 0, store.events);
}

static void on_page_request(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *closure)
{
	(void)nc;
	(void)sub;
	(void)closure;
	unsigned long from = member(natsMsg_GetData(msg), "\"from\":");
	unsigned long limit = member(natsMsg_GetData(msg), "\"limit\":");
	pthread_mutex_lock(&store.lock);
	if (store.asks < ASKS_MAX) {
		store.from[store.asks] = from;
		store.limit[store.asks++] = limit;
	}
	if (!direct_answer(natsMsg_GetReply(msg), msg, from))
		page_answer(natsMsg_GetReply(msg), from == 0 ? 1 : from, limit);
	pthread_mutex_unlock(&store.lock);
	natsMsg_Destroy(msg);
}

static void store_begin(unsigned long events)
{
	pthread_mutex_lock(&store.lock);
	store.events = events;
	store.page_max = PAGE;
	store.short_from = store.stale_from = store.gap = 0;
	store.applied = PAGE;
	store.asks = 0;
	pthread_mutex_unlock(&store.lock);
}

/* Events that came in order, from `first` on; 0: something else came. */
static unsigned long read_from(unsigned long first, const struct nacre_read *read)
{
	struct nacre_reader *reader = NULL;
	const struct nacre_event *event;
	unsigned long count = 0;
	bool fine = true;
	int result = NACRE_OK;
	if (nacre_read_open(client, read, &reader, NULL) != NACRE_OK)
		exit(2);
	while (fine && (result = nacre_read_next(reader, &event, NULL)) == NACRE_OK) {
		unsigned long due = first + count++;
		fine = store.gap == 0 ? event->pos == due : event->pos > due;
	}
	nacre_read_close(reader);
	return fine && result == NACRE_END ? count : 0;
}

static unsigned long read_all(void)
{
	return read_from(1, &(struct nacre_read){ .source = NACRE_ALL });
}

/* Whether so many pages were asked for, in whatever order two of them arrived. */
static bool asked(const unsigned long *from, size_t count)
{
	pthread_mutex_lock(&store.lock);
	bool fine = store.asks == count;
	for (size_t i = 0; fine && i < count; i++) {
		size_t at = 0;
		while (at < count && store.from[at] != from[i])
			at++;
		fine = at < count;
	}
	pthread_mutex_unlock(&store.lock);
	return fine;
}

#define ASKED(...)                                    \
	asked((const unsigned long[]){ __VA_ARGS__ }, \
	      sizeof((const unsigned long[]){ __VA_ARGS__ }) / sizeof(unsigned long))

static void what_is_asked_for(void)
{
	store_begin(10);
	expect(read_all() == 10 && ASKED(0), "a short read asks once");
	store_begin(PAGE);
	expect(read_all() == PAGE && ASKED(0), "and one of a whole page");
	store_begin(35000);
	expect(read_all() == 35000 && ASKED(0, 10001, 20001, 30001),
	       "a long one asks ahead from its second page on, not beyond the end");
	expect(store.asks == 4 && store.limit[1] == PAGE, "for whole pages");
	store_begin(40000);
	expect(read_from(1, &(struct nacre_read){ .source = NACRE_ALL, .limit = 25000 }) == 25000 &&
	               ASKED(0, 10001, 20001),
	       "not beyond its limit");
	expect(store.limit[0] + store.limit[1] + store.limit[2] == 25000, "nor for more");
	store_begin(40000);
	expect(read_from(1, &(struct nacre_read){ .source = NACRE_ALL, .limit = 20000 }) == 20000 &&
	               ASKED(0, 10001),
	       "a limit of whole pages is one");
	store_begin(40000);
	expect(read_from(5, &(struct nacre_read){ .source = NACRE_ALL, .from = 5, .to = 40000 }) ==
	                       39996 &&
	               ASKED(5, 10005, 20005, 30005),
	       "nor beyond where it is to end");
}

static bool comes_to_asks(size_t count)
{
	size_t asks = 0;
	for (unsigned tries = 0; tries < 400 && asks < count; tries++) {
		(void)usleep(tries == 0 ? 0 : 5000);
		pthread_mutex_lock(&store.lock);
		asks = store.asks;
		pthread_mutex_unlock(&store.lock);
	}
	return asks == count;
}

static void how_far_ahead(void)
{
	static const size_t asks[] = { 1, 3, 5, 7, 8, 9 }; /* when the page is begun */
	struct nacre_reader *reader = NULL;
	const struct nacre_event *event;
	store_begin(200000);
	if (nacre_read_open(client, &(struct nacre_read){ .source = NACRE_ALL }, &reader, NULL) !=
	    NACRE_OK)
		exit(2);
	for (size_t page = 0; page < sizeof asks / sizeof *asks; page++) {
		bool fine = true;
		for (unsigned i = 0; i < (page == 0 ? 1 : PAGE) && fine; i++)
			fine = nacre_read_next(reader, &event, NULL) == NACRE_OK;
		expect(fine && event->pos == page * PAGE + 1, "a page is begun");
		expect(comes_to_asks(asks[page]), "as many ahead as were full, three at most");
	}
	nacre_read_close(reader);
}

static void what_turns_out_otherwise(void)
{
	store_begin(35000);
	store.page_max = 7000;
	expect(read_all() == 35000 && ASKED(0, 7001, 14001, 21001, 28001),
	       "where pages are not full none is asked for ahead");
	store_begin(35000);
	store.short_from = 10001;
	expect(read_all() == 35000 && ASKED(0, 10001, 20001, 20000, 30000),
	       "one asked for ahead is not taken where the page before ends elsewhere");
	store_begin(35000);
	store.stale_from = 20001;
	expect(read_all() == 35000 && ASKED(0, 10001, 20001, 30001, 20001, 30001),
	       "that there is no more is not believed of one that is older than the page before");
	store_begin(20000);
	expect(read_all() == 20000 && ASKED(0, 10001), "a last page may be full");
}

/* What is read goes on where it was, whoever answers. */
static void what_others_answer(void)
{
	store_begin(35000);
	expect(read_from(1, &(struct nacre_read){ .source = NACRE_ALL, .direct = true }) == 35000,
	       "a direct read does not end with a node that is behind");
	store_begin(35000);
	expect(read_from(1, &(struct nacre_read){ .source = NACRE_TYPE,
	                                          .name = "T",
	                                          .direct = true }) == 35000,
	       "nor where it is not read ahead");
}

static void what_is_not_ahead(void)
{
	store_begin(35000);
	expect(read_from(1, &(struct nacre_read){ .source = NACRE_TYPE, .name = "T" }) == 35000 &&
	               ASKED(0, 10001, 20001, 30001),
	       "an index is not read ahead: its numbers have gaps");
	store_begin(35000);
	expect(read_from(1, &(struct nacre_read){ .source = NACRE_ALL,
	                                          .filter = "{\"plugin\":\"by_event_type\"}" }) ==
	                       35000 &&
	               ASKED(0, 10001, 20001, 30001),
	       "nor through a filter");
	store_begin(35000);
	store.gap = 10;
	expect(read_from(1, &(struct nacre_read){ .source = NACRE_ALL, .from = 1 }) == 34960 &&
	               ASKED(1, 10011, 20021, 30031),
	       "nor where events have been deleted");
}

/* A program stops where it likes. */
static void closing_early(void)
{
	for (unsigned long stop = 9999; stop < 20003; stop += 5001) {
		struct nacre_reader *reader = NULL;
		const struct nacre_event *event;
		store_begin(60000);
		expect(nacre_read_open(client, &(struct nacre_read){ .source = NACRE_ALL }, &reader,
		                       NULL) == NACRE_OK,
		       "a reader opens");
		bool fine = true;
		for (unsigned long i = 1; i <= stop; i++)
			fine = fine && nacre_read_next(reader, &event, NULL) == NACRE_OK;
		expect(fine && event->pos == stop, "reads so far");
		nacre_read_close(reader);
		expect(read_all() == 60000, "and another reads all");
	}
}

int main(int argc, char **argv)
{
	static natsSubscription *sub; /* until the program ends */
	if (argc != 2)
		return 2;
	raw_open(argv[1]);
	if (natsConnection_ConnectTo(&store_nc, argv[1]) != NATS_OK ||
	    natsConnection_Subscribe(&sub, store_nc, "es.paged.>", on_page_request, NULL) !=
	            NATS_OK ||
	    natsConnection_Flush(store_nc) != NATS_OK)
		return 2;
	client = connect_to(argv[1], "paged", 2000);
	what_is_asked_for();
	how_far_ahead();
	what_turns_out_otherwise();
	what_is_not_ahead();
	what_others_answer();
	closing_early();
	nacre_close(client);
	natsConnection_Destroy(store_nc);
	return failed != 0;
}
