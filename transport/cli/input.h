/* SPDX-License-Identifier: GPL-3.0-or-later */
/* input.h -- what a command is given to send. */
#ifndef NC_TRANSPORT_CLI_INPUT_H
#define NC_TRANSPORT_CLI_INPUT_H

#include <stdio.h>

#include "core/base/buf.h"
#include "transport/cli/cli.h"

/* Bytes that are read at most: no server takes more in one message, whatever its max_payload. */
#define NC_CLI_INPUT_MAX (64u << 20)

/* Read what a word stands for: "-" the standard input to its end, "@FILE" a file, and anything else
 * itself. A NUL is put behind the bytes, and not counted. Returns 0, or an exit code after saying
 * why. */
int nc_cli_input(const struct nc_cli *cli, const char *word, struct nc_buf *to);

/* Open a file by its name; "-" is the standard input. NULL after saying why not. */
FILE *nc_cli_input_open(const struct nc_cli *cli, const char *name);
/* Say that it cannot be read because of the errno `number`, and return the exit code. */
int nc_cli_input_fail(const struct nc_cli *cli, const char *name, int number);

#endif
