/* SPDX-License-Identifier: GPL-3.0-or-later */
/* command.h -- what a command of `nacre` is. Its description is data, from which --help, the man
 * pages and the completions of both shells are made, and to which the parser holds: so all of them
 * say the same.
 *
 * An option's `value` says what the option takes, and what is checked before the command runs:
 *
 *   "N"                 a number
 *   "DURATION"          500ms, 5s, 2m or 1h
 *   "FILE", "CONTEXT"   any text, which shells complete as such
 *   "first|new"         exactly one of these words, in small letters
 *   anything else       any text
 */
#ifndef NC_TRANSPORT_CLI_COMMAND_H
#define NC_TRANSPORT_CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

struct nc_cli;

struct nc_cli_option {
	const char *name;  /* without its dashes; NULL ends a list */
	char letter;       /* 0: it has none */
	const char *value; /* NULL: a switch */
	const char *help;  /* one line */
	bool many;         /* may be given more than once */
};

struct nc_cli_example {
	const char *says, *line; /* NULL ends a list */
};

struct nc_cli_command {
	const char *name;              /* "append", "sub create" */
	const char *words;             /* "STREAM TYPE [DATA|-]"; "" if none */
	unsigned words_min, words_max; /* before a "--" */
	const char *rest;              /* "COMMAND [ARGUMENT...]", after a "--"; NULL: not taken */
	const char *summary;           /* one line, in the imperative */
	const char *details;           /* paragraphs with empty lines between; may be NULL */
	const struct nc_cli_option *options; /* NULL: only the common ones */
	const struct nc_cli_example *examples;
	bool local;                     /* speaks to no store: takes no connection options */
	int (*run)(struct nc_cli *cli); /* an exit code, see say.h; NULL with a program */
	/* The program that does the command, if run() does not. It is looked for beside nacre, then
	 * in the path. It is given the command line as it is, and takes none of the shared options.
	 */
	const char *program;
};

/* All commands, in the order in which people are shown them; NULL ends the list. */
extern const struct nc_cli_command *const nc_cli_commands[];

/* The options of every command, and those of every command that speaks to a store. */
extern const struct nc_cli_option nc_cli_common[], nc_cli_connection[];

/* The command that the first words name ("sub", "create"), and how many do; NULL if none. */
const struct nc_cli_command *nc_cli_find(char *const *words, size_t count, size_t *used_out);
/* Whether `word` is the first word of commands with two ("sub"). */
bool nc_cli_is_group(const char *word);
/* The command that somebody who typed this may have meant; NULL if none is near. */
const char *nc_cli_nearest(const char *typed);

/* One after the other of the lists of options of a command, its own first; NULL after the last. */
const struct nc_cli_option *nc_cli_options(const struct nc_cli_command *command, unsigned list);

#endif
