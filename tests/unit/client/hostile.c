/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A store that answers what it should not: NACRE_PROTOCOL, never a crash, never success.
 * usage: unit_client_hostile URL */
#include "store.h"

#define WAIT_MS 5000

/* ---- What is asked --------------------------------------------------------------------------- */

static int append_one(void)
{
	const struct nacre_append event = order("s", NACRE_EXPECT_ANY, "id");
	return nacre_append(client, &event, NULL, NULL);
}

static int append_async(void)
{
	int result = 1;
	const struct nacre_append event = order("s", NACRE_EXPECT_ANY, "id");
	if (nacre_append_async(client, &event, told, &result, NULL) != NACRE_OK ||
	    nacre_flush(client, WAIT_MS, NULL) != NACRE_OK)
		return 1;
	return result;
}

static int send_batch(void)
{
	struct nacre_batch *batch = NULL;
	struct nacre_append event = order("s", NACRE_EXPECT_ANY, "a");
	if (nacre_batch_new(&batch) != NACRE_OK || nacre_batch_add(batch, &event, NULL) != NACRE_OK)
		exit(2);
	event.id = "b";
	if (nacre_batch_add(batch, &event, NULL) != NACRE_OK)
		exit(2);
	struct nacre_appended appended[2];
	int result = nacre_batch_send(client, batch, appended, NULL);
	nacre_batch_free(batch);
	return result;
}

static int get_one(void)
{
	const struct nacre_event *event = NULL;
	int result = nacre_get(client, &(struct nacre_get){ .pos = 1 }, &event, NULL);
	nacre_event_free(event);
	return result;
}

static int read_with(const struct nacre_read *read)
{
	struct nacre_reader *reader = NULL;
	const struct nacre_event *event;
	if (nacre_read_open(client, read, &reader, NULL) != NACRE_OK)
		exit(2);
	int result;
	while ((result = nacre_read_next(reader, &event, NULL)) == NACRE_OK)
		;
	nacre_read_close(reader);
	return result;
}

static int read_all(void)
{
	return read_with(&(struct nacre_read){ .source = NACRE_ALL });
}

static int read_some(void)
{
	return read_with(&(struct nacre_read){ .source = NACRE_ALL, .limit = 1 });
}

static int read_back(void)
{
	return read_with(&(struct nacre_read){ .source = NACRE_ALL, .backward = true });
}

static int put_one(void)
{
	const struct nacre_snapshot_put put = { .stream = "s", .seq = 3, .data = "x", .size = 1 };
	return nacre_snapshot_put(client, &put, NULL);
}

static int get_snapshot(void)
{
	const struct nacre_snapshot *snapshot = NULL;
	const struct nacre_snapshot_get get = { .stream = "s" };
	int result = nacre_snapshot_get(client, &get, &snapshot, NULL);
	nacre_snapshot_free(snapshot);
	return result;
}

static int load_all(void)
{
	struct nacre_reader *reader = NULL;
	const struct nacre_snapshot *snapshot = NULL;
	const struct nacre_event *event;
	const struct nacre_load load = { .stream = "s" };
	int result = nacre_load(client, &load, &snapshot, &reader, NULL);
	while (result == NACRE_OK)
		result = nacre_read_next(reader, &event, NULL);
	nacre_snapshot_free(snapshot);
	nacre_read_close(reader);
	return result;
}

static int begin_to_consume(void)
{
	struct nacre_subscription *sub = NULL;
	int result = nacre_subscribe(client, "s", NULL, &sub, NULL);
	nacre_unsubscribe(sub);
	return result;
}

static int ask_many(void)
{
	struct nacre_subscription *sub = NULL;
	const struct nacre_delivery *delivery;
	const struct nacre_request request = { .subject = "read.s" };
	if (nacre_request_many(client, &request, &sub, NULL) != NACRE_OK)
		exit(2);
	int result = nacre_next(sub, WAIT_MS, &delivery, NULL);
	nacre_unsubscribe(sub);
	return result;
}

static int acknowledge(void)
{
	return nacre_ack(client, "es.hostile.ack.s.1.1.1", true, NULL);
}

/* A pull that was begun while the store was honest. */
static struct nacre_subscription *pulled;

static int consume(void)
{
	const struct nacre_delivery *delivery;
	return nacre_next(pulled, WAIT_MS, &delivery, NULL);
}

/* ---- Claims ---------------------------------------------------------------------------------- */

static void is_not_understood(int (*ask)(void), const struct message *messages, size_t count,
                              const char *what)
{
	will_answer(messages, count);
	int result = ask();
	if (result != NACRE_PROTOCOL)
		(void)printf("got %s\n", nacre_status_name(result));
	expect(result == NACRE_PROTOCOL, what);
}

/* Each beginning of an answer that is fine when it is whole. */
static void each_beginning(int (*ask)(void), const char *whole, const char *what)
{
	struct message message = { .body = whole };
	bool fine = true;
	for (message.size = 0; message.size < (int)strlen(whole); message.size++) {
		will_answer(&message, 1);
		int result = ask();
		if (result != NACRE_PROTOCOL)
			(void)printf("%.*s: %s\n", message.size, whole, nacre_status_name(result));
		fine = fine && result == NACRE_PROTOCOL;
	}
	will_answer(&message, 1);
	expect(fine && ask() == NACRE_OK, what);
}

static void beginnings_of_answers(void)
{
	each_beginning(append_one, "{\"stream\":\"s\",\"seq\":1,\"pos\":2,\"duplicate\":true}",
	               "an append's answer, cut anywhere");
	each_beginning(append_async, "{\"stream\":\"s\",\"seq\":1,\"pos\":2}",
	               "an asynchronous one's");
	each_beginning(send_batch,
	               "{\"results\":[{\"stream\":\"s\",\"seq\":1,\"pos\":2},{\"stream\":\"s\","
	               "\"seq\":2,\"pos\":3}],\"pos\":3}",
	               "a batch's");
	each_beginning(
	        begin_to_consume,
	        "{\"name\":\"s\",\"deliver\":{\"subject\":\"w.s\",\"queue\":\"q\"},\"epoch\":1}",
	        "a subscription's");
}

static void nonsense(void)
{
	static char deep[4000];
	memset(deep, '[', sizeof deep - 1);
	const char *const bodies[] = {
		"garbage",
		"null",
		"[]",
		"{}",
		deep,
		"{\"seq\":0,\"pos\":1}",
		"{\"seq\":-1,\"pos\":1}",
		"{\"seq\":1.5,\"pos\":1}",
		"{\"seq\":99999999999999999999999,\"pos\":1}",
		"{\"seq\":\"1\",\"pos\":\"1\"}",
		"{\"seq\":1}",
		"{\"seq\":1,\"pos\":1} trailing",
		"\xff\xfe{\"seq\":1,\"pos\":1}",
		"{\"results\":[],\"pos\":1}",
		"{\"results\":[{\"seq\":1,\"pos\":1}]}",
		"{\"results\":[{\"seq\":1,\"pos\":1},{\"seq\":2,\"pos\":2},{\"seq\":3,\"pos\":3}]}",
		"{\"results\":[{\"seq\":1,\"pos\":1},{\"seq\":2}]}",
		"{\"results\":[{\"seq\":1,\"pos\":1},7]}",
		"{\"results\":{\"seq\":1,\"pos\":1}}",
		"{\"results\":[{\"seq\":1,\"pos\":1},{\"seq\":2,\"pos\":2}],\"results\":[]}",
	};
	int (*const asks[])(void) = { append_one, append_async, send_batch, begin_to_consume };
	int wrong = 0;
	for (size_t ask = 0; ask < sizeof asks / sizeof asks[0]; ask++) {
		for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
			const struct message message = { .body = bodies[i], .size = -1 };
			will_answer(&message, 1);
			int result = asks[ask]();
			if (result != NACRE_PROTOCOL) {
				(void)printf("%zu: %.60s: %s\n", ask, bodies[i],
				             nacre_status_name(result));
			}
			wrong += result != NACRE_PROTOCOL;
		}
	}
	expect(wrong == 0, "nonsense is not understood");
}

#define EVENT(position)                                \
	{                                              \
		.body = "{}", .size = -1, .headers = { \
			"Es-Stream",                   \
			"s",                           \
			"Es-Type",                     \
			"T",                           \
			"Nats-Sequence",               \
			(position),                    \
			"Es-Position",                 \
			(position),                    \
			"Es-Delivery",                 \
			"1"                            \
		}                                      \
	}
#define END(next)                                                                        \
	{                                                                                \
		.body = "", .size = 0, .headers = { "Status", "204", "Es-Next", (next) } \
	}

static void events_without_sense(void)
{
	const struct message nameless = { .body = "{}", .size = -1 };
	const struct message unnumbered = { .body = "{}",
		                            .size = -1,
		                            .headers = { "Es-Stream", "s", "Es-Type", "T" } };
	const struct message zero = EVENT("0"), word = EVENT("one"),
	                     huge = EVENT("18446744073709551616");
	const struct message other = { .body = "", .size = 0, .headers = { "Status", "299" } };
	const struct message *const single[] = { &nameless, &unnumbered, &zero, &word, &huge };
	for (size_t i = 0; i < sizeof single / sizeof single[0]; i++) {
		is_not_understood(get_one, single[i], 1, "an event that is none, alone");
		is_not_understood(read_all, single[i], 1, "in a read");
		is_not_understood(consume, single[i], 1, "in a pull");
	}
	is_not_understood(read_all, &other, 1, "an unknown status");

	const struct message again[] = { EVENT("5"), EVENT("5") };
	const struct message back[] = { EVENT("5"), EVENT("4") };
	const struct message more[] = { EVENT("5"), EVENT("6") };
	is_not_understood(read_all, again, 2, "an event twice");
	is_not_understood(read_all, back, 2, "one that goes back");
	is_not_understood(read_back, more, 2, "one that goes forth, backward");
	is_not_understood(read_some, more, 2, "more than was asked for");
}

#define SNAPSHOT(number)                               \
	{                                              \
		.body = "{}", .size = -1, .headers = { \
			"Es-Stream",                   \
			"s",                           \
			"Es-Snapshot-Seq",             \
			(number)                       \
		}                                      \
	}

static void snapshots_without_sense(void)
{
	const struct message nameless = { .body = "{}",
		                          .size = -1,
		                          .headers = { "Es-Snapshot-Seq", "3" } };
	const struct message empty = { .body = "",
		                       .size = 0,
		                       .headers = { "Es-Stream", "s", "Es-Snapshot-Seq", "3" } };
	const struct message zero = SNAPSHOT("0"), word = SNAPSHOT("three"),
	                     huge = SNAPSHOT("18446744073709551616");
	const struct message *const single[] = { &nameless, &empty, &zero, &word, &huge };
	for (size_t i = 0; i < sizeof single / sizeof single[0]; i++) {
		is_not_understood(get_snapshot, single[i], 1, "a snapshot that is none, alone");
		is_not_understood(load_all, single[i], 1, "in a load");
	}
	const struct message numberless = { .body = "{}", .size = -1 };
	const struct message other = { .body = "{\"stream\":\"s\",\"seq\":4}", .size = -1 };
	is_not_understood(get_snapshot, &numberless, 1, "an answer without a version");
	is_not_understood(put_one, &numberless, 1, "likewise to a put");
	is_not_understood(put_one, &other, 1, "and one of another version");
	const struct message twice[] = { SNAPSHOT("3"), SNAPSHOT("4") };
	const struct message late[] = { EVENT("5"), SNAPSHOT("5") };
	const struct message before[] = { SNAPSHOT("5"), EVENT("5") };
	is_not_understood(load_all, twice, 2, "two snapshots");
	is_not_understood(load_all, late, 2, "one behind an event");
	is_not_understood(load_all, before, 2, "an event that the snapshot has");
	is_not_understood(read_all, twice, 2, "one where none was asked for");
}

static void pages_without_end(void)
{
	const struct message zero[] = { END("0") };
	const struct message same[] = { EVENT("5"), END("5") };
	is_not_understood(read_all, zero, 1, "a page that goes on at 0");
	is_not_understood(read_all, same, 2, "a page that goes on before its last event");
}

static void errors_without_sense(void)
{
	const struct message codeless = { .body = "",
		                          .size = 0,
		                          .headers = { "Nats-Service-Error", "oh" } };
	const struct message word = { .body = "",
		                      .size = 0,
		                      .headers = { "Nats-Service-Error", "oh",
		                                   "Nats-Service-Error-Code", "x" } };
	const struct message zero = { .body = "",
		                      .size = 0,
		                      .headers = { "Nats-Service-Error", "oh",
		                                   "Nats-Service-Error-Code", "0" } };
	const struct message *const errors[] = { &codeless, &word, &zero };
	int (*const asks[])(void) = { append_one, append_async, send_batch,  get_one,
		                      read_all,   ask_many,     acknowledge, consume,
		                      put_one,    get_snapshot, load_all,    begin_to_consume };
	for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
		for (size_t ask = 0; ask < sizeof asks / sizeof asks[0]; ask++)
			is_not_understood(asks[ask], errors[i], 1, "an error without its code");
	}
}

static void headers_that_cannot_be_read(void)
{
	static const char *const blocks[] = { "garbage\r\n\r\n", "NATS/1.0 abc\r\n\r\n",
		                              "NATS/1.0\r\nNats-Service-Error\r\n\r\n",
		                              "NATS/1.0\r\n: x\r\n\r\n", "NATS/1.0" };
	int (*const asks[])(void) = { append_one,   append_async, send_batch,       get_one,
		                      read_all,     consume,      begin_to_consume, put_one,
		                      get_snapshot, load_all };
	for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) {
		raw_block = blocks[i];
		for (size_t ask = 0; ask < sizeof asks / sizeof asks[0]; ask++)
			is_not_understood(asks[ask], NULL, 0, "headers that cannot be read");
		is_not_understood(acknowledge, NULL, 0, "nor those of an ack's answer");
	}
	raw_block = NULL;
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	pulled = pull_open(argv[1], &(struct nacre_consume){ .batch = 1 });
	beginnings_of_answers();
	nonsense();
	events_without_sense();
	snapshots_without_sense();
	pages_without_end();
	errors_without_sense();
	headers_that_cannot_be_read();
	nacre_unsubscribe(pulled);
	nacre_close(client);
	natsConnection_Destroy(store_nc);
	return failed != 0;
}
