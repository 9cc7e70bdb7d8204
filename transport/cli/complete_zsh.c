/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Completion for zsh, with what each command and option is for. */
#include <string.h>

#include "transport/cli/help.h"

/* Inside '…', in a place where _arguments and _describe read colons and brackets. */
static void put_quoted(FILE *to, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '\'') {
			(void)fputs("'\\''", to);
		} else if (strchr(":[]\\", *text) != NULL) {
			(void)fprintf(to, "\\%c", *text);
		} else {
			(void)fputc(*text, to);
		}
	}
}

static void put_value(FILE *to, const struct nc_cli_option *option)
{
	(void)fputc(':', to);
	put_quoted(to, option->value);
	if (strcmp(option->value, "FILE") == 0) {
		(void)fputs(":_files", to);
	} else if (strcmp(option->value, "CONTEXT") == 0) {
		(void)fputs(":_nacre_contexts", to);
	} else if (strchr(option->value, '|') != NULL) {
		(void)fputs(":(", to);
		for (const char *at = option->value; *at != '\0';) {
			size_t size = strcspn(at, "|");
			if (strspn(at, "abcdefghijklmnopqrstuvwxyz") == size)
				(void)fprintf(to, "%.*s ", (int)size, at);
			at += size + (at[size] == '|');
		}
		(void)fputc(')', to);
	} else {
		(void)fputs(": ", to);
	}
}

static void put_option(FILE *to, const struct nc_cli_option *option, bool short_form)
{
	(void)fprintf(to, "\t\t'%s", option->many ? "*" : "");
	if (short_form) {
		(void)fprintf(to, "-%c", option->letter);
	} else {
		(void)fprintf(to, "--%s", option->name);
	}
	(void)fputc('[', to);
	put_quoted(to, option->help);
	(void)fputc(']', to);
	if (option->value != NULL)
		put_value(to, option);
	(void)fputs("' \\\n", to);
}

static void put_command(FILE *to, const struct nc_cli_command *command)
{
	const struct nc_cli_option *list;
	(void)fprintf(to, "\t('%s')\n\t\t_arguments -s \\\n", command->name);
	for (unsigned i = 0; (list = nc_cli_options(command, i)) != NULL; i++) {
		for (; list->name != NULL; list++) {
			put_option(to, list, false);
			if (list->letter != 0)
				put_option(to, list, true);
		}
	}
	(void)fputs("\t\t'*:word:_files'\n\t\t;;\n", to);
}

/* "'append:Append one event.'", or the second words of a group. */
static void put_described(FILE *to, const char *group)
{
	size_t size = group == NULL ? 0 : strcspn(group, " ");
	for (size_t i = 0; nc_cli_commands[i] != NULL; i++) {
		const char *name = nc_cli_commands[i]->name, *second = strchr(name, ' ');
		bool inside = group != NULL && second != NULL && (size_t)(second - name) == size &&
		              strncmp(name, group, size) == 0;
		if (group != NULL ? !inside : second != NULL)
			continue;
		(void)fprintf(to, "'%s:", group != NULL ? second + 1 : name);
		put_quoted(to, nc_cli_commands[i]->summary);
		(void)fputs("' ", to);
	}
}

static bool begins_group(size_t i)
{
	const char *name = nc_cli_commands[i]->name;
	size_t size = strcspn(name, " ");
	return name[size] == ' ' &&
	       (i == 0 || strncmp(nc_cli_commands[i - 1]->name, name, size + 1) != 0);
}

static void put_groups(FILE *to)
{
	for (size_t i = 0; nc_cli_commands[i] != NULL; i++) {
		if (begins_group(i)) {
			const char *name = nc_cli_commands[i]->name;
			(void)fprintf(to, "\t(%.*s) group=%.*s; seconds=(", (int)strcspn(name, " "),
			              name, (int)strcspn(name, " "), name);
			put_described(to, name);
			(void)fputs(") ;;\n", to);
		}
	}
}

void nc_cli_complete_zsh(FILE *to)
{
	(void)fputs("#compdef nacre\n# zsh completion of nacre, made by 'nacre completion zsh'\n"
	            "_nacre_contexts() {\n"
	            "\tlocal -a names\n"
	            "\tnames=(${XDG_CONFIG_HOME:-$HOME/.config}/nats/context/*.json(N:t:r))\n"
	            "\tcompadd -a names\n}\n"
	            "_nacre() {\n"
	            "\tlocal -a firsts seconds\n\tlocal group command\n\tfirsts=(",
	            to);
	put_described(to, NULL);
	for (size_t i = 0; nc_cli_commands[i] != NULL; i++) {
		if (begins_group(i)) {
			(void)fprintf(to, "'%.*s:has commands of its own' ",
			              (int)strcspn(nc_cli_commands[i]->name, " "),
			              nc_cli_commands[i]->name);
		}
	}
	(void)fputs(
	        ")\n\tif (( CURRENT == 2 )); then\n\t\t_describe command firsts\n\t\treturn\n\tfi\n"
	        "\tcase $words[2] in\n",
	        to);
	put_groups(to);
	(void)fputs("\tesac\n"
	            "\tif [[ -n $group ]] && (( CURRENT == 3 )); then\n"
	            "\t\t_describe command seconds\n\t\treturn\n\tfi\n"
	            "\tcommand=$words[2]${group:+ $words[3]}\n"
	            "\tshift words\n\t(( CURRENT-- ))\n"
	            "\tif [[ -n $group ]]; then\n\t\tshift words\n\t\t(( CURRENT-- ))\n\tfi\n"
	            "\tcase $command in\n",
	            to);
	for (size_t i = 0; nc_cli_commands[i] != NULL; i++)
		put_command(to, nc_cli_commands[i]);
	(void)fputs("\tesac\n}\n"
	            "if [ \"$funcstack[1]\" = _nacre ]; then\n\t_nacre \"$@\"\nelse\n"
	            "\tcompdef _nacre nacre\nfi\n",
	            to);
}
