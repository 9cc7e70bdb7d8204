/* SPDX-License-Identifier: GPL-3.0-or-later */
/* help.h -- what is made from the descriptions of the commands: help, man pages, completions. */
#ifndef NC_TRANSPORT_CLI_HELP_H
#define NC_TRANSPORT_CLI_HELP_H

#include <stdio.h>

#include "transport/cli/command.h"

/* `nacre --help`; `nacre sub --help`; `nacre sub create --help`. */
void nc_cli_help_all(FILE *to);
void nc_cli_help_group(FILE *to, const char *group);
void nc_cli_help_command(FILE *to, const struct nc_cli_command *command);
/* "nacre sub create NAME [option...]" */
void nc_cli_put_usage(FILE *to, const struct nc_cli_command *command);

/* man pages, in roff: of one command, and nacre(1) itself. */
void nc_cli_man_command(FILE *to, const struct nc_cli_command *command);
void nc_cli_man_all(FILE *to);

/* Completions, for the shell to read. */
void nc_cli_complete_bash(FILE *to);
void nc_cli_complete_zsh(FILE *to);

#endif
