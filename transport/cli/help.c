/* SPDX-License-Identifier: GPL-3.0-or-later */
/* --help, for all, for a group of commands, for one. */
#include "transport/cli/help.h"

#include <string.h>

#include "transport/cli/say.h"
#include "transport/cli/text.h"

enum { WIDTH = 79, NAME_COLUMN = 26 };

void nc_cli_put_usage(FILE *to, const struct nc_cli_command *command)
{
	(void)fprintf(to, "nacre %s", command->name);
	if (command->words[0] != '\0')
		(void)fprintf(to, " %s", command->words);
	(void)fputs(" [option...]", to);
	if (command->rest != NULL)
		(void)fprintf(to, " -- %s", command->rest);
}

static void put_commands(FILE *to, const char *group)
{
	size_t size = group == NULL ? 0 : strlen(group);
	for (size_t i = 0; nc_cli_commands[i] != NULL; i++) {
		const struct nc_cli_command *command = nc_cli_commands[i];
		if (size == 0 ||
		    (strncmp(command->name, group, size) == 0 && command->name[size] == ' ')) {
			(void)fprintf(to, "  %-*s %s\n", NAME_COLUMN - 8, command->name,
			              command->summary);
		}
	}
}

void nc_cli_help_all(FILE *to)
{
	(void)fputs("nacre -- the command line of the Nacre event store\n\n"
	            "usage: nacre COMMAND [word...] [option...]\n\ncommands:\n",
	            to);
	put_commands(to, NULL);
	(void)fputs("\n'nacre COMMAND --help' says what a command does, with examples.\n"
	            "The store is --store or NACRE_STORE_ID; NATS is reached as NATS_URL, the\n"
	            "other NATS_* variables and natscli's contexts say. docs/cli.md has it all.\n",
	            to);
}

void nc_cli_help_group(FILE *to, const char *group)
{
	(void)fprintf(to, "usage: nacre %s COMMAND [word...] [option...]\n\ncommands:\n", group);
	put_commands(to, group);
	(void)fprintf(to, "\n'nacre %s COMMAND --help' says what a command does, with examples.\n",
	              group);
}

static void put_options(FILE *to, const struct nc_cli_option *list)
{
	for (; list->name != NULL; list++) {
		char left[80], help[200], letter[8] = "    ";
		if (list->letter != 0)
			(void)snprintf(letter, sizeof letter, "-%c, ", list->letter);
		(void)snprintf(left, sizeof left, "%s--%s%s%s", letter, list->name,
		               list->value == NULL ? "" : " ",
		               list->value == NULL ? "" : list->value);
		(void)snprintf(help, sizeof help, "%s%s", list->help,
		               list->many ? " May come often." : "");
		size_t size = strlen(left);
		(void)fprintf(to, "  %s", left);
		if (size >= NAME_COLUMN)
			(void)fputc('\n', to);
		nc_cli_put_filled(to, nc_slice_str(help), NAME_COLUMN + 3,
		                  size >= NAME_COLUMN ? 0 : (unsigned)size + 2, WIDTH);
	}
}

static void put_details(FILE *to, const char *details)
{
	struct nc_slice paragraph;
	bool verbatim;
	while (nc_cli_paragraph(&details, &paragraph, &verbatim)) {
		(void)fputc('\n', to);
		if (verbatim) {
			(void)fprintf(to, "%.*s\n", (int)paragraph.size,
			              (const char *)paragraph.data);
		} else {
			nc_cli_put_filled(to, paragraph, 0, 0, WIDTH);
		}
	}
}

static void put_examples(FILE *to, const struct nc_cli_example *example)
{
	(void)fputs("\nexamples:\n", to);
	for (; example->line != NULL; example++)
		(void)fprintf(to, "  # %s\n  %s\n", example->says, example->line);
}

void nc_cli_help_command(FILE *to, const struct nc_cli_command *command)
{
	static const char *const titles[] = { "output:", "connection:" };
	const struct nc_cli_option *list;
	(void)fprintf(to, "nacre %s -- %s\n\nusage: ", command->name, command->summary);
	nc_cli_put_usage(to, command);
	(void)fputc('\n', to);
	if (command->details != NULL)
		put_details(to, command->details);
	if (command->options != NULL) {
		(void)fputs("\noptions:\n", to);
		put_options(to, command->options);
	}
	unsigned shared = command->options != NULL ? 1 : 0;
	for (unsigned i = 0; i < sizeof titles / sizeof *titles &&
	                     (list = nc_cli_options(command, shared + i)) != NULL;
	     i++) {
		(void)fprintf(to, "\n%s\n", titles[i]);
		put_options(to, list);
	}
	put_examples(to, command->examples);
}
