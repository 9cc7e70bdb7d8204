/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A backup that lacks something, or has something else in it, is never taken for whole; and one of
 * a real node is. usage: unit_client_backup URL */
#include <pthread.h>

#include "store.h"

#define ID    "0123456789abcdef0123456789abcdef"
#define OTHER "fedcba9876543210fedcba9876543210"
#define HELLO "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
#define WORLD "711e9609339e92b03ddc0a211827dba421f38f9ed8b9d806e1ffdd8c15ffa03d"
#define CHAIN "26dce40afd487de1a5e285ddcded4581d0826c7ff182805315c1dfbf601f64b0"
#define INFO                                                                                \
	"{\"backup\":\"" ID "\",\"pos\":7,\"files\":[{\"name\":\"a\",\"size\":5,\"x\":[]}," \
	"{\"name\":\"none\",\"size\":0},{\"name\":\"b.wt\",\"size\":6}]}"

enum { MESSAGES_MAX = 8 };

static const struct message info = { .body = INFO, .size = -1 };
/* The node stops. */
static const struct message gone = {
	.body = "{\"error\":{\"code\":503,\"err_code\":10008,\"description\":\"stops\"}}",
	.size = -1,
	.headers = { "Nats-Service-Error", "stops", "Nats-Service-Error-Code", "503", "Es-Backup",
	             ID }
};

static struct message chunk_of(const char *id, const char *number, const char *file,
                               const char *offset, const char *sum, const char *bytes)
{
	return (struct message){ .body = bytes,
		                 .size = -1,
		                 .headers = { "Es-Backup", id, "Es-Backup-Chunk", number,
		                              "Es-Backup-File", file, "Es-Backup-Offset", offset,
		                              "Es-Backup-Sha256", sum } };
}

static struct message end_of(const char *chunks, const char *bytes, const char *sum)
{
	return (struct message){ .body = "",
		                 .size = 0,
		                 .headers = { "Status", "204 EOB", "Es-Backup", ID,
		                              "Es-Backup-Chunks", chunks, "Es-Backup-Bytes", bytes,
		                              "Es-Backup-Sha256", sum } };
}

/* Take all of it; what it ends with. */
static int take(uint64_t *bytes_out)
{
	const struct nacre_backup_chunk *chunk;
	struct nacre_backup *backup;
	struct nacre_error error;
	int result = nacre_backup_open(client, &backup, &error);
	*bytes_out = 0;
	if (result != NACRE_OK)
		return result;
	while ((result = nacre_backup_next(backup, &chunk, &error)) == NACRE_OK)
		*bytes_out += chunk->size;
	nacre_backup_close(backup);
	return result;
}

static void comes_to(const struct message *messages, size_t count, int want, const char *what)
{
	uint64_t bytes;
	will_answer(messages, count);
	int result = take(&bytes);
	expect(result == want, what);
	if (result != want)
		(void)printf("  %s\n", nacre_status_name(result));
}

static void whole(void)
{
	const struct message beat = {
		.body = "", .headers = { "Status", "100 Idle Heartbeat", "Es-Backup", ID }
	};
	const struct message messages[] = { info,
		                            beat,
		                            chunk_of(ID, "1", "a", "0", HELLO, "hello"),
		                            chunk_of(OTHER, "9", "b", "0", HELLO, "hello"),
		                            beat,
		                            chunk_of(ID, "2", "b.wt", "0", WORLD, "world!"),
		                            end_of("2", "11", CHAIN) };
	comes_to(messages, 7, NACRE_END, "heartbeats, and what is of another, are passed over");
}

static void lacking(void)
{
	const struct message one = chunk_of(ID, "1", "a", "0", HELLO, "hello");
	const struct message two = chunk_of(ID, "2", "b.wt", "0", WORLD, "world!");
	const struct message end = end_of("2", "11", CHAIN);
	const struct {
		const char *what;
		struct message messages[MESSAGES_MAX];
		size_t count;
	} all[] = {
		{ "the first chunk", { info, two, end }, 3 },
		{ "the second chunk", { info, one, end }, 3 },
		{ "all chunks", { info, end }, 2 },
		{ "its order", { info, two, one, end }, 4 },
		{ "one too many", { info, one, one, two, end }, 5 },
		{ "a byte", { info, chunk_of(ID, "1", "a", "0", HELLO, "hellO"), two, end }, 4 },
		{ "the right file", { info, chunk_of(ID, "1", "b.wt", "0", HELLO, "hello") }, 2 },
		{ "the right place", { info, chunk_of(ID, "1", "a", "1", HELLO, "hello") }, 2 },
		{ "an end", { info, chunk_of(ID, "1", "a", "0", WORLD, "world!") }, 2 },
		{ "any bytes", { info, chunk_of(ID, "1", "a", "0", HELLO, "") }, 2 },
		{ "its sum", { info, chunk_of(ID, "1", "a", "0", "", "hello") }, 2 },
		{ "the right chain", { info, one, two, end_of("2", "11", HELLO) }, 4 },
		{ "the right count", { info, one, two, end_of("3", "11", CHAIN) }, 4 },
		{ "the right size", { info, one, two, end_of("2", "12", CHAIN) }, 4 },
	};
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		comes_to(all[i].messages, all[i].count, NACRE_PROTOCOL, all[i].what);
}

static void descriptions_without_sense(void)
{
	static const char *const bodies[] = {
		"{}",
		"[]",
		"x",
		"{\"backup\":\"" ID "\"}",
		"{\"backup\":\"" ID "\",\"files\":[]}",
		"{\"backup\":\"short\",\"files\":[{\"name\":\"a\",\"size\":5}]}",
		"{\"backup\":7,\"files\":[{\"name\":\"a\",\"size\":5}]}",
		"{\"files\":[{\"name\":\"a\",\"size\":5}]}",
		"{\"backup\":\"" ID "\",\"files\":[{\"name\":\"../a\",\"size\":5}]}",
		"{\"backup\":\"" ID "\",\"files\":[{\"name\":\"/a\",\"size\":5}]}",
		"{\"backup\":\"" ID "\",\"files\":[{\"name\":\".\",\"size\":5}]}",
		"{\"backup\":\"" ID "\",\"files\":[{\"name\":\"\",\"size\":5}]}",
		"{\"backup\":\"" ID "\",\"files\":[{\"name\":\"a\\u0000b\",\"size\":5}]}",
		"{\"backup\":\"" ID "\",\"files\":[{\"size\":5}]}",
		"{\"backup\":\"" ID "\",\"files\":[{\"name\":\"a\",\"size\":-1}]}",
		"{\"backup\":\"" ID "\",\"files\":[7]}",
		"{\"backup\":\"" ID "\",\"files\":[{\"name\":\"a\",\"size\":5}]} x",
		"{\"backup\":\"" ID "\",\"files\":[{\"name\":\"a\",\"size\":5}",
	};
	for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
		const struct message message = { .body = bodies[i], .size = -1 };
		comes_to(&message, 1, NACRE_PROTOCOL, bodies[i]);
	}
}

static void ended(void)
{
	const struct message busy = { .body = "{\"error\":{\"code\":429,\"err_code\":10023,"
		                              "\"description\":\"busy\"}}",
		                      .size = -1,
		                      .headers = { "Nats-Service-Error", "busy",
		                                   "Nats-Service-Error-Code", "429" } };
	const struct message messages[] = { info, chunk_of(ID, "1", "a", "0", HELLO, "hello"),
		                            gone };
	comes_to(messages, 3, NACRE_UNAVAILABLE, "the node says that it stops");
	comes_to(messages, 2, NACRE_UNAVAILABLE, "the node says nothing any more");
	comes_to(&busy, 1, NACRE_REFUSED, "somebody else is given one");
}

static bool told_to_end(int count)
{
	for (int i = 0; i < 5000 && atomic_load(&terms) < count; i++)
		(void)usleep(1000);
	return atomic_load(&terms) == count;
}

/* The first chunk of `messages`, then `want`, as often as it is asked for. */
static void stays(const struct message *messages, size_t count, int want, const char *what)
{
	struct nacre_backup *backup;
	const struct nacre_backup_chunk *chunk;
	struct nacre_error error = { 0 }, again = { 0 };
	will_answer(messages, count);
	expect(nacre_backup_open(client, &backup, NULL) == NACRE_OK &&
	               nacre_backup_next(backup, &chunk, NULL) == NACRE_OK,
	       "its first chunk");
	int result = nacre_backup_next(backup, &chunk, &error);
	expect(result == want && nacre_backup_next(backup, &chunk, &again) == want &&
	               nacre_backup_next(backup, &chunk, NULL) == want,
	       what);
	expect(error.code == again.code && strcmp(error.description, again.description) == 0,
	       "for the same reason");
	nacre_backup_close(backup);
}

static void what_ended_stays_so(void)
{
	const struct message one = chunk_of(ID, "1", "a", "0", HELLO, "hello");
	const struct message two = chunk_of(ID, "2", "b.wt", "0", WORLD, "world!");
	stays((const struct message[]){ info, one, gone }, 3, NACRE_UNAVAILABLE,
	      "who was told that the node stops is told so again");
	stays((const struct message[]){ info, one, one, two }, 4, NACRE_PROTOCOL,
	      "what was damaged does not go on");
	stays((const struct message[]){ info, one, end_of("2", "11", CHAIN), two }, 4,
	      NACRE_PROTOCOL, "nor what ended too soon");
}

static void what_is_of_another(void)
{
	const struct message messages[] = { info, chunk_of(OTHER, "1", "a", "0", HELLO, "hello"),
		                            chunk_of(ID, "1", "a", "0", HELLO, "hello"),
		                            chunk_of(ID, "2", "b.wt", "0", WORLD, "world!"),
		                            end_of("2", "11", CHAIN) };
	const struct message early[] = { messages[1], info, messages[2], messages[3], messages[4] };
	atomic_store(&terms, 0);
	comes_to(messages, 5, NACRE_END, "a chunk of another is passed over");
	expect(told_to_end(1), "and that one is told to end");
	comes_to(early, 5, NACRE_END, "also before the answer has come");
	expect(told_to_end(2), "that one, too");
}

#define BEATS 40 /* half a second each: many times the silence after which a node is gone */

static atomic_int beats;
static atomic_bool heard_enough;

static void *beat_on(void *ctx)
{
	const struct message beat = {
		.body = "", .headers = { "Status", "100 Idle Heartbeat", "Es-Backup", OTHER }
	};
	(void)ctx;
	while (atomic_load(&beats) < BEATS && !atomic_load(&heard_enough)) {
		answer_with(asked_on, &beat);
		atomic_fetch_add(&beats, 1);
		(void)usleep(500000);
	}
	return NULL;
}

static void another_does_not_keep_it_alive(void)
{
	struct nacre_backup *backup;
	const struct nacre_backup_chunk *chunk;
	pthread_t thread;
	will_answer(&info, 1);
	expect(nacre_backup_open(client, &backup, NULL) == NACRE_OK, "a node that then is dead");
	if (pthread_create(&thread, NULL, beat_on, NULL) != 0)
		exit(2);
	expect(nacre_backup_next(backup, &chunk, NULL) == NACRE_UNAVAILABLE &&
	               atomic_load(&beats) < BEATS,
	       "is missed, though another one is heard");
	atomic_store(&heard_enough, true);
	(void)pthread_join(thread, NULL);
	nacre_backup_close(backup);
}

/* Of the node that is beside us. */
static void real(const char *url)
{
	struct nacre_backup *backup;
	const struct nacre_backup_chunk *chunk;
	uint64_t bytes;
	nacre_close(client);
	client = connect_to(url, "shop", 10000);
	expect(append("backed", NULL) && append("backed", NULL), "two events");
	expect(take(&bytes) == NACRE_END && bytes > 0, "a real one is whole");
	expect(nacre_backup_open(client, &backup, NULL) == NACRE_OK, "another one");
	expect(strstr(nacre_backup_info(backup), "\"store\":\"shop\"") != NULL, "is of the store");
	expect(nacre_backup_next(backup, &chunk, NULL) == NACRE_OK &&
	               strcmp(chunk->file, "manifest") == 0 && chunk->offset == 0,
	       "begins with the manifest");
	nacre_backup_close(backup);
	expect(take(&bytes) == NACRE_END, "that one was let go of");
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	store_open(argv[1]);
	client = connect_to(argv[1], "hostile", 500);
	whole();
	lacking();
	descriptions_without_sense();
	ended();
	what_ended_stays_so();
	what_is_of_another();
	another_does_not_keep_it_alive();
	real(argv[1]);
	nacre_close(client);
	natsConnection_Destroy(store_nc);
	return failed != 0;
}
