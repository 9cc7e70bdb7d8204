/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hostile.c -- a plugin that does harm, as its selector says: {"on":STREAM,"do":WHAT} does it when
 * an event of that stream is matched, {"do":WHAT} when it is compiled. All else matches. With
 * AT_LOAD defined as one of the numbers below it does that before main has heard of it. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "plugins/nacre_filter.h"

enum deed {
	NOTHING,
	SEGFAULT,
	LOOP,
	ALLOCATE, /* ten gigabytes, each page written */
	FORK,     /* without end */
	EXIT,
	ABORT,
	SLOW,     /* half a second a batch, asleep */
	NEGATIVE, /* no answer */
	BITS,     /* behind the last event */
	FORGE,    /* an answer of its own on the node's socket */
	NETWORK,
	WRITE, /* a file */
	READ,  /* a file that it has no business with */
	EXECUTE,
	THREAD,
	KILL,  /* its parent */
	FLOOD, /* the log */
	WORK,  /* a fifth of a second of processor time a batch */
	DEEDS
};
static const char *const names[DEEDS] = { "nothing", "segfault", "loop",  "allocate", "fork",
	                                  "exit",    "abort",    "slow",  "negative", "bits",
	                                  "forge",   "network",  "write", "read",     "execute",
	                                  "thread",  "kill",     "flood", "work" };

struct filter {
	enum deed deed;
	char on[64]; /* "": any stream */
};

static const nacre_filter_host *the_host;
static char *volatile nowhere; /* NULL, which no compiler knows */

static void *idle(void *arg)
{
	return arg;
}

static void allocate(void)
{
	for (int i = 0; i < 1024; i++) {
		char *room = malloc(10u << 20);
		if (room == NULL) /* it may not have so much: then as a careless one would */
			*nowhere = 1;
		memset(room, 1, 10u << 20);
	}
}

static void forge(void)
{
	const char nonsense[4096] = { 1 };
	for (int fd = 0; fd < 32; fd++)
		(void)!write(fd, nonsense, sizeof nonsense);
}

static void flood(void)
{
	char line[2000];
	memset(line, 'x', sizeof line);
	line[20] = '\033';
	line[sizeof line - 1] = '\0';
	for (int i = 0; i < 1000; i++)
		the_host->log(the_host->host_ctx, line);
}

/* Gives what match() is to answer. */
static int act(enum deed deed, uint64_t event_count, uint64_t *matched)
{
	static volatile unsigned long turns;
	pthread_t thread;
	switch (deed) {
	case SEGFAULT:
		*nowhere = 1;
		break;
	case LOOP:
		for (;;)
			turns++;
	case ALLOCATE:
		allocate();
		break;
	case FORK:
		for (;;)
			(void)fork();
	case EXIT:
		exit(0);
	case ABORT:
		abort();
	case SLOW:
		(void)nanosleep(&(struct timespec){ .tv_nsec = 500000000 }, NULL);
		break;
	case WORK:
		for (clock_t until = clock() + CLOCKS_PER_SEC / 5; clock() < until;)
			turns++;
		break;
	case NEGATIVE:
		return -1;
	case BITS:
		memset(matched, 0xff, (event_count + 63) / 64 * 8);
		break;
	case FORGE:
		forge();
		break;
	case NETWORK:
		(void)socket(AF_INET, SOCK_STREAM, 0);
		break;
	case WRITE:
		return open("/tmp/nacre-hostile", O_WRONLY | O_CREAT, 0600) < 0 ? 0 : -1;
	case READ:
		return open("/etc/passwd", O_RDONLY) < 0 ? 0 : -1;
	case EXECUTE:
		(void)execl("/bin/true", "true", (char *)NULL);
		break;
	case THREAD:
		(void)pthread_create(&thread, NULL, idle, NULL);
		break;
	case KILL:
		(void)kill(getppid(), SIGKILL);
		break;
	case FLOOD:
		flood();
		break;
	default:
		break;
	}
	return 0;
}

static int slice_is(nacre_filter_slice slice, const char *text)
{
	return slice.size == strlen(text) && memcmp(slice.data, text, strlen(text)) == 0;
}

#ifndef REFUSES
#define REFUSES 0 /* 1: all that its earlier builds took */
#endif

static int hostile_compile(const nacre_filter_host *host, const nacre_filter_selector *selector,
                           void **filter_out, nacre_filter_error *error)
{
	struct filter *filter = calloc(1, sizeof *filter);
	*filter_out = NULL;
	if (filter == NULL)
		return NACRE_FILTER_NO_MEMORY;
	the_host = host;
	int known = selector->view->root_kind == NACRE_FILTER_OBJECT && !REFUSES, now = 1;
	for (uint64_t i = 0; known && i < selector->view->leaf_count; i++) {
		const nacre_filter_leaf *leaf = nacre_filter_leaf_at(selector->view, i);
		if (slice_is(leaf->path, "on")) {
			now = 0;
			(void)snprintf(filter->on, sizeof filter->on, "%.*s", (int)leaf->text.size,
			               (const char *)leaf->text.data);
		}
		for (int deed = 0; slice_is(leaf->path, "do") && deed < DEEDS; deed++) {
			if (slice_is(leaf->text, names[deed]))
				filter->deed = (enum deed)deed;
		}
	}
	if (!known) {
		free(filter);
		error->source_offset = 0;
		(void)snprintf(error->message, sizeof error->message,
		               "expected an object\r\nEvil: 1\033[2J\xc2\x85\xff");
		return NACRE_FILTER_REFUSED;
	}
	if (now)
		(void)act(filter->deed, 0, NULL);
	*filter_out = filter;
	return NACRE_FILTER_OK;
}

/* Names longer than any is. */
static int hostile_hints(const void *made, nacre_filter_emit_fn *emit, void *emit_ctx)
{
	static const uint8_t endless[4096];
	const nacre_filter_hint hint = { .struct_size = sizeof hint,
		                         .stream_kind = NACRE_FILTER_PREFIX,
		                         .stream = { endless, sizeof endless } };
	(void)made;
	emit(emit_ctx, &hint);
	return NACRE_FILTER_HINTS_FULL;
}

static int hostile_match(const void *made, const nacre_filter_event *const *events,
                         uint64_t event_count, uint64_t *matched)
{
	const struct filter *filter = made;
	int answer = 0;
	for (uint64_t i = 0; i < event_count && answer == 0; i++) {
		if (filter->on[0] != '\0' && slice_is(events[i]->stream, filter->on))
			answer = act(filter->deed, event_count, matched);
		matched[i / 64] |= (uint64_t)1 << (i % 64);
	}
	return answer;
}

#ifndef BUILD
#define BUILD "1"
#endif

#ifdef AT_LOAD
__attribute__((constructor)) static void at_load(void)
{
	if (act((enum deed)AT_LOAD, 0, NULL) != 0)
		abort(); /* it could do what it must not */
}
#define NAME "hostile_at_load"
#else
#define NAME "hostile"
#endif

const nacre_filter_plugin *nacre_filter_plugin_v1(const nacre_filter_host *host)
{
	static const nacre_filter_plugin plugin = {
		.struct_size = sizeof plugin,
		.abi_minor = NACRE_FILTER_ABI_MINOR,
		.name = NAME,
		.build = BUILD,
		.summary = "does harm",
		.compile = hostile_compile,
		.destroy = free,
		.hints = hostile_hints,
		.match = hostile_match,
	};
	the_host = host;
	return &plugin;
}
