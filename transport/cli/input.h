/* SPDX-License-Identifier: GPL-3.0-or-later */
/* input.h -- what a command is given to send. */
#ifndef NC_TRANSPORT_CLI_INPUT_H
#define NC_TRANSPORT_CLI_INPUT_H

#include <stdio.h>

#include "core/base/buf.h"
#include "transport/cli/cli.h"

/* Bytes that are read of one thing: no server takes more in a message, whatever its max_payload. */
#define NC_CLI_INPUT_MAX (64u << 20)

/* "-": the standard input to its end; "@FILE": a file; else the word itself. A NUL is put behind,
 * not counted. 0, or an exit code after saying why. */
int nc_cli_input(const struct nc_cli *cli, const char *word, struct nc_buf *to);

/* A file by its name, "-" being the standard input; NULL after saying why. */
FILE *nc_cli_input_open(const struct nc_cli *cli, const char *name);
/* Say that it cannot be read, for the reason `number` (of errno); gives the exit code. */
int nc_cli_input_fail(const struct nc_cli *cli, const char *name, int number);

#endif
