/* SPDX-License-Identifier: GPL-3.0-or-later */
/* check_history FILE|- -- says whether a history holds. Exit 0: it does; 1: it does not; 2: not
 * judged. */
#include <stdlib.h>
#include <string.h>

#include "tests/e2e/checker/checker.h"

static int judge(struct nc_checker *checker, FILE *in)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t size;
	int err = NC_OK;
	while (err == NC_OK && (size = getline(&line, &room, in)) > 0)
		err = nc_checker_line(checker, nc_slice(line, (size_t)size));
	free(line);
	if (err == NC_OK && ferror(in))
		err = NC_IO;
	return err == NC_OK ? nc_checker_judge(checker) : err;
}

int main(int argc, char **argv)
{
	if (argc != 2 || strcmp(argv[1], "--help") == 0) {
		(void)fprintf(stderr, "usage: check_history FILE    (- is standard input; "
		                      "tests/e2e/checker/README.md)\n");
		return 2;
	}
	FILE *in = strcmp(argv[1], "-") == 0 ? stdin : fopen(argv[1], "re");
	if (in == NULL) {
		perror(argv[1]);
		return 2;
	}
	struct nc_checker *checker = nc_checker_new();
	int err = checker == NULL ? NC_NOMEM : judge(checker, in);
	(void)fclose(in);
	if (err != NC_OK) {
		(void)fprintf(stderr, "%s: %s\n", argv[1], nc_err_name(err));
		nc_checker_free(checker);
		return 2;
	}
	nc_checker_report(checker, stdout);
	int code = nc_checker_faults(checker, NC_FAULT_COUNT) == 0 ? 0 : 1;
	nc_checker_free(checker);
	return code;
}
