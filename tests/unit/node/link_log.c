/* SPDX-License-Identifier: GPL-3.0-or-later */
/* core/node/common/link_log.h: few lines of what comes often, and none missing of what does not. */
#include "core/node/common/link_log.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static FILE *said;
static struct nc_link_log link_log;
static uint64_t now_ms;

static void setup(void)
{
	said = tmpfile();
	cr_assert_not_null(said);
	cr_assert_geq(dup2(fileno(said), STDERR_FILENO), 0);
	link_log = (struct nc_link_log){ 0 };
	now_ms = 1000000;
	nc_link_log_tick(&link_log, "nats", now_ms);
}

TestSuite(link_log, .init = setup);

static void hear(bool connected, const char *detail)
{
	nc_link_log_hear(&link_log, "nats", connected, detail);
}

/* A while is over. */
static void pass(void)
{
	now_ms += NC_LINK_LOG_MS;
	nc_link_log_tick(&link_log, "nats", now_ms);
}

/* The lines since the last call, without their times, must be these. */
static void expect(const char *want)
{
	static long from;
	char have[4096] = "", line[512];
	cr_assert_eq(fseek(said, from, SEEK_SET), 0);
	while (fgets(line, sizeof line, said) != NULL)
		(void)strncat(have, strchr(line, ' ') + 1, sizeof have - strlen(have) - 1);
	from = ftell(said);
	cr_expect_str_eq(have, want);
}

Test(link_log, tells_a_restart_of_a_server_as_it_comes)
{
	hear(false, "closed");
	hear(false, "no server");
	hear(true, "reconnected");
	expect("warning nats: not connected: closed; trying again\n"
	       "warning nats: not connected: no server; trying again\n"
	       "info nats: reconnected\n");
	pass();
	pass();
	expect("");
}

Test(link_log, counts_what_a_server_that_refuses_in_turns_has_to_say)
{
	for (int i = 0; i < 40; i++)
		hear(false, i % 2 == 0 ? "full" : "wrong");
	expect("warning nats: not connected: full; trying again\n"
	       "warning nats: not connected: wrong; trying again\n"
	       "warning nats: not connected: full; trying again\n");
	pass();
	expect("warning nats: not connected: wrong; trying again (the last of 37 such messages in "
	       "10 "
	       "s)\n");
	for (int i = 0; i < 40; i++)
		hear(false, i % 2 == 0 ? "full" : "wrong");
	expect("");
	pass();
	expect("warning nats: not connected: wrong; trying again (the last of 40 such messages in "
	       "10 "
	       "s)\n");
	hear(true, "connected");
	expect("info nats: connected\n");
	pass();
	pass();
	expect("");
	hear(false, "closed");
	expect("warning nats: not connected: closed; trying again\n");
}

Test(link_log, tells_that_a_connection_that_came_and_went_holds)
{
	for (int i = 0; i < 20; i++) {
		hear(true, "reconnected");
		hear(false, "closed");
	}
	hear(true, "reconnected");
	expect("info nats: reconnected\n"
	       "warning nats: not connected: closed; trying again\n"
	       "info nats: reconnected\n"
	       "warning nats: not connected: closed; trying again\n"
	       "info nats: reconnected\n"
	       "warning nats: not connected: closed; trying again\n");
	pass();
	expect("info nats: reconnected (the last of 35 such messages in 10 s)\n");
	pass();
	expect("info nats: reconnected, and it holds\n");
	pass();
	expect("");
}

Test(link_log, tells_at_once_that_a_connection_is_back_that_was_just_made)
{
	hear(true, "connected");
	hear(false, "closed");
	hear(true, "reconnected");
	expect("info nats: connected\n"
	       "warning nats: not connected: closed; trying again\n"
	       "info nats: reconnected\n");
	pass();
	pass();
	expect("");
}

Test(link_log, says_nothing_again_that_it_has_said)
{
	for (int i = 0; i < 5; i++)
		hear(false, "closed");
	hear(true, "reconnected");
	expect("warning nats: not connected: closed; trying again\n"
	       "warning nats: not connected: closed; trying again\n"
	       "warning nats: not connected: closed; trying again\n"
	       "info nats: reconnected\n");
	pass();
	expect("info nats: 2 more such messages in 10 s were left out\n");
}

Test(link_log, counts_none_where_one_was_left_out)
{
	for (int i = 0; i < 4; i++)
		hear(false, "closed");
	pass();
	expect("warning nats: not connected: closed; trying again\n"
	       "warning nats: not connected: closed; trying again\n"
	       "warning nats: not connected: closed; trying again\n"
	       "warning nats: not connected: closed; trying again\n");
}
