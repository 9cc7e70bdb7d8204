/* SPDX-License-Identifier: GPL-3.0-or-later */
/* event.h -- an event on the standard output.
 *
 * For people one line: "1042  orders.42@3  OrderPlaced  2026-11-25T20:46:09.123Z  {"total":9}", its
 * tags in brackets. --long: a block with everything. --data: the data alone, as it is, and a line
 * end. --json: one object a line, as the store's packed form has it: stream, type, seq, pos, time,
 * id, content_type, tags, meta, and data, or data_base64 if it is no JSON.
 */
#ifndef NC_TRANSPORT_CLI_EVENT_H
#define NC_TRANSPORT_CLI_EVENT_H

#include "core/base/buf.h"
#include "transport/cli/cli.h"

/* The options of commands that show events, to begin a list of options with. */
#define NC_CLI_EVENT_OPTIONS                                                        \
	{ "long", 'l', NULL, "Everything of an event, in a block.", false },        \
	{                                                                           \
		"data", 0, NULL, "The data alone, as it is, and a line end.", false \
	}

/* Show an event. `more` has further members of the JSON object, each with a comma before it, as
 * ",\"attempt\":1"; `note` is a word that people see behind the type. Both may be "". */
void nc_cli_show_event(const struct nc_cli *cli, const struct nacre_event *event, const char *more,
                       const char *note);

/* The object alone, without its line end. */
void nc_cli_event_json(struct nc_buf *to, const struct nacre_event *event, const char *more);

/* Members of such an object, each with its comma: ,"meta":{…} and ,"data":… or ,"data_base64":…;
 * and a time to the millisecond, for people. */
void nc_cli_meta_json(struct nc_buf *to, const struct nacre_pair *meta, size_t count);
void nc_cli_data_json(struct nc_buf *to, struct nc_slice data);
void nc_cli_put_time(const struct nc_cli *cli, const char *time);

void nc_cli_base64_put(struct nc_buf *to, struct nc_slice bytes);

#endif
