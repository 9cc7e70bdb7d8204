/* SPDX-License-Identifier: GPL-3.0-or-later */
/* command.h -- what a command of `nacre` is. Its description is data, and the one source of --help,
 * of the man pages and of the completions of both shells; so what one of them says, all say, and
 * the parser holds to it.
 *
 * Values: an option's `value` says what it takes and what is checked before the command runs: "N" a
 * number, "DURATION" 500ms, 5s, 2m or 1h, "FILE" and "CONTEXT" any (completed as such), words in
 * small letters with bars between them ("first|new") exactly one of these, everything else any
 * text.
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
	/* Done by this program, from beside nacre or the path, which takes the line as it is, and
	 * none of the shared options; NULL: by run(). */
	const char *program;
};

/* All of them in the order in which people are shown them; NULL ends the list. */
extern const struct nc_cli_command *const nc_cli_commands[];

/* What every command takes; and what every command takes that speaks to a store. */
extern const struct nc_cli_option nc_cli_common[], nc_cli_connection[];

/* The command that the first words name ("sub", "create"), and how many of them do; NULL: none. */
const struct nc_cli_command *nc_cli_find(char *const *words, size_t count, size_t *used_out);
/* Whether `word` is the first word of commands with two ("sub"). */
bool nc_cli_is_group(const char *word);
/* What somebody who typed this meant, by distance; NULL: nothing near. */
const char *nc_cli_nearest(const char *typed);

/* One after the other of the lists of options of a command, its own first; NULL after the last. */
const struct nc_cli_option *nc_cli_options(const struct nc_cli_command *command, unsigned list);

#endif
