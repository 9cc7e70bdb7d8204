/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What ends the process that looks at a state first, and what it says of the state. */
#include <criterion/criterion.h>
#include <signal.h>
#include <unistd.h>

#include "storage/state/wt_state.h"
#include "tests/unit/state/directory.h"
#include "tests/unit/state/support.h"

/* The linker leads the state's here (--wrap). */
int __real_wiredtiger_open(const char *home, WT_EVENT_HANDLER *handler, const char *config,
                           WT_CONNECTION **connection);
int __wrap_wiredtiger_open(const char *home, WT_EVENT_HANDLER *handler, const char *config,
                           WT_CONNECTION **connection);

static int meets; /* a signal; 0: none */

int __wrap_wiredtiger_open(const char *home, WT_EVENT_HANDLER *handler, const char *config,
                           WT_CONNECTION **connection)
{
	if (meets != 0)
		(void)kill(getpid(), meets);
	return __real_wiredtiger_open(home, handler, config, connection);
}

static int no_keys(struct nc_slice row, uint64_t *tag_ids, struct nc_event_keys *keys_out)
{
	(void)row;
	(void)tag_ids;
	(void)keys_out;
	return NC_CORRUPT;
}

static void setup(void)
{
	const struct nc_wt_state_options options = { .keys = no_keys, .message = message };
	struct nc_state *state;
	directory_begin();
	cr_assert_eq(nc_wt_state_open(directory, &options, &state), NC_OK, "%s", messages);
	nc_state_close(state);
}

static void teardown(void)
{
	directory_remove();
}

TestSuite(wt_probe, .init = setup, .fini = teardown, .timeout = 60);

static int probe(int signal, char said[512])
{
	meets = signal;
	return nc_wt_state_probe(directory, said, 512);
}

/* What counts as damage makes a member of a cluster set its data aside. */
Test(wt_probe, takes_only_what_damage_brings_about_for_damage)
{
	static const int damage[] = { SIGABRT, SIGPROF };
	static const int others[] = { SIGKILL, SIGTERM, SIGINT, SIGHUP, SIGALRM };
	char said[512];
	cr_assert_eq(probe(0, said), NC_OK, "%s", said);
	for (size_t i = 0; i < sizeof damage / sizeof *damage; i++)
		cr_expect_eq(probe(damage[i], said), NC_CORRUPT, "signal %d: %s", damage[i], said);
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		cr_expect_eq(probe(others[i], said), NC_IO, "signal %d: %s", others[i], said);
		cr_expect_null(strstr(said, "damaged"), "%s", said);
	}
}
