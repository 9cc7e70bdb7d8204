/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What tests of the state on a disk share. */
#include "tests/unit/state/support.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "tests/unit/state/directory.h"
#include "tests/unit/state/model.h"

const char *directory;
char messages[4096];

void directory_begin(void)
{
	directory = directory_make();
	cr_assert_not_null(directory);
}

void message(void *ctx, const char *text)
{
	(void)ctx;
	size_t used = strlen(messages);
	(void)snprintf(messages + used, sizeof messages - used, "%s\n", text);
}

void dump_now(struct nc_state *state, struct nc_buf *text)
{
	struct nc_state_reader *reader;
	cr_assert_eq(nc_state_reader_open(state, &reader), NC_OK);
	cr_assert_eq(nc_state_reader_begin(reader), NC_OK);
	nc_buf_clear(text);
	cr_assert_eq(model_dump(reader, text), NC_OK);
	nc_state_reader_end(reader);
	nc_state_reader_close(reader);
}

WT_SESSION *tables_open(WT_CONNECTION **connection_out)
{
	WT_SESSION *session;
	cr_assert_eq(wiredtiger_open(directory, NULL, "", connection_out), 0);
	cr_assert_eq((*connection_out)->open_session(*connection_out, NULL, NULL, &session), 0);
	return session;
}
