/* SPDX-License-Identifier: GPL-3.0-or-later */
/* man pages in roff, from the same descriptions as --help. */
#include <string.h>

#include "transport/cli/help.h"
#include "transport/cli/say.h"
#include "transport/cli/text.h"

/* Text that roff takes as text: a backslash, a hyphen that must stay one, a dot or quote that
 * begins a line. */
static void put_roff(FILE *to, struct nc_slice text)
{
	bool begins = true;
	for (size_t i = 0; i < text.size; i++) {
		char byte = (char)text.data[i];
		if (begins && (byte == '.' || byte == '\''))
			(void)fputs("\\&", to);
		if (byte == '\\') {
			(void)fputs("\\e", to);
		} else if (byte == '-') {
			(void)fputs("\\-", to);
		} else {
			(void)fputc(byte, to);
		}
		begins = byte == '\n';
	}
}

static void put_roff_str(FILE *to, const char *text)
{
	put_roff(to, nc_slice_str(text));
}

/* A command's page is named with hyphens: nacre-sub-create. */
static void put_page_name(FILE *to, const char *name)
{
	(void)fputs("nacre\\-", to);
	for (; *name != '\0'; name++)
		(void)fputs(*name == ' ' || *name == '-' ? "\\-" : (char[]){ *name, '\0' }, to);
}

static void put_head(FILE *to, const char *title)
{
	(void)fprintf(to, ".TH %s 1 \"\" \"Nacre %s\" \"Nacre\"\n", title, NC_VERSION);
}

static void put_options(FILE *to, const struct nc_cli_option *list)
{
	for (; list->name != NULL; list++) {
		(void)fputs(".TP\n", to);
		if (list->letter != 0)
			(void)fprintf(to, "\\fB\\-%c\\fR, ", list->letter);
		(void)fputs("\\fB\\-\\-", to);
		put_roff_str(to, list->name);
		(void)fputs("\\fR", to);
		if (list->value != NULL) {
			(void)fputs(" \\fI", to);
			put_roff_str(to, list->value);
			(void)fputs("\\fR", to);
		}
		(void)fputc('\n', to);
		put_roff_str(to, list->help);
		(void)fputs(list->many ? " May come often.\n" : "\n", to);
	}
}

static void put_details(FILE *to, const char *details)
{
	struct nc_slice paragraph;
	bool verbatim;
	while (nc_cli_paragraph(&details, &paragraph, &verbatim)) {
		(void)fputs(verbatim ? ".PP\n.nf\n" : ".PP\n", to);
		put_roff(to, paragraph);
		(void)fputs(verbatim ? "\n.fi\n" : "\n", to);
	}
}

static void put_exits(FILE *to)
{
	(void)fputs(".SH EXIT STATUS\n", to);
	for (const struct nc_cli_exit_text *at = nc_cli_exits; at->says != NULL; at++) {
		(void)fprintf(to, ".TP\n\\fB%d\\fR\n", at->code);
		put_roff_str(to, at->says);
		(void)fputc('\n', to);
	}
}

static void put_examples(FILE *to, const struct nc_cli_example *example)
{
	(void)fputs(".SH EXAMPLES\n", to);
	for (; example->line != NULL; example++) {
		(void)fputs(".PP\n", to);
		put_roff_str(to, example->says);
		(void)fputs(":\n.PP\n.RS 4\n.nf\n", to);
		put_roff_str(to, example->line);
		(void)fputs("\n.fi\n.RE\n", to);
	}
}

void nc_cli_man_command(FILE *to, const struct nc_cli_command *command)
{
	char title[64];
	int size = snprintf(title, sizeof title, "NACRE-%s", command->name);
	for (int i = 0; i < size && i < (int)sizeof title; i++) {
		if (title[i] == ' ') {
			title[i] = '-';
		} else if (title[i] >= 'a' && title[i] <= 'z') {
			title[i] = (char)(title[i] - 'a' + 'A');
		}
	}
	put_head(to, title);
	(void)fputs(".SH NAME\n", to);
	put_page_name(to, command->name);
	(void)fputs(" \\- ", to);
	put_roff_str(to, command->summary);
	(void)fputs("\n.SH SYNOPSIS\n\\fBnacre ", to);
	put_roff_str(to, command->name);
	(void)fputs("\\fR ", to);
	put_roff_str(to, command->words);
	(void)fputs(" [\\fIoption\\fR...]", to);
	if (command->rest != NULL) {
		(void)fputs(" \\-\\- ", to);
		put_roff_str(to, command->rest);
	}
	(void)fputs("\n.SH DESCRIPTION\n", to);
	put_roff_str(to, command->summary);
	(void)fputc('\n', to);
	if (command->details != NULL)
		put_details(to, command->details);
	(void)fputs(".SH OPTIONS\n", to);
	const struct nc_cli_option *list;
	for (unsigned i = 0; (list = nc_cli_options(command, i)) != NULL; i++)
		put_options(to, list);
	put_exits(to);
	put_examples(to, command->examples);
	(void)fputs(".SH SEE ALSO\n.BR nacre (1)\n", to);
}

void nc_cli_man_all(FILE *to)
{
	put_head(to, "NACRE");
	(void)fputs(".SH NAME\nnacre \\- the command line of the Nacre event store\n"
	            ".SH SYNOPSIS\n\\fBnacre\\fR \\fICOMMAND\\fR [\\fIword\\fR...] "
	            "[\\fIoption\\fR...]\n"
	            ".SH DESCRIPTION\nAppends to a Nacre store, reads it, and looks after it, over "
	            "NATS.\n"
	            "Each command has a page of its own.\n.SH COMMANDS\n",
	            to);
	for (size_t i = 0; nc_cli_commands[i] != NULL; i++) {
		(void)fputs(".TP\n\\fB", to);
		put_page_name(to, nc_cli_commands[i]->name);
		(void)fputs("\\fR(1)\n", to);
		put_roff_str(to, nc_cli_commands[i]->summary);
		(void)fputc('\n', to);
	}
	(void)fputs(".SH OPTIONS OF ALL\n", to);
	put_options(to, nc_cli_common);
	(void)fputs(".SH OPTIONS OF ALL THAT SPEAK TO A STORE\n", to);
	put_options(to, nc_cli_connection);
	(void)fputs(
	        ".SH FILES\n.TP\n\\fI~/.config/nats/context/*.json\\fR\nContexts, as natscli keeps "
	        "them.\n.TP\n\\fI~/.config/nats/context.txt\\fR\nThe name of the selected one.\n",
	        to);
	put_exits(to);
}
