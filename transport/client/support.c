/* SPDX-License-Identifier: Apache-2.0 */
/* Time, threads, names, ids, and structs of programs that were compiled earlier or later. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "core/base/digits.h"
#include "transport/client/client_private.h"

#define NAME_SIZE_MAX 255 /* bytes */
#define ID_TIME_SIZE                                                                 \
	6u /* bytes of an id that are milliseconds since 1970; 80 random bits follow \
	    */

int64_t nc_client_now_ms(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct timespec nc_client_timespec(int64_t ms)
{
	return (struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
}

int64_t nc_client_pause_ms(unsigned attempt)
{
	return attempt < 6 ? INT64_C(20) << attempt : 1000;
}

bool nc_client_pause(unsigned attempt, int64_t deadline_ms)
{
	int64_t pause_ms = nc_client_pause_ms(attempt);
	if (nc_client_now_ms() + pause_ms >= deadline_ms)
		return false;
	nats_Sleep(pause_ms);
	return true;
}

bool nc_client_take(void *to, size_t to_size, const void *from, size_t from_size)
{
	const unsigned char *bytes = from;
	memset(to, 0, to_size);
	memcpy(to, from, from_size < to_size ? from_size : to_size);
	for (size_t i = to_size; i < from_size; i++) {
		if (bytes[i] != 0)
			return false;
	}
	return true;
}

struct work {
	void (*work)(void *ctx);
	void *ctx;
};

static void *work_run(void *ctx)
{
	const struct work *work = ctx;
	work->work(work->ctx);
	return NULL;
}

bool nc_client_apart(void (*work)(void *ctx), void *ctx)
{
	struct work given = { work, ctx };
	pthread_t thread;
	sigset_t all, before;
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	bool begun = pthread_create(&thread, NULL, work_run, &given) == 0;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (begun)
		(void)pthread_join(thread, NULL);
	return begun;
}

/* Make an id of the time and of random bytes. Ids that are made one after the other then lie side
 * by side in a store's index, and only that place of it need be in memory. */
bool nc_client_id_make(char id[NC_CLIENT_ID_SIZE])
{
	uint8_t bytes[(NC_CLIENT_ID_SIZE - 1) / 2];
	struct timespec now;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	uint64_t ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
	for (size_t i = 0; i < ID_TIME_SIZE; i++)
		bytes[i] = (uint8_t)(ms >> 8 * (ID_TIME_SIZE - 1 - i));
	size_t chance = sizeof bytes - ID_TIME_SIZE;
	if (getrandom(bytes + ID_TIME_SIZE, chance, 0) != (ssize_t)chance)
		return false;
	nc_digits_hex_text(id, bytes, sizeof bytes);
	return true;
}

bool nc_client_inbox_make(const struct nacre_client *client, char inbox[NC_CLIENT_INBOX_SIZE])
{
	char id[NC_CLIENT_ID_SIZE];
	if (!nc_client_id_make(id))
		return false;
	(void)snprintf(inbox, NC_CLIENT_INBOX_SIZE, "%s.%s", client->inbox_prefix, id);
	return true;
}

bool nc_client_name_valid(const char *name)
{
	return name != NULL && *name != '\0' && strlen(name) <= NAME_SIZE_MAX;
}

/* Whether something stands before, between and behind all dots. */
static bool is_whole(const char *name)
{
	size_t size = strlen(name);
	return size > 0 && name[0] != '.' && name[size - 1] != '.' && strstr(name, "..") == NULL;
}

bool nc_client_subject_valid(const char *subject)
{
	return subject != NULL && is_whole(subject) && strpbrk(subject, "*> \t\r\n") == NULL;
}

int nc_client_stream_check(const char *stream, struct nacre_error *error)
{
	if (!nc_client_name_valid(stream))
		return nc_client_fail(error, NACRE_INVALID, "stream: 1 to 255 bytes");
	if (!is_whole(stream)) {
		return nc_client_fail(error, NACRE_INVALID,
		                      "stream: a dot at an end, or two together");
	}
	return NACRE_OK;
}

/* Spell one byte of a name as subjects do. Returns how many bytes that takes, 1 or 3. */
static size_t spell(unsigned char c, bool dots_stay, char out[3])
{
	static const char hex[] = "0123456789ABCDEF";
	bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	             c == '_' || c == '/' || c == '-';
	if (plain || (c == '.' && dots_stay)) {
		out[0] = (char)c;
		return 1;
	}
	out[0] = '=';
	out[1] = hex[c >> 4];
	out[2] = hex[c & 15];
	return 3;
}

static void put_name(struct nc_buf *subject, const char *name, bool dots_stay)
{
	char spelled[3];
	for (; *name != '\0'; name++)
		nc_buf_put(subject, spelled, spell((unsigned char)*name, dots_stay, spelled));
}

void nc_client_put_stream(struct nc_buf *subject, const char *stream)
{
	put_name(subject, stream, true);
}

void nc_client_put_token(struct nc_buf *subject, const char *name)
{
	put_name(subject, name, false);
}

size_t nacre_name(enum nacre_name_kind kind, const char *name, char *out, size_t size)
{
	size_t total = 0;
	for (; *name != '\0'; name++) {
		char spelled[3];
		size_t count = spell((unsigned char)*name, kind == NACRE_NAME_STREAM, spelled);
		for (size_t i = 0; i < count; i++, total++) {
			if (total + 1 < size)
				out[total] = spelled[i];
		}
	}
	if (size > 0)
		out[total < size ? total : size - 1] = '\0';
	return total;
}

const char *nacre_status_name(int status)
{
	static const char *const names[] = { "NACRE_OK",         "NACRE_END",
		                             "NACRE_NOMEM",      "NACRE_INVALID",
		                             "NACRE_CONNECTION", "NACRE_UNAVAILABLE",
		                             "NACRE_REFUSED",    "NACRE_PROTOCOL" };
	return status <= 0 && status >= NACRE_PROTOCOL ? names[-status] : "not a status";
}

const char *nacre_version(void)
{
	return NC_CLIENT_VERSION;
}
