/* SPDX-License-Identifier: GPL-3.0-or-later */
/* make_history N [SEED] -- a history of N operations that holds, on standard output. */
#include <stdlib.h>

#include "tests/unit/checker/generate.h"

int main(int argc, char **argv)
{
	if (argc < 2) {
		(void)fprintf(stderr, "usage: make_history N [SEED]\n");
		return 2;
	}
	generate_history(argc > 2 ? strtoull(argv[2], NULL, 10) : 1, strtoull(argv[1], NULL, 10),
	                 stdout);
	return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}
