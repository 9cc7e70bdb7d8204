/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ask.h -- one request, and its answer shown: what most commands are. */
#ifndef NC_TRANSPORT_CLI_ASK_H
#define NC_TRANSPORT_CLI_ASK_H

#include "transport/cli/json.h"

/* Ask, and show the answer: as it came with --json, or if it is no JSON object; else its members, a
 * line each. Returns an exit code. */
int nc_cli_ask_show(struct nc_cli *cli, const char *subject, const char *body,
                    enum nc_cli_repeat repeat);

/* Ask, and show the list `member` of the answer as a table, or `none` if it is empty; with --json
 * show the answer as it came. Returns an exit code. */
int nc_cli_ask_table(struct nc_cli *cli, const char *subject, const char *member,
                     const struct nc_cli_column *columns, const char *none);

/* Show an answer that a call of libnacre gave with `status`, as above; or say what went wrong.
 * Frees the answer, which may be NULL. Returns an exit code. */
int nc_cli_answered(struct nc_cli *cli, int status, const struct nacre_error *error,
                    struct nacre_reply *reply);

/* Print an answer as it came, on one line. */
void nc_cli_put_line(struct nc_slice answer);
/* Print a member's text and a line end; only the line end if there is no such member. */
void nc_cli_put_answer(struct nc_slice answer, const char *member);

#endif
