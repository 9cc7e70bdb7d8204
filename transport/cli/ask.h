/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ask.h -- one request, and its answer shown: what most commands are. */
#ifndef NC_TRANSPORT_CLI_ASK_H
#define NC_TRANSPORT_CLI_ASK_H

#include "transport/cli/json.h"

/* Ask and show: with --json the answer as it came, else its members, a line each. An answer that is
 * no JSON object comes as it is. An exit code. */
int nc_cli_ask_show(struct nc_cli *cli, const char *subject, const char *body, bool again);

/* Ask and show the list `member` of the answer as a table; with --json the answer. `none`: what to
 * say if it is empty. */
int nc_cli_ask_table(struct nc_cli *cli, const char *subject, const char *member,
                     const struct nc_cli_column *columns, const char *none);

/* An answer that a call of libnacre gave with `status`: with --json as it came, else its members, a
 * line each; or what went wrong. Frees the answer, which may be NULL. An exit code. */
int nc_cli_answered(struct nc_cli *cli, int status, const struct nacre_error *error,
                    struct nacre_reply *reply);

/* An answer as it came, one line. */
void nc_cli_put_line(struct nc_slice answer);
/* A member's text and a line end; only the line end if it is not there. */
void nc_cli_put_answer(struct nc_slice answer, const char *member);

#endif
