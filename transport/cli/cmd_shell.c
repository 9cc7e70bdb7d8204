/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nacre completion, nacre manual: what is made from the descriptions, for shells and man. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "transport/cli/commands.h"
#include "transport/cli/help.h"
#include "transport/cli/say.h"

static int run_completion(struct nc_cli *cli)
{
	const char *shell = nc_cli_word(&cli->args, 0);
	if (strcmp(shell, "bash") == 0) {
		nc_cli_complete_bash(stdout);
	} else if (strcmp(shell, "zsh") == 0) {
		nc_cli_complete_zsh(stdout);
	} else {
		return nc_cli_fail(cli, NC_EXIT_USAGE,
		                   "no completion for '%.60s'; there are bash and zsh", shell);
	}
	return 0;
}

/* Write one file of the directory. */
static int page_write(const struct nc_cli *cli, const char *directory,
                      const struct nc_cli_command *command)
{
	char path[PATH_MAX];
	bool whole = command == NULL;
	int size = snprintf(path, sizeof path, "%s/nacre%s%s.1", directory, whole ? "" : "-",
	                    whole ? "" : command->name);
	if ((size_t)size >= sizeof path)
		return nc_cli_fail(cli, NC_EXIT_IO, "%.60s...: %s", directory,
		                   strerror(ENAMETOOLONG));
	for (char *space = path + strlen(directory); (space = strchr(space, ' ')) != NULL;)
		*space = '-';
	FILE *page = fopen(path, "we");
	if (page == NULL)
		return nc_cli_fail(cli, NC_EXIT_IO, "%s: %s", path, strerror(errno));
	if (whole) {
		nc_cli_man_all(page);
	} else {
		nc_cli_man_command(page, command);
	}
	bool failed = ferror(page) != 0;
	if (fclose(page) != 0 || failed)
		return nc_cli_fail(cli, NC_EXIT_IO, "%s: %s", path, strerror(errno));
	return 0;
}

static int pages_write(const struct nc_cli *cli, const char *directory)
{
	int exit_code = page_write(cli, directory, NULL);
	for (size_t i = 0; nc_cli_commands[i] != NULL && exit_code == 0; i++)
		exit_code = page_write(cli, directory, nc_cli_commands[i]);
	return exit_code;
}

static int run_manual(struct nc_cli *cli)
{
	const char *directory = nc_cli_value(&cli->args, "into");
	if (directory != NULL)
		return pages_write(cli, directory);
	if (cli->args.word_count == 0) {
		nc_cli_man_all(stdout);
		return 0;
	}
	size_t used;
	char name[2][64];
	char *words[2] = { name[0], name[1] };
	for (size_t i = 0; i < cli->args.word_count; i++)
		(void)snprintf(name[i], sizeof name[i], "%s", cli->args.words[i]);
	const struct nc_cli_command *command = nc_cli_find(words, cli->args.word_count, &used);
	if (command == NULL)
		return nc_cli_fail(cli, NC_EXIT_USAGE, "there is no command '%s'", name[0]);
	nc_cli_man_command(stdout, command);
	return 0;
}

static const struct nc_cli_example completion_examples[] = {
	{ "in bash, for this session", "source <(nacre completion bash)" },
	{ "in zsh, after compinit", "source <(nacre completion zsh)" },
	{ NULL, NULL },
};

const struct nc_cli_command nc_cli_completion = {
	.name = "completion",
	.words = "bash|zsh",
	.words_min = 1,
	.words_max = 1,
	.summary = "Print the completion script of a shell.",
	.details = "An installed nacre has put them where shells look.",
	.examples = completion_examples,
	.local = true,
	.run = run_completion,
};

static const struct nc_cli_option manual_options[] = {
	{ "into", 0, "DIRECTORY", "Write all pages there, nacre.1, nacre-append.1 and so on.",
	  false },
	{ NULL, 0, NULL, NULL, false },
};

static const struct nc_cli_example manual_examples[] = {
	{ "read one without installing", "nacre manual sub run | man -l -" },
	{ NULL, NULL },
};

const struct nc_cli_command nc_cli_manual = {
	.name = "manual",
	.words = "[COMMAND]",
	.words_max = 2,
	.summary = "Print a man page.",
	.options = manual_options,
	.examples = manual_examples,
	.local = true,
	.run = run_manual,
};
