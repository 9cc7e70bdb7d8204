/* SPDX-License-Identifier: GPL-3.0-or-later */
/* wt_format.c -- which format the tables have: a newer one is refused, an older one is raised. */
#include "storage/state/wt_state_private.h"

/* Before it stream rows were written as they came, and the table `held` was not there. */
#define FORMAT_WITHOUT_HELD 1

/* 0 where there is none that can be read. Returns WiredTiger's code. */
static int format_read(WT_CURSOR *marks, uint32_t *format_out)
{
	WT_ITEM value = { .size = 0 };
	*format_out = 0;
	marks->set_key(marks, "format");
	int wt = marks->search(marks);
	if (wt == 0)
		wt = marks->get_value(marks, &value);
	if (wt == 0 && value.size == 4)
		*format_out = nc_get_u32(value.data);
	int wt_reset = marks->reset(marks);
	return wt == 0 || wt == WT_NOTFOUND ? wt_reset : wt;
}

int nc_wt_format_put(WT_CURSOR *marks)
{
	uint8_t format[4];
	nc_set_u32(format, NC_WT_STATE_FORMAT);
	WT_ITEM value = { .data = format, .size = sizeof format };
	marks->set_key(marks, "format");
	marks->set_value(marks, &value);
	return marks->insert(marks);
}

/* The table first: without the new format an older build still opens what is there. */
static int raise_it(WT_SESSION *session, WT_CURSOR *marks)
{
	int wt = nc_wt_table_create(session, NC_WT_HELD);
	if (wt == 0)
		wt = nc_wt_format_put(marks);
	return wt != 0 ? wt : session->checkpoint(session, NULL);
}

static int format_settle(struct nc_wt_state *state, WT_SESSION *session, WT_CURSOR *marks)
{
	uint32_t format;
	int wt = format_read(marks, &format);
	if (wt != 0)
		return nc_wt_err(&state->handler, wt);
	if (format == NC_WT_STATE_FORMAT)
		return nc_wt_file_check(state->directory, NC_WT_HELD, &state->handler);
	if (format == FORMAT_WITHOUT_HELD)
		return nc_wt_err(&state->handler, raise_it(session, marks));
	nc_wt_say(&state->handler, "the state in %s has format %u, this build knows format %u: %s",
	          state->directory, format, NC_WT_STATE_FORMAT,
	          format > NC_WT_STATE_FORMAT ? "start a newer one" : "it is damaged");
	return format > NC_WT_STATE_FORMAT ? NC_UNSUPPORTED : NC_CORRUPT;
}

int nc_wt_format_settle(struct nc_wt_state *state)
{
	WT_SESSION *session;
	WT_CURSOR *marks;
	int wt = state->connection->open_session(state->connection, NULL, NULL, &session);
	if (wt != 0)
		return nc_wt_err(&state->handler, wt);
	wt = nc_wt_cursor_open(session, NC_WT_MARKS, &marks);
	int err = wt == 0 ? format_settle(state, session, marks) : nc_wt_err(&state->handler, wt);
	wt = session->close(session, NULL); /* its cursors with it */
	return err != NC_OK ? err : nc_wt_err(&state->handler, wt);
}
