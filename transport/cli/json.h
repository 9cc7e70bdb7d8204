/* SPDX-License-Identifier: GPL-3.0-or-later */
/* json.h -- the store's answers: a member out of one, and the whole for people.
 *
 * Ownership: what is found lies in the text that was searched.
 */
#ifndef NC_TRANSPORT_CLI_JSON_H
#define NC_TRANSPORT_CLI_JSON_H

#include "core/base/json.h"
#include "transport/cli/cli.h"

/* The bytes of a member's value; `path` has dots for members of members. False if it is not there.
 */
bool nc_cli_member(struct nc_slice object, const char *path, struct nc_slice *raw_out);
/* A member that is a whole number; `otherwise` if it is not there, or is none. */
uint64_t nc_cli_member_number(struct nc_slice object, const char *path, uint64_t otherwise);
/* Append a value as people read it: a string without its quotes, anything else as it is written. */
void nc_cli_value_text(struct nc_slice raw, struct nc_buf *to);

/* Walk the items of a list, one a call. False after the last, or if it is no list. */
bool nc_cli_list_begin(struct nc_json *items, struct nc_slice list);
bool nc_cli_list_next(struct nc_json *items, struct nc_slice *raw_out);

/* Append the items of a page's list `member` to `list`, which begins empty, and whose bracket is
 * not closed. `after` becomes what the page's `next` says, and is empty after the last page. */
void nc_cli_page_add(struct nc_slice answer, const char *member, struct nc_buf *list,
                     struct nc_buf *after);

/* Whether the text is one JSON value; else where it is wrong, and what was expected there. */
bool nc_cli_json_valid(struct nc_slice text, size_t *offset_out, const char **expected_out);

struct nc_slice nc_cli_reply_slice(const struct nacre_reply *reply);

/* ---- For people ----------------------------------------------------------------------------- */

/* One "name  value" a line; members of members as "outer.name". */
void nc_cli_show_object(const struct nc_cli *cli, struct nc_slice object);

struct nc_cli_column {
	const char *title, *path; /* "a|b.c": what is there and not empty first */
	bool right;               /* numbers */
};
/* Show a list of objects as a table, as wide as it needs to be. `columns` ends with a NULL title.
 * Returns how many rows there are. */
size_t nc_cli_show_table(const struct nc_cli *cli, struct nc_slice list,
                         const struct nc_cli_column *columns);

#endif
