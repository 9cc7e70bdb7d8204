/* SPDX-License-Identifier: GPL-3.0-or-later */
/* args.h -- a command line, taken apart and checked against the command's description.
 *
 * Options may stand before, between and behind the words, as --limit 5, --limit=5, -n 5 or -n5.
 * Switches of one letter may be joined. After "--" everything is a word; or, of a command that
 * takes another command, that one and its arguments.
 *
 * Ownership: argv's strings are borrowed as long as the arguments are used; nc_cli_args_release()
 * frees the rest.
 */
#ifndef NC_TRANSPORT_CLI_ARGS_H
#define NC_TRANSPORT_CLI_ARGS_H

#include <stdint.h>

#include "transport/cli/command.h"

struct nc_cli_given {
	const struct nc_cli_option *option;
	const char *value; /* NULL if it is a switch */
};

struct nc_cli_args {
	const char **words;
	size_t word_count;
	char **rest; /* NULL-terminated; NULL: no "--" was given, or the command takes none */
	struct nc_cli_given *given;
	size_t given_count;
};

/* False if something is wrong; `why` then says which word it is, and how. */
bool nc_cli_args_parse(struct nc_cli_args *args, const struct nc_cli_command *command, char **argv,
                       size_t count, char *why, size_t why_size);
void nc_cli_args_release(struct nc_cli_args *args);

/* The last value of an option that was given; NULL if none was. */
const char *nc_cli_value(const struct nc_cli_args *args, const char *option);
/* Whether an option was given. */
bool nc_cli_has(const struct nc_cli_args *args, const char *option);
/* The next value of an option that may be given often; *at is 0 for the first. NULL after the last.
 */
const char *nc_cli_each(const struct nc_cli_args *args, const char *option, size_t *at);
/* The value of an "N", or of a "DURATION" in milliseconds, which the parser has checked;
 * `otherwise` if it was not given. */
uint64_t nc_cli_number(const struct nc_cli_args *args, const char *option, uint64_t otherwise);
uint64_t nc_cli_duration_ms(const struct nc_cli_args *args, const char *option, uint64_t otherwise);
/* The word number `at`, from 0; NULL if there are fewer. */
const char *nc_cli_word(const struct nc_cli_args *args, size_t at);

/* Read a number, of digits alone and up to UINT64_MAX, or a duration. False if it is none. */
bool nc_cli_number_read(const char *text, uint64_t *value_out);
bool nc_cli_duration_read(const char *text, uint64_t *ms_out);

#endif
