/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A nats-server of the node's own that does not come up, or goes: the loop keeps nothing of it. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "transport/nats/child.h"

struct place {
	uv_loop_t loop;
	char home[64];
	bool ended; /* the server, and its end was told */
	int told;   /* how often */
	char fault[NC_CHILD_FAULT_SIZE];
};

static void on_say(void *ctx, const char *text)
{
	struct place *place = ctx;
	place->ended = strstr(text, "nats-server ended") != NULL;
	place->told += place->ended;
}

static struct nc_child_options options_of(struct place *place, const char *program)
{
	(void)snprintf(place->home, sizeof place->home, "/tmp/nacre_child_XXXXXX");
	cr_assert_not_null(mkdtemp(place->home));
	cr_assert_eq(uv_loop_init(&place->loop), 0);
	return (struct nc_child_options){ .loop = &place->loop,
		                          .program = program,
		                          .directory = place->home,
		                          .on_say = on_say,
		                          .ctx = place };
}

static void leaves_nothing(struct place *place)
{
	char command[128];
	cr_expect_eq(uv_run(&place->loop, UV_RUN_DEFAULT), 0);
	cr_expect_eq(uv_loop_close(&place->loop), 0, "something is still open");
	(void)snprintf(command, sizeof command, "rm -r '%s'", place->home);
	cr_expect_eq(system(command), 0);
}

Test(child, a_program_that_is_not_there_is_named_and_nothing_of_it_is_left)
{
	struct place place = { .ended = false };
	struct nc_child *child;
	const struct nc_child_options options = options_of(&place, "/nonexistent/nats-server");
	cr_expect_eq(nc_child_start(&options, &child, place.fault), NC_NOTFOUND);
	cr_expect_not_null(strstr(place.fault, "/nonexistent/nats-server is not installed"));
	leaves_nothing(&place);
}

static int pid_read(const char *home)
{
	char path[128], text[16] = "";
	(void)snprintf(path, sizeof path, "%s/nats-server.pid", home);
	FILE *file = fopen(path, "re");
	cr_assert_not_null(file);
	cr_assert_not_null(fgets(text, sizeof text, file));
	(void)fclose(file);
	return atoi(text);
}

Test(child, one_that_ended_may_be_stopped_before_it_is_started_again)
{
	struct place place = { .ended = false };
	struct nc_child *child;
	const struct nc_child_options options = options_of(&place, "nats-server");
	cr_assert_eq(nc_child_start(&options, &child, place.fault), NC_OK, "%s", place.fault);
	cr_assert_eq(kill(pid_read(place.home), SIGKILL), 0);
	while (!place.ended) /* its handle is closed at the end of that turn */
		(void)uv_run(&place.loop, UV_RUN_ONCE);
	nc_child_stop(child);
	leaves_nothing(&place);
}

/* A script that counts its starts, and becomes the server. */
static void script_write(const char *path, const char *home)
{
	FILE *file = fopen(path, "we");
	cr_assert_not_null(file);
	(void)fprintf(file, "#!/bin/sh\necho >>'%s/starts'\nexec nats-server \"$@\"\n", home);
	cr_assert_eq(fclose(file), 0);
	cr_assert_eq(chmod(path, 0700), 0);
}

static off_t starts(const char *home)
{
	char path[128];
	struct stat found = { .st_size = 0 };
	(void)snprintf(path, sizeof path, "%s/starts", home);
	(void)stat(path, &found);
	return found.st_size;
}

/* As where another has taken its port meanwhile. */
Test(child, one_that_ends_again_and_again_is_told_of_once_in_a_while, .timeout = 60)
{
	struct place place = { .ended = false };
	struct nc_child *child;
	char script[128] = "", spoil[128];
	struct nc_child_options options = options_of(&place, script);
	(void)snprintf(script, sizeof script, "%s/server", place.home);
	(void)snprintf(spoil, sizeof spoil, "echo 'port: x' >'%s/nats-server.conf'", place.home);
	script_write(script, place.home);
	cr_assert_eq(nc_child_start(&options, &child, place.fault), NC_OK, "%s", place.fault);
	cr_assert_eq(system(spoil), 0);
	cr_assert_eq(kill(pid_read(place.home), SIGKILL), 0);
	while (starts(place.home) < 6)
		(void)uv_run(&place.loop, UV_RUN_ONCE);
	cr_expect_eq(place.told, 1, "%d times", place.told);
	nc_child_stop(child);
	leaves_nothing(&place);
}
