/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Completion for bash. The script stands alone: it needs no bash-completion package. */
#include <string.h>

#include "transport/cli/help.h"

static void put_first_words(FILE *to)
{
	for (size_t i = 0; nc_cli_commands[i] != NULL; i++) {
		const char *name = nc_cli_commands[i]->name;
		size_t size = strcspn(name, " ");
		bool again = i > 0 && strncmp(nc_cli_commands[i - 1]->name, name, size) == 0 &&
		             nc_cli_commands[i - 1]->name[size] == ' ';
		if (!again)
			(void)fprintf(to, "%.*s ", (int)size, name);
	}
	(void)fputs("help", to);
}

static void put_second_words(FILE *to)
{
	for (size_t i = 0; nc_cli_commands[i] != NULL; i++) {
		const char *name = nc_cli_commands[i]->name, *second = strchr(name, ' ');
		if (second == NULL)
			continue;
		size_t size = (size_t)(second - name) + 1;
		if (i == 0 || strncmp(nc_cli_commands[i - 1]->name, name, size) != 0)
			(void)fprintf(to, "\t%.*s) seconds='", (int)size - 1, name);
		(void)fprintf(to, "%s ", second + 1);
		if (nc_cli_commands[i + 1] == NULL ||
		    strncmp(nc_cli_commands[i + 1]->name, name, size) != 0)
			(void)fputs("' ;;\n", to);
	}
}

static void put_options(FILE *to)
{
	const struct nc_cli_option *list;
	for (size_t i = 0; nc_cli_commands[i] != NULL; i++) {
		(void)fprintf(to, "\t'%s') options='", nc_cli_commands[i]->name);
		for (unsigned j = 0; (list = nc_cli_options(nc_cli_commands[i], j)) != NULL; j++) {
			for (; list->name != NULL; list++)
				(void)fprintf(to, "--%s ", list->name);
		}
		(void)fputs("' ;;\n", to);
	}
}

/* What may stand behind an option: "'sub create --ack') values='explicit all none' ;;". */
static void put_values(FILE *to, const struct nc_cli_command *command,
                       const struct nc_cli_option *option)
{
	if (option->value == NULL)
		return;
	(void)fprintf(to, "\t'%s --%s'", command->name, option->name);
	if (option->letter != 0)
		(void)fprintf(to, "|'%s -%c'", command->name, option->letter);
	(void)fputs(") ", to);
	if (strcmp(option->value, "FILE") == 0) {
		(void)fputs("kind=file ;;\n", to);
	} else if (strcmp(option->value, "CONTEXT") == 0) {
		(void)fputs("kind=context ;;\n", to);
	} else {
		(void)fputs("kind=words values='", to);
		for (const char *at = option->value; *at != '\0';) {
			size_t size = strcspn(at, "|");
			if (strspn(at, "abcdefghijklmnopqrstuvwxyz") ==
			    size) /* not a placeholder */
				(void)fprintf(to, "%.*s ", (int)size, at);
			at += size + (at[size] == '|');
		}
		(void)fputs("' ;;\n", to);
	}
}

static void put_all_values(FILE *to)
{
	const struct nc_cli_option *list;
	for (size_t i = 0; nc_cli_commands[i] != NULL; i++) {
		for (unsigned j = 0; (list = nc_cli_options(nc_cli_commands[i], j)) != NULL; j++) {
			for (; list->name != NULL; list++)
				put_values(to, nc_cli_commands[i], list);
		}
	}
}

void nc_cli_complete_bash(FILE *to)
{
	(void)fputs("# bash completion of nacre, made by 'nacre completion bash'\n"
	            "_nacre() {\n"
	            "local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
	            "local first=${COMP_WORDS[1]-} seconds= options= values= kind= command\n"
	            "COMPREPLY=()\n"
	            "if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
	            "\tCOMPREPLY=($(compgen -W '",
	            to);
	put_first_words(to);
	(void)fputs(" --help --version' -- \"$cur\"))\n\treturn\nfi\ncase $first in\n", to);
	put_second_words(to);
	(void)fputs("esac\n"
	            "if [ \"$COMP_CWORD\" -eq 2 ] && [ -n \"$seconds\" ]; then\n"
	            "\tCOMPREPLY=($(compgen -W \"$seconds\" -- \"$cur\"))\n\treturn\nfi\n"
	            "command=$first${seconds:+ ${COMP_WORDS[2]-}}\n"
	            "case $command in\n",
	            to);
	put_options(to);
	(void)fputs("esac\ncase \"$command $prev\" in\n", to);
	put_all_values(to);
	(void)fputs("esac\n"
	            "case $kind in\n"
	            "\twords) COMPREPLY=($(compgen -W \"$values\" -- \"$cur\")) ;;\n"
	            "\tcontext) COMPREPLY=($(cd \"${XDG_CONFIG_HOME:-$HOME/.config}/nats/context\" "
	            "2>/dev/null && compgen -f -X '!*.json' -- \"$cur\" | sed 's/\\.json$//')) ;;\n"
	            "\tfile) COMPREPLY=($(compgen -f -- \"$cur\")) ;;\n"
	            "\t*) case $cur in\n"
	            "\t\t-*) COMPREPLY=($(compgen -W \"$options\" -- \"$cur\")) ;;\n"
	            "\t\t*) COMPREPLY=($(compgen -f -- \"$cur\")) ;;\n"
	            "\tesac ;;\n"
	            "esac\n"
	            "}\n"
	            "complete -o filenames -F _nacre nacre\n",
	            to);
}
