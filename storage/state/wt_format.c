/* SPDX-License-Identifier: GPL-3.0-or-later */
/* wt_format.c -- which format the tables have: a newer one is refused, an older one is raised. */
#include "storage/state/wt_state_private.h"

/* In this format stream rows were written as they came, and there was no table `held`. */
#define FORMAT_WITHOUT_HELD   1
/* In this format each event had a row of its own. */
#define FORMAT_WITHOUT_BLOCKS 2

/* Read the format; 0: there is none that can be read. Returns WiredTiger's code. */
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

static int mark_put(WT_CURSOR *marks, const char *name, const uint8_t *bytes, size_t size)
{
	WT_ITEM value = { .data = bytes, .size = size };
	marks->set_key(marks, name);
	marks->set_value(marks, &value);
	return marks->insert(marks);
}

int nc_wt_format_put(WT_CURSOR *marks, uint64_t blocks_from)
{
	uint8_t format[4], from[8];
	nc_set_u32(format, NC_WT_STATE_FORMAT);
	nc_set_u64(from, blocks_from);
	int wt = mark_put(marks, "blocks", from, sizeof from);
	return wt != 0 ? wt : mark_put(marks, "format", format, sizeof format);
}

/* The events that exist keep their rows; blocks begin after them. */
static int blocks_begin(WT_SESSION *session, uint64_t *from_out)
{
	WT_CURSOR *events;
	uint64_t last = 0;
	int wt = nc_wt_cursor_open(session, NC_WT_EVENTS, &events);
	if (wt != 0)
		return wt;
	wt = nc_wt_event_last(events, &last);
	*from_out = last + 1;
	int wt_close = events->close(events);
	return wt != 0 ? wt : wt_close;
}

/* The table is made first: as long as the format is not raised, an older build can still open the
 * state. */
static int raise_it(WT_SESSION *session, WT_CURSOR *marks, uint32_t format)
{
	uint64_t blocks_from = 1;
	int wt = format == FORMAT_WITHOUT_HELD ? nc_wt_table_create(session, NC_WT_HELD) : 0;
	if (wt == 0)
		wt = blocks_begin(session, &blocks_from);
	if (wt == 0)
		wt = nc_wt_format_put(marks, blocks_from);
	return wt != 0 ? wt : session->checkpoint(session, NULL);
}

static int format_settle(struct nc_wt_state *state, WT_SESSION *session, WT_CURSOR *marks)
{
	uint32_t format;
	int wt = format_read(marks, &format);
	if (wt != 0)
		return nc_wt_err(&state->handler, wt);
	bool older = format == FORMAT_WITHOUT_HELD || format == FORMAT_WITHOUT_BLOCKS;
	int err = NC_OK;
	if (format == NC_WT_STATE_FORMAT || format == FORMAT_WITHOUT_BLOCKS)
		err = nc_wt_file_check(state->directory, NC_WT_HELD, &state->handler);
	if (err == NC_OK && older)
		err = nc_wt_err(&state->handler, raise_it(session, marks, format));
	if (err != NC_OK || older || format == NC_WT_STATE_FORMAT)
		return err;
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
