/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sub.h -- what the commands of subscriptions share. */
#ifndef NC_TRANSPORT_CLI_SUB_H
#define NC_TRANSPORT_CLI_SUB_H

#include "core/base/buf.h"
#include "transport/cli/cli.h"

/* Make the subject "<verb>.<name>", where the name is the first word. It is checked, because it
 * becomes a token of a subject. Returns 0, or an exit code after saying why. */
int nc_cli_sub_subject(const struct nc_cli *cli, const char *verb, char *to, size_t size);

/* Append where to start or to seek, as JSON: first, new, pos:N, seq:N, or a time. False if `text`
 * is none of these. */
bool nc_cli_start_put(struct nc_buf *body, const char *text);

/* A delivery as `sub next`, `sub watch` and `tail` show it. */
void nc_cli_show_delivery(const struct nc_cli *cli, const struct nacre_delivery *delivery);

#endif
