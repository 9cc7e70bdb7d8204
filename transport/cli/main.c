/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nacre: find the command, take its line apart, run it, end well.
 *
 * A command that is not one of ours is looked for as a program, as git does: `nacre plugin check …`
 * runs nacre-plugin-check, from beside this program or from the path.
 */
#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/std_fds.h"
#include "transport/cli/help.h"
#include "transport/cli/say.h"

enum { NAME_MAX_SHOWN = 60 };

static bool is_help(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* ---- Programs beside this one --------------------------------------------------------------- */

/* Whether a word has only letters, digits and hyphens, so that it cannot be a path. */
static bool names_a_program(const char *word)
{
	return word[0] >= 'a' && word[0] <= 'z' &&
	       strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(word);
}

static void run_beside(const char *program, char **argv)
{
	char self[PATH_MAX], path[PATH_MAX], *typed = argv[0];
	ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);
	char *slash = NULL;
	if (size > 0) {
		self[size] = '\0';
		slash = strrchr(self, '/');
	}
	if (slash != NULL) {
		*slash = '\0';
		(void)snprintf(path, sizeof path, "%s/%s", self, program);
		argv[0] = path;
		(void)execv(path, argv);
	}
	(void)snprintf(path, sizeof path, "%s", program);
	argv[0] = path;
	(void)execvp(path, argv);
	argv[0] = typed; /* there is none */
}

/* Returns only if there is no such program. */
static void run_program(char **words, size_t count)
{
	char name[200];
	if (count == 0 || !names_a_program(words[0]))
		return;
	if (count > 1 && names_a_program(words[1])) {
		(void)snprintf(name, sizeof name, "nacre-%.60s-%.60s", words[0], words[1]);
		run_beside(name, words + 1);
	}
	(void)snprintf(name, sizeof name, "nacre-%.60s", words[0]);
	run_beside(name, words);
}

/* ---- Ours ----------------------------------------------------------------------------------- */

static int unknown_command(const struct nc_cli *cli, char **words, size_t count)
{
	char typed[2 * NAME_MAX_SHOWN + 2];
	bool group = nc_cli_is_group(words[0]);
	(void)snprintf(typed, sizeof typed, "%.*s%s%.*s", NAME_MAX_SHOWN, words[0],
	               group && count > 1 ? " " : "", NAME_MAX_SHOWN,
	               group && count > 1 ? words[1] : "");
	const char *near = nc_cli_nearest(typed);
	return nc_cli_fail(cli, NC_EXIT_USAGE, "there is no command '%s'%s%s%s; see 'nacre --help'",
	                   typed, near == NULL ? "" : "; did you mean '", near == NULL ? "" : near,
	                   near == NULL ? "" : "'?");
}

static bool colour_wanted(const struct nc_cli *cli)
{
	const char *when = nc_cli_value(&cli->args, "color"), *no = getenv("NO_COLOR");
	const char *term = getenv("TERM");
	if (when != NULL && strcmp(when, "auto") != 0)
		return strcmp(when, "always") == 0;
	return isatty(STDOUT_FILENO) == 1 && (no == NULL || *no == '\0') &&
	       (term == NULL || strcmp(term, "dumb") != 0);
}

static int run(struct nc_cli *cli, char **argv, size_t count)
{
	char why[300];
	if (!nc_cli_args_parse(&cli->args, cli->command, argv, count, why, sizeof why)) {
		if (!cli->json) {
			(void)fputs("usage: ", stderr);
			nc_cli_put_usage(stderr, cli->command);
			(void)fputc('\n', stderr);
		}
		return nc_cli_fail(cli, NC_EXIT_USAGE, "%s; see 'nacre %s --help'", why,
		                   cli->command->name);
	}
	if (nc_cli_has(&cli->args, "help")) {
		nc_cli_help_command(stdout, cli->command);
		return NC_EXIT_OK;
	}
	cli->json = nc_cli_has(&cli->args, "json");
	cli->quiet = nc_cli_has(&cli->args, "quiet");
	cli->colour = colour_wanted(cli);
	cli->people_err = isatty(STDERR_FILENO) == 1 && !cli->json && !cli->quiet;
	return cli->command->run(cli);
}

/* `nacre help sub create` is `nacre sub create --help`. */
static int help(const struct nc_cli *cli, char **words, size_t count)
{
	size_t used;
	const struct nc_cli_command *command = nc_cli_find(words, count, &used);
	if (count == 0) {
		nc_cli_help_all(stdout);
	} else if (command != NULL) {
		nc_cli_help_command(stdout, command);
	} else if (count == 1 && nc_cli_is_group(words[0])) {
		nc_cli_help_group(stdout, words[0]);
	} else {
		return unknown_command(cli, words, count);
	}
	return NC_EXIT_OK;
}

/* Run a command of ours that another program does; only its help is ours. */
static int run_described(struct nc_cli *cli, char **words, size_t count, size_t used)
{
	if (count > used && is_help(words[used])) {
		nc_cli_help_command(stdout, cli->command);
		return NC_EXIT_OK;
	}
	run_beside(cli->command->program, words + used - 1);
	return nc_cli_fail(cli, NC_EXIT_FAILED, "%s: %s is neither beside nacre nor in the path",
	                   cli->command->name, cli->command->program);
}

static int run_command(struct nc_cli *cli, char **words, size_t count)
{
	size_t used = 0;
	cli->command = nc_cli_find(words, count, &used);
	if (cli->command != NULL && cli->command->program != NULL)
		return run_described(cli, words, count, used);
	if (cli->command != NULL)
		return run(cli, words + used, count - used);
	if (nc_cli_is_group(words[0]) && count == 2 && is_help(words[1]))
		return help(cli, words, 1);
	run_program(words, count);
	if (nc_cli_is_group(words[0]) && count == 1) {
		nc_cli_help_group(stderr, words[0]);
		return NC_EXIT_USAGE;
	}
	return unknown_command(cli, words, count);
}

/* How many of the first arguments are options that all commands share, their values included. */
static size_t leading_options(char *const *words, size_t count)
{
	const struct nc_cli_option *lists[] = { nc_cli_common, nc_cli_connection };
	size_t at = 0;
	while (at < count && words[at][0] == '-' && words[at][1] != '\0') {
		const char *name = words[at];
		bool has_value = false;
		for (size_t i = 0; i < 2; i++) {
			for (const struct nc_cli_option *o = lists[i]; o->name != NULL; o++) {
				has_value |=
				        o->value != NULL &&
				        (name[1] == '-' ? strcmp(name + 2, o->name) == 0
				                        : name[1] == o->letter && name[2] == '\0');
			}
		}
		at += has_value ? 2 : 1;
	}
	return at < count ? at : count;
}

/* `nacre --store shop read x`: what stands before the command goes behind it. */
static int dispatch(struct nc_cli *cli, char **words, size_t count)
{
	if (count == 0) {
		nc_cli_help_all(stderr);
		return NC_EXIT_USAGE;
	}
	for (size_t i = 0; i < count; i++) /* a wrong command line is said as asked for too */
		cli->json |= strcmp(words[i], "--json") == 0;
	if (strcmp(words[0], "--version") == 0) {
		(void)printf("nacre %s\n", NC_VERSION);
		return NC_EXIT_OK;
	}
	if (is_help(words[0]) || strcmp(words[0], "help") == 0)
		return help(cli, words + 1, count - 1);
	size_t before = leading_options(words, count), used = 0;
	if (before == count)
		return nc_cli_fail(cli, NC_EXIT_USAGE, "no command; see 'nacre --help'");
	if (before == 0)
		return run_command(cli, words, count);
	if (nc_cli_find(words + before, count - before, &used) == NULL)
		return unknown_command(cli, words + before, count - before);
	char *first[2] = { words[before], words[before + used - 1] };
	memmove(words + used, words, before * sizeof *words);
	memcpy(words, first, used * sizeof *words);
	return run_command(cli, words, count);
}

/* Keep memory for answers of a megabyte, which come one after the other. glibc would give back the
 * memory of each, and have every page of the next cleared and mapped anew: a third of the time of a
 * read. */
static void keep_memory(void)
{
	(void)mallopt(M_MMAP_THRESHOLD, 32 << 20);
	(void)mallopt(M_TRIM_THRESHOLD, 64 << 20);
}

int main(int argc, char **argv)
{
	struct nc_cli cli = { 0 };
	if (!nc_std_fds_hold())
		return NC_EXIT_IO;
	keep_memory();
	int exit_code = dispatch(&cli, argv + 1, argc > 0 ? (size_t)argc - 1 : 0);
	exit_code = nc_cli_output_end(&cli, exit_code);
	nacre_close(cli.client);
	nc_cli_args_release(&cli.args);
	return exit_code;
}
