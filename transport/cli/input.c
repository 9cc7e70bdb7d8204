/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a command is given to send. */
#include "transport/cli/input.h"

#include <errno.h>
#include <string.h>

#include "transport/cli/say.h"

int nc_cli_input_fail(const struct nc_cli *cli, const char *name, int number)
{
	return nc_cli_fail(cli, NC_EXIT_IO, "%s: %s",
	                   strcmp(name, "-") == 0 ? "the standard input" : name, strerror(number));
}

FILE *nc_cli_input_open(const struct nc_cli *cli, const char *name)
{
	if (strcmp(name, "-") == 0)
		return stdin;
	FILE *file = fopen(name, "re");
	if (file == NULL)
		(void)nc_cli_input_fail(cli, name, errno);
	return file;
}

static int read_all(const struct nc_cli *cli, const char *name, struct nc_buf *to)
{
	char part[65536];
	size_t size;
	FILE *file = nc_cli_input_open(cli, name);
	if (file == NULL)
		return NC_EXIT_IO;
	errno = 0;
	while (to->size <= NC_CLI_INPUT_MAX && (size = fread(part, 1, sizeof part, file)) > 0)
		nc_buf_put(to, part, size);
	int exit_code = 0;
	if (ferror(file) != 0) {
		exit_code = nc_cli_input_fail(cli, name, errno);
	} else if (to->size > NC_CLI_INPUT_MAX) {
		exit_code =
		        nc_cli_fail(cli, NC_EXIT_INPUT, "more than %u MiB, which no message holds",
		                    NC_CLI_INPUT_MAX >> 20);
	}
	if (file != stdin)
		(void)fclose(file);
	return exit_code;
}

int nc_cli_input(const struct nc_cli *cli, const char *word, struct nc_buf *to)
{
	int exit_code = 0;
	if (strcmp(word, "-") == 0) {
		exit_code = read_all(cli, "-", to);
	} else if (word[0] == '@' && word[1] != '\0') {
		exit_code = read_all(cli, word + 1, to);
	} else {
		nc_buf_put_str(to, word);
	}
	nc_buf_put_u8(to, 0);
	if (exit_code == 0 && nc_buf_status(to) != NC_OK)
		exit_code = nc_cli_fail(cli, NC_EXIT_FAILED, "out of memory");
	if (exit_code == 0)
		to->size--;
	return exit_code;
}
