/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/checker/generate.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>

enum { STREAMS = 50, FINAL_CHUNK = 500, READ_MAX = 20 };

struct event {
	unsigned stream;
	uint64_t seq, number;
};

struct store {
	struct event *events; /* by position - 1 */
	uint64_t head, heads[STREAMS];
	uint64_t random, now;
	FILE *out;
};

static uint64_t draw(struct store *store, uint64_t below)
{
	store->random = store->random * 6364136223846793005u + 1442695040888963407u;
	return (store->random >> 33) % below;
}

static void event_print(const struct store *store, uint64_t pos)
{
	const struct event *event = &store->events[pos - 1];
	(void)fprintf(store->out,
	              "{\"stream\":\"s.%u\",\"seq\":%" PRIu64 ",\"pos\":%" PRIu64
	              ",\"id\":\"e%" PRIu64 "\",\"data\":\"d%" PRIu64 "\"}",
	              event->stream, event->seq, pos, event->number, event->number);
}

/* The moment of commit is `now`; it was asked up to 40 before and is answered up to 40 later, so
 * that operations overlap. */
static void append_print(struct store *store, uint64_t number)
{
	unsigned stream = (unsigned)draw(store, STREAMS);
	uint64_t version = store->heads[stream], kind = draw(store, 20);
	uint64_t start = store->now - draw(store, 40), end = store->now + draw(store, 40);
	(void)fprintf(store->out,
	              "{\"op\":\"append\",\"start\":%" PRIu64 ",\"end\":%" PRIu64
	              ",\"events\":[{\"stream\":\"s.%u\",\"id\":\"e%" PRIu64
	              "\",\"data\":\"d%" PRIu64 "\",\"expect\":",
	              start, end, stream, number, number);
	if (kind == 0) { /* refused */
		(void)fprintf(store->out,
		              "%" PRIu64 "}],\"refused\":10071,\"actual\":%" PRIu64 "}\n",
		              version + 1 + draw(store, 3), version);
		return;
	}
	if (kind == 1) { /* never got there */
		(void)fprintf(store->out, "\"any\"}],\"unknown\":true}\n");
		return;
	}
	store->events[store->head++] = (struct event){ stream, ++store->heads[stream], number };
	if (kind == 2) { /* the answer never came back */
		(void)fprintf(store->out, "\"any\"}],\"unknown\":true}\n");
	} else {
		(void)fprintf(store->out,
		              "%" PRIu64 "}],\"results\":[{\"seq\":%" PRIu64 ",\"pos\":%" PRIu64
		              "}]}\n",
		              version, version + 1, store->head);
	}
	(void)fprintf(store->out,
	              "{\"op\":\"deliver\",\"sub\":\"all\",\"at\":%" PRIu64
	              ",\"stream\":\"s.%u\",\"seq\":%" PRIu64 ",\"pos\":%" PRIu64
	              ",\"id\":\"e%" PRIu64 "\",\"data\":\"d%" PRIu64 "\",\"attempt\":1}\n",
	              store->now + 5, stream, version + 1, store->head, number, number);
}

static void read_print(struct store *store)
{
	uint64_t start = store->now - draw(store, 40), end = store->now + draw(store, 40);
	uint64_t from = store->head > READ_MAX ? store->head - draw(store, READ_MAX) : 1;
	(void)fprintf(store->out,
	              "{\"op\":\"read\",\"start\":%" PRIu64 ",\"end\":%" PRIu64 ",\"from\":%" PRIu64
	              ",\"head\":%" PRIu64 ",\"complete\":true,\"events\":[",
	              start, end, from, store->head);
	for (uint64_t pos = from; pos <= store->head; pos++) {
		event_print(store, pos);
		(void)fputs(pos < store->head ? "," : "", store->out);
	}
	(void)fputs("]}\n", store->out);
}

static void final_print(const struct store *store, const char *node)
{
	for (uint64_t pos = 1; pos <= store->head; pos++) {
		bool first = (pos - 1) % FINAL_CHUNK == 0;
		bool last = pos % FINAL_CHUNK == 0 || pos == store->head;
		if (first) {
			(void)fprintf(store->out, "{\"op\":\"final\",\"node\":\"%s\",\"events\":[",
			              node);
		}
		event_print(store, pos);
		(void)fputs(last ? "]}\n" : ",", store->out);
	}
}

void generate_history(uint64_t seed, uint64_t operations, FILE *out)
{
	struct store store = { .events = calloc(operations, sizeof(struct event)),
		               .random = seed,
		               .out = out };
	for (uint64_t i = 0; i < operations && store.events != NULL; i++) {
		store.now = 1000 + i * 10;
		if (draw(&store, 10) == 0) {
			read_print(&store);
		} else {
			append_print(&store, i);
		}
	}
	(void)fprintf(out,
	              "{\"op\":\"sub\",\"name\":\"all\",\"match\":\"all\",\"order\":\"stream\","
	              "\"until\":%" PRIu64 "}\n",
	              store.head);
	if (store.events != NULL) {
		final_print(&store, "n1");
		final_print(&store, "n2");
	}
	free(store.events);
}
