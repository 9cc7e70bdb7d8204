/* SPDX-License-Identifier: GPL-3.0-or-later */
/* say.h -- how a command ends and what it says on stderr; colours; the standard output's own
 * failures.
 *
 * Errors are one line on stderr, "nacre: …", or with --json one object:
 * {"error":{"code","err_code","description"}, "exit":N}. The output itself is never mixed with
 * them.
 */
#ifndef NC_TRANSPORT_CLI_SAY_H
#define NC_TRANSPORT_CLI_SAY_H

#include "transport/cli/cli.h"

/* Promised in docs/cli.md. */
enum nc_cli_exit {
	NC_EXIT_OK = 0,
	NC_EXIT_FAILED = 1,    /* here: no memory, a child failed, or what was asked is not so */
	NC_EXIT_NOT_FOUND = 3, /* 404: no such event, subscription, plugin, snapshot, stream */
	NC_EXIT_CONFLICT =
	        4, /* 10071, 409: an expectation or condition failed, or a name is taken */
	NC_EXIT_REFUSED = 5,      /* the store's other refusals */
	NC_EXIT_USAGE = 64,       /* the command line, a context or the environment is wrong */
	NC_EXIT_INPUT = 65,       /* the input cannot be understood */
	NC_EXIT_CONNECTION = 69,  /* NATS cannot be reached, or refuses the credentials */
	NC_EXIT_IO = 74,          /* reading the input or writing the output failed */
	NC_EXIT_UNAVAILABLE = 75, /* nobody answered, no leader, overload, disk full: try again */
	NC_EXIT_PROTOCOL = 76     /* an answer that is not understood */
};

/* For people: which exit code means what, as help and man pages list it. NULL ends the list. */
struct nc_cli_exit_text {
	int code;
	const char *says;
};
extern const struct nc_cli_exit_text nc_cli_exits[];

/* Say what is wrong, and return `exit_code`. */
__attribute__((format(printf, 3, 4))) int nc_cli_fail(const struct nc_cli *cli, int exit_code,
                                                      const char *format, ...);
/* Say why a call of libnacre failed, and return the exit code. `what` names what was wrong with;
 * NULL if it is the command itself. */
int nc_cli_fail_nacre(const struct nc_cli *cli, int status, const struct nacre_error *error,
                      const char *what);
/* Tell people something on stderr, unless --quiet or --json is given. */
__attribute__((format(printf, 2, 3))) void nc_cli_note(const struct nc_cli *cli, const char *format,
                                                       ...);

enum nc_cli_colour { NC_DIM, NC_BOLD, NC_RED, NC_GREEN, NC_YELLOW, NC_CYAN, NC_PLAIN };
/* The escape sequence, or "" where no colour belongs. */
const char *nc_cli_colour(const struct nc_cli *cli, enum nc_cli_colour colour);

/* Whether the output has been given up: its reader has gone, or it cannot be written. */
bool nc_cli_output_lost(void);
/* At the end: write out what is buffered. A reader that has gone ends the process as SIGPIPE does,
 * without a word; another failure is said and is NC_EXIT_IO. Else `exit_code`. */
int nc_cli_output_end(const struct nc_cli *cli, int exit_code);

#endif
